"""Which files a path means, and their bytes: a file, a folder, a pattern; unpacked if it is .gz, .bz2 or .xz."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

PACKED: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ\x00": lzma.decompress,
}  # fmt: skip
STREAMS: dict[bytes, Callable[[BinaryIO], io.BufferedIOBase]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw), b"BZh": bz2.BZ2File, b"\xfd7zXZ\x00": lzma.LZMAFile,
}  # fmt: skip
DAMAGES = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)  # what a damaged file gives
OTHERS = {b"PK\x03\x04": "a ZIP archive", b"%PDF": "a PDF", b"\x89PNG": "a picture", b"SQLite": "a database"}
PACKED_ENDINGS = (".gz", ".bz2", ".xz")
LEFT_OUT = {".md", ".html", ".json", ".py", ".png", ".pdf", ".zip", ".safetensors"}  # in a folder, no corpus


def files_of(path: Path) -> list[Path]:
    """The file itself, the files of a folder and the folders in it, or those a pattern such as ``wsj_*.mrg`` matches, sorted."""
    if path.is_file():
        return [path]
    if path.is_dir():
        inside = sorted(p for p in path.rglob("*") if p.is_file())
        return [p for p in inside if not hidden(p, path) and p.suffix.lower() not in LEFT_OUT and p.stat().st_size]
    return sorted(Path(found) for found in glob.glob(str(path), recursive=True) if Path(found).is_file())


def hidden(path: Path, folder: Path) -> bool:
    """Whether a file is hidden, or is what explains the others: README, LICENSE."""
    parts = path.relative_to(folder).parts
    return any(part.startswith(".") for part in parts) or parts[-1].split(".")[0].lower() in (
        "readme",
        "license",
        "licence",
    )


def unpacked(content: bytes, name: str) -> bytes:
    """The text's bytes; ValueError for a damaged archive, and for what is no text at all."""
    for start, unpack in PACKED.items():
        if content.startswith(start):
            try:
                return unpack(content)
            except DAMAGES as error:
                raise damaged(name, error) from error
    for start, kind in OTHERS.items():
        if content.startswith(start):
            raise ValueError(
                f"{name}: expected text, packed by gzip, bzip2 or xz or not at all, got {kind}: unpack it first"
            )
    if b"\0" in content[:4096]:
        raise ValueError(f"{name}: expected UTF-8 text, got {encoding(content[:4096])}: convert the file to UTF-8")
    return content


def encoding(start: bytes) -> str:
    """What text or data with zero bytes looks like: they stand at every second byte of UTF-16, and at three of four of UTF-32.

    >>> encoding("a".encode("utf-32-le")), encoding("ab".encode("utf-16-be")), encoding(b"a\\0\\0\\0bcd")
    ('UTF-32 text', 'UTF-16 text', 'binary data')
    """
    if start[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "UTF-32 text"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16 text"
    zeros = [start[i::4].count(0) * 4 / len(start) for i in range(4)]
    many, few = sum(share > 0.7 for share in zeros), sum(share < 0.3 for share in zeros)
    return {(3, 1): "UTF-32 text", (2, 2): "UTF-16 text"}.get((many, few), "binary data")


def unpacking(stream: BinaryIO, name: str) -> BinaryIO:
    """A stream of bytes unpacked as it is read, if it is packed: ValueError where it turns out to be damaged."""
    beginning = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream))
    start = beginning.peek(6)[:6]
    for mark, unpack in STREAMS.items():
        if start.startswith(mark):
            return io.BufferedReader(Checked(unpack(beginning), name))
    return beginning


class Checked(io.RawIOBase):
    """An unpacked stream whose errors are ValueErrors that name the file."""

    def __init__(self, stream: io.BufferedIOBase, name: str) -> None:
        self._stream, self._name = stream, name

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Bytes as they are unpacked."""
        view = memoryview(buffer)
        try:
            found = self._stream.read(len(view))
        except DAMAGES as error:
            raise damaged(self._name, error) from error
        view[: len(found)] = found
        return len(found)


def damaged(name: str, error: Exception) -> ValueError:
    """The error for a packed file that cannot be unpacked."""
    return ValueError(f"{name}: expected a packed file that is whole, got a damaged one ({error})")


def ending(path: Path) -> str:
    """The ending that tells the format: ``a.conllu.gz`` has ``.conllu``.

    >>> ending(Path("a.conllu.gz"))
    '.conllu'
    """
    return Path(path.stem).suffix.lower() if path.suffix.lower() in PACKED_ENDINGS else path.suffix.lower()
