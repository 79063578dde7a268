"""PyTorch's settings of how files are read and written that a program may ask for; and ``skip_data``, files without numbers.

A file is read at once, in the byte order that it names, and has a checksum for each record: those settings are kept, and given
back to who asks, without effect.
"""

from __future__ import annotations

import enum
import mmap as _mmap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PROTOCOL_VERSION = 1001  # of the older format of files
DEFAULT_PROTOCOL = 2  # the version of pickles that ``save`` writes


class LoadEndianness(enum.Enum):
    """Which byte order files have that do not say it."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class SourceChangeWarning(Warning):
    """PyTorch's class for modules whose source has changed since they were saved; never raised here."""


_settings: dict[str, Any] = {
    "endianness": None,
    "crc32": True,
    "mmap": getattr(_mmap, "MAP_PRIVATE", 2),
    "skips data": False,
}


def get_default_load_endianness() -> LoadEndianness | None:
    """What ``set_default_load_endianness`` was given."""
    found: LoadEndianness | None = _settings["endianness"]
    return found


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Kept: files here name their byte order. Raises TypeError for what is none."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError(f"expected a LoadEndianness or None, got {endianness!r}")
    _settings["endianness"] = endianness


def get_crc32_options() -> bool:
    """Whether records are to have checksums."""
    return bool(_settings["crc32"])


def set_crc32_options(compute_crc32: bool) -> None:
    """Kept: every record has its checksum."""
    _settings["crc32"] = compute_crc32


def get_default_mmap_options() -> int:
    """The flags that ``set_default_mmap_options`` was given; MAP_PRIVATE at first."""
    return int(_settings["mmap"])


class set_default_mmap_options:
    """Kept, from here on or in a ``with`` block: files are read at once. flags: MAP_PRIVATE or MAP_SHARED."""

    def __init__(self, flags: int) -> None:
        if flags not in (getattr(_mmap, "MAP_PRIVATE", 2), getattr(_mmap, "MAP_SHARED", 1)):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or "
                f"mmap.MAP_SHARED, but got {flags}"
            )
        self.before, _settings["mmap"] = get_default_mmap_options(), flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        _settings["mmap"] = self.before


@contextmanager
def skip_data(materialize_fake_tensors: bool = False) -> Iterator[None]:
    """While it is on, ``save`` writes zeros in the place of the numbers: a file of the right form and size.

    >>> import io, metagrad
    >>> file = io.BytesIO()
    >>> with skip_data():
    ...     metagrad.save(metagrad.ones(2), file)
    >>> _ = file.seek(0)
    >>> metagrad.load(file)
    tensor([0., 0.])
    """
    before, _settings["skips data"] = _settings["skips data"], True
    try:
        yield
    finally:
        _settings["skips data"] = before


def skips_data() -> bool:
    """Whether ``skip_data`` is on."""
    return bool(_settings["skips data"])
