"""``torch.cpu``: the CPU by the names that programs use for any device."""

from __future__ import annotations

import contextlib
from typing import Any

from metagrad.compat import cpu_amp as amp

__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count", "is_available",
    "is_initialized", "manual_seed", "manual_seed_all", "set_device", "stream", "synchronize",
]  # fmt: skip


class Stream:
    """The one sequence of ops there is: each is done when its line is."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Nothing to wait for."""


class Event:
    """A point in the sequence of ops: done when it is recorded."""

    def record(self, stream: Any = None) -> None:
        """Nothing to do."""

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def query(self) -> bool:
        """True: everything is done."""
        return True


_stream = Stream()


def is_available() -> bool:
    """True."""
    return True


is_initialized = is_available


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """ "cpu"."""
    return "cpu"


def current_stream(device: Any = None) -> Stream:
    """The one there is."""
    return _stream


def set_device(device: Any) -> None:
    """Nothing to do: there is one."""


def synchronize(device: Any = None) -> None:
    """Nothing to wait for."""


def manual_seed(seed: int) -> None:
    """Nothing to do: ``metagrad.manual_seed`` seeds the CPU's generator."""


manual_seed_all = manual_seed


class StreamContext(contextlib.AbstractContextManager[None]):
    """``with stream(s):`` changes nothing."""

    def __init__(self, stream: Any) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        return None


stream = StreamContext
