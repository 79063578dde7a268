"""Corpora: what each kind of file reads as, what is refused and how, and the treebank without and with a network."""

import bz2
import gzip
import lzma
import os
import types
import zipfile

import pytest

from metagrad.tagger import corpora
from metagrad.tagger.corpora import CorpusUnavailable, default_corpus, load_corpus, loading, treebank


def conllu(*rows, upos="X", xpos="_"):
    """CoNLL-U lines from (ID, FORM) or (ID, FORM, UPOS, XPOS)."""
    full = [(*row, upos, xpos)[:4] if len(row) == 2 else row for row in rows]
    return "".join(f"{i}\t{form}\tlemma\t{u}\t{x}\t_\t0\tdep\t_\t_\n" for i, form, u, x in full)


def write(folder, name, text):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


DOGS = [[("Dogs", "NNS"), ("bark", "VBP"), (".", ".")], [("Why", "WRB"), ("?", ".")]]

SAME = {
    "underscores": ("a.pos", "Dogs_NNS bark_VBP ._.\nWhy_WRB ?_.\n"),
    "slashes": ("a.txt", "Dogs/NNS bark/VBP ./.\nWhy/WRB ?/.\n"),
    "comments, blank lines, no last line end": ("a", "# pets\n\nDogs_NNS  bark_VBP\t._. \n\n#\n# more\nWhy_WRB ?_."),
    "CRLF and a byte order mark": ("a.txt", "\ufeffDogs_NNS bark_VBP ._.\r\n\r\nWhy_WRB ?_.\r\n"),
    "two columns, tabs": ("a.tsv", "Dogs\tNNS\nbark\tVBP\n.\t.\n\nWhy\tWRB\n?\t.\n"),
    "two columns, spaces": ("a.txt", "# pets\nDogs NNS\nbark   VBP\n. .\n\n\n# and why\nWhy WRB\n? .\n\n"),
    "two columns, CRLF": ("a.txt", "Dogs NNS\r\nbark VBP\r\n. .\r\n\r\nWhy WRB\r\n? .\r\n"),
    "CoNLL-U": (
        "a.conllu",
        "# text = Dogs bark.\n# sent_id = 1\n"
        + conllu((1, "Dogs", "NOUN", "NNS"), (2, "bark", "VERB", "VBP"), (3, ".", "PUNCT", "."))
        + "\n"
        + conllu((1, "Why", "ADV", "WRB"), (2, "?", "PUNCT", "."))
        + "\n",
    ),
    "CoNLL-U under another name": (
        "a.txt",
        conllu((1, "Dogs", "NOUN", "NNS"), (2, "bark", "VERB", "VBP"), (3, ".", "PUNCT", "."))
        + "\r\n"
        + conllu((1, "Why", "ADV", "WRB"), (2, "?", "PUNCT", ".")),
    ),
}


@pytest.mark.parametrize(("name", "text"), SAME.values(), ids=SAME)
def test_every_kind_of_file_is_recognised_and_reads_the_same(tmp_path, name, text):
    corpus = load_corpus(write(tmp_path, name, text))
    assert corpus.sentences == DOGS
    assert (corpus.name, corpus.training) == (name, None)
    assert str(tmp_path) in corpus.source
    assert load_corpus(str(tmp_path / name)).sentences == DOGS


MULTIWORD = (
    conllu(("1-2", "don't", "_", "_"), (1, "do", "AUX", "VBP"), (2, "n't", "PART", "RB"), ("2.1", "go", "VERB", "VB"))
    + conllu((3, "New York", "PROPN", "_"))
)  # fmt: skip

