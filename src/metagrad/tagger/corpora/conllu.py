"""CoNLL-U: sentences with everything that belongs to them, kept byte for byte; and what a tagger learns from.

A sentence is comment lines (``# text = ...``), and a line of ten tab-separated columns for each word. A multiword token
(``3-4``) stands before its words, an empty node (``5.1``) between words; neither is a word. See
https://universaldependencies.org/format.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metagrad.tagger.corpora.corpus import Sentence, Token, Written
from metagrad.tagger.corpora.lines import Line, malformed

COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
FORM, MISC = COLUMNS.index("FORM"), COLUMNS.index("MISC")
WORD = re.compile(r"[1-9]\d*")
NO_WORD = re.compile(r"\d+[-.]\d+")
LINE = re.compile(r"(?s)(.*?)(\r\n|\n|\r)")
TAGS_OF_WORDS = ("UPOS", "XPOS")  # every word has one: "_" there is a tag that is missing, elsewhere it is a value
FEW = 0.01  # of the words: so many may be without a tag in a column that is asked for
NEW_PARAGRAPH = re.compile(r"#\s*new(par|doc)\b")


@dataclass(frozen=True)
class ConlluSentence:
    """The lines of a sentence with their ends, blank lines around it included; ``places`` are the numbers of the word lines."""

    lines: list[str]
    places: list[int]
    number: int  # of the first line in the file

    @property
    def words(self) -> list[str]:
        """The words: FORM of every line that is a word."""
        return self.column("FORM")

    def column(self, name: str) -> list[str]:
        """What stands in a column, word by word; of several (``UPOS,FEATS``), with tabs between."""
        which = [COLUMNS.index(one) for one in name.split(",")]
        rows = map(self.cells, self.places)
        return ["\t".join([cells[i] for i in which]) for cells in rows]

    def cells(self, i: int) -> list[str]:
        """The columns of a line."""
        return self.lines[i].rstrip("\r\n").split("\t")

    def with_tags(self, tags: Sequence[str], column: str) -> str:
        r"""The sentence as text, byte for byte as it was, but for these tags in this column, or with tabs between in several.

        >>> sentence = next(read_documents(["# a\n1\tGo\t_\t_\t_\t_\t_\t_\t_\t_\r\n\n"], "example"))
        >>> sentence.with_tags(["VB"], "XPOS")
        '# a\n1\tGo\t_\t_\tVB\t_\t_\t_\t_\t_\r\n\n'
        """
        lines, which = list(self.lines), [COLUMNS.index(one) for one in column.split(",")]
        for number, i in enumerate(self.places):
            end = lines[i][len(lines[i].rstrip("\r\n")) :]
            cells = self.cells(i)
            for place, tag in zip(which, tags[number].split("\t"), strict=True):
                cells[place] = tag
            lines[i] = "\t".join(cells) + end
        return "".join(lines)

    @property
    def tokens(self) -> list[Token]:
        """How the sentence was written: its tokens, multiword ones as one, and where spaces follow."""
        found: list[Token] = []
        words = self.words
        inside = 0  # the last word of the multiword token
        for cells in map(self.cells, range(len(self.lines))):
            span = re.fullmatch(r"(\d+)-(\d+)", cells[0])
            if (
                len(cells) != len(COLUMNS)
                or not (span or WORD.fullmatch(cells[0]))
                or not span
                and int(cells[0]) <= inside
            ):
                continue
            start, inside = (int(span[1]), int(span[2])) if span else (int(cells[0]), int(cells[0]))
            space = "SpaceAfter=No" not in cells[MISC].split("|")
            found.append(Token(cells[FORM], space, tuple(words[start - 1 : inside])))
        return found

    def tagged(self, column: str, word: str = "FORM") -> Written:
        """The words (or what else stands in the column ``word``) with what stands in this column, to learn from."""
        paragraph = any(NEW_PARAGRAPH.match(line) for line in self.lines)
        return Written(zip(self.column(word), self.column(column), strict=True), self.tokens, paragraph)


def read_documents(chunks: Iterable[str], name: str) -> Iterator[ConlluSentence]:
    """The sentences of CoNLL-U text, as they come; ValueError for a line that is none of its kinds, naming the line.

    Blank lines, however many, belong to the sentence before them, or to the first; so the sentences' lines together are the text.
    """
    lines: list[str] = []
    places: list[int] = []
    words = start = 0
    ended = False
    for number, whole in enumerate(whole_lines(chunks), start=1):
        text = whole.rstrip("\r\n").removeprefix("\ufeff" if number == 1 else "")
        if not text.strip():
            ended = bool(places) or ended
            lines.append(whole)
            continue
        if ended:
            yield ConlluSentence(lines, places, start + 1)
            lines, places, words, start, ended = [], [], 0, number - 1, False
        if not text.startswith("#"):
            words += check(text, Line(number, text), name, words)
            if WORD.fullmatch(text.split("\t")[0]):
                places.append(len(lines))
        lines.append(whole)
    if lines:
        yield ConlluSentence(lines, places, start + 1)


def check(text: str, line: Line, name: str, words: int) -> bool:
    """Whether a line is a word, after so many in its sentence; ValueError if it is of no kind."""
    cells = text.split("\t")
    if len(cells) != len(COLUMNS):
        malformed(name, line, f"{len(COLUMNS)} tab-separated columns")
    if NO_WORD.fullmatch(cells[0]):
        return False
    if not WORD.fullmatch(cells[0]) or int(cells[0]) != words + 1:
        malformed(
            name, line, f"word number {words + 1}, or an empty line before the next sentence "
            "(beside words there are ranges such as 3-4 and empty nodes such as 5.1)",
        )  # fmt: skip
    if not cells[FORM]:
        malformed(name, line, f"word number {words + 1}: a word in column FORM")
    return True


def whole_lines(chunks: Iterable[str]) -> Iterator[str]:
    r"""The lines of a text that comes in pieces, with their ends, each ``\n``, ``\r\n`` or ``\r``.

    >>> list(whole_lines(["a\r", "\nb\rc", "d"]))
    ['a\r\n', 'b\r', 'cd']
    """
    rest = ""
    for chunk in chunks:
        rest += chunk
        start = 0
        # A last "\r" may be the half of "\r\n".
        for found in LINE.finditer(rest, 0, len(rest) - rest.endswith("\r")):
            yield found[0]
            start = found.end()
        rest = rest[start:]
    if rest:
        yield rest


class Cell(NamedTuple):
    """A word found in raw text: its form, its place, and its tags with tabs between."""

    form: str
    start: int
    end: int
    tag: str


def sentence_text(words: Sequence[Cell], text: str, column: str, following: int | None) -> str:
    r"""A sentence of raw text as CoNLL-U; ``following`` is where the next sentence begins, if there is one.

    Words of one place are a multiword token; SpaceAfter=No stands where the next word begins at once.

    >>> words = [Cell("de", 0, 2, "ADP"), Cell("le", 0, 2, "DET"), Cell(".", 2, 3, "PUNCT")]
    >>> print(sentence_text(words, "du.", "UPOS", None).replace("\t", " ").strip())
    # text = du.
    1-2 du _ _ _ _ _ _ _ SpaceAfter=No
    1 de _ ADP _ _ _ _ _ _
    2 le _ DET _ _ _ _ _ _
    3 . _ PUNCT _ _ _ _ _ _
    """
    lines = ["# text = " + " ".join(text.split())]
    base, t = words[0].start, 0
    while t < len(words):
        same = [w for w in words[t:] if (w.start, w.end) == (words[t].start, words[t].end)]
        last = t + len(same)
        after = words[last].start if last < len(words) else following
        misc = "SpaceAfter=No" if after == words[t].end else "_"
        if len(same) > 1:
            form = text[words[t].start - base : words[t].end - base]
            lines.append("\t".join([f"{t + 1}-{last}", form, *["_"] * 7, misc]))
            misc = "_"
        lines += [word_line(t + n + 1, word, column, misc) for n, word in enumerate(same)]
        t = last
    return "\n".join(lines) + "\n\n"


def word_line(number: int, word: Cell, column: str, misc: str) -> str:
    """The line of a word."""
    cells = [str(number), word.form, *["_"] * 7, misc]
    for one, tag in zip(column.split(","), word.tag.split("\t"), strict=True):
        cells[COLUMNS.index(one)] = tag
    return "\t".join(cells)


# ------------------------------------------------ to learn from


def known_column(wanted: str | None) -> None:
    """ValueError for a column that is none of CoNLL-U's."""
    if wanted is not None and not set(wanted.upper().split(",")) <= set(COLUMNS):
        raise ValueError(
            f"expected a column of CoNLL-U, one of {', '.join(COLUMNS)}, or several such as UPOS,FEATS, got {wanted!r}"
        )


