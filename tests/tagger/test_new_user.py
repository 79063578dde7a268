"""What a new user does wrong, or asks for, and what is said or done then."""

import json
from pathlib import Path

import numpy as np
import pytest

from metagrad import cli
from metagrad.tagger import Tagger
from metagrad.tagger.corpora import load_corpus
from metagrad.tagger.presets import settings_and_recipe

WORDS = [("the", "DET", "DT", "_"), ("dog", "NOUN", "NN", "Number=Sing"), ("barks", "VERB", "VBZ", "Number=Sing")]
LINES = [f"{n}\t{w}\t_\t{u}\t{x}\t{f}" + "\t_" * 4 + "\n" for n, (w, u, x, f) in enumerate(WORDS, 1)]
CONLLU = ("".join(LINES) + "\n") * 30
SMALL = {"hidden": 8, "embedding": 8, "epochs": 12, "lr": 0.02, "dropout": 0.0, "seed": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("user")
    (folder / "c.conllu").write_text(CONLLU)
    Tagger.train(folder / "c.conllu", tag_column="UPOS,FEATS", **SMALL).save(folder / "several")
    for column in ("UPOS", "XPOS"):
        Tagger.train(folder / "c.conllu", tag_column=column, **SMALL).save(folder / column)
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)

    def tag(*line):
        status = cli.main(["tag", *map(str, line)])
        return status, *capsys.readouterr()

    return tag


# ------------------------------------------------ a model and a corpus that do not belong together


@pytest.mark.parametrize(
    ("model", "column", "advice"),
    [
        ("several", "UPOS", "several gives tags of 2 columns (UPOS,FEATS), and those of the file c.conllu are of 1"),
        ("UPOS", "UPOS,FEATS", "UPOS gives tags of 1 column, and those of the file c.conllu are of 2: use --tag-column UPOS"),
    ],
)  # fmt: skip
def test_other_columns_than_the_models_are_refused_with_advice(run, model, column, advice):
    status, _, err = run("evaluate", "--model", model, "--corpus", "c.conllu", "--tag-column", column)
    assert status == 1 and advice in err
    status, _, err = run(
        "evaluate", "--model", "UPOS", "--against", "several", "--corpus", "c.conllu", "--tag-column", "UPOS"
    )
    assert status == 1 and "several gives tags of 2 columns" in err


def test_wrong_columns_of_several_are_told_with_the_right_ones(run):
    status, _, err = run("evaluate", "--model", "several", "--corpus", "c.conllu", "--tag-column", "XPOS,FEATS")
    assert status == 0 and "90 of 90 words have tags that several does not know" in err
    assert "UPOS DT (30)" in err and "use --tag-column UPOS,FEATS." in err


def test_the_second_models_unknown_tags_are_told_too(run):
    line = ("evaluate", "--model", "XPOS", "--against", "UPOS", "--corpus", "c.conllu")
    status, out, err = run(*line, "--json")
    assert status == 0 and "tags that UPOS does not know" in err and "use --tag-column UPOS." in err
    assert "that XPOS does not know" not in err
    content = json.loads(out)
    assert content["unknown_tags"] == {} and content["against"]["unknown_tags"] == {"DT": 30, "NN": 30, "VBZ": 30}


def test_models_of_other_schemes_of_spans_are_compared_span_by_span(run):
    text = "Ann B-PER\nLee I-PER\nsaw O\nOslo B-LOC\n\n" * 30
    Path("s.iob").write_text(text)
    for scheme in ("BIO", "BIOES"):
        line = ("train", "--corpus", "s.iob", "--columns", "word,ner", "--task", "spans", "--scheme", scheme)
        assert run(*line, *"--hidden 8 --epochs 30 --lr 0.02 --report r --output".split(), scheme)[0] == 0, scheme
    status, out, err = run(
        "evaluate", "--model", "BIO", "--against", "BIOES", "--corpus", "s.iob", "--columns", "word,ner", "--json"
    )
    content = json.loads(out)
    assert (
        status == 0 and err == "" and content["against"]["spans"]["all"]["f1"] == content["spans"]["all"]["f1"] == 1.0
    )
    assert content["against"]["comparison"]["difference"] == 0.0
    status, _, err = run("predict", "--model", "BIO", "--conllu", "--file", "c.conllu")
    assert status == 1 and "CoNLL-U has no column for spans" in err and "--tag-column XPOS" in err
    status, out, _ = run("predict", "--model", "BIO", "--conllu", "--file", "c.conllu", "--tag-column", "XPOS")
    assert status == 0 and set(out.split("\n")[0].split("\t")[4]) <= set("BIO-PERLOC")


