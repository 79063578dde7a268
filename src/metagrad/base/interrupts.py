"""Ctrl-C is heeded, even where a library that was just being imported has caught it and gone on."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_came = False
_told = sys.unraisablehook  # what tells of other exceptions that nobody can catch


def watch() -> None:
    """Note down each Ctrl-C from now on, and raise KeyboardInterrupt as usual. Does nothing where Ctrl-C is ignored."""
    global _told
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _note)
        _told, sys.unraisablehook = sys.unraisablehook, _tell


def _tell(lost: UnraisableHookArgs) -> None:
    """Say nothing of a Ctrl-C that came while Python cleaned up, where no exception can be raised: it is noted down."""
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        _told(lost)


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
