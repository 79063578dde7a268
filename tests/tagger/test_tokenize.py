"""Text into sentences and words: where sentences end, that chunks do not matter, and that nothing piles up."""

import io
import itertools
import random

import numpy as np
import pytest

from metagrad.tagger.corpora import Token, Written
from metagrad.tagger.text import sentences as module
from metagrad.tagger.text import streams
from metagrad.tagger.text.division import Division
from metagrad.tagger.text.forms import as_known
from metagrad.tagger.text.segmenter import Segmenter
from metagrad.tagger.text.sentences import rule_ends, sentences
from metagrad.tagger.text.streams import read_chunks, tokenize_split, without_mark
from metagrad.tagger.text.tokenizer import Tokenizer

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
    "\u3044\u3044\u3002|\u672c\u5f53\uff1f|\u306f\u3044\u3002",
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
def test_a_sentence_without_end_is_cut(endless, monkeypatch):
    monkeypatch.setattr(module, "LONGEST_WORD", module.LONGEST)  # a word without end is cut too, but not so soon
    ends = Measured()
    found = list(itertools.islice(sentences(itertools.repeat(endless * 50), ends), 5))
    assert all(0 < module.LONGEST - len(part) < 10 or len(part) == module.LONGEST for part in found)
    assert ends.longest <= module.LONGEST + len(endless) * 50
    if " " in endless:
        assert {word for part in found for word in part.split()} == set(endless.split())


def test_long_sentences_are_the_same_in_every_cutting():
    text = " ".join(f"{'so long ' * n}. Mr. Hill said so. " for n in (100, 300, 1240, 1260, 3000, 1))
    whole = list(sentences(text, rule_ends))
    assert max(map(len, whole)) <= module.LONGEST
    assert " ".join(whole).split() == text.split()
    for size in (1, 7, 64, 1000, 9000):
        assert list(sentences([text[i : i + size] for i in range(0, len(text), size)], rule_ends)) == whole


def test_one_long_string_is_taken_in_bounded_pieces():
    ends = Measured()
    text = "It rains. We stay. " * 50_000
    assert sum(1 for _ in sentences(text, ends)) == 100_000
    assert ends.longest <= streams.PIECE + 20


def test_lines_of_a_stream_come_one_by_one_and_long_ones_in_pieces():
    text = "a\n" + "b" * (2 * streams.PIECE + 1) + "\nc"
    chunks = list(read_chunks(io.BytesIO(text.encode()), "a file"))
    assert [len(chunk) for chunk in chunks] == [2, streams.PIECE, streams.PIECE, 2, 1]
    assert "".join(chunks) == text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_a_line_is_one(end):
    text = end.join(["One two.", "", "Three", "", "", "Four"])
    assert list(streams.lines_of([text])) == list(streams.lines_of(text)) == ["One two.", "", "Three", "", "", "Four"]
    for kind in ("english", "unicode"):
        for chunks in (text, list(text)):
            assert len(list(Tokenizer(kind).sentences(chunks))) == 3


def test_letters_cut_by_the_end_of_a_piece_are_whole_and_bad_bytes_are_named():
    text = "a" * (streams.PIECE - 1) + "é\r\nb"
    assert "".join(without_mark(read_chunks(io.BytesIO(text.encode("utf-8-sig")), "a file"))) == text
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


def test_a_line_without_end_is_given_in_parts():
    found = list(itertools.islice(tokenize_split(itertools.repeat("a bc " * 9999)), 3))
    assert {word for words in found for word in words} == {"a", "bc"} and max(map(len, found)) < streams.LONGEST_LINE


def test_split_text_may_be_endless():
    assert list(itertools.islice(tokenize_split(itertools.repeat("a b\nc")), 3)) == [
        ["a", "b"],
        ["ca", "b"],
        ["ca", "b"],
    ]


def words_of(text, kind="english"):
    return [[word.form for word in words] for words in Tokenizer(kind).sentences(text)]