# ------------------------------------------------ columns of files


def test_the_column_chosen_is_said_with_the_others(tmp_path):
    (tmp_path / "a.csv").write_text("word,lemma,tag,ner\ndogs,dog,NNS,O\nbark,bark,VBP,O\n")
    corpus = load_corpus(tmp_path / "a.csv")
    assert "read as table, tags from the column tag (others: lemma, ner)." in corpus.notice and corpus.constant == ""
    corpus = load_corpus(tmp_path / "a.csv", tag_column="ner")
    assert corpus.constant == (
        "all words have the same tag in the column ner, 'O', so there is nothing to learn: is it the right column? "
        "There are lemma, tag too."
    )
    assert load_corpus(tmp_path / "a.csv", prefer=("NER", "CHUNK")).column == "ner"
    (tmp_path / "b.csv").write_text("word,mine\ndogs,X\nbark,Y\n")
    assert load_corpus(tmp_path / "b.csv", format="table", tag_column="mine").tags == ["X", "Y"]
    (tmp_path / "a.jsonl").write_text('{"words": ["a", "b"], "tags": ["X", "Y"], "ner": ["O", "O"], "id": 7}\n')
    assert "tags from the column tags (others: ner)." in load_corpus(tmp_path / "a.jsonl").notice
    assert load_corpus(tmp_path / "a.jsonl", tag_column="ner").tags == ["O"]
    (tmp_path / "b.jsonl").write_text(
        '{"tokens": [{"word": "a", "tag": {"UPOS": "X", "FEATS": "_"}}, {"word": "b", "tag": ["Y", "Z"]}]}'
    )
    several = load_corpus(tmp_path / "b.jsonl")
    assert several.sentences == [[("a", "X\t_"), ("b", "Y\tZ")]] and several.column == "UPOS,FEATS"


def test_a_constant_column_is_a_warning(run, folder):
    (folder / "same.csv").write_text("word,tag,other\n" + "dogs,X,A\nbark,X,B\n\n" * 20)
    status, out, err = run(
        "train", "--corpus", "same.csv", "--hidden", 4, "--epochs", 1, "--output", "o", "--report", "r"
    )
    assert (
        status == 0
        and "Warning: all words have the same tag in the column tag, 'X'" in err
        and "(others: other)" in out
    )
    with pytest.warns(UserWarning, match="the same tag, 'N'"):
        Tagger.train([[("a", "N"), ("b", "N")]] * 3, **{**SMALL, "epochs": 1})
    with pytest.warns(UserWarning, match="the same tag"):
        Tagger.train([[("a", ("N", "S")), ("b", ("V", "S"))]] * 3, **{**SMALL, "epochs": 1})


