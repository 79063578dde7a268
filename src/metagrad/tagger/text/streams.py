"""Text as it comes, line by line and in bounded pieces; and text that is split into words already."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from metagrad.tagger.corpora.lines import fields

LINE_END = re.compile(r"\r\n|\n|\r")
PIECE = 1 << 16  # characters read at a time from a stream whose lines are longer
LONGEST_LINE = 1 << 20  # characters after which a line of split text is cut between words


def read_chunks(stream: BinaryIO, name: str) -> Iterator[str]:
    r"""The lines of UTF-8 text as they come, a very long one in pieces; ValueError where the text is not UTF-8.

    >>> import io
    >>> list(read_chunks(io.BytesIO(b"One.\r\nTwo."), "a file"))
    ['One.\r\n', 'Two.']
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, piece = 1, b"first"
    while piece:
        piece = stream.readline(PIECE)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}, line {line}: expected UTF-8 text, got the byte 0x{error.object[error.start]:02x}: convert it to UTF-8"
            ) from None
        if text:
            yield text
        line += piece.endswith(b"\n")


def without_mark(chunks: Iterable[str]) -> Iterator[str]:
    """The same text without a byte order mark at its beginning."""
    first = True
    for chunk in chunks:
        yield chunk.removeprefix("\ufeff") if first else chunk
        first = first and not chunk


def pieces(chunks: str | Iterable[str]) -> Iterator[str]:
    """The same text in chunks of a bounded length."""
    for chunk in [chunks] if isinstance(chunks, str) else chunks:
        for start in range(0, len(chunk), PIECE):
            yield chunk[start : start + PIECE]


def lines_of(chunks: Iterable[str]) -> Iterator[str]:
    r"""Text line by line, however it comes, without the line ends; one of more than ``LONGEST_LINE`` characters is cut at a blank.

    >>> list(lines_of(["One.\r\nT", "wo", " three.\n\rFour\r", "\nFive"]))
    ['One.', 'Two three.', '', 'Four', 'Five']
    """
    held: list[str] = []
    size, open_end = 0, ""
    for piece in pieces(chunks):
        text = open_end + piece
        open_end = "\r" if text.endswith("\r") else ""  # perhaps the first half of "\r\n"
        *ended, begun = LINE_END.split(text.removesuffix(open_end))
        for part in ended:
            yield "".join([*held, part])
            held, size = [], 0
        held.append(begun)
        size += len(begun)
        if size > LONGEST_LINE and " " in begun:
            line, _, rest = "".join(held).rpartition(" ")
            yield line
            held, size = [rest], len(rest)
    if size or open_end:
        yield "".join(held)


def tokenize_split(chunks: str | Iterable[str]) -> Iterator[list[str]]:
    r"""The words of text that is split already: a sentence on each line, blanks between words. Empty lines are left out.

    ``chunks`` may be cut anywhere, also within a word. No more than a line is held, and of a line no more than
    ``LONGEST_LINE`` characters, after which it is given in parts. A line ends with ``\n``, ``\r\n`` or ``\r``.

    >>> list(tokenize_split(["It rai", "ns .\nOh ", "no !"]))
    [['It', 'rains', '.'], ['Oh', 'no', '!']]
    """
    line: list[str] = []
    held = 0
    for piece in pieces(chunks):
        *ended, begun = piece.replace("\r", "\n").split("\n")  # the empty line between "\r" and "\n" has no words
        for part in ended:
            if words := fields("".join([*line, part])):
                yield words
            line, held = [], 0
        line.append(begun)
        held += len(begun)
        if held > LONGEST_LINE and " " in begun:
            words = fields("".join(line))
            rest = "" if begun[-1:].isspace() else words.pop()
            yield words
            line, held = [rest], len(rest)
    if words := fields("".join(line)):
        yield words
