"""How ranks talk to the launcher: between the lines of their output, for those arrive from every machine.

A line for the launcher begins with a character that texts do not have; the launcher shows all other lines as they are.
"""

from __future__ import annotations

import io
import sys
import threading
from typing import NamedTuple, TextIO

_MARK, _BETWEEN = "\x1e", "\x1f"


class Notice(NamedTuple):
    """What a rank tells: ``start`` (process and machine), ``error`` (when), ``trace`` (a line of the traceback), ``end``."""

    kind: str
    rank: int
    text: str

    def line(self) -> str:
        """As it is sent."""
        return _MARK + _BETWEEN.join((self.kind, str(self.rank), self.text)) + "\n"


def parse(line: str) -> Notice | None:
    """The notice in a line of output, or None if it is the program's.

    >>> parse(Notice("end", 3, "0").line())
    Notice(kind='end', rank=3, text='0')
    >>> parse("text")
    """
    if not line.startswith(_MARK):
        return None
    parts = line[1:].rstrip("\n").split(_BETWEEN, 2)
    return Notice(parts[0], int(parts[1]), parts[2]) if len(parts) == 3 and parts[1].isdigit() else None


def tell(kind: str, rank: int, text: str) -> None:
    """Send notices, one for each line of the text."""
    stream = sys.__stderr__
    if stream is not None:
        stream.write("".join(Notice(kind, rank, line).line() for line in text.split("\n")))
        stream.flush()


class Prefixed(io.TextIOBase):
    """A stream whose lines begin with the number of the rank, each written at once, so that those of two ranks do not mix."""

    def __init__(self, stream: TextIO, prefix: str) -> None:
        self.stream, self.prefix, self.unfinished = stream, prefix, ""
        self.lock = threading.Lock()

    def write(self, text: str) -> int:
        """Write the lines that are complete."""
        with self.lock:
            *lines, self.unfinished = (self.unfinished + text).split("\n")
            if lines:
                self.stream.write("".join(f"{self.prefix}{line}\n" for line in lines))
                self.stream.flush()
        return len(text)

    def finish(self) -> None:
        """Write what has no end of line yet."""
        if self.unfinished:
            self.write("\n")

    def flush(self) -> None:
        """Nothing: lines are written when they are complete."""

    def writable(self) -> bool:
        """True."""
        return True

    def fileno(self) -> int:
        """The stream's."""
        return self.stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's."""
        return self.stream.encoding

    @property
    def buffer(self) -> object:
        """The stream's bytes, without prefixes."""
        return self.stream.buffer