WORDS = [
    ("We can't go, it's Ann's.", "We ca n't go , it 's Ann 's ."),
    ("They don\u2019t, you'll've, I\u2019d\u2019ve; CAN\u2019T",
     "They do n\u2019t , you 'll 've , I \u2019d \u2019ve ; CA N\u2019T"),
    ('"Go," he said.', '" Go , " he said .'),
    ("\u201cGo,\u201d he \u2018said\u2019.", "\u201c Go , \u201d he \u2018 said \u2019 ."),
    ("It costs $3.50 (5%).", "It costs $ 3.50 ( 5 % ) ."),
    ("See https://example.com/a, (http://b.org/c?d=e#f).", "See https://example.com/a , ( http://b.org/c?d=e#f ) ."),
    ("See (https://a.org/Foo_(bar)), https://a.org/b[1] <http://b.org/> (www.a.org/x).",
     "See ( https://a.org/Foo_(bar) ) , https://a.org/b[1] < http://b.org/ > ( www.a.org/x ) ."),
    ("Mail me@example.com or www.a.org; @user #tag.", "Mail me@example.com or www.a.org ; @user #tag ."),
    ("Fine \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd!! :-)",
     "Fine \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd ! ! :-)"),
    ("It ran 5km at 20\u00b0C, 1,000.5 and 3:30pm.", "It ran 5 km at 20 \u00b0C , 1,000.5 and 3:30pm ."),
    ("In the U.S. Mr. Hill left at 5 p.m. today...", "In the U.S. Mr. Hill left at 5 p.m. today ..."),
    ("the '90s, 'em, the dogs' bowl, rock 'n' roll", "the '90s , 'em , the dogs ' bowl , rock 'n ' roll"),
    ("I cannot, I'm gonna: 'tis AT&T--a mid-1980s thing\u2026", "I can not , I 'm gon na : 't is AT&T -- a mid-1980s thing \u2026"),
    ("and/or 3-4 3/4 e.g. C++, C# #5", "and/or 3-4 3/4 e.g. C++ , C# # 5"),
    ("I <3 it </3 (n <3.5, <3%)", "I <3 it </3 ( n < 3.5 , < 3 % )"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_words_are_those_of_the_penn_treebank(text, expected):
    assert [" ".join(words) for words in words_of(text)] == [expected]
    assert words_of(list(text)) == words_of(text)


UNICODE = [
    (
        "L\u2019h\u00f4tel co\u00fbte 1.000,50 \u20ac, na\u00efve.",
        "L\u2019h\u00f4tel co\u00fbte 1.000,50 \u20ac , na\u00efve .",
    ),
    (
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u0939\u0948\u0964",
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u0939\u0948 \u0964",
    ),
    ("\u6211\u7231 \u30ab\u30bf\u30ab\u30ca", "\u6211 \u7231 \u30ab\u30bf\u30ab\u30ca"),
    ("cafe\u0301 https://a.de/b, @ich #tag", "cafe\u0301 https://a.de/b , @ich #tag"),
]


@pytest.mark.parametrize(("text", "expected"), UNICODE)
def test_words_at_unicodes_word_breaks(text, expected):
    assert [" ".join(words) for words in words_of(text, "unicode")] == [expected]


ADDRESSES = ["https://a.org/b_(c)?d=e&f#g", "http://a.org/b[1]", "www.a.org/x", "me+you@mail.a.co.uk", "@user", "#topic",
             "\U0001f44d\U0001f3fd"]  # fmt: skip
AROUND = [
    "()",
    "[]",
    "{}",
    "<>",
    '""',
    "''",
    "\u201c\u201d",
    "\u2018\u2019",
    "\u00ab\u00bb",
    "\u2039\u203a",
    "\u201e\u201c",
]


@pytest.mark.parametrize("kind", ["english", "unicode", "learned"])
@pytest.mark.parametrize("around", AROUND)
def test_what_stands_about_an_address_is_no_part_of_it(kind, around):
    tokenizer = Tokenizer.of(list(spaced(300, 1))) if kind == "learned" else Tokenizer(kind)
    for address in ADDRESSES:
        for after in ("", ",", "!", "\u2026"):
            found = tokenizer.sentences(f"to {around[0]}{address}{around[1]}{after}")
            assert [w.form for s in found for w in s] == ["to", around[0], address, around[1], *after], (address, after)
    found = tokenizer.sentences("to [ka](https://a.org/x) ma")
    assert [w.form for s in found for w in s][-5:] == ["]", "(", "https://a.org/x", ")", "ma"]


@pytest.mark.parametrize("kind", ["english", "unicode"])
def test_places_are_those_of_the_text(kind):
    text = (
        "\ufeff  Don\u2019t go.\r\n\r\nSee https://a.org/b,\tand  stay \u2014 \u201cnow\u201d!  \u6211\u7231\u3002Why? "
    )
    found = list(Tokenizer(kind).sentences(text))
    assert len(found) == 4
    assert all(text.removeprefix("\ufeff")[w.start : w.end] == w.form for words in found for w in words)
    assert "".join(w.form for words in found for w in words) == "".join(text.removeprefix("\ufeff").split())
    assert list(Tokenizer(kind).sentences(list(text))) == found


# Learned: a language made up here, written without spaces, with a token that stands for two words.


def made_up(count, seed):
    chance = random.Random(seed)
    words = ["ka", "kori", "ma", "matu", "sa", "sanu", "to", "tori", "ri"]
    for n in range(count):
        forms = [*chance.choices(words, k=chance.randint(3, 8)), "du", "."]
        tokens = [Token(form, False, ("de", "le") if form == "du" else (form,)) for form in forms]
        yield Written([(w, "X") for token in tokens for w in token.words], tokens, n % 5 == 0)


def test_boundaries_are_learned_where_the_corpus_knows_them():
    tokenizer = Tokenizer.of(list(made_up(400, 1)))
    assert tokenizer.kind == "learned" and tokenizer.segmenter.division.words("Du") == ["De", "le"]
    gold = list(made_up(100, 2))
    text = "".join(sentence.text for sentence in gold)
    found = list(tokenizer.sentences(text))
    assert [words[-1].form for words in found] == ["."] * 100
    places = {(w.start, w.end) for words in found for w in words}
    assert all(
        text[a:b] in ("du", *[t.form for t in gold[0].tokens]) or text[a:b].isalpha()
        for a, b in places
        if text[a:b] != "."
    )
    true, start = set(), 0
    for token in (t for s in gold for t in s.tokens):
        true.add((start, start + len(token.form)))
        start += len(token.form)
    assert len(true & places) > 0.9 * len(true)  # ri may end another word or be one
    assert [w.form for w in found[0]][-3:] == ["de", "le", "."]
    lines = [sentence.text + "\n" * (1 + n % 2) for n, sentence in enumerate(gold)]
    assert len(list(tokenizer.sentences("".join(lines)))) == 100
    for size in (1, 50, 900):
        pieces = ["".join(lines)[i : i + size] for i in range(0, len("".join(lines)), size)]
        assert list(tokenizer.sentences(pieces)) == list(tokenizer.sentences("".join(lines)))
    assert list(tokenizer.sentences([text[i : i + 7] for i in range(0, len(text), 7)])) == found
    again = Tokenizer.read(tokenizer.description(), tokenizer.arrays()["tokenizer/weights"])
    assert list(again.sentences(text[:500])) == list(tokenizer.sentences(text[:500]))
    assert [w.form for w in next(tokenizer.sentences("see https://a.org/b"))][-1] == "https://a.org/b"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("the dog of the house is in it".split(), "english"), ("der Hund des Hauses ist dar\u00fcber".split(), "unicode"),
        ("\u79c1 \u306f \u5b66\u751f \u3067\u3059 \u3002".split(), "learned"), (["dog"], "english"),
    ],
)  # fmt: skip
def test_the_tokenizer_is_chosen_by_the_corpus(words, kind):
    assert Tokenizer.of([[(word, "X") for word in words]] * (200 if len(words) > 1 else 1)).kind == kind


