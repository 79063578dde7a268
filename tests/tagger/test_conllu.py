"""CoNLL-U in and out: everything that is not the tag stays as it was."""

import io

import pytest

from metagrad import cli
from metagrad.tagger.corpora.conllu import read_documents, whole_lines

TEXT = """# newdoc id = d
# text = Vámonos al mar — 走吧
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tVamos\tir\tVERB\t_\tMood=Imp\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\t_
3\ta\ta\tADP\t_\t_\t5\tcase\t_\t_
4\tel\tel\tDET\t_\t_\t5\tdet\t_\t_
5\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\t_
5.1\tvamos\tir\tVERB\t_\t_\t_\t_\t1:conj\t_
6\t走吧\t_\tVERB\t_\t_\t1\tdep\t_\t_

# sent_id = 2
1\t¿\t¿\tPUNCT\t_\t_\t0\troot\t_\t_

"""


def test_words_and_the_rest():
    first, second = read_documents([TEXT], "t")
    assert first.words == ["Vamos", "nos", "a", "el", "mar", "走吧"] and second.words == ["¿"]
    assert first.with_tags(["1", "2", "3", "4", "5", "6"], "XPOS").count("\n") == 12
    assert "".join(s.with_tags(s.column("UPOS"), "UPOS") for s in (first, second)) == TEXT


ODD = [
    TEXT, TEXT.replace("\n", "\r\n"), TEXT.replace("\n", "\r"), "\ufeff" + TEXT, TEXT.rstrip("\n"), "\n \n\n" + TEXT + "\n\t\n",
    TEXT.replace("\n\n", "\n\n\r\n\n"), TEXT + "# a comment at the end\n", "# only a comment\n\n" + TEXT,
    TEXT.replace("mar\tmar", "mar azul\tmar"), "\ufeff\r\n" + TEXT.replace("\n", "\r\n").rstrip("\r\n"), "", "\n\n", "# alone",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_whatever_the_line_ends_every_byte_comes_back(text, size):
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    found = list(read_documents(pieces, "t"))
    assert "".join(s.with_tags(s.column("UPOS"), "UPOS") for s in found) == text
    words = [word for s in found for word in s.words]
    assert len(words) in (0, 7) and words[:2] in ([], ["Vamos", "nos"])
    assert list(whole_lines([])) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1\tword", "10 tab-separated columns"), ("2\ta" + "\t_" * 8, "word number 1"), ("x\ta" + "\t_" * 8, "word number 1"),
        ("1\t" + "\t_" * 8, "word number 1"),
    ],
)  # fmt: skip
def test_a_line_of_no_kind_is_named(line, expected):
    with pytest.raises(ValueError, match=expected) as error:
        list(read_documents(["# c\n" + line + "\n"], "corpus.conllu"))
    assert "corpus.conllu" in str(error.value) and "2" in str(error.value)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conllu")
    corpus = folder / "c.conllu"
    corpus.write_text(TEXT * 20, encoding="utf-8")
    options = [
        "--tag-column",
        "UPOS",
        "--epochs",
        "12",
        "--lr",
        "0.02",
        "--hidden",
        "8",
        "--embedding",
        "8",
        "--dropout",
        "0",
    ]
    files = ["--output", str(folder / "m"), "--report", str(folder / "r")]
    assert cli.main(["tag", "train", "--corpus", str(corpus), *options, *files]) == 0
    return folder / "m"


def test_the_command_fills_in_the_column_asked_for(model, tmp_path, capsys, monkeypatch):
    capsys.readouterr()
    (tmp_path / "in.conllu").write_text(TEXT, encoding="utf-8")
    assert cli.main(["tag", "predict", "--model", str(model), "--conllu", "--file", str(tmp_path / "in.conllu")]) == 0
    out = capsys.readouterr().out
    assert out == TEXT  # trained on UPOS, so UPOS is filled in, and learned
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    arguments = ["tag", "predict", "--model", str(model), "--conllu", "--tag-column", "XPOS"]
    assert cli.main(arguments) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == len(TEXT.splitlines())
    for line, given in zip(out.splitlines(), TEXT.splitlines()):
        cells, before = line.split("\t"), given.split("\t")
        if given[:1].isdigit() and before[0].isdigit():
            assert cells[4] == before[3] and cells[:4] + cells[5:] == before[:4] + before[5:]
        else:
            assert line == given


def test_malformed_conllu_is_an_error_without_a_traceback(model, tmp_path, capsys):
    (tmp_path / "bad").write_text("1\tword\n")
    assert cli.main(["tag", "predict", "--model", str(model), "--conllu", "--file", str(tmp_path / "bad")]) == 1
    assert "tab-separated" in capsys.readouterr().err