def test_what_the_file_does_not_say_is_told(run):
    words = [f"w{n}" for n in range(12)]
    Path("back.tsv").write_text("".join(f"{'NV'[n % 2]}\t{w}\n\n" for n, w in enumerate(words * 4)))
    assert "12 different tags and only 2 different words" not in load_corpus("back.tsv").constant  # too few to say so
    Path("back.tsv").write_text("".join(f"T{n % 10}\t{w}{n}\n\n" for n, w in enumerate(words * 4)))
    assert (
        "48 different tags and only 10 different words: are the columns the other way"
        in load_corpus("back.tsv").constant
    )
    Path("one.csv").write_text(",word,tag\n" + "".join(f"{n},{w},N{n % 2}\n" for n, w in enumerate(words)))
    status, out, err = run("train", "--corpus", "one.csv", "--output", "o", "--report", "r")
    assert status == 1 and "(1 sentence), read as table, tags from the column tag." in out
    assert "got 1; where a word has a line, an empty one ends a sentence" in err
    Path("two.csv").write_text("word,pos,ner\nthe,DT,O\nAnn,NN,B-PER\n\n" * 30)
    line = ("train", "--corpus", "two.csv", "--tag-column", "pos,ner", "--hidden", 8, "--epochs", 12, "--lr", "0.02")
    assert run(*line, "--dropout", 0, "--output", "two", "--report", "r")[0] == 0
    content = json.loads(run("evaluate", "--model", "two", "--json")[1])
    assert list(content["columns"]) == ["pos", "ner"] and content["accuracy"]["all"]["value"] == 1.0


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"words": ["a"], "tags": ["X"]}\n\n{"words": ["a"]}\n{\n', "line 3: .* the first of 2 such lines; the last"),
        ("b.jsonl", '{"tokens": ["EU"], "ner_tags": [3]}\n', "tags that are strings; these are numbers, whose names"),
        ("c.csv", "word,tag\na,X\nb\nc,\nd,Y\n", "line 3: .* the first of 2 such lines; the last is line 4"),
        ("d.txt", "a_X b_Y\nc_ d_Z\ne\n", "line 2: .*'c_' the first of 2 such lines; the last is line 3"),
        ("e.txt", "a X\nb\nc\nd Y\n\ne Z\n", "line 2: .* the first of 2 such lines; the last is line 3"),
    ],
)  # fmt: skip
def test_bad_lines_are_counted(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message.replace(" the first", r" \(the first")):
        load_corpus(tmp_path / name)


# ------------------------------------------------ presets


@pytest.mark.parametrize(
    ("options", "summary"),
    [
        ({}, "2 networks: 1 bidirectional lstm layer of 256 with a CRF; 2 bidirectional gru layers of 160"),
        ({"hidden": 64}, "2 networks: 1 bidirectional lstm layer of 64 with a CRF; 2 bidirectional gru layers of 64"),
        ({"layers": 3}, "2 networks: 3 bidirectional lstm layers of 256 with a CRF; 3 bidirectional gru layers of 160"),
        ({"cell": "rnn", "crf": False}, "2 networks: 1 bidirectional rnn layer of 256; 2 bidirectional rnn layers of 160"),
    ],
)  # fmt: skip
def test_an_option_holds_for_all_networks_of_a_preset(options, summary):
    assert settings_and_recipe("best", options)[0].summary == summary


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": "x"}, "epochs to be a whole number, got 'x'"), ({"epochs": 2.5}, "whole"), ({"seed": 1.5}, "seed to"),
        ({"epochs": True}, "a whole number, got True"), ({"crf": "yes"}, "crf to be True or False, got"), ({"crf": 1}, "True"),
        ({"dropout": "0.5"}, "dropout to be a number"), ({"lr": "fast"}, "lr to be a number"), ({"cell": 3}, "cell to be a string"),
        ({"variants": 3}, "variants to be a sequence"), ({"hidden": None}, "hidden to be a whole number, got None"),
    ],
)  # fmt: skip
def test_options_of_other_types_are_refused(options, message):
    with pytest.raises(TypeError, match=message):
        Tagger.train([[("the", "DET"), ("dog", "NOUN")]] * 3, **{**SMALL, **options})


def test_options_may_be_numpys_numbers(tmp_path):
    options = {
        "hidden": np.int64(8),
        "dropout": np.float32(0),
        "lr": None,
        "epochs": np.int32(1),
        "crf": np.bool_(False),
    }
    Tagger.train([[("the", "DET"), ("dog", "NOUN")]] * 3, embedding=8, **options).save(tmp_path / "m")
    assert Tagger.load(tmp_path / "m").get_params()["hidden"] == 8


# ------------------------------------------------ text


