"""CSV and TSV with a header: a row for each word.

A sentence ends at an empty row, or where the column ``sentence`` (or ``sent_id``) changes.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from metagrad.tagger.corpora.corpus import Sentence
from metagrad.tagger.corpora.lines import Faults, Line, malformed

WORDS = ("word", "form", "token", "text")
TAGS = ("tag", "pos", "upos", "xpos", "label", "ner", "chunk")
SENTENCES = ("sentence", "sentence_id", "sent_id", "sent", "sentence #")


def header(line: str, wanted: str | None = None) -> tuple[str, list[str]] | None:
    """The delimiter and the columns of a table, if this is a header: with a column of words, and one of tags, or the one wanted."""
    for delimiter in ("\t", ",", ";"):
        names = [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]
        if any(n in WORDS for n in names) and any(n in (*TAGS, (wanted or "").lower()) for n in names if n):
            return delimiter, names
    return None


def one_of(names: Sequence[str], known: Sequence[str]) -> str:
    """The first of the known names that is there."""
    return next(name for name in known if name in names)


def header_of(line: Line, name: str, wanted: str | None) -> tuple[str, list[str]]:
    """The delimiter and the columns of a table; ValueError where its first line does not have them."""
    found = header(line.text, wanted)
    if found is None:
        malformed(name, line, f"a header with a column of words ({', '.join(WORDS)}) and of tags ({', '.join(TAGS)})")
    return found


def columns_of_tags(names: Sequence[str], wanted: str | None, name: str) -> tuple[str, tuple[str, ...]]:
    """The column of the tags, the one asked for or the usual one, and those that could be it too."""
    chosen, word = column_of_tags(names, wanted, name), one_of(names, WORDS)
    return chosen, tuple(n for n in names if n not in ("", chosen, word, *SENTENCES))


def column_of_tags(names: Sequence[str], wanted: str | None, name: str) -> str:
    """The column asked for, or the usual one."""
    chosen = wanted.lower() if wanted else one_of(names, TAGS)
    if chosen not in names:
        raise ValueError(f"{name}: expected the column of the tags, one of {', '.join(names)}, got {wanted!r}")
    return chosen


def rows(lines: Sequence[Line], name: str, tag: str | None) -> Iterator[Sentence]:
    """Read the sentences of a table with a header.

    >>> text = ["sentence,word,tag", "1,Dogs,NNS", "1,bark,VBP", '2,",",","']
    >>> list(rows([Line(n, line) for n, line in enumerate(text, 1)], "a.csv", None))
    [[('Dogs', 'NNS'), ('bark', 'VBP')], [(',', ',')]]
    """
    delimiter, names = header_of(lines[0], name, tag)
    of_word, of_tag = names.index(one_of(names, WORDS)), names.index(column_of_tags(names, tag, name))
    of_sentence = next((names.index(n) for n in SENTENCES if n in names), None)
    sentence: Sentence = []
    number, faults = "", Faults(name)
    for line in lines[1:]:
        cells = cells_of_row(line.text, delimiter, len(names))
        blank = not any(cell.strip() for cell in cells)
        if not blank and (len(cells) != len(names) or not cells[of_word] or not cells[of_tag]):
            faults.add(line, f"the {len(names)} columns {', '.join(names)}, with a word and a tag")
            continue
        here = number if blank or of_sentence is None else cells[of_sentence].strip() or number
        if sentence and (blank or here != number):
            yield sentence
            sentence = []
        number = here
        if not blank:
            sentence.append((cells[of_word], cells[of_tag]))
    if sentence:
        yield sentence
    faults.check()


def cells_of_row(text: str, delimiter: str, count: int = 0) -> list[str]:
    """The cells of a row. Between tabs a quotation mark may be a word, which is then not quoted.

    >>> cells_of_row('"\\tX', "\\t", 2), cells_of_row('"a b"\\tX', "\\t", 2), cells_of_row('"a,b",X', ",", 2)
    (['"', 'X'], ['a b', 'X'], ['a,b', 'X'])
    """
    plain = text.split(delimiter)
    if delimiter == "\t" and len(plain) == count:
        whole = [len(cell) > 2 and cell[0] == cell[-1] == '"' for cell in plain]
        return [c[1:-1].replace('""', '"') if is_quoted else c for c, is_quoted in zip(plain, whole, strict=True)]
    return next(csv.reader([text], delimiter=delimiter), [])
