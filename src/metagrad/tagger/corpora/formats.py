"""The three kinds of text file that hold tagged sentences, told apart by their first lines and read line by line.

================  ==================================================  ==========================================
format            a sentence                                          a comment
================  ==================================================  ==========================================
``"word_TAG"``    one line: ``The_DT dog_NN barks_VBZ ._.``           a line that is ``#`` or begins with ``# ``
``"two-column"``  a line for each word: word, tab or spaces, tag;     the same, but only before a sentence
                  an empty line ends it
``"conllu"``      a line of ten tab-separated columns for each word;  a line that begins with ``#``, only before
                  an empty line ends it                               a sentence
================  ==================================================  ==========================================

CoNLL-U is described at https://universaldependencies.org/format.html. All three are UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, NamedTuple, NoReturn

from metagrad.tagger.corpora.corpus import Sentence

FORMATS = ("word_TAG", "two-column", "conllu")
CONLLU_COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
SEPARATORS = ("_", "/")
LOOK = 50  # lines that are looked at to tell what a file is
BLANK = re.compile(r"[ \t\f\v]+")  # not str.split: a no-break space is part of a word, as in "10 000"


class Line(NamedTuple):
    """One line of a file, without its line end, and its number, counted from 1."""

    number: int
    text: str


def malformed(name: str, line: Line, expected: str) -> NoReturn:
    """Raise the ValueError that says which line of which file is wrong, and what should be there."""
    got = line.text if len(line.text) <= 80 else line.text[:77] + "..."
    raise ValueError(f"{name}, line {line.number}: expected {expected}, got {got!r}")


def read_lines(stream: IO[bytes], name: str) -> Iterator[Line]:
    """The lines of a UTF-8 file, with any kind of line end, and without a byte order mark."""
    for number, raw in enumerate(stream, start=1):
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}, line {number}: expected UTF-8 text, got the byte 0x{raw[error.start]:02x} at position "
                f"{error.start + 1}: convert the file to UTF-8"
            ) from error
        yield Line(number, text.rstrip("\r\n"))


def fields(text: str) -> list[str]:
    """The parts of a line between spaces and tabs."""
    return [field for field in BLANK.split(text) if field]


def is_comment(text: str) -> bool:
    """Whether a line is ``#`` or begins with ``# ``; the word ``#`` with its tag, as in ``#_#``, is no comment."""
    return text == "#" or (text.startswith("# ") and fields(text) != ["#", "#"])


def content(lines: Iterable[Line]) -> list[Line]:
    """The first lines that are neither blank nor comments."""
    return list(islice((line for line in lines if line.text.strip() and not is_comment(line.text)), LOOK))


def detect_format(lines: Sequence[Line], name: str) -> str:
    """Tell the format by what most of the first lines look like; ValueError if they look like nothing known.

    >>> detect_format([Line(1, "The_DT dog_NN barks_VBZ ._.")], "dogs.txt")
    'word_TAG'
    >>> detect_format([Line(1, "The DT"), Line(2, "dog NN"), Line(3, "")], "dogs.txt")
    'two-column'
    """
    first = content(lines)
    if not first:
        raise ValueError(f"{name}: expected tagged sentences, got a file without any")

    def half(test: Callable[[str], bool]) -> bool:
        return sum(test(line.text) for line in first) * 2 >= len(first)

    tokens = [token for line in first for token in fields(line.text)]
    if half(lambda text: text.count("\t") == len(CONLLU_COLUMNS) - 1):
        return "conllu"
    if half(lambda text: text.count("\t") == 1 and " " not in text.strip()):
        return "two-column"
    if sum(splits(token, SEPARATORS) for token in tokens) * 2 > len(tokens):
        return "word_TAG"
    if half(lambda text: "\t" in text or len(fields(text)) == 2):
        return "two-column"
    malformed(
        name,
        first[0],
        "word_TAG pairs (The_DT dog_NN), a word and its tag in two columns, or the ten columns of CoNLL-U; "
        f"if the file is one of these, name its format, one of {', '.join(FORMATS)}",
    )