READS = [
    # text, options, sentences
    ("1/2_CD and/or_CC", {}, [[("1/2", "CD"), ("and/or", "CC")]]),
    ("snake_case/NN a/DT b/SYM", {}, [[("snake_case", "NN"), ("a", "DT"), ("b", "SYM")]]),
    ("a_b_NN", {}, [[("a_b", "NN")]]),
    ("__NN /_SYM", {}, [[("_", "NN"), ("/", "SYM")]]),
    ("*T*-1_-NONE- 0_-NONE-", {}, [[("*T*-1", "-NONE-"), ("0", "-NONE-")]]),
    ("#_# 5_CD", {}, [[("#", "#"), ("5", "CD")]]),
    ("#tag_NN #_#", {}, [[("#tag", "NN"), ("#", "#")]]),
    ("10\u00a0000_CD euros_NNS", {}, [[("10\u00a0000", "CD"), ("euros", "NNS")]]),
    ("a|DT b|NN", {"format": "word_TAG", "separator": "|"}, [[("a", "DT"), ("b", "NN")]]),
    ("a|DT b|NN", {"separator": "|"}, [[("a", "DT"), ("b", "NN")]]),
    ('New York,NNP\n"a,b",X\n\nc,Y\n', {"columns": "word,tag"}, [[("New York", "NNP"), ("a,b", "X")], [("c", "Y")]]),
    ("DT;x;a\nNN;y;b\n", {"columns": "tag,_,word"}, [[("a", "DT"), ("b", "NN")]]),
    ("a|DT|x\nb|NN|y\n", {"columns": "word,tag,_"}, [[("a", "DT"), ("b", "NN")]]),
    ("a\tDT\t\nb\tNN\t\n", {"columns": "word,tag,_"}, [[("a", "DT"), ("b", "NN")]]),
    (
        "# global.columns = ID FORM UPOS X:Y\n# text = du b\n1-2\tdu\t_\t_\n"
        "1\tde\tADP\t*\n2\tle\tDET\t1\n2.1\tx\t_\t_\n\n1\tb\tNOUN\t*\n",
        {},
        [[("de", "ADP"), ("le", "DET")], [("b", "NOUN")]],
    ),
    ("# global.columns = ID FORM UPOS X:Y\n1\tb\tNOUN\t*\n", {"tag_column": "X:Y"}, [[("b", "*")]]),
    ("# global.columns = ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC\n" + conllu((1, "a")), {}, [[("a", "X")]]),
    ("word,pos,ner\na,X,O\n", {"tag_column": "pos,ner"}, [[("a", "X\tO")]]),
    ("He PRP B-NP\nran VBD B-VP\n", {"tag_column": "POS,CHUNK"}, [[("He", "PRP\tB-NP"), ("ran", "VBD\tB-VP")]]),
    ('{"words": ["a"], "tags": ["X"], "ner": ["O"]}', {"tag_column": "ner,tags"}, [[("a", "O\tX")]]),
    ("word,pos,ner\na,X,O\n", {"prefer": "pos,ner"}, [[("a", "X\tO")]]),
    ("word,pos,ner\na,X,O\n", {"prefer": "UPOS,FEATS"}, [[("a", "X")]]),
    ("a_b/NN", {"separator": "_"}, [[("a", "b/NN")]]),
    ("a/DT b_/NN", {"separator": "/"}, [[("a", "DT"), ("b_", "NN")]]),
    ("a_DT b_NN", {"format": "two-column"}, [[("a_DT", "b_NN")]]),
    ("a_DT b_NN", {}, [[("a", "DT"), ("b", "NN")]]),
    ("1/2\tCD\nNew York\tNNP\n#\t#\n", {}, [[("1/2", "CD"), ("New York", "NNP"), ("#", "#")]]),
    ("# #\n5 CD\n# SYM\n", {}, [[("#", "#"), ("5", "CD"), ("#", "SYM")]]),
    (MULTIWORD, {}, [[("do", "AUX"), ("n't", "PART"), ("New York", "PROPN")]]),  # one word has no XPOS: never mixed
    (MULTIWORD, {"columns": ("FORM", "UPOS")}, [[("do", "AUX"), ("n't", "PART"), ("New York", "PROPN")]]),
    (MULTIWORD, {"columns": ("LEMMA", "DEPREL")}, [[("lemma", "dep")] * 3]),
    (MULTIWORD, {"prefer": "UPOS"}, [[("do", "AUX"), ("n't", "PART"), ("New York", "PROPN")]]),
    (conllu((1, "a", "X", "NN")), {"tag_column": "FEATS"}, [[("a", "_")]]),  # a value like others
    (conllu((1, "a", "X", "NN")), {"tag_column": "upos"}, [[("a", "X")]]),
    ("a\tDT\tx\nb\tNN\ty\n", {}, [[("a", "DT"), ("b", "NN")]]),  # TreeTagger
    ("<text id='1'>\n<s>\na\tDT\tx\n</s>\n<s>\nb\tNN\ty\n</s>\n</text>", {}, [[("a", "DT")], [("b", "NN")]]),
    ("He PRP B-NP\nran VBD B-VP\n\nOh UH O\n", {}, [[("He", "PRP"), ("ran", "VBD")], [("Oh", "UH")]]),  # CoNLL-2000
    ("He PRP B-NP\nran VBD B-VP\n", {"tag_column": "chunk"}, [[("He", "B-NP"), ("ran", "B-VP")]]),
    ("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n", {"tag_column": "NER"}, [[("EU", "B-ORG")]]),  # CoNLL-2003
    ("1\tGo\tgo\tgo\tVB\tVBP\t_\t_\t0\t0\tROOT\tROOT\t_\t_\n", {}, [[("Go", "VB")]]),  # CoNLL-2009
    ("1\tGo\tgo\tgo\tVB\tVBP\t_\t_\t0\t0\tROOT\tROOT\t_\t_\n", {"tag_column": "PPOS"}, [[("Go", "VBP")]]),
    ("Go x VB\n\na y DT\n", {"columns": "word,_,tag"}, [[("Go", "VB")], [("a", "DT")]]),
    (
        "( (S (NP (DT the) (NN dog)) (VP (VBZ barks)) (. .)))\n((X (UH Oh)))",
        {},
        [[("the", "DT"), ("dog", "NN"), ("barks", "VBZ"), (".", ".")], [("Oh", "UH")]],
    ),
    (
        "[ Dogs/NNS ]\nbark/VBP ./.\n\n[ 1\\/2/CD ]\n\nis/VBZ|NN\n=====\nOh/UH",
        {},
        [[("Dogs", "NNS"), ("bark", "VBP"), (".", ".")], [("1/2", "CD"), ("is", "VBZ")], [("Oh", "UH")]],
    ),
    ('sentence,word,tag\n1,Dogs,NNS\n1,bark,VBP\n2,",",","\n', {}, [[("Dogs", "NNS"), ("bark", "VBP")], [(",", ",")]]),
    ("form\tupos\txpos\nGo\tVERB\tVB\n\na\tDET\tDT\n", {"tag_column": "xpos"}, [[("Go", "VB")], [("a", "DT")]]),
    (
        '{"words": ["Go"], "tags": ["VB"]}\n{"tokens": [{"word": "a", "tag": "DT"}]}\n',
        {},
        [[("Go", "VB")], [("a", "DT")]],
    ),
    ("Dogs NNS\rbark VBP\r\rOh UH", {}, [[("Dogs", "NNS"), ("bark", "VBP")], [("Oh", "UH")]]),  # CR alone
    (conllu((1, "_", "X", "SYM"), (2, "#", "SYM", "#")), {}, [[("_", "SYM"), ("#", "#")]]),
    (conllu(("0.1", "was", "X", "VBD")) + "\n" + conllu((1, "a")), {}, [[("a", "X")]]),
]