def test_lines_stand_by_themselves_however_long_they_are(run, folder):
    long = "the dog " * 20_000
    (folder / "l.txt").write_text(f"The dog. The dog\r\n\n{long}\nbarks")
    status, out, err = run("predict", "--model", "UPOS", "--lines", "--json", "--file", "l.txt")
    answers = list(map(json.loads, out.splitlines()))
    assert (status, err) == (0, "") and [a["line"] for a in answers] == [1, 1, 3, 4]
    assert [len(a["tokens"]) for a in answers] == [3, 2, 40_000, 1]
    lines = (folder / "l.txt").read_bytes().decode().replace("\r", "").split("\n")
    assert all(lines[a["line"] - 1][t["start"] : t["end"]] == t["word"] for a in answers for t in a["tokens"])


def test_what_cannot_be_tagged_is_told(run, folder):
    (folder / "empty").write_text(" \n\n")
    for form in ([], ["--lines"], ["--split"], ["--conllu"], ["--to-conllu"]):
        status, out, err = run("predict", "--model", "UPOS", "--file", "empty", *form)
        assert status == 0 and not out.strip() and "Note: there are no words in empty" in err
    status, _, err = run("predict", "--model", "UPOS", " ")
    assert status == 1 and "there is nothing to tag" in err
    status, _, err = run("predict", "--model", "UPOS", "--file", "nope")
    assert status == 1 and "there is no file nope to tag" in err and "Errno" not in err


@pytest.mark.parametrize(
    ("method", "given", "error", "message"),
    [
        ("tag", None, TypeError, "expected text or a list of words, got NoneType"),
        ("tag", 5, TypeError, "got int"), ("tag", b"the dog", TypeError, "got bytes"), ("tag", {"the": 1}, TypeError, "got dict"),
        ("tag", [""], ValueError, "got '' as word 1 of 1"), ("tag", ["the", " "], ValueError, "got ' ' as word 2 of 2"),
        ("tag", [["the", "dog"]], TypeError, "use tag_many"), ("tag", [None], TypeError, "a list with a NoneType"),
        ("annotate", None, TypeError, "got NoneType"), ("annotate", [""], ValueError, "word 1"),
        ("probabilities", [""], ValueError, "word 1"), ("probabilities", None, TypeError, "NoneType"),
        ("tag_many", None, TypeError, "expected several texts or lists of words, got NoneType"),
        ("tag_many", "the dog", TypeError, "got one text"), ("tag_many", [None], TypeError, "got NoneType"),
        ("tag_conllu", None, TypeError, "expects the text of a file in CoNLL-U, got NoneType"),
        ("predict", 5, TypeError, "got int"), ("fit", None, TypeError, "expected sentences"), ("fit", [5], TypeError, "got int"),
        ("score", 5, TypeError, "got int"), ("score", [], ValueError, "got none"), ("report", [["the"]], TypeError, "two strings"),
        ("report", [], ValueError, "got none with a word"),
    ],
)  # fmt: skip
def test_what_python_is_given_is_checked(folder, method, given, error, message):
    with pytest.raises(error, match=message):
        getattr(Tagger() if method == "fit" else Tagger.load(folder / "UPOS"), method)(given)


def test_tags_of_several_columns_are_mappings_in_json(run):
    status, out, _ = run(
        "evaluate", "--model", "several", "--corpus", "c.conllu", "--tag-column", "XPOS,FEATS", "--json", "--errors", 1
    )
    content = json.loads(out)
    assert status == 0 and "\\t" not in out and set(content["columns"]) == {"UPOS", "FEATS"}
    assert content["errors"][0]["actual"] == {"UPOS": "DT", "FEATS": "_"}
    assert content["unknown_tags"] == {"UPOS DT": 30, "UPOS NN": 30, "UPOS VBZ": 30}


def test_a_frame_of_a_report(folder):
    pandas = pytest.importorskip("pandas", reason="needs the extra pandas")
    frame = Tagger.load(folder / "UPOS").to_frame([[("the", "DET"), ("dog", "NOUN")]])
    assert isinstance(frame, pandas.DataFrame) and frame.loc["DET", "actual"] == 1
    assert list(frame.columns) == ["precision", "recall", "f1", "actual"]
