"""Text into sentences and words: where sentences end, that chunks do not matter, and that nothing piles up."""

import io
import itertools
import random
import re
import sys

import pytest

from metagrad.tagger import tokenize
from metagrad.tagger.tokenize import punkt_ends, read_chunks, rule_ends, sentences, tokenize_raw, tokenize_split

# Each row is one text; "|" marks where its sentences end.
RULE = [
    "It rains.| We stay in.| Why not go?| Because!| Oh.",
    "No end",
    "Mr. Hill met Dr. A. B. Stone and Mrs. Wu.| They talked.",
    "See e.g. Adams, i.e. the first, cf. Brown vs. Green.| It is old.",
    "Smith Inc. President Ann Lee left.",
    "He met Smith Jr. A. B. Stone came too.",
    "It belongs to Smith Inc. Theresa Lee left.| Is he from Smith Inc.?| Ann is.",
    "He sells tea etc. (black tea etc. ) and milk.",
    "He works for Smith Inc.| The firm is old.",
    'She runs Smith & Co.| "Profits grow," she says.',
    "It is in the U.S. Senate.| It is in the U.S.| It stays there.",
    "We met at 5 p.m. Monday.| We left at 6 p.m.| Then it rained.",
    "It was on Jan. 12 and Sept. 3.| No. 5 was red, as pp. 3-9 say.",
    "He said no.| Nobody answered.",
    "It cost $3.50 or 3.5%.| That is 1,000.5 in all.| See a.b.c for more.",
    '"Really?" he asked.| "Yes!" she said.| "Go."| He went.',
    "\u201cReally?\u201d he asked.| \u201cGo.\u201d| He went.",
    "(It rained.)| [It snowed.]| It cleared.",
    "Well... maybe not.| Well...| Maybe not.| What?!| Yes.",
    "It rose.| 12 others fell.| (Some did not.)| 'Twas late.",
    "1. Open it.| 2. Close it.| B. Lock it.",
    "It was in 1999.| It was old.",
    "My friend J. R. Cash sang.| Plan B.| It failed.",
    "He wrote to St. John.| He lived on Main St.| She did too.",
    "The prize--Mr. Hill won it--is big.| So he says.",
    "A heading without a point\n\n|Then a text.| It has a\nsentence on two lines.\n \n|End",
    "It is by Prof.\n\n|Then a text.",
    "Windows line ends.|\r\nAre fine.|\r\n\r\nA heading\r\n\r\n|Too",
    "\n\n  It begins late.| \n\n\n\n And ends so. \n\n",
    "He came (at 5 p.m.) and left.| He paid Smith Inc., I think.",
    "Is it?| \u00c9mile thinks so.| \u00c0 bient\u00f4t.",
]


def lines(text):
    """One sentence a line, with single blanks."""
    return [" ".join(part.split()) for part in text.split("|")]


@pytest.mark.parametrize("text", RULE)
def test_where_sentences_end(text):
    assert list(sentences(text.replace("|", ""), rule_ends)) == lines(text)


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\r\n \t"])
def test_text_without_words_has_no_sentences(text):
    assert list(sentences(text, rule_ends)) == list(tokenize_split(text)) == []
    assert list(sentences([text, "", text], rule_ends)) == []


