"""The command: train, evaluate and predict, as a user runs them."""

import io
import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

import metagrad
from metagrad import cli
from metagrad.tagger.corpora import treebank
from metagrad.tagger.corpora.treebank import CorpusUnavailable

FAST = ["--hidden", "8", "--embedding", "8", "--epochs", "2"]


def run(capsys, *arguments):
    """(exit status, standard output, standard error)."""
    status = cli.main([*map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    path = folder / "tagger.safetensors"
    arguments = ["tag", "train", "--corpus", "sample", *FAST, "--output", path, "--report", folder / "report"]
    assert cli.main([*map(str, arguments)]) == 0
    return path


def test_training_writes_a_report_for_people_and_programs(model, capsys):
    report = model.parent / "report"
    assert {p.name for p in report.iterdir()} == {"report.html", "report.json"}
    content = json.loads((report / "report.json").read_text())
    assert (
        len(content["history"]) == 2 and content["settings"]["cell"] == "lstm" and content["tags"]["NN"]["actual"] > 0
    )
    assert set(content["accuracy"]) == {"all", "without_traces", "known_words", "unknown_words", "whole_sentences"}
    page = (report / "report.html").read_text()
    pictures = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page)]
    assert [p.get("aria-label").split(" by ")[0] for p in pictures[:2]] == ["Loss", "learning rate"] and len(
        pictures
    ) == 4
    assert len(pictures[0].findall("circle")) == 2  # an epoch each
    assert "precision" in page and "confused" in page and "http" not in page  # nothing is loaded from elsewhere

    status, out, _ = run(capsys, "tag", "evaluate", "--model", model, "--json")
    assert status == 0 and json.loads(out)["accuracy"] == content["accuracy"] and json.loads(out)["part"] == "test"


def test_training_says_what_it_does(model, tmp_path, capsys):
    status, out, err = run(
        capsys, "tag", "train", "--corpus", "sample", *FAST, "--cell", "gru", "--no-bidirectional", "--no-spelling",
        "--layers", 2, "--optimizer", "sgd", "--lr", 0.5, "--batch-size", 64, "--dropout", 0.1, "--seed", 5,
        "--output", tmp_path / "m.st", "--report", tmp_path / "r",
    )  # fmt: skip
    assert status == 0
    assert "sentences to train" in out and "epoch   2" in out and "unknown words" in out
    assert f"metagrad tag predict --model {tmp_path / 'm.st'}" in out
    assert "epoch 1" not in err  # no progress bar where nobody watches


def test_without_a_corpus_the_sample_is_used_and_the_reason_given(tmp_path, capsys, monkeypatch):
    def unavailable():
        raise CorpusUnavailable("no connection")

    monkeypatch.setattr(treebank, "treebank", unavailable)
    arguments = ["--output", tmp_path / "m.st", "--report", tmp_path / "r"]
    status, out, _ = run(capsys, "tag", "train", *FAST, *arguments)
    assert status == 0 and "sample" in out.splitlines()[0] and "no connection" in out
    status, _, err = run(capsys, "tag", "train", "--corpus", "treebank", *FAST, *arguments)
    assert status == 1 and "no connection" in err


def test_predict_from_arguments_a_file_and_standard_input(model, tmp_path, capsys, monkeypatch):
    text = "The dog didn't bark. Why?"
    status, out, _ = run(capsys, "tag", "predict", "--model", model, text)
    words = [[token.rpartition("/")[0] for token in line.split()] for line in out.splitlines()]
    assert status == 0 and words == [["The", "dog", "did", "n't", "bark", "."], ["Why", "?"]]

    (tmp_path / "text.txt").write_text(text)
    assert run(capsys, "tag", "predict", "--model", model, "--file", tmp_path / "text.txt")[1] == out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert run(capsys, "tag", "predict", "--model", model)[1] == out


def test_predict_split_text_and_json(model, capsys):
    status, out, _ = run(capsys, "tag", "predict", "--model", model, "--split", "--json", "can't stop .")
    assert status == 0
    tokens = json.loads(out)["tokens"]
    assert [t["word"] for t in tokens] == ["can't", "stop", "."]
    assert all(0 < t["probability"] <= 1 and t["tag"] for t in tokens)


@pytest.mark.parametrize(
    "corpus", ["``_`` a_DT ''_'' -LRB-_-LRB- b_NN -RRB-_-RRB-", "\"_'' a_DT (_-LRB- b_NN )_-RRB-"],
)  # fmt: skip
def test_words_come_back_as_given_and_are_read_as_the_corpus_writes_them(corpus, tmp_path, capsys):
    (tmp_path / "corpus.txt").write_text("\n".join([corpus] * 20))
    files = ["--output", tmp_path / "m", "--report", tmp_path / "r"]
    more = [
        "--epochs",
        "30",
        "--dropout",
        "0",
        "--lr",
        "0.02",
        "--no-variational",
        "--word-dropout",
        "0",
        "--letter-dropout",
        "0",
    ]
    assert run(capsys, "tag", "train", "--corpus", tmp_path / "corpus.txt", *FAST, *more, *files)[0] == 0
    _, out, _ = run(capsys, "tag", "predict", "--model", tmp_path / "m", '"a" (b)')
    assert [token.rpartition("/")[0] for token in out.split()] == ['"', "a", '"', "(", "b", ")"]
    _, raw, _ = run(capsys, "tag", "predict", "--model", tmp_path / "m", "(b)")
    _, split, _ = run(capsys, "tag", "predict", "--model", tmp_path / "m", "--split", "( b )")
    assert raw == split == "(/-LRB- b/NN )/-RRB-\n"