@pytest.mark.parametrize(
    ("given", "known", "read"),
    [
        ("( softly )", "-LRB- -RRB-", "-LRB- softly -RRB-"), ('" a , " b', "`` ''", "`` a , '' b"), ('a . "', "`` ''", "a . ''"),
        ("`` a ''", '"', '" a "'), ("\u201c a \u201d", "`` ''", "`` a ''"), ("do n\u2019t \u2019s", "n't 's", "do n't 's"),
        ("( a", "( -LRB-", "( a"), ("a \u2014 b \u2026", "-- ...", "a -- b ..."), ("[ x ]", "-LRB- -RRB-", "-LRB- x -RRB-"),
    ],
)  # fmt: skip
def test_words_are_read_as_the_corpus_writes_them(given, known, read):
    assert as_known(given.split(), known.split().__contains__) == read.split()


def spaced(count, seed, marks="'"):
    """A language with blanks and straight apostrophes within tokens and at their ends, but without quotation marks."""
    chance = random.Random(seed)
    words = ["ka", "kori", "ma", "matu", "sa", "sanu", "to", "tori", "ta'", "d'"]
    for n in range(count):
        forms = [*chance.choices(words, k=chance.randint(4, 9)), "ri", *(['"', "ma", '"'] if '"' in marks else []), "."]
        tokens = [
            Token(form, form[:1] not in "d" and after not in '."' and form != '"', (form,))
            for form, after in zip(forms, [*forms[1:], ""])
        ]
        yield Written([(form, "X") for form in forms], tokens, n % 40 == 0)


