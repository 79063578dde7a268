"""Ctrl-C is heeded, even where a library that was just being imported has caught it and gone on."""

from __future__ import annotations

import signal
from types import FrameType

_came = False


def watch() -> None:
    """Note down each Ctrl-C from now on, and raise KeyboardInterrupt as usual. Does nothing where Ctrl-C is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)


def _note(number: int, frame: FrameType | None) -> None:
    global _came
    _came = True
    raise KeyboardInterrupt


def check() -> None:
    """Raise KeyboardInterrupt if a Ctrl-C has come that was noted down.

    >>> check()
    """
    if _came:
        raise KeyboardInterrupt
