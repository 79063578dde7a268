"""Other names that arguments go by: NumPy's (``axis``, ``x1``), and those of PyTorch's that are not the documented ones."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from metagrad.ops.argument_types import check_flags

_other_names = {
    "axis": ("dim", "dims"),
    "keepdims": ("keepdim",),
    "x": ("input",),
    "a": ("input",),
    "x1": ("input",),
    "x2": ("other",),
    "input": ("tensor", "values"),
    "input2": ("tau", "L", "other"),
    "input3": ("other",),
    "tensor": ("input",),
    "tensor1": ("input",),
    "tensor2": ("other",),
    "other": ("src", "weight", "B", "test_elements"),
    "test_element": ("test_elements",),
    "element": ("elements",),
    "sections": ("indices_or_sections", "split_size_or_sections"),
    "indices": ("indices_or_sections",),
    "tensor_indices_or_sections": ("indices_or_sections",),
    "split_size": ("split_size_or_sections",),
    "axis0": ("dim0",),
    "axis1": ("dim1",),
    "train": ("training",),
}
_names = frozenset(_other_names)
# Names of the first operand, whatever a function calls it: that of linear algebra's functions is documented as A.
_first = frozenset(["input", "x", "a", "x1"])


def understood(function: Callable[..., Any], named: dict[str, Any]) -> dict[str, Any]:
    """Named arguments by the names that a function declares; raises TypeError for a flag that is neither True nor False.

    >>> import metagrad
    >>> understood(metagrad.sum, {"axis": 0, "keepdims": True})
    {'dim': 0, 'keepdim': True}
    """
    if not _names.isdisjoint(named):
        named = _renamed(function, named)
    check_flags(function, named)
    return named


def _renamed(function: Callable[..., Any], named: dict[str, Any]) -> dict[str, Any]:
    declared = _declared(function)
    if named.keys() <= declared.keys():
        return named
    return {_own_name(name, declared, named): value for name, value in named.items()}


def _own_name(name: str, declared: dict[str, inspect.Parameter], named: dict[str, Any]) -> str:
    if name in declared or name not in _names:
        return name
    for other in _other_names[name]:
        if other in declared and other not in named:
            return other
    first = next(iter(declared))
    return first if name in _first and first not in named else name


@functools.cache
def _declared(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function).parameters)
