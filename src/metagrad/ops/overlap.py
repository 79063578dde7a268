"""Memory that a write would read from and change at once: refused, for what came out would depend on the order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base.layouts import has_no_gaps
from metagrad.base.typing import Array


def check_overlap(target: Variable, sources: Iterable[object]) -> None:
    """Raise RuntimeError if one of the sources shares a part of its memory, but not all of it, with the target.

    Views of one tensor have one counter of writes, so that tensors of different memory are told apart at once.

    >>> import metagrad
    >>> x = metagrad.arange(4)
    >>> check_overlap(x[:2], (x[2:], x[:2]))
    """
    for x in sources:
        if isinstance(x, Variable) and x._counter is target._counter and overlaps_partly(x.array, target.array):
            raise overlapping()


def check_apart(target: Variable, sources: Iterable[object]) -> None:
    """``check_overlap`` for an op that reads in one order and writes in another: all of the memory must not be shared either.

    >>> import metagrad
    >>> x = metagrad.arange(4)
    >>> check_apart(x[:2], (x[2:],))
    >>> check_apart(x, (x,))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory...
    """
    for x in sources:
        if isinstance(x, Variable) and x._counter is target._counter and is_same_place(x.array, target.array):
            raise overlapping()


def check_fits(result: Variable, out: object, operands: Iterable[object]) -> None:
    """Raise RuntimeError if ``out`` is itself an operand, and smaller than what the operands are broadcast to.

    >>> import metagrad
    >>> x, y = metagrad.ones(1), metagrad.ones(3)
    >>> check_fits(y, x, (x, y))
    Traceback (most recent call last):
    RuntimeError: output with shape [1] doesn't match the broadcast shape [3]: out= is an operand too, give another
    """
    wanted = tuple(result.array.shape)
    if not isinstance(out, Variable) or tuple(out.array.shape) == wanted or not any(x is out for x in operands):
        return
    try:
        together = np.broadcast_shapes(*[tuple(x.array.shape) for x in operands if isinstance(x, Variable)])
    except ValueError:  # no op of one element at a time
        return
    if together == wanted:
        raise RuntimeError(
            f"output with shape {list(out.array.shape)} doesn't match the broadcast shape {list(wanted)}: "
            "out= is an operand too, give another"
        )


def overlapping() -> RuntimeError:
    """What to raise where memory would be read and written at once."""
    return RuntimeError(
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location "
        "(they share one place in memory): clone() the input first"
    )


def _steps(x: Array) -> list[tuple[int, int]]:
    """Extent and stride of each dimension in which there is a next element."""
    return [(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n > 1]


def overlaps_partly(x: Array, y: Array) -> bool:
    """Whether two arrays without gaps share some places in memory, but are not the same; with gaps, nobody looks.

    >>> x = np.arange(4)
    >>> overlaps_partly(x[1:], x[:-1]), overlaps_partly(x[:2], x[2:]), overlaps_partly(x, x)
    (True, False, False)
    """
    if x is y or not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)) or not np.may_share_memory(x, y):
        return False
    return not is_same_place(x, y) and has_no_gaps(x) and has_no_gaps(y)


def is_same_place(x: Array, y: Array) -> bool:
    """Whether two arrays have the same elements in the same order.

    >>> x = np.arange(4)
    >>> is_same_place(x[1:], x[1:]), is_same_place(x, x[::-1])
    (True, False)
    """
    if x is y or not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
        return x is y
    same_start = x.__array_interface__["data"] == y.__array_interface__["data"]
    return same_start and x.size == y.size and _steps(x) == _steps(y)
