"""What a user of a corpus of their own meets: the column of the tags, what is held out, warnings, places, long texts."""

import json
import subprocess
import sys
import tracemalloc

import pytest

from metagrad import cli
from metagrad.tagger import Tagger
from metagrad.tagger.trained import Model

ROWS = [
    ("the", "DET", "DT", "Definite=Def"), ("dog", "NOUN", "NN", "Number=Sing"), ("barks", "VERB", "VBZ", "_"),
    (".", "PUNCT", ".", "_"),
]  # fmt: skip
OTHERS = [("a", "DET", "DT", "_"), ("cat", "NOUN", "NN", "Number=Sing"), ("sleeps", "VERB", "VBZ", "_")]
SMALL = ["--hidden", "8", "--embedding", "8", "--epochs", "14", "--dropout", "0", "--lr", "0.02"]


def treebank(count, xpos=True):
    text = ""
    for n in range(count):
        for i, (form, upos, tag, feats) in enumerate(ROWS if n % 2 else OTHERS, 1):
            text += f"{i}\t{form}\t_\t{upos}\t{tag if xpos else '_'}\t{feats}\t0\tdep\t_\t_\n"
        text += "\n"
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "train.conllu").write_text(treebank(40))
    (folder / "bare.conllu").write_text(treebank(40, xpos=False))
    return folder


def train(folder, corpus, name, *more):
    arguments = [
        "tag",
        "train",
        "--corpus",
        folder / corpus,
        *SMALL,
        *more,
        "--output",
        folder / name,
        "--report",
        folder / "r",
    ]
    assert cli.main([*map(str, arguments)]) == 0
    return folder / name


def tag(capsys, *arguments):
    """What a command prints; it must succeed."""
    capsys.readouterr()
    assert cli.main(["tag", *map(str, arguments)]) == 0
    return capsys.readouterr()


def column(text, number):
    return [line.split("\t")[number] for line in text.splitlines() if line]


# ------------------------------------------------ the column


@pytest.mark.parametrize(
    ("options", "number"), [(["--tag-column", "UPOS"], 3), ([], 4), (["--tag-column", "FEATS"], 5)]
)
def test_the_model_knows_its_column_and_every_command_uses_it(folder, capsys, options, number):
    model = train(folder, "train.conllu", "m", *options)
    for corpus in ([], ["--corpus", folder / "train.conllu"]):
        found = json.loads(tag(capsys, "evaluate", "--model", model, "--json", *corpus).out)
        assert found["accuracy"]["all"]["value"] > 0.9 and not found["unknown_tags"]
    out = tag(capsys, "predict", "--model", model, "--conllu", "--file", folder / "bare.conllu").out
    changed = [n for n in range(10) if column(out, n) != column((folder / "bare.conllu").read_text(), n)]
    assert changed in ([number], [])
    assert len(set(column(out, number))) >= 3


def test_a_treebank_without_xpos_gives_a_model_of_upos_whatever_made_it(folder, capsys, tmp_path):
    from_command = train(folder, "bare.conllu", "bare")
    options = {"epochs": 14, "hidden": 8, "embedding": 8, "dropout": 0.0, "lr": 0.02}
    Tagger.train(folder / "bare.conllu", **options).save(tmp_path / "from_file")
    pairs = [[(w, upos) for w, upos, _, _ in rows] for rows in (ROWS, OTHERS)] * 20
    Tagger.train(pairs, **options).save(tmp_path / "from_lists")
    for model in (from_command, tmp_path / "from_file", tmp_path / "from_lists"):
        out = tag(capsys, "predict", "--model", model, "--conllu", "--file", folder / "bare.conllu").out
        assert set(column(out, 4)) == {"_"} and column(out, 3) == column((folder / "bare.conllu").read_text(), 3)


def test_a_model_of_the_python_class_can_be_evaluated(folder, capsys, tmp_path):
    Tagger.train([[("the", "DT"), ("dog", "NN")]] * 20, epochs=3, hidden=8, embedding=8).save(tmp_path / "m")
    found = json.loads(
        tag(capsys, "evaluate", "--model", tmp_path / "m", "--corpus", folder / "train.conllu", "--json").out
    )
    assert found["part"] == "all" and found["column"] == "XPOS"
    answer = tag(capsys, "evaluate", "--model", tmp_path / "m", "--json")
    assert json.loads(answer.out)["part"] == "all" and "does not say what it was trained on" in answer.err