@pytest.mark.parametrize(("text", "options", "expected"), READS)
def test_words_and_tags_are_taken_apart(tmp_path, text, options, expected):
    assert load_corpus(write(tmp_path, "a", text), **options).sentences == expected


BAD = [
    # text, options, line, what was got, what was expected
    ("a_DT b_NN\nc_NN dog ._.\n", {}, 2, "'dog'", "'_'"),
    ("a_DT b_NN\nc_ d_NN\n", {}, 2, "'c_'", "a word, '_' and its tag"),
    ("a_DT b_NN\n\n_NN d_NN\n", {}, 3, "'_NN'", "a word, '_' and its tag"),
    ("#hash a_DT b_NN c_NN\na_DT", {"format": "word_TAG"}, 1, "'#hash'", "its tag"),
    ("a DT\nb\n", {"format": "two-column"}, 2, "'b'", "two columns"),
    ("a DT\nb NN\nc NN x\n", {}, 3, "'c NN x'", "two columns"),
    ("a\tDT\nb\t\n", {}, 2, r"'b\\t'", "two columns"),
    ("a\tDT\tx\nb\tNN\tx\n", {"format": "two-column"}, 1, r"'a\\tDT\\tx'", "two columns"),
    ("a\tDT\tx\nb\tNN\nc\tNN\tz\n", {"format": "treetagger"}, 2, r"'b\\tNN'", "the 3 columns WORD TAG LEMMA"),
    ("a x DT\nb NN\n", {"columns": "word,_,tag"}, 2, "'b NN'", "the 3 columns WORD _ TAG"),
    ("(S (NN a)\n", {}, 1, "'(S (NN a)'", "1 more closing"),
    ("(S (NN a))\n)\n", {}, 2, "')'", "as many opening as closing"),
    ("[ a/DT ]\nb c/NN\n", {"format": "penn-pos"}, 2, "'b'", "a word, '/' and its tag"),
    ("word,tag\na\n", {}, 2, "'a'", "the 2 columns word, tag"),
    ('{"words": ["a"], "tags": []}', {}, 1, "'{", "as many tags as words"),
    ('{"words": [', {}, 1, "'{", "as many tags as words"),
    ("a DT\n# late comment here\n", {"format": "two-column"}, 2, "'# late comment here'", "two columns"),
    (conllu((1, "a"), (3, "b")), {}, 2, r"'3\\tb", "word number 2"),
    (conllu((1, "a"), (1, "b")), {}, 2, r"'1\\tb", "an empty line before"),
    (conllu((2, "a")), {}, 1, r"'2\\ta", "word number 1"),
    (conllu((1, "a"), ("x", "b")), {}, 2, r"'x\\tb", "word number 2"),
    (conllu((1, "a", "_", "_")), {}, 1, r"'1\\ta", "a tag in column UPOS"),
    (
        conllu((1, "a", "X", "NN"), (2, "b", "X", "_")),
        {"tag_column": "XPOS"},
        2,
        r"'2\\tb",
        "which 1 words do not have",
    ),
    (conllu((1, "a", "_", "NN")), {"columns": ("FORM", "UPOS")}, 1, r"'1\\ta", "a tag in column UPOS"),
    (conllu((1, "", "NN", "NN")), {}, 1, r"'1\\t\\t", "a word in column FORM"),
    (conllu((1, "a")) + "2\tb\tNN\n", {}, 2, r"'2\\tb\\tNN'", "10 tab-separated columns"),
    ("a_DT b_NN", {"format": "conllu"}, 1, "'a_DT b_NN'", "10 tab-separated columns"),
    ("a\tx\tDT\ty\n" * 4, {}, 1, r"'a\\tx", "not 4 between tabs: say what they are by columns, such as word,_,_,tag"),
    ("a,DT\n" * 4, {}, 1, "'a,DT'", "not 2 between ',': say what they are by columns, such as word,tag"),
    ("1 a _ DT DT _ 0 dep _ _\n" * 4, {}, 1, "'1 a", "not 10 between blanks"),
    ("a|DT b|NN\n", {}, 1, "'a|DT", "not '|': name it as the separator"),
    ('<s><w pos="DT">a</w></s>\n', {}, 1, "'<s>", "not XML"),
    ("It was a dark night and the rain fell.", {}, 1, "'It was a dark", "word_TAG pairs"),
    (b"a_DT b_NN\nc\xff_NN\n", {}, 2, "0xff at position 2", "UTF-8"),
]


