"""Where the largest or smallest element of a large array is: blocks of rows, or of columns, shared out to the threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.reductions import is_large
from metagrad.kernels.threads import share_out


def place(function: Callable[..., Array], x: Array, axis: int) -> Array:
    """``function(x, axis)``, np.argmax or np.argmin, with extent 1 in ``axis``: the first of equals, or the first nan."""
    if not is_large(x) or not x.flags.c_contiguous:
        return function(x, axis=axis, keepdims=True)
    outer, n, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    if inner > 1:
        return _of_columns(function, x.reshape(outer, n, inner)).reshape(shape)
    if outer > 1:
        return _of_rows(function, x.reshape(outer, n)).reshape(shape)
    rows = n // tuning.REDUCTION_CHUNK
    starts = np.arange(rows) * tuning.REDUCTION_CHUNK
    best = starts + _of_rows(
        function, x.reshape(-1)[: rows * tuning.REDUCTION_CHUNK].reshape(rows, tuning.REDUCTION_CHUNK)
    )
    if rows * tuning.REDUCTION_CHUNK < n:
        best = np.append(best, rows * tuning.REDUCTION_CHUNK + function(x.reshape(-1)[rows * tuning.REDUCTION_CHUNK :]))
    return best[function(x.reshape(-1)[best])].reshape(shape)


def _of_rows(function: Callable[..., Array], x: Array) -> Array:
    found, step = np.empty(len(x), np.int64), max(1, tuning.REDUCTION_CHUNK // x.shape[1])

    def work(share: Iterable[int]) -> None:
        for i in share:
            found[i : i + step] = function(x[i : i + step], axis=1)

    share_out(work, list(range(0, len(x), step)))
    return found


def _of_columns(function: Callable[..., Array], x: Array) -> Array:
    found = np.empty((x.shape[0], x.shape[2]), np.int64)

    def work(share: Iterable[Any]) -> None:
        for o, i in share:
            block = np.ascontiguousarray(x[o, :, i : i + tuning.EXTREMUM_COLUMNS].T)
            found[o, i : i + tuning.EXTREMUM_COLUMNS] = function(block, axis=1)

    share_out(work, [(o, i) for o in range(x.shape[0]) for i in range(0, x.shape[2], tuning.EXTREMUM_COLUMNS)])
    return found
