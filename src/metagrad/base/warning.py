"""Warnings that name the line of the program that is meant, not one of the library's own; some are said once."""

import os
import sys
import warnings
from types import CodeType

PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line up the stack that is not metagrad's, however many of its own functions lie between."""
    frame, level = sys._getframe(1), 2
    while frame.f_code.co_filename.startswith(PACKAGE) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


_said: set[tuple[CodeType, int]] = set()
_always = [False]


def warn_once(message: str, category: type[Warning] = UserWarning) -> None:
    """``warn``, for each line of the library's that calls it once in a process: of what is done again and again, in loops.

    >>> always_warn(True)  # as in this project's tests; without it the second one is silent
    >>> with warnings.catch_warnings(record=True) as heard:
    ...     warnings.simplefilter("always")
    ...     for _ in range(2):
    ...         warn_once("mind the step")
    >>> len(heard)
    2
    """
    caller = sys._getframe(1)
    where = (caller.f_code, caller.f_lineno)
    if where not in _said or _always[0]:
        _said.add(where)
        warn(message, category)


def always_warn(on: bool) -> None:
    """Let ``warn_once`` warn each time, or once."""
    _always[0] = on


def warns_always() -> bool:
    """Whether ``warn_once`` warns each time."""
    return _always[0]
