"""CoNLL-U as it is: sentences to be tagged, with everything that belongs to them kept.

A sentence is comment lines (``# text = ...``), and a line of ten tab-separated columns for each word. A multiword token
(``3-4``) stands before its words, an empty node (``5.1``) between words; neither is a word. See
https://universaldependencies.org/format.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from metagrad.tagger.corpora.formats import CONLLU_COLUMNS, Line, malformed

FORM = CONLLU_COLUMNS.index("FORM")
WORD = re.compile(r"[1-9]\d*")
NO_WORD = re.compile(r"\d+[-.]\d+")


@dataclass(frozen=True)
class ConlluSentence:
    """The lines of a sentence, without their ends; ``places`` are the numbers of the lines that are words."""

    lines: list[str]
    places: list[int]

    @property
    def words(self) -> list[str]:
        """The words: FORM of every line that is a word."""
        return [self.lines[i].split("\t")[FORM] for i in self.places]

    def with_tags(self, tags: Sequence[str], column: str) -> str:
        """The sentence as text, with these tags in this column, and an empty line after it.

        >>> sentence = next(read_documents(["# a\\n1\\tGo\\t_\\t_\\t_\\t_\\t_\\t_\\t_\\t_\\n"], "example"))
        >>> sentence.with_tags(["VB"], "XPOS")
        '# a\\n1\\tGo\\t_\\t_\\tVB\\t_\\t_\\t_\\t_\\t_\\n\\n'
        """
        lines, number = list(self.lines), CONLLU_COLUMNS.index(column)
        for i, tag in zip(self.places, tags, strict=True):
            cells = lines[i].split("\t")
            cells[number] = tag
            lines[i] = "\t".join(cells)
        return "\n".join(lines) + "\n\n"


def read_documents(chunks: Iterable[str], name: str) -> Iterator[ConlluSentence]:
    """The sentences of CoNLL-U text, as they come; ValueError for a line that is none of its kinds, naming the line."""
    lines: list[str] = []
    places: list[int] = []
    words = 0
    for number, text in enumerate(chain(whole_lines(chunks), [""]), start=1):
        if not text.strip():
            if lines:
                yield ConlluSentence(lines, places)
                lines, places, words = [], [], 0
            continue
        if not text.startswith("#"):
            line = Line(number, text)
            cells = text.split("\t")
            if len(cells) != len(CONLLU_COLUMNS):
                malformed(name, line, f"{len(CONLLU_COLUMNS)} tab-separated columns")
            if WORD.fullmatch(cells[0]):
                words += 1
                if int(cells[0]) != words or not cells[FORM]:
                    malformed(name, line, f"word number {words}, or an empty line before the next sentence")
                places.append(len(lines))
            elif not NO_WORD.fullmatch(cells[0]):
                malformed(name, line, "a word's number, a range such as 3-4, or an empty node's such as 5.1")
        lines.append(text)


def whole_lines(chunks: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces, without their ends, and without a byte order mark.

    >>> list(whole_lines(["a\\r", "\\nb", "c"]))
    ['a', 'bc']
    """
    rest, first = "", True
    for chunk in chunks:
        *ended, rest = (rest + chunk).split("\n")
        for line in ended:
            yield (line.removeprefix("\ufeff") if first else line).removesuffix("\r")
            first = False
    if rest:
        yield (rest.removeprefix("\ufeff") if first else rest).removesuffix("\r")