def writable_column(wanted: str | None) -> None:
    """ValueError for a column that tags cannot be written into: one that is none, or twice the same, or the words and numbers."""
    known_column(wanted)
    names = [] if wanted is None else wanted.upper().split(",")
    if {"ID", "FORM"} & {*names} or len({*names}) < len(names):
        raise ValueError(
            f"expected a column of tags, or several different ones, and neither ID nor FORM, got {wanted!r}"
        )


def choose_column(sentences: Sequence[ConlluSentence], wanted: str | None, name: str) -> tuple[str, str]:
    """The column of the tags, decided once for the whole corpus, and what is to be said about it.

    The one asked for; else XPOS if every word has one; else UPOS, which is said if some words have an XPOS. Of the one asked for,
    sentences are left out where a word has no tag, if these words are few. ValueError for a column asked for that is none of
    CoNLL-U's, and for one in which many words have no tag.
    """
    if wanted is not None:
        known_column(wanted)
        column = wanted.upper()
        writable_column(column)
        for one in column.split(","):
            refuse_missing(sentences, one, name, FEW)
        left = sum(bool(s.places) and not is_whole(s, column) for s in sentences)
        return column, f"{left:,} sentence{'s' * (left != 1)} left out, in which a word has no tag." if left else ""
    without, words = missing(sentences, "XPOS"), sum(len(s.places) for s in sentences)
    if not without:
        return "XPOS", ""
    refuse_missing(sentences, "UPOS", name)
    some = f"{without:,} of {words:,} words have no XPOS, so every word's UPOS is used." if without < words else ""
    return "UPOS", some


