"""Memory that a write would read from and change at once: refused, for what came out would depend on the order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from metagrad.autograd.variable import Variable
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
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and of the one that is written to share one place "
                "in memory: clone() the input first"
            )


def overlaps_partly(x: Array, y: Array) -> bool:
    """Whether two arrays without gaps share some places in memory, but are not the same; with gaps, nobody looks.

    >>> x = np.arange(4)
    >>> overlaps_partly(x[1:], x[:-1]), overlaps_partly(x[:2], x[2:]), overlaps_partly(x, x)
    (True, False, False)
    """
    if x is y or not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)) or not np.may_share_memory(x, y):
        return False
    same_start = x.__array_interface__["data"] == y.__array_interface__["data"]
    if same_start and x.shape == y.shape and x.strides == y.strides:
        return False
    return _has_no_gaps(x) and _has_no_gaps(y)


def _has_no_gaps(x: Array) -> bool:
    return bool(x.transpose(sorted(range(x.ndim), key=lambda d: -x.strides[d])).flags.c_contiguous)
