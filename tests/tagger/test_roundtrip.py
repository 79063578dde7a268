"""Random CoNLL-U through ``predict --conllu`` and ``Tagger.tag_conllu``: nothing changes but the tags, byte for byte."""

import bz2
import gzip
import io
import lzma

import pytest
from tests.tagger.documents import Document

from metagrad import cli
from metagrad.tagger import Tagger

PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
SENTENCES = [[("the", "DET"), ("dog", "NOUN"), ("_", "PUNCT")], [("New York", "PROPN"), ("a", "DET")]] * 4


@pytest.fixture(scope="module")
def tagger():
    return Tagger.train(SENTENCES, epochs=2, hidden=4, embedding=4, seed=1)


@pytest.fixture(scope="module")
def path(tagger, tmp_path_factory):
    path = tmp_path_factory.mktemp("roundtrip") / "model.safetensors"
    tagger.save(path)
    return path


def expected(document, tagger):
    """The document with the tags of the model, put in by the one who made it."""
    tags = [(tag,) for sentence in tagger.tag_many(document.sentences) for _, tag in sentence]
    return document.tagged(tags)


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_whatever_stands_in_it_only_the_tags_change(tagger, first):
    for seed in range(first, first + 50):
        document = Document(seed)
        assert tagger.tag_conllu(document.text) == expected(document, tagger), f"Document({seed})"


@pytest.mark.parametrize("seed", range(1000, 1040))
def test_the_command_by_file_by_stream_and_packed(tagger, path, seed, tmp_path, capfdbinary, monkeypatch):
    document = Document(seed)
    ending = list(PACKERS)[seed % 4]
    content = PACKERS[ending](document.text.encode())
    file = tmp_path / f"in.conllu{ending}"
    file.write_bytes(content)
    command = ["tag", "predict", "--conllu", "--model", str(path)]
    assert cli.main([*command, "--file", str(file)]) == 0
    by_file = capfdbinary.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert cli.main(command) == 0
    by_stream = capfdbinary.readouterr().out
    assert by_file == by_stream == expected(document, tagger).encode(), f"Document({seed})"


def test_the_documents_have_everything_that_may_be():
    texts = [Document(seed).text for seed in range(400)]
    for one in (
        "\r\n",
        "\ufeff",
        "\r\r",
        "\n\n\n",
        ".1\t",
        "1-2\t",
        "\t\n",
        "New York",
        "\U0010fffd"[:0],
        "\t_\t",
        "\u3000",
    ):
        assert any(one in text for text in texts), repr(one)
    assert any(text and text[-1] not in "\r\n" for text in texts) and "" in texts
    assert {ord(c) >> 16 for text in texts for c in text} == set(range(17))


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz"])
def test_a_damaged_packed_file_is_an_error(path, ending, tmp_path, capsys):
    whole = PACKERS[ending](b"1\tdog" + b"\t_" * 8 + b"\n\n" * 3000)
    for name, content in {"short": whole[: len(whole) // 2], "changed": whole[:20] + b"\xff" * 8 + whole[28:]}.items():
        file = tmp_path / (name + ending)
        file.write_bytes(content)
        assert cli.main(["tag", "predict", "--conllu", "--model", str(path), "--file", str(file)]) == 1, name
        message = capsys.readouterr().err
        assert str(file) in message and "damaged" in message, message