def missing(sentences: Sequence[ConlluSentence], column: str) -> int:
    """How many words have no tag in a column."""
    return sum(cell in no_tag(column) for s in sentences for cell in s.column(column))


def is_whole(sentence: ConlluSentence, column: str) -> bool:
    """Whether every word of a sentence has a tag, in all of these columns."""
    return not any({*sentence.column(one)} & no_tag(one) for one in column.split(","))


def no_tag(column: str) -> set[str]:
    """What stands in a column where a tag is missing."""
    return {"", "_"} if column in TAGS_OF_WORDS else {""}


def refuse_missing(sentences: Sequence[ConlluSentence], column: str, name: str, few: float = 0.0) -> None:
    """ValueError, with the first line, if words have no tag in a column where every word, but for a few, is to have one."""
    empty, words = no_tag(column), sum(len(s.places) for s in sentences)
    if missing(sentences, column) <= few * words:
        return
    for sentence in sentences:
        for i in sentence.places:
            cells = sentence.cells(i)
            if cells[COLUMNS.index(column)] in empty:
                count = missing(sentences, column)
                line = Line(sentence.number + i, "\t".join(cells))
                malformed(
                    name, line, f"a word in column FORM and a tag in column {column}, which {count:,} words do not have"
                )


def tagged_sentences(sentences: Sequence[ConlluSentence], column: str, word: str = "FORM") -> list[Sentence]:
    """Sentences to learn from: every one whose words have tags in this column."""
    return [s.tagged(column, word) for s in sentences if s.places and is_whole(s, column)]
