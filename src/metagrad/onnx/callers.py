"""Whose line is being executed: the user's, for messages; and who asks for a Python number."""

from __future__ import annotations

import os
import sys
from typing import Any

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def caller() -> str:
    """The line of the user's program that is being executed, as ``file:line``; metagrad's own if there is none."""
    frame: Any = sys._getframe(1)
    inner = None
    while frame is not None:
        name = frame.f_code.co_filename
        if (
            not name.startswith(_PACKAGE)
            and "numpy" not in name
            and "contextlib" not in name
            and "functools" not in name
        ):
            return f"{name}:{frame.f_lineno}"
        if inner is None and not name.startswith(os.path.dirname(os.path.abspath(__file__))):
            inner = f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return inner or "?"


# What a program calls to get a Python number out of a tensor.
_CONVERSIONS = {
    "__bool__", "__complex__", "__float__", "__index__", "__int__", "_cut_off", "_scalar", "item", "numpy", "tolist", "__array__",
    "__contains__",
}  # fmt: skip
# What stands in the place of methods once classes are asked, or autocast was entered, and calls them.
_IN_PLACE = tuple(os.path.join(_PACKAGE, "compat", *path) for path in (("torch_function.py",), ("amp", "casting.py")))
_DECIDING = {"_highest_degree"}  # where an op itself makes a number of a tensor, and goes by it


def asked_by_user() -> bool:
    """Whether it is the user's program, or an op that goes by the answer, and no check inside metagrad, that asks for a number."""
    frame: Any = sys._getframe(2)
    passed_on = (os.path.abspath(__file__), *_IN_PLACE)
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_PACKAGE) and code.co_name in _DECIDING:
            return True
        if not (
            code.co_filename in passed_on or code.co_filename.startswith(_PACKAGE) and code.co_name in _CONVERSIONS
        ):
            return not code.co_filename.startswith(_PACKAGE)
        frame = frame.f_back
    return False