def test_tags_the_model_does_not_know_are_a_warning_with_the_column_to_use(folder, capsys):
    model = train(folder, "train.conllu", "upos", "--tag-column", "UPOS")
    (folder / "other.conllu").write_text(treebank(6))
    answer = tag(capsys, "evaluate", "--model", model, "--corpus", folder / "other.conllu", "--tag-column", "XPOS")
    assert f"21 of 21 words have tags that {model} does not know" in answer.err and "DT (6)" in answer.err
    assert "use --tag-column UPOS" in answer.err
    assert tag(capsys, "evaluate", "--model", model, "--corpus", folder / "other.conllu").err == ""


# ------------------------------------------------ what is held out


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ([], (32, 0, 8)), (["--dev", "dev"], (40, 6, 0)), (["--dev", "dev", "--test", "test"], (40, 6, 4)),
        (["--test", "test"], (40, 0, 4)), (["--test", "0.5", "--dev", "0.1"], (18, 2, 20)), (["--test", "0"], (40, 0, 0)),
        (["--dev", "dev", "--test", "0.1"], (36, 6, 4)),
    ],
)  # fmt: skip
def test_what_is_held_out_is_said_and_nothing_else_is(folder, capsys, options, parts):
    (folder / "dev").write_text(treebank(6))
    (folder / "test").write_text(treebank(4))
    options = [str(folder / o) if o in ("dev", "test") else o for o in options]
    capsys.readouterr()
    model = train(folder, "train.conllu", "split", *options, "--epochs", "1")
    out = capsys.readouterr().out
    assert (
        f"{parts[0]} sentences to train, {parts[1]} held out to watch it by, {parts[2]} to test."
        in out.split("Training")[0]
    )
    judged = parts[2] or parts[1] or parts[0]
    assert f"Accuracy on the {judged} " in out
    if parts[2]:
        found = json.loads(tag(capsys, "evaluate", "--model", model, "--json").out)
        assert (found["part"], found["sentences"]) == ("test", parts[2])


def test_where_nothing_is_held_out_a_few_sentences_are_for_calibration(tmp_path, capsys):
    (tmp_path / "c.conllu").write_text(treebank(400))
    train(tmp_path, "c.conllu", "m", "--epochs", "2")
    assert "310 sentences to train, 0 held out to watch it by, 10 held out to learn how sure it may be, 80 to test" in (
        capsys.readouterr().out
    )
    assert Model.load(tmp_path / "m").temperatures != [1]
    content = json.loads((tmp_path / "r" / "report.json").read_text())
    assert (
        0 <= content["calibration"]["error"] < 1
        and sum(b["words"] for b in content["calibration"]["bins"]) == (content["accuracy"]["all"]["total"])
    )
    assert "Calibration" in (tmp_path / "r" / "report.html").read_text()


# ------------------------------------------------ Python


@pytest.fixture(scope="module")
def tagger():
    pairs = [[(w, tag) for w, _, tag, _ in rows] for rows in (ROWS, OTHERS)] * 10
    return Tagger.train(pairs, epochs=14, hidden=8, embedding=8, dropout=0.0, lr=0.02, seed=3)


def test_words_come_back_as_they_were_with_their_places(tagger):
    text = 'The \u201cdog\u201d barks. "The cat" doesn\u2019t!'
    found = tagger.annotate(text)
    assert len(found) == 2 and all(text[w.start : w.end] == w.word for words in found for w in words)
    assert [w for w, _ in tagger.tag(text)] == [w.word for words in found for w in words]
    (words,) = tagger.annotate(["the", "dog"])
    assert words[0].start is None and [(w.word, w.tag) for w in words] == tagger.tag(["the", "dog"])


def test_parameters_are_kept_in_the_file(tagger, tmp_path):
    tagger.save(tmp_path / "m")
    assert Tagger.load(tmp_path / "m").get_params() == tagger.get_params()
    assert Tagger.load(tmp_path / "m").get_params()["seed"] == 3


@pytest.mark.parametrize("pair", [("dog", ""), ("dog", " "), ("", "NN"), ("  ", "NN")])
def test_empty_words_and_tags_are_refused(pair):
    with pytest.raises(ValueError, match="sentence 1: expected a word and a tag, .* empty"):
        Tagger.train([[("a", "DT")], [pair]], epochs=1)


def test_verbose_prints_the_epochs(capsys):
    Tagger.train([[("a", "DT"), ("dog", "NN")]] * 4, epochs=2, hidden=4, embedding=4, verbose=True)
    assert capsys.readouterr().out.count("epoch ") == 2
    Tagger.train([[("a", "DT"), ("dog", "NN")]] * 4, epochs=2, hidden=4, embedding=4)
    assert capsys.readouterr().out == ""


# ------------------------------------------------ long texts


