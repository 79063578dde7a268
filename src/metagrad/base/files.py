"""Writing a file so that it is either all there or not touched.

What is written goes to a temporary file in the same folder, which then takes the file's name. Whoever looks sees the old file
or the whole new one. A process that is killed on the way leaves its temporary file; the next one that writes the same file
removes it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, which refuses to remove a file that is open
    _LOCKS = False
else:
    _LOCKS = True

Bytes = bytes | bytearray | memoryview


class FolderMissing(FileNotFoundError, RuntimeError):
    """There is no folder for a file that is to be written. PyTorch raises RuntimeError for it."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the name ``path`` at the end of the block; after an error, nothing has happened.

    A link is followed. Raises FileNotFoundError if the folder does not exist, and OSError if what is there is no regular
    file but a folder or a device.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "notes")
    ...     with replacing(path) as file:
    ...         _ = file.write(b"all of it")
    ...         before = path.exists()
    ...     before, path.read_bytes()
    (False, b'all of it')
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FolderMissing(f"Parent directory {target.parent} does not exist. It is asked for to write {path}")
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {path}: it is {'a folder' if target.is_dir() else 'not a regular file'}")
    prefix = _prefix(target)
    _sweep(target.parent, prefix)
    handle, temporary = _locked_temporary(target.parent, prefix)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def write_atomically(path: Path, chunks: Iterable[Bytes]) -> None:
    """Write chunks of bytes, one after the other, as the file ``path``: all of them, or the file is not touched.

    Raises FileNotFoundError if the folder does not exist, OSError for a folder or a device.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "a"), [b"one ", b"two"])
    ...     Path(folder, "a").read_bytes()
    b'one two'
    """
    with replacing(path) as file:
        for chunk in chunks:
            file.write(chunk)


def _prefix(target: Path) -> str:
    """What the temporary names for this file begin with: its name as a number, for the name itself may be too long."""
    return f".metagrad-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:12]}-"


def _locked_temporary(folder: Path, prefix: str) -> tuple[int, str]:
    """A new file, open for writing and locked, and its name."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=prefix)
        _lock(handle)
        if os.fstat(handle).st_nlink or not _LOCKS:
            return handle, name
        os.close(handle)  # somebody swept it away before it was locked


def _lock(handle: int) -> bool:
    """Take the lock that says that a file is being written; it ends with the process. False if that cannot be had."""
    if not _LOCKS:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # taken, or a file system without locks
        return False
    return True


def _sweep(folder: Path, prefix: str) -> None:
    """Remove what killed processes left under temporary names; one that is locked is still being written."""
    for left in [entry.path for entry in os.scandir(folder) if entry.name.startswith(prefix)]:
        with suppress(OSError):  # somebody else may be sweeping, too
            if not _LOCKS:
                os.unlink(left)  # which Windows refuses while the file is open
                continue
            handle = os.open(left, os.O_RDWR)
            try:
                if _lock(handle):
                    os.unlink(left)
            finally:
                os.close(handle)


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those a new one gets; ``mkstemp`` makes it private."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