def test_places_in_the_text(model, tmp_path, capsys):
    text = "\u201cDon\u2019t,\u201d she said.\r\nWhy (me)?"
    (tmp_path / "t").write_bytes(text.encode())
    _, out, _ = run(capsys, "tag", "predict", "--model", model, "--json", "--file", tmp_path / "t")
    sentences = [json.loads(line)["tokens"] for line in out.splitlines()]
    assert len(sentences) == 2 and all(text[t["start"] : t["end"]] == t["word"] for s in sentences for t in s)


def test_predict_answers_line_by_line(model):
    """What was typed is answered before more is read, and a long text need not fit into memory."""
    command = [sys.executable, "-m", "metagrad", "tag", "predict", "--model", str(model), "--split"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as typing:
        for words in ("One two .", "Three ."):
            typing.stdin.write(words + "\n")
            typing.stdin.flush()
            assert [token.rpartition("/")[0] for token in typing.stdout.readline().split()] == words.split()
        typing.stdin.close()
        assert typing.stdout.read() == "" and typing.wait() == 0


def test_predict_answers_each_line_of_raw_text(model):
    command = [sys.executable, "-m", "metagrad", "tag", "predict", "--model", str(model), "--lines"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as typing:
        for line, words in (("and it rains.", "and it rains ."), ("a cat", "a cat")):
            typing.stdin.write(line + "\n")
            typing.stdin.flush()
            assert [token.rpartition("/")[0] for token in typing.stdout.readline().split()] == words.split()
        typing.stdin.close()
        assert typing.stdout.read() == "" and typing.wait() == 0


def test_text_that_is_not_utf_8_is_refused_by_file_and_line(model, tmp_path, capsys):
    (tmp_path / "latin.txt").write_bytes(b"Fine.\nA caf\xe9.\n")
    status, _, error = run(capsys, "tag", "predict", "--model", model, "--file", tmp_path / "latin.txt")
    assert status == 1 and "latin.txt, line 2: expected UTF-8" in error


def test_the_output_cannot_be_a_folder(tmp_path, capsys):
    status, _, error = run(capsys, "tag", "train", "--corpus", "sample", "--output", tmp_path)
    assert status == 1 and "is a folder" in error


def test_evaluate_another_corpus_whole(model, tmp_path, capsys):
    corpus = tmp_path / "own.conllu"
    corpus.write_text("1\tDogs\tdog\tNOUN\tNNS\t_\t0\troot\t_\t_\n2\tbark\tbark\tVERB\tVBP\t_\t1\tdep\t_\t_\n")
    status, out, _ = run(capsys, "tag", "evaluate", "--model", model, "--corpus", corpus, "--json")
    assert status == 0 and json.loads(out)["part"] == "all" and json.loads(out)["accuracy"]["all"]["total"] == 2
    report = tmp_path / "report"
    status, out, _ = run(
        capsys, "tag", "evaluate", "--model", model, "--corpus", corpus, "--tag-column", "upos", "--report", report
    )
    assert status == 0 and "all tokens" in out and (report / "report.html").exists()
    assert set(json.loads((report / "report.json").read_text())["tags"]) >= {"NOUN", "VERB"}


def test_ctrl_c_before_the_first_epoch_ends(tmp_path, capsys, monkeypatch):
    def interrupted(steps, count, title):
        raise KeyboardInterrupt

    monkeypatch.setattr("metagrad.tagger.commands.train.progress", interrupted)
    output = tmp_path / "m.st"
    status, _, err = run(capsys, "tag", "train", "--corpus", "sample", *FAST, "--output", output, "--report", tmp_path)
    assert status == 130 and "nothing to keep" in err and not output.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "--model", "no-such-file"], "metagrad tag train"),
        (["predict", "--model", "README.md", "hello"], "safetensors"),
        (["train", "--corpus", "no-such-corpus"], "no-such-corpus"),
        (["train", "--corpus", "sample", "--layers", "0"], "layers"),
        (["train", "--corpus", "sample", "--lr", "-1"], "learning rate"),
        (["train", "--corpus", "sample", "--output", "no/such/folder/m"], "does not exist"),
    ],
)
def test_mistakes_are_explained_without_a_traceback(arguments, message, capsys):
    status, _, err = run(capsys, "tag", *arguments)
    assert status == 1 and err.startswith("metagrad: ") and message in err


def test_wrong_usage_exits_with_2(capsys):
    for arguments in (["tag"], ["tag", "train", "--cell", "cnn"], []):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 2


def test_python_m_metagrad_is_the_same_command():
    run = subprocess.run([sys.executable, "-m", "metagrad", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == f"metagrad {metagrad.__version__}"


def test_the_articles_protocol():
    """The first 3,000 sentences train (the last of them held out), the other 914 test."""
    from metagrad.tagger.corpora import load_corpus
    from metagrad.tagger.splits import split

    try:
        corpus = load_corpus("treebank")
    except CorpusUnavailable as error:
        pytest.skip(str(error))
    parts = split(corpus)
    assert parts.train + parts.dev == corpus.sentences[:3000] and parts.test == corpus.sentences[3000:]
    assert len(parts.test) == 914
