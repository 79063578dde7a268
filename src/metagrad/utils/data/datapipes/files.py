"""Streams of files: their paths, the files opened, and what is read of them."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from metagrad.base.warning import warn
from metagrad.utils.data.datapipes.datapipe import IterDataPipe, functional_datapipe

__all__ = ["FileLister", "FileOpener", "StreamReader"]


def _raised(error: OSError) -> NoReturn:
    warn(f"{error.filename} : {error.strerror}")
    raise error


@functional_datapipe("list_files")
class FileListerIterDataPipe(IterDataPipe[str]):
    """The paths of the files in directories: of those that a mask fits, "*.txt".

    root: a path, or several of them, or a pipe. recursive: with the directories below. Files come in the order of their names,
    those of a directory before those of the directories in it, whatever ``non_deterministic`` says. Raises FileNotFoundError for a
    directory that is not there.
    """

    def __init__(
        self, root: str | Iterable[str] = ".", masks: str | Sequence[str] = "", *, recursive: bool = False,
        abspath: bool = False, non_deterministic: bool = False, length: int = -1,
    ) -> None:  # fmt: skip
        self.datapipe: Iterable[str] = [root] if isinstance(root, str) else root
        self.masks = [masks] if isinstance(masks, str) else list(masks)
        self.recursive, self.abspath, self.length = recursive, abspath, length

    def __iter__(self) -> Iterator[str]:
        for root in self.datapipe:
            root = os.path.abspath(root) if self.abspath else root
            if os.path.isfile(root):
                yield from [root] if self._fits(root) else ()
                continue
            for folder, below, names in os.walk(root, onerror=_raised):
                below.sort()
                if not self.recursive:
                    below.clear()
                yield from (os.path.join(folder, name) for name in sorted(names) if self._fits(name))

    def _fits(self, path: str) -> bool:
        return not any(self.masks) or any(fnmatch.fnmatch(os.path.basename(path), mask) for mask in self.masks)

    def __len__(self) -> int:
        if self.length == -1:
            raise TypeError(f"{type(self).__name__} instance doesn't have valid length")
        return self.length


@functional_datapipe("open_files")
class FileOpenerIterDataPipe(IterDataPipe[tuple[str, Any]]):
    """Pairs of a path and the file there, open to be read. Raises ValueError for a mode that writes."""

    def __init__(self, datapipe: Iterable[str], mode: str = "r", encoding: str | None = None, length: int = -1) -> None:
        if mode not in ("b", "t", "rb", "rt", "r"):
            raise ValueError(f"Invalid mode {mode}")
        if "b" in mode and encoding is not None:
            raise ValueError("binary mode doesn't take an encoding argument")
        self.datapipe, self.encoding, self.length = datapipe, encoding, length
        self.mode = mode if mode.startswith("r") else f"r{mode}"

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for path in self.datapipe:
            yield path, open(path, self.mode, encoding=self.encoding)

    __len__ = FileListerIterDataPipe.__len__


@functional_datapipe("read_from_stream")
class StreamReaderIterDataPipe(IterDataPipe[tuple[str, Any]]):
    """Of pairs of a name and an open file, the name with what is read of the file: ``chunk`` bytes at a time, or all of it."""

    def __init__(self, datapipe: Iterable[tuple[str, Any]], chunk: int | None = None) -> None:
        self.datapipe, self.chunk = datapipe, chunk

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        for name, file in self.datapipe:
            while part := file.read(self.chunk):
                yield name, part
            file.close()


FileLister, FileOpener, StreamReader = FileListerIterDataPipe, FileOpenerIterDataPipe, StreamReaderIterDataPipe
