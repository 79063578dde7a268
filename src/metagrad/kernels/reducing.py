"""Large arrays folded by a ufunc (add, maximum, …), cut up on all threads.

NumPy folds on one thread. Here each thread folds a part, which lies in one piece of memory; where all of the array, or what the
parts have in common, is folded, the parts' results are folded in the end.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.autograd.variable import Array
from metagrad.kernels.threads import get_num_threads, run_on_threads

LARGE = 1 << 18  # elements from which threads pay


def reduce(ufunc: Any, x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """``ufunc.reduce(x, axis, keepdims=keepdims)``."""
    if (
        x.__class__ is not np.ndarray
        or x.size < LARGE
        or not x.flags.c_contiguous
        or not axis
        or get_num_threads() == 1
    ):
        return ufunc.reduce(x, axis=axis, keepdims=keepdims)
    first, last = min(axis), max(axis)
    if last - first + 1 != len(axis):
        return ufunc.reduce(x, axis=axis, keepdims=keepdims)
    before, after = math.prod(x.shape[:first]), math.prod(x.shape[last + 1 :])
    folded = _folded(ufunc, x.reshape(before, math.prod(x.shape[first : last + 1]), after))
    return folded.reshape([1 if d in axis else n for d, n in enumerate(x.shape) if keepdims or d not in axis])


def _folded(ufunc: Any, x: Array) -> Array:
    """x (before, n, after) folded over n: (before, after)."""
    count = get_num_threads()
    before, n, _ = x.shape
    if before >= count:
        return np.concatenate(run_on_threads([_job(ufunc, part) for part in _parts(x, 0, count)]))
    parts = run_on_threads([_job(ufunc, part) for part in _parts(x, 1, count)])
    return ufunc.reduce(parts, axis=0)


def _parts(x: Array, axis: int, count: int) -> list[Array]:
    n = x.shape[axis]
    cuts = [n * k // count for k in range(count + 1)]
    return [x[a:b] if axis == 0 else x[:, a:b] for a, b in zip(cuts, cuts[1:], strict=False) if b > a]


def _job(ufunc: Any, part: Array) -> Any:
    return lambda: ufunc.reduce(part, axis=1)