def test_a_text_without_a_full_stop_takes_bounded_memory(tagger):
    words = ["the", "dog", "barks"] * 20_000
    tagger.tag(words[:2000])
    tracemalloc.start()
    found = tagger.tag(words)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [w for w, _ in found] == words and peak < 150e6
    assert {tag for (w, tag) in found if w == "dog"} == {"NN"}


def test_windows_do_not_change_short_sentences_and_hardly_long_ones(tagger):
    words = ["the", "dog", "barks", "."] * 400
    found = tagger.tag(words)
    assert found[:100] == tagger.tag(words[:540])[:100]
    assert all(tag == {w: t for w, _, t, _ in ROWS}[w] for w, tag in found[480:520])


# ------------------------------------------------ the command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--corpus", "sample", "--seed", str(2**70)], "seed"), (["train", "--corpus", "sample", "--seed", "-1"], "seed"),
        (["train", "--corpus", "sample", "--hidden", "99999999"], "memory"),
        (["train", "--corpus", "sample", "--report", "FILE"], "--report"), (["serve", "--model", "x", "--port", "-1"], "--port"),
        (["serve", "--model", "x", "--port", "99999"], "--port"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_once(arguments, message, tmp_path, capsys):
    (tmp_path / "FILE").write_text("x")
    arguments = [str(tmp_path / a) if a == "FILE" else a for a in arguments]
    if arguments[0] == "train":
        arguments += ["--output", str(tmp_path / "m")]
    assert cli.main(["tag", *arguments]) == 1
    err = capsys.readouterr().err
    assert err.startswith("metagrad: ") and message in err and not (tmp_path / "m").exists()


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_stream_is_no_traceback(closed, tagger, tmp_path):
    tagger.save(tmp_path / "m")
    command = f"{sys.executable} -m metagrad tag predict --model {tmp_path / 'm'} {'' if closed == '<&-' else 'hello'} {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 1 and "is closed" in done.stderr and "Traceback" not in done.stderr


def test_the_example_is_in_the_corpus_own_words(tmp_path, capsys):
    (tmp_path / "c").write_text("\n".join("der_D Hund_N bellt_V laut_A ._." for _ in range(30)))
    train(tmp_path, "c", "m", "--epochs", "1")
    out = capsys.readouterr().out
    assert "'der Hund bellt laut .'" in out and "Time flies" not in out and "traces" not in out
    assert "1 epochs, however few steps" in out


# ------------------------------------------------ several columns, and raw text to CoNLL-U


def test_several_columns_at_once(folder, capsys):
    model = train(folder, "train.conllu", "many", "--tag-column", "UPOS,XPOS,FEATS")
    found = json.loads(tag(capsys, "evaluate", "--model", model, "--json").out)
    assert found["accuracy"]["all"]["value"] > 0.9 and list(found["columns"]) == ["UPOS", "XPOS", "FEATS"]
    assert min(own["accuracy"]["all"]["value"] for own in found["columns"].values()) > 0.9
    out = tag(capsys, "predict", "--model", model, "--conllu", "--file", folder / "bare.conllu").out
    for number in range(10):
        assert column(out, number) == column((folder / "train.conllu").read_text(), number)
    line = tag(capsys, "predict", "--model", model, "--split", "the dog").out
    assert line == "the/DET/DT/Definite=Def dog/NOUN/NN/Number=Sing\n"


def test_raw_text_becomes_conllu(tmp_path, capsys):
    words = [("du", "vin", "."), ("le", "vin", "rouge", ".")] * 120
    text = ""
    for sentence in words:
        number = 0
        for i, form in enumerate(sentence):
            misc = "SpaceAfter=No" if i == len(sentence) - 2 else "_"
            parts = ["de", "le"] if form == "du" else [form]
            if len(parts) > 1:
                text += f"{number + 1}-{number + 2}\tdu" + "\t_" * 7 + f"\t{misc}\n"
            for part in parts:
                number += 1
                upos = {"de": "ADP", "le": "DET", ".": "PUNCT", "rouge": "ADJ"}.get(part, "NOUN")
                text += f"{number}\t{part}\t_\t{upos}\t_\t_\t_\t_\t_\t{'_' if len(parts) > 1 else misc}\n"
        text += "\n"
    (tmp_path / "c.conllu").write_text(text)
    model = train(tmp_path, "c.conllu", "m")
    out = tag(capsys, "predict", "--model", model, "--to-conllu", "du vin.  le vin rouge.").out
    assert (
        out
        == "# text = du vin.\n"
        + text.split("\n\n")[0]
        + "\n\n# text = le vin rouge.\n"
        + text.split("\n\n")[1]
        + "\n\n"
    )
