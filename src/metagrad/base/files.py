"""Writing a file so that it is either all there or not touched."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_atomically(path: Path, chunks: Iterable[Any]) -> None:
    """Write chunks of bytes to a temporary name in the same folder, then rename.

    Whoever looks sees the old file or the whole new one. A link is followed; what is there and is not a regular file,
    such as a device, is refused. Raises FileNotFoundError if the folder does not exist, OSError for a folder or a
    device.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "a"), [b"one ", b"two"])
    ...     Path(folder, "a").read_bytes()
    b'one two'
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {target.parent} does not exist")
    if target.exists() and not target.is_file():
        raise OSError(f"cannot write {path}: it is {'a folder' if target.is_dir() else 'not a regular file'}")
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".metagrad-")
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those a new one gets; ``mkstemp`` makes it private."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