def cuttings(text):
    """The text in pieces: single characters, lines, ten random ways, and in two at every place."""
    yield list(text)
    yield text.splitlines(keepends=True)
    for seed in range(10):
        places = sorted(random.Random(seed).choices(range(len(text) + 1), k=len(text) // 3))
        yield [text[a:b] for a, b in itertools.pairwise([0, *places, len(text)])]
    for place in range(len(text)):
        yield [text[:place], text[place:]]


def test_it_does_not_matter_how_the_text_is_cut():
    text = " ".join(RULE).replace("|", "")
    whole = list(sentences(text, rule_ends))
    assert len(whole) > 60
    for chunks in cuttings(text):
        assert list(sentences(chunks, rule_ends)) == whole


def test_a_sentence_is_given_as_soon_as_the_next_has_begun():
    taken = []
    chunks = ["One. ", "Two.\n", "Thr", "ee is ", "last.\n\n", "Four"]
    stream = sentences((taken.append(chunk) or chunk for chunk in chunks), rule_ends)
    assert [(sentence, len(taken)) for sentence in stream] == [
        ("One.", 2),
        ("Two.", 4),  # "Thr" alone may be the beginning of another word
        ("Three is last.", 5),  # for the empty line
        ("Four", 6),
    ]


class Measured:
    """Our rule; it notes how much text it was given at once."""

    longest = 0

    def __call__(self, text, more):
        self.longest = max(self.longest, len(text))
        return rule_ends(text, more)


def test_nothing_piles_up_in_an_endless_text():
    ends = Measured()
    found = list(itertools.islice(sentences(itertools.repeat("It rains and\nrains. "), ends), 1000))
    assert set(found) == {"It rains and rains."}
    assert ends.longest < 100


@pytest.mark.parametrize("endless", ["word ", "word\n", "x", "word. and ", "Mr. "])
def test_a_sentence_without_end_is_cut(endless):
    ends = Measured()
    found = list(itertools.islice(sentences(itertools.repeat(endless * 50), ends), 5))
    assert all(0 < tokenize.LONGEST - len(part) < 10 or len(part) == tokenize.LONGEST for part in found)
    assert ends.longest <= tokenize.LONGEST + len(endless) * 50
    if " " in endless:
        assert {word for part in found for word in part.split()} == set(endless.split())


def test_long_sentences_are_the_same_in_every_cutting():
    text = " ".join(f"{'so long ' * n}. Mr. Hill said so. " for n in (100, 300, 1240, 1260, 3000, 1))
    whole = list(sentences(text, rule_ends))
    assert max(map(len, whole)) <= tokenize.LONGEST
    assert " ".join(whole).split() == text.split()
    for size in (1, 7, 64, 1000, 9000):
        assert list(sentences([text[i : i + size] for i in range(0, len(text), size)], rule_ends)) == whole


def test_one_long_string_is_taken_in_bounded_pieces():
    ends = Measured()
    text = "It rains. We stay. " * 50_000
    assert sum(1 for _ in sentences(text, ends)) == 100_000
    assert ends.longest <= tokenize.PIECE + 20


def test_lines_of_a_stream_come_one_by_one_and_long_ones_in_pieces():
    text = "a\n" + "b" * (2 * tokenize.PIECE + 1) + "\nc"
    chunks = list(read_chunks(io.BytesIO(text.encode()), "a file"))
    assert [len(chunk) for chunk in chunks] == [2, tokenize.PIECE, tokenize.PIECE, 2, 1]
    assert "".join(chunks) == text


def test_letters_cut_by_the_end_of_a_piece_are_whole_and_bad_bytes_are_named():
    text = "a" * (tokenize.PIECE - 1) + "é\r\nb"
    assert "".join(read_chunks(io.BytesIO(text.encode("utf-8-sig")), "a file")) == text.replace("\r", "")
    with pytest.raises(ValueError, match="a file, line 2: expected UTF-8 text, got the byte 0xff"):
        list(read_chunks(io.BytesIO(b"fine\n\xff\n"), "a file"))
    with pytest.raises(ValueError, match="line 1: expected UTF-8 text, got the byte 0xc3"):
        list(read_chunks(io.BytesIO(b"caf\xc3"), "a file"))


SPLIT = [
    ("Dogs bark .\nWhy ?\n", [["Dogs", "bark", "."], ["Why", "?"]]),
    ("Dogs  bark\t.\r\n\r\n \nWhy ?", [["Dogs", "bark", "."], ["Why", "?"]]),
    ("don't split (this). Or this.", [["don't", "split", "(this).", "Or", "this."]]),
    ("10\u00a0000 euros\u2028now", [["10\u00a0000", "euros\u2028now"]]),
]


@pytest.mark.parametrize(("text", "expected"), SPLIT)
def test_split_text_is_taken_as_it_is(text, expected):
    assert list(tokenize_split(text)) == expected
    for chunks in cuttings(text):
        assert list(tokenize_split(chunks)) == expected


def test_split_text_may_be_endless():
    assert list(itertools.islice(tokenize_split(itertools.repeat("a b\nc")), 3)) == [
        ["a", "b"],
        ["ca", "b"],
        ["ca", "b"],
    ]


WORDS = [
    ("We can't go, it's Ann's.", [["We", "ca", "n't", "go", ",", "it", "'s", "Ann", "'s", "."]]),
    ('"Go," he said.', [["``", "Go", ",", "''", "he", "said", "."]]),
    ("It costs $3.50 (5%).", [["It", "costs", "$", "3.50", "(", "5", "%", ")", "."]]),
    ("Mr. Hill left. He\nran.", [["Mr.", "Hill", "left", "."], ["He", "ran", "."]]),
]


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_words_are_those_of_the_penn_treebank(text, expected):
    pytest.importorskip("nltk")
    assert list(tokenize_raw(text, ends=rule_ends)) == expected
    assert list(tokenize_raw(list(text), ends=rule_ends)) == expected


def test_parentheses_as_the_treebank_writes_them():
    pytest.importorskip("nltk")
    assert list(tokenize_raw("It (a [b]) is.", ends=rule_ends, convert_parentheses=True)) == [
        ["It", "-LRB-", "a", "-LSB-", "b", "-RSB-", "-RRB-", "is", "."]
    ]


def test_without_nltk_the_extra_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk.tokenize", None)
    with pytest.raises(ImportError, match=r'pip install "metagrad\[tagger\]"'):
        next(tokenize_raw("It rains."))
    assert list(tokenize_split("It rains .")) == [["It", "rains", "."]]


# Punkt: its data is seldom on a machine, so an untrained model and one with plain ends stand in for it.


@pytest.fixture
def punkt(monkeypatch):
    def put(make):
        module = pytest.importorskip("nltk.tokenize.punkt")
        monkeypatch.setattr(module, "PunktTokenizer", make, raising=False)

    return put


class EveryPoint:
    """A model that ends a sentence at every point that is not before Theresa; it notes how much text it was given."""

    longest = 0

    def span_tokenize(self, text):
        self.longest = max(self.longest, len(text))
        return [found.span() for found in re.finditer(r"\S([^.]|\.(?=\s+Theresa\b))*\.?", text)]


def test_without_punkts_data_our_rule_is_used(punkt):
    def absent(language):
        raise LookupError("Resource punkt_tab not found.")

    punkt(absent)
    assert punkt_ends() is None
    assert list(tokenize_raw("Dr. Wu. He.")) == [["Dr.", "Wu", "."], ["He", "."]]


def test_nltk_without_data_has_no_punkt(monkeypatch, tmp_path):
    monkeypatch.setattr(pytest.importorskip("nltk.data"), "path", [str(tmp_path)])
    assert punkt_ends() is None


def test_with_punkts_data_punkt_decides(punkt):
    punkt(lambda language: {"english": EveryPoint()}[language])
    assert [len(words) for words in tokenize_raw("Dr. Wu. He.")] == [2, 2, 2]
    assert len(list(tokenize_raw("Dr. Wu. He.", ends=rule_ends))) == 2


@pytest.mark.parametrize("untrained", [False, True])
def test_punkt_in_chunks_is_punkt_on_the_whole(punkt, untrained):
    module = pytest.importorskip("nltk.tokenize.punkt")
    model = module.PunktSentenceTokenizer() if untrained else EveryPoint()
    punkt(lambda language: model)
    text = (
        "It rains. We stay in.\n\nA heading\n\nMore by Inc. Theresa at 3.5 p.m. and so on. Then... it (ended). End\n\n"
    )
    whole = [" ".join(part[a:b].split()) for part in text.split("\n\n") for a, b in model.span_tokenize(part)]
    for chunks in [text], *cuttings(text):
        assert list(sentences(chunks, punkt_ends())) == whole


def test_punkt_is_given_a_sentence_or_two_at_a_time(punkt):
    model = EveryPoint()
    punkt(lambda language: model)
    found = list(itertools.islice(sentences(itertools.repeat("It rains and\nrains. "), punkt_ends()), 1000))
    assert set(found) == {"It rains and rains."}
    assert 20 < model.longest < 100
