"""Lines of text files: read with any line end, refused by number, cut at blanks, put into groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, NoReturn

BLANK = re.compile(r"[ \t\f\v]+")  # not str.split: a no-break space is part of a word, as in "10 000"
LINE_END = re.compile(rb"\r\n|\n|\r")


class Line(NamedTuple):
    """One line of a file, without its line end, and its number, counted from 1."""

    number: int
    text: str


def malformed(name: str, line: Line, expected: str, more: str = "") -> NoReturn:
    """Raise the ValueError that says which line of which file is wrong, and what should be there."""
    got = line.text if len(line.text) <= 80 else line.text[:77] + "..."
    raise ValueError(f"{name}, line {line.number}: expected {expected}, got {got!r}{more}")


class Faults:
    """The lines of a file that are not what they should be: the first is told, and how many there are.

    >>> faults = Faults("a.txt")
    >>> faults.add(Line(3, "x"), "two columns")
    >>> faults.check()
    Traceback (most recent call last):
        ...
    ValueError: a.txt, line 3: expected two columns, got 'x'
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._first: tuple[Line, str] | None = None
        self._last, self._count = 0, 0

    def add(self, line: Line, expected: str) -> None:
        """Note a line that is wrong."""
        self._first = self._first or (line, expected)
        self._last, self._count = line.number, self._count + 1

    def check(self) -> None:
        """Raise the ValueError, if a line was wrong."""
        if self._first is None:
            return
        more = f" (the first of {self._count:,} such lines; the last is line {self._last})" if self._count > 1 else ""
        malformed(self.name, self._first[0], self._first[1], more)


def read_lines(content: bytes, name: str) -> list[Line]:
    r"""The lines of a UTF-8 file, with any kind of line end, and without a byte order mark.

    >>> [line.text for line in read_lines(b"a\r\nb\rc\n", "x")]
    ['a', 'b', 'c']
    """
    raw_lines = LINE_END.split(content.removeprefix(b"\xef\xbb\xbf"))
    if not raw_lines[-1]:
        raw_lines.pop()
    return [Line(number, decoded(raw, name, number)) for number, raw in enumerate(raw_lines, start=1)]


def decoded(raw: bytes, name: str, number: int) -> str:
    """A line as text; ValueError, with its number, if it is not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name}, line {number}: expected UTF-8 text, got the byte 0x{raw[error.start]:02x} at position "
            f"{error.start + 1}: convert the file to UTF-8"
        ) from error


def fields(text: str) -> list[str]:
    """The parts of a line between spaces and tabs."""
    return [field for field in BLANK.split(text) if field]


def is_comment(text: str) -> bool:
    """Whether a line is ``#`` or begins with ``# ``; the word ``#`` with its tag, as in ``#_#``, is no comment."""
    return text == "#" or (text.startswith("# ") and fields(text) != ["#", "#"])


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