@pytest.mark.parametrize(("text", "options", "line", "got", "expected"), BAD)
def test_a_malformed_line_is_refused_by_file_and_number(tmp_path, text, options, line, got, expected):
    with pytest.raises(ValueError) as error:
        load_corpus(write(tmp_path, "bad.file", text), **options)
    message = str(error.value)
    assert f"{tmp_path / 'bad.file'}, line {line}: " in message
    assert expected in message
    assert got.replace("\\\\", "\\") in message.partition("got ")[2]


def test_a_very_long_line_is_shortened_in_the_message(tmp_path):
    with pytest.raises(ValueError, match=r"got 'x{77}\.\.\.'$"):
        load_corpus(write(tmp_path, "a", "x" * 10_000))


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n\n", "\ufeff"])
@pytest.mark.parametrize("format", [None, *corpora.FORMATS])
def test_a_file_without_sentences_is_refused(tmp_path, text, format):
    columns = "word,tag" if format == "columns" else None
    with pytest.raises(ValueError, match="expected tagged sentences, got a file without any"):
        load_corpus(write(tmp_path, "a", text), format=format, columns=columns)


def test_the_name_of_a_conllu_file_decides_before_its_looks(tmp_path):
    with pytest.raises(ValueError, match="line 1: expected 10 tab-separated columns"):
        load_corpus(write(tmp_path, "a.CoNLLU", "Dogs_NNS bark_VBP ._.\n"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xml"}, "one of word_TAG, two-column, .*conllu, .*got 'xml'"),
        ({"separator": ""}, "got an empty one"),
        ({"format": "word_TAG", "columns": ("FORM", "XPOS")}, "columns has no meaning for .* read as 'word_TAG'"),
        ({"format": "two-column", "separator": "_"}, "separator has no meaning for .* read as 'two-column'"),
        ({"tag_column": "UPOS"}, "tag_column has no meaning for .* read as 'word_TAG'"),
        ({"format": "columns"}, "expected columns such as word,_,tag"),
        ({"columns": "tag,_"}, "expected columns such as word,_,tag: one called word"),
        ({"format": "two-column", "tag_column": "tag,tag"}, "several different columns of tags, got 'tag,tag'"),
        ({"format": "conllu", "columns": ("FORM", "POS")}, "one of ID, FORM, .*, got 'POS'"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        load_corpus(write(tmp_path, "a", "a_DT b_NN"), **options)


@pytest.mark.parametrize("name", ["treebank", "sample"])
@pytest.mark.parametrize("option", [{"format": "conllu"}, {"separator": "_"}, {"columns": ("FORM", "UPOS")}])
def test_settings_of_files_are_refused_for_named_corpora(name, option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} has no meaning for the corpus '{name}'"):
        load_corpus(name, **option)


def test_a_path_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'treebank', 'sample' or the path .*, and found nothing there"):
        load_corpus(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="and found a folder without any"):
        load_corpus(tmp_path)


XPOS_IN_PART = conllu((1, "a", "DET", "DT"), (2, "b", "NOUN", "_"))


def test_the_column_is_decided_once_for_the_corpus_and_said(tmp_path):
    whole = load_corpus(write(tmp_path, "whole.conllu", conllu((1, "a", "DET", "DT"))))
    assert (whole.column, whole.remark, whole.tags) == ("XPOS", "", ["DT"])
    part = load_corpus(write(tmp_path, "part.conllu", XPOS_IN_PART))
    assert (part.column, part.tags) == ("UPOS", ["DET", "NOUN"])
    assert "1 of 2 words have no XPOS" in part.notice and "column UPOS" in part.notice
    none = load_corpus(write(tmp_path, "none.conllu", conllu((1, "a", "DET", "_"))))
    assert (none.column, none.remark, none.tags) == ("UPOS", "", ["DET"])
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder", "1.conllu", conllu((1, "a", "DET", "DT")))
    write(tmp_path / "folder", "2.conllu", XPOS_IN_PART)
    assert load_corpus(tmp_path / "folder").tags == ["DET", "NOUN"]  # one decision for all files
    assert load_corpus(tmp_path / "whole.conllu", prefer="UPOS").tags == ["DET"]


def test_sentences_with_words_without_a_tag_are_left_out_if_they_are_few(tmp_path):
    rows = [(n, "a", "DET", "DT") for n in range(1, 100)]
    text = conllu(*rows, (100, "b", "NOUN", "_")) + "\n" + conllu((1, "c", "NOUN", "NN"))
    corpus = load_corpus(write(tmp_path, "few.conllu", text), tag_column="XPOS")
    assert corpus.sentences == [[("c", "NN")]] and "1 sentence left out, in which a word has no tag." in corpus.notice
    assert load_corpus(tmp_path / "few.conllu").column == "UPOS"
    assert load_corpus(tmp_path / "few.conllu", tag_column="FEATS").words == 101  # where "_" is a value
    with pytest.raises(ValueError, match="column XPOS, which 2 words do not have"):
        load_corpus(write(tmp_path, "many.conllu", text + "\n" + conllu((1, "d", "X", "_"))), tag_column="XPOS")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_files_folders_and_patterns(tmp_path, pack):
    text = SAME["underscores"][1].encode()
    assert load_corpus(write(tmp_path, "a.pos.gz", pack(text))).sentences == DOGS
    with pytest.raises(ValueError, match="expected a packed file that is whole"):
        load_corpus(write(tmp_path, "broken", pack(text)[:-9]))
    (tmp_path / "f" / "g").mkdir(parents=True)
    write(tmp_path / "f", "README.txt", "read me")
    write(tmp_path / "f", "1.pos", pack(text))
    write(tmp_path / "f" / "g", "2.pos", text)
    write(tmp_path / "f", ".hidden", "x")
    assert load_corpus(tmp_path / "f").sentences == DOGS * 2
    assert load_corpus(tmp_path / "f" / "*.pos").sentences == DOGS
    assert "the 2 files of" in load_corpus(tmp_path / "f").source
    write(tmp_path / "f", "3.conllu", conllu((1, "a", "X", "Y")))
    with pytest.raises(ValueError, match="expected files of one format, got .*3.conllu"):
        load_corpus(tmp_path / "f")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04...", "a ZIP archive: unpack it"), (b"%PDF-1.4", "a PDF"), ("a_b".encode("utf-16"), "UTF-16 text"),
        (b"\x00\x01\x02", "binary data"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        load_corpus(write(tmp_path, "a", content))


def test_how_a_treebanks_words_were_written(tmp_path):
    text = "# newpar\n" + conllu(("1-2", "don't"), (1, "do"), (2, "n't"), (3, "."), ("3.1", "go"), (4, "b c"))
    text = text.replace("don't\tlemma\tX\t_\t_\t0\tdep\t_\t_", "don't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No")
    (sentence,) = load_corpus(write(tmp_path, "a.conllu", text)).sentences
    assert sentence.tokens == [("don't", False, ("do", "n't")), (".", True, (".",)), ("b c", True, ("b c",))]
    assert sentence.text == "don't. b c" and sentence.begins_paragraph


def test_a_file_called_treebank_is_a_file(tmp_path, monkeypatch):
    write(tmp_path, "treebank", "a_DT b_NN")
    monkeypatch.chdir(tmp_path)
    corpus = load_corpus("./treebank")
    assert corpus.sentences == [[("a", "DT"), ("b", "NN")]]
    assert corpus.training is None


def test_the_sample_is_read_as_it_is_written(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", "sample.pos", "# pets\nDogs_NNS bark_VBP ._.\n# reasons\nWhy_WRB ?_.\n")
    monkeypatch.setattr(loading, "files", lambda package: tmp_path)
    corpus = load_corpus("sample")
    assert (corpus.name, corpus.sentences, corpus.licence) == ("sample", DOGS, "CC0")
    assert corpus.training is None


def test_the_sample_comes_with_the_package():
    corpus = load_corpus("sample")
    assert len(corpus.sentences) >= 400
    assert {"NN", "NNP", "VBD", "DT", "IN", "."} <= set(corpus.tags)


# The treebank, by stand-ins: a data folder in place of NLTK's, and a downloader that the download's own process imports.

TREE = "( (S (NP-SBJ (NNS Dogs) ) (VP (VBP bark) (NP (-NONE- *) )) (. .) ))\n"


@pytest.fixture
def nltk_data(tmp_path, monkeypatch):
    """An empty data folder, the only one NLTK searches."""
    monkeypatch.setitem(treebank.sys.modules, "nltk.data", types.SimpleNamespace(path=[str(tmp_path)]))
    (tmp_path / "corpora").mkdir()
    return tmp_path / "corpora"


def unpacked(corpora, text=TREE * 3914):
    """A treebank in a folder."""
    folder = corpora / "treebank" / "combined"
    folder.mkdir(parents=True)
    write(folder, "wsj_0001.mrg", text)
    return folder


def packed(corpora, *texts):
    """A treebank in an archive, a file for each text, the last one first."""
    with zipfile.ZipFile(corpora / "treebank.zip", "w") as archive:
        for number, text in reversed(list(enumerate(texts, 1))):
            archive.writestr(f"treebank/combined/wsj_{number:04}.mrg", text)
        archive.writestr("treebank/tagged/wsj_0001.pos", "[ no/DT ]")
    return corpora / "treebank.zip" / "treebank" / "combined"


@pytest.fixture
def downloader(tmp_path, monkeypatch):
    """Let the download's process find an ``nltk`` whose ``download`` has this body."""

    def put(body):
        program = f"import pathlib, sys, time\nhere = pathlib.Path({str(tmp_path)!r})\n"
        program += f"def download(name, quiet, prefix):\n    assert (name, quiet) == ('treebank', True)\n    {body}\n"
        write(tmp_path, "nltk.py", program)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


@pytest.mark.parametrize("kind", [unpacked, packed])
def test_the_treebank_is_taken_from_where_nltk_finds_it(kind, nltk_data, downloader):
    where = kind(nltk_data, TREE * 3914)
    downloader("raise AssertionError('nothing to download')")
    corpus = load_corpus("treebank")
    assert (corpus.name, len(corpus.sentences), corpus.training) == ("treebank", 3914, 3000)
    assert corpus.source == f"NLTK's Penn Treebank sample, found at {where}"
    assert "non-commercial" in corpus.licence


def test_words_tags_and_traces_in_the_order_of_the_files(nltk_data, monkeypatch):
    monkeypatch.setattr(treebank, "SENTENCES", 3)
    packed(nltk_data, TREE * 2, "( (S (NNS Cats)))")
    corpus = load_corpus("treebank")
    assert corpus.sentences == [[("Dogs", "NNS"), ("bark", "VBP"), ("*", "-NONE-"), (".", ".")]] * 2 + [
        [("Cats", "NNS")]
    ]
    assert all(type(sentence) is list for sentence in corpus.sentences)


def test_where_nltk_looks_is_known_without_it(monkeypatch, tmp_path):
    data, before = pytest.importorskip("nltk.data"), os.environ.get("NLTK_DATA", "").split(os.pathsep)
    monkeypatch.setenv("NLTK_DATA", os.pathsep.join([str(tmp_path), "~/more"]))
    monkeypatch.delitem(treebank.sys.modules, "nltk.data")
    found = [str(folder) for folder in treebank.usual_folders()]
    assert found[:2] == [str(tmp_path), os.path.expanduser("~/more")]
    assert set(found) >= set(data.path) - set(before)


def test_a_missing_treebank_is_downloaded(nltk_data, downloader, monkeypatch):
    monkeypatch.setattr(treebank, "SENTENCES", 1)
    downloader(
        "folder = here / 'corpora' / 'treebank' / 'combined'; folder.mkdir(parents=True); "
        f"(folder / 'wsj_0001.mrg').write_text({TREE!r}); return True"
    )
    corpus = load_corpus("treebank")
    assert len(corpus.sentences) == 1
    assert corpus.source == f"NLTK's Penn Treebank sample, just downloaded to {nltk_data / 'treebank' / 'combined'}"


@pytest.mark.parametrize(
    ("body", "patience", "reason"),
    [
        ("print('Error: no route\\n    to host', file=sys.stderr); return False", 60, r"\(Error: no route to host\)"),
        ("return False", 60, r"\(its process ended with code 1\)"),
        ("raise OSError('disk full')", 60, "OSError: disk full"),
        ("time.sleep(20); return True", 0.5, r"\(it was not done within 0\.5 seconds\)"),
    ],
)
def test_a_download_that_fails_says_why_and_what_to_do(nltk_data, downloader, monkeypatch, body, patience, reason):
    downloader(body)
    monkeypatch.setattr(treebank, "PATIENCE", patience)
    with pytest.raises(CorpusUnavailable, match=reason + r".*nltk\.download\(\'treebank\'\)"):
        load_corpus("treebank")


def test_a_download_is_given_up_within_ten_seconds():
    assert treebank.PATIENCE < 10


def test_a_download_that_cannot_be_started_is_reported(nltk_data, monkeypatch, tmp_path):
    monkeypatch.setattr(treebank.sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(CorpusUnavailable, match="it could not be started: .*no-python"):
        load_corpus("treebank")


def test_a_download_to_a_place_nltk_does_not_search_is_reported(nltk_data, downloader):
    downloader("return True")
    with pytest.raises(CorpusUnavailable, match=f"NLTK_DATA .*looks in {nltk_data.parent}"):
        load_corpus("treebank")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TREE * 3913, "it has 3913 of its 3914 sentences"),
        (TREE.replace("))\n", ")\n"), r"ValueError: wsj_0001\.mrg, line 1: expected 1 more closing brackets .*"),
    ],
)
def test_a_damaged_treebank_is_refused(nltk_data, downloader, text, reason):
    unpacked(nltk_data, text)
    downloader("raise AssertionError('nothing to download')")
    with pytest.raises(CorpusUnavailable, match=rf"damaged \({reason}\).*force=True"):
        load_corpus("treebank")


def test_an_archive_that_is_none_is_a_damaged_treebank(nltk_data):
    write(nltk_data, "treebank.zip", b"<html>not found</html>")
    with pytest.raises(CorpusUnavailable, match="damaged .*BadZipFile"):
        load_corpus("treebank")


@pytest.fixture
def no_nltk(monkeypatch, tmp_path):
    """No NLTK, and no data where it would look."""
    monkeypatch.setattr(treebank, "usual_folders", lambda: [tmp_path])
    monkeypatch.setitem(treebank.sys.modules, "nltk.data", None)


def test_without_nltk_the_extra_to_install_is_named(no_nltk):
    with pytest.raises(ImportError, match=r'pip install "metagrad\[tagger\]"'):
        load_corpus("treebank")


def test_without_nltk_a_treebank_that_is_here_is_read(no_nltk, tmp_path, monkeypatch):
    monkeypatch.setattr(treebank, "SENTENCES", 1)
    unpacked(tmp_path / "corpora", TREE)
    assert len(load_corpus("treebank").sentences) == 1


# What is used when no corpus is named.


@pytest.fixture
def small_sample(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data", "sample.pos", SAME["underscores"][1])
    monkeypatch.setattr(loading, "files", lambda package: tmp_path)


def test_by_default_it_is_the_treebank(nltk_data):
    where = unpacked(nltk_data)
    corpus, notice = default_corpus()
    assert corpus.name == "treebank"
    assert notice == f"Using NLTK's Penn Treebank sample, found at {where} (3914 sentences)."


def test_without_the_treebank_it_is_the_sample_and_the_notice_says_why(nltk_data, downloader, small_sample):
    downloader("print('no route to host', file=sys.stderr); return False")
    corpus, notice = default_corpus()
    assert (corpus.name, corpus.sentences) == ("sample", DOGS)
    assert notice.startswith("Using the small sample that comes with metagrad (2 sentences), because ")
    assert "no route to host" in notice
    assert "nltk.download('treebank')" in notice


def test_with_a_damaged_treebank_it_is_the_sample(nltk_data, small_sample):
    unpacked(nltk_data, TREE * 7)
    corpus, notice = default_corpus()
    assert corpus.name == "sample"
    assert "damaged (it has 7 of its 3914 sentences)" in notice


def test_without_nltk_it_is_the_sample(no_nltk, small_sample):
    corpus, notice = default_corpus()
    assert corpus.name == "sample"
    assert 'pip install "metagrad[tagger]"' in notice


# The real one where it is, compared with what NLTK reads.


def treebank_is_here():
    try:
        import nltk.data

        nltk.data.find("corpora/treebank/combined/wsj_0001.mrg")  # unpacked or in its archive
    except (ImportError, LookupError):
        return False
    return True


@pytest.mark.skipif(not treebank_is_here(), reason="needs NLTK's treebank sample on this machine")
def test_the_real_treebank():
    corpus = load_corpus("treebank")
    assert (len(corpus.sentences), corpus.words, len(corpus.tags)) == (3914, 100_676, 46)
    assert "found at" in corpus.source
    from nltk.corpus import treebank as by_nltk

    assert corpus.sentences == [list(sentence) for sentence in by_nltk.tagged_sents()]
    again, notice = default_corpus()
    assert again.sentences == corpus.sentences
    assert notice.startswith("Using NLTK's Penn Treebank sample, found at")


JSON_SENTENCES = {
    "pairs": '[["Why","WRB"],["go","VB"]]\n[["A","DT"]]\n', "pairs in a list": '[[["Why","WRB"],["go","VB"]],[["A","DT"]]]',
    "words": '{"words":["Why","go"],"tags":["WRB","VB"]}\n\n{"words":["A"],"tags":["DT"]}',
    "tokens": '{"tokens":["Why","go"],"upos":["WRB","VB"]}\n{"tokens":["A"],"upos":["DT"]}',
    "objects": '{"tokens":[{"text":"Why","pos":"WRB"},{"text":"go","pos":"VB"}]}\n{"tokens":[{"text":"A","pos":"DT"}]}',
    "a list over lines": '[\n {"tokens": ["Why", "go"],\n  "ner_tags": ["WRB", "VB"]},\n {"tokens": ["A"], "ner_tags": ["DT"]}\n]',
}  # fmt: skip


@pytest.mark.parametrize("kind", JSON_SENTENCES)
@pytest.mark.parametrize("name", ["a.jsonl", "a.txt", "a.json"])
def test_json_in_every_usual_form(kind, name, tmp_path):
    (tmp_path / name).write_text(JSON_SENTENCES[kind])
    corpus = load_corpus(tmp_path / name)
    assert (corpus.format, corpus.sentences) == ("jsonl", [[("Why", "WRB"), ("go", "VB")], [("A", "DT")]])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"words":["a"],"tags":["X"]}\n{"words":["a"],"pos":["X"]}', 2), ('{"words":["a"],"tags":[1]}', 1),
        ('[["a","X"],["b"]]', 1),
        ('{"words":["a"],"tags":["X"]}\n3', 2), ('{"words":["a"],"tags":["X"]}\nnull', 2), ('[["a","X"]]\n[["b",""]]', 2),
        ('{"words":["a"],"tags":["X"]}\n{"words":["a"],"tags":[["X"]]}', 2), ("[" * 5000, 1), ('[[["a","X"]],7]', 1),
    ],
)  # fmt: skip
def test_json_of_another_form_is_refused_by_line(text, line, tmp_path):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(ValueError, match=f"a.jsonl, line {line}: expected"):
        load_corpus(tmp_path / "a.jsonl")


@pytest.mark.parametrize("mark", ["-DOCSTART- -X- O O", "-DOCSTART- -X- -X- O", "-DOCSTART-"])
def test_a_new_document_is_no_word_and_ends_a_sentence(mark, tmp_path):
    text = f"{mark}\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n{mark}\nGo VB I-VP O\n\n{mark}\n\n"
    (tmp_path / "news").write_text(text)
    corpus = load_corpus(tmp_path / "news", tag_column="NER")
    assert corpus.format == "conll2003"
    assert corpus.sentences == [[("EU", "I-ORG"), ("rejects", "O")], [("Go", "O")]]
    (tmp_path / "two").write_text(f"{mark.split()[0]}\n\nEU I-ORG\nrejects O\n")
    assert load_corpus(tmp_path / "two").sentences == [[("EU", "I-ORG"), ("rejects", "O")]]


def test_a_quotation_mark_may_be_a_word_between_tabs(tmp_path):
    (tmp_path / "a.tsv").write_text('word\ttag\n"\t``\n"New ""York"""\tNNP\n""\t.\n')
    assert load_corpus(tmp_path / "a.tsv").sentences == [[('"', "``"), ('New "York"', "NNP"), ('""', ".")]]