def splits(token: str, separators: Iterable[str]) -> bool:
    """Whether there is a word before, and a tag after, one of the separators."""
    return any(all(token.rpartition(separator)[::2]) for separator in separators)


def detect_separator(lines: Sequence[Line]) -> str:
    """``_`` or ``/``: the one that most words of the first lines have last.

    >>> detect_separator([Line(1, "and/or_CC 1/2_CD ._.")])
    '_'
    """
    tokens = [token for line in content(lines) for token in fields(line.text)]
    return max(SEPARATORS, key=lambda s: sum(token.rfind(s) == max(map(token.rfind, SEPARATORS)) for token in tokens))


def word_tag(lines: Iterable[Line], name: str, separator: str) -> Iterator[Sentence]:
    """Read sentences of the form ``The_DT dog_NN``; the tag is what stands after the last separator.

    >>> list(word_tag([Line(1, "# dogs"), Line(2, "A/DT and/or/CC")], "dogs.txt", "/"))
    [[('A', 'DT'), ('and/or', 'CC')]]
    """
    for line in lines:
        if is_comment(line.text):
            continue
        sentence = []
        for token in fields(line.text):
            word, _, tag = token.rpartition(separator)
            if not word or not tag:
                malformed(name, line._replace(text=token), f"a word, {separator!r} and its tag")
            sentence.append((word, tag))
        if sentence:
            yield sentence


def two_column(lines: Iterable[Line], name: str) -> Iterator[Sentence]:
    """Read sentences of a word and its tag on each line, with a tab or spaces between; a tab allows spaces in a word.

    >>> list(two_column([Line(1, "The DT"), Line(2, "dog NN"), Line(3, ""), Line(4, "Yes UH")], "dogs.txt"))
    [[('The', 'DT'), ('dog', 'NN')], [('Yes', 'UH')]]
    """
    for group in groups(lines, is_comment):
        sentence = []
        for line in group:
            parts = [part.strip(" ") for part in line.text.split("\t")] if "\t" in line.text else fields(line.text)
            if len(parts) != 2 or not all(parts):
                malformed(name, line, "two columns, a word and its tag, and an empty line between sentences")
            sentence.append((parts[0], parts[1]))
        yield sentence


def conllu(lines: Iterable[Line], name: str, columns: tuple[str, str]) -> Iterator[Sentence]:
    """Read sentences of CoNLL-U, taking the word and the tag from the two columns named.

    Lines of multi-word tokens (``3-4``) and of empty nodes (``5.1``) are left out: the words themselves are on lines of
    their own. A word whose XPOS is ``_`` gets its UPOS; in a file that has XPOS for some words only, name UPOS instead.
    """
    for column in columns:
        if column not in CONLLU_COLUMNS:
            raise ValueError(f"expected a column of CoNLL-U, one of {', '.join(CONLLU_COLUMNS)}, got {column!r}")
    of_word, of_tag = map(CONLLU_COLUMNS.index, columns)
    for group in groups(lines, lambda text: text.startswith("#")):
        sentence: Sentence = []
        for line in group:
            cells = line.text.split("\t")
            if len(cells) != len(CONLLU_COLUMNS):
                malformed(name, line, f"{len(CONLLU_COLUMNS)} tab-separated columns")
            if re.fullmatch(r"\d+[-.]\d+", cells[0]):
                continue
            if cells[0] != str(len(sentence) + 1):
                malformed(name, line, f"word number {len(sentence) + 1}, or an empty line before the next sentence")
            tag = cells[of_tag]
            if tag == "_" and columns[1] == "XPOS":
                tag = cells[CONLLU_COLUMNS.index("UPOS")]
            if not cells[of_word] or tag in ("", "_"):
                malformed(name, line, f"a word in column {columns[0]} and a tag in column {columns[1]}")
            sentence.append((cells[of_word], tag))
        if sentence:
            yield sentence


def groups(lines: Iterable[Line], comment: Callable[[str], bool]) -> Iterator[list[Line]]:
    """Runs of lines with blank lines between them, without the comments that come before each."""
    group: list[Line] = []
    for line in lines:
        if line.text.strip():
            if group or not comment(line.text):
                group.append(line)
        elif group:
            yield group
            group = []
    if group:
        yield group