@pytest.mark.parametrize("marks", ["'", "'\""])
def test_marks_that_a_treebank_does_not_have_are_read_as_those_it_has(marks):
    learned = Tokenizer.of(list(spaced(300, 1, marks)))
    curled = [Written([("d\u2019ka", "X")], [Token("d\u2019ka", True, ("d\u2019ka",))], False)]
    for tokenizer in (learned, Tokenizer.read(learned.description(), learned.arrays()["tokenizer/weights"])):
        assert tokenizer.kind == "learned" and set(tokenizer.segmenter.marks) == set(marks + ".")

        def words(text, tokenizer=tokenizer):
            return " ".join(word.form for sentence in tokenizer.sentences(text) for word in sentence)

        assert words("to \u201cka ri\u201d ma.") == "to \u201c ka ri \u201d ma ."
        assert words("to \u2018ka ri\u2019 ma.") == "to \u2018 ka ri \u2019 ma ."
        assert words("to \u00abka\u00bb ta\u2019 ma.") == "to \u00ab ka \u00bb ta\u2019 ma ."
        assert words("to d\u2019ka d'ka ri.") == "to d\u2019 ka d' ka ri ."
        rarely = Tokenizer.of([*spaced(300, 1, marks), *curled])  # a mark seen hardly ever is read as the usual one
        assert words("to d\u2019ka ri.", rarely) == "to d\u2019 ka ri ." and "\u2019" not in rarely.segmenter.marks
        assert words("to <https://a.org/x_(y)> ri.") == "to < https://a.org/x_(y) > ri ."


LONG = {"letters": "a" * 300_000, "contractions": "n't" * 100_000, "base64": "ab+/c1" * 50_000, "rules": "-" * 300_000}


@pytest.mark.parametrize("kind", ["english", "unicode", "learned"])
@pytest.mark.parametrize("name", LONG)
def test_a_very_long_word_is_one_word(kind, name):
    tokenizer = Tokenizer.of(list(spaced(300, 1))) if kind == "learned" else Tokenizer(kind)
    long = LONG[name]
    text = f"to {long}, {long} ri."
    found = [
        word
        for sentence in tokenizer.sentences([text[i : i + 50_000] for i in range(0, len(text), 50_000)])
        for word in sentence
    ]
    assert [word.form for word in found] == ["to", long, ",", long, "ri", "."]
    assert all(text[word.start : word.end] == word.form for word in found)


@pytest.mark.parametrize("kind", ["english", "unicode"])
@pytest.mark.parametrize(
    "text", ["." * 100_000, "a." * 50_000, "https://a" + "(b" * 50_000, "(b)" * 30_000, "@" * 100_000, "x@" * 50_000]
)
def test_long_text_of_any_kind_is_read_in_linear_time(kind, text):
    assert "".join(word.form for sentence in Tokenizer(kind).sentences(text) for word in sentence) == text


def headed(count, seed):
    """Sentences that end with a point, and headings that end with nothing, between blanks."""
    chance = random.Random(seed)
    words = ["ka", "kori", "ma", "matu", "sa", "sanu", "to", "tori", "ri", "Ms."]
    for n in range(count):
        forms = [w.capitalize() if i == 0 else w for i, w in enumerate(chance.choices(words, k=chance.randint(4, 9)))]
        end = [".", "!"][n % 2] if n % 3 else ""
        tokens = [Token(form, True, (form,)) for form in forms[:-1]] + [Token("kasa", not end, ("kasa",))]
        tokens += [Token(end, True, (end,))] if end else []
        yield Written([(token.form, "X") for token in tokens], tokens, n % 40 == 0)


def test_sentences_without_a_mark_end_before_a_capital():
    tokenizer = Tokenizer.of(list(headed(400, 1)))
    assert tokenizer.kind == "learned"
    gold = list(headed(90, 2))
    found = list(tokenizer.sentences(" ".join(sentence.text for sentence in gold)))
    assert [[w.form for w in words] for words in found] == [[t.form for t in s.tokens] for s in gold]
    assert list(tokenizer.sentences(" \t ")) == [] and list(tokenizer.sentences("")) == []


def test_weights_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="train it again"):
        Segmenter(np.zeros((1 << 18, 3), np.float32), Division({}), False)
