"""A word a line, its tags in columns: two columns, TreeTagger, CoNLL-2000, 2003 and 2009, or columns of one's own.

An empty line ends a sentence. Columns stand between tabs (then a word may have spaces in it) or between spaces. What the columns
are is a layout: their names, of which the tag's is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from metagrad.tagger.corpora.corpus import Sentence
from metagrad.tagger.corpora.lines import Faults, Line, fields, groups, is_comment
from metagrad.tagger.corpora.tables import cells_of_row

MARKUP = re.compile(r"</?[A-Za-z][^<>\t]*>")  # TreeTagger's <s>, </s>, <text id="…">
DELIMITERS = ",;|"  # between columns, beside tabs and blanks
DECLARED = re.compile(r"#\s*global\.columns\s*=\s*(\S.*)")  # CoNLL-U Plus's first line, which names its columns
NO_WORD = re.compile(r"\d+[-.]\d+")  # the number of a multiword token, or of an empty node
USUAL = ("TAG", "XPOS", "UPOS", "POS")  # the column of the tags, of one's own columns
DOCUMENT = "-DOCSTART-"  # CoNLL-2003's line before each document: no word, and no sentence goes past it


@dataclass(frozen=True)
class Layout:
    """The names of a format's columns, which of them is the word, and which the tag unless another is asked for."""

    names: tuple[str, ...]
    word: str
    tag: str

    def column(self, wanted: str | None, name: str) -> str:
        """The column asked for, or the usual one; ValueError if there is none of that name."""
        chosen = (wanted or self.tag).upper()
        if chosen not in self.names or chosen == self.word:
            known = ", ".join(n for n in self.names if n not in (self.word, "_"))
            raise ValueError(f"{name}: expected the column of the tags, one of {known}, got {wanted!r}")
        return chosen


LAYOUTS = {
    "two-column": Layout(("WORD", "TAG"), "WORD", "TAG"),
    "treetagger": Layout(("WORD", "TAG", "LEMMA"), "WORD", "TAG"),
    "conll2000": Layout(("WORD", "POS", "CHUNK"), "WORD", "POS"),
    "conll2003": Layout(("WORD", "POS", "CHUNK", "NER"), "WORD", "POS"),
    "conll2009": Layout(
        ("ID", "FORM", "LEMMA", "PLEMMA", "POS", "PPOS", "FEAT", "PFEAT", "HEAD", "PHEAD", "DEPREL", "PDEPREL"), "FORM", "POS"
    ),
}  # fmt: skip


def own_layout(columns: Sequence[str]) -> Layout:
    """The layout that ``word,_,tag`` describes; columns called ``_`` are passed over, and others may be asked for by name.

    >>> own_layout(["_", "word", "tag"])
    Layout(names=('_', 'WORD', 'TAG'), word='WORD', tag='TAG')
    """
    names = tuple(column.strip().upper() for column in columns)
    named = [n for n in names if n != "_"]
    if "WORD" not in named or len(named) < 2 or len(set(named)) != len(named) or not all(named):
        raise ValueError(
            "expected columns such as word,_,tag: one called word, at least one more with a name, _ for those to pass "
            f"over, and no name twice; got {','.join(columns)!r}"
        )
    usual = next((name for name in USUAL if name in named), None)
    return Layout(names, "WORD", usual or next(n for n in named if n != "WORD"))


def declared(lines: Sequence[Line]) -> list[str] | None:
    """The columns that the first line of a file of CoNLL-U Plus names, FORM as ``word``; None if it names none.

    >>> declared([Line(1, "# global.columns = ID FORM UPOS")])
    ['ID', 'word', 'UPOS']
    """
    found = DECLARED.match(lines[0].text) if lines else None
    return ["word" if name == "FORM" else name for name in fields(found[1])] if found else None


def cutting(lines: Sequence[Line], count: int) -> Callable[[str], list[str]]:
    """What cuts the lines of a file into so many columns: at tabs or blanks, or at what else fits most of the first lines.

    >>> cutting([Line(1, "Go,VB"), Line(2, "to,TO")], 2)("New York,NNP")
    ['New York', 'NNP']
    """
    some = [line.text for line in islice((line for line in lines if line.text.strip()), 50)]
    ways: list[Callable[[str], list[str]]] = [cells_of]
    ways += [partial(cells_of_row, delimiter=mark, count=count) for mark in DELIMITERS]
    return max(ways, key=lambda cut: sum(len(cut(text)) == count for text in some))


def cells_of(text: str) -> list[str]:
    """The columns of a line."""
    return [cell.strip(" ") for cell in text.split("\t")] if "\t" in text else fields(text)


def table(
    lines: Iterable[Line],
    name: str,
    layout: Layout,
    tag: str,
    more: bool = False,
    cut: Callable[[str], list[str]] = cells_of,
) -> Iterator[Sentence]:
    """Read sentences; every line must have the layout's columns, or with ``more`` at least these.

    >>> layout = LAYOUTS["conll2003"]
    >>> list(table([Line(1, "EU NNP B-NP B-ORG"), Line(2, "rejects VBZ B-VP O")], "news", layout, "NER"))
    [[('EU', 'B-ORG'), ('rejects', 'O')]]
    """
    of_word, of_tag, count = layout.names.index(layout.word), layout.names.index(tag), len(layout.names)
    what = "two columns, a word and its tag," if count == 2 else f"the {count} columns {' '.join(layout.names)},"
    faults = Faults(name)
    for group in groups(lines, is_comment):
        sentence: Sentence = []
        for line in group:
            if MARKUP.fullmatch(line.text.strip()):
                if sentence and line.text.strip().lower() in ("</s>", "<s>"):
                    yield sentence
                    sentence = []
                continue
            cells = cut(line.text)
            if DOCUMENT in cells[:1] or len(cells) > of_word and cells[of_word] == DOCUMENT:
                if sentence:
                    yield sentence
                sentence = []
                continue
            if layout.names[0] == "ID" and NO_WORD.fullmatch(cells[0]):
                continue
            fits = len(cells) == count or more and len(cells) > count
            if not fits or not cells[of_word] or not cells[of_tag]:
                faults.add(line, f"{what} and an empty line between sentences")
                continue
            sentence.append((cells[of_word], cells[of_tag]))
        if sentence:
            yield sentence
    faults.check()
