"""The index of the largest or smallest element of a large array: blocks of rows, or of columns, shared out to the threads."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks
from metagrad.kernels.reductions import is_large


def index_of(function: Callable[..., Array], x: Array, axis: int) -> Array:
    """``function(x, axis)``, np.argmax or np.argmin, with extent 1 in ``axis``: the first of equals, or the first nan."""
    if not is_large(x) or not x.flags.c_contiguous:
        return function(x, axis=axis, keepdims=True)
    outer, n, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    if inner > 1:
        return _of_columns(function, x.reshape(outer, n, inner)).reshape(shape)
    if outer > 1:
        return _of_rows(function, x.reshape(outer, n)).reshape(shape)
    return _of_vector(function, x.reshape(n)).reshape(shape)


def _of_vector(function: Callable[..., Array], x: Array) -> Array:
    """The best of the rows that the vector is cut into, and of what is left."""
    length = tuning.REDUCTION_CHUNK
    rows = len(x) // length
    inside = rows * length
    best = np.arange(rows) * length + _of_rows(function, x[:inside].reshape(rows, length))
    if inside < len(x):
        best = np.append(best, inside + function(x[inside:]))
    return best[function(x[best])]


def _of_rows(function: Callable[..., Array], x: Array) -> Array:
    found = np.empty(len(x), np.int64)

    def work(rows: slice) -> None:
        found[rows] = function(x[rows], axis=1)

    map_chunks(work, cut(len(x), max(1, tuning.REDUCTION_CHUNK // x.shape[1])))
    return found


def _of_columns(function: Callable[..., Array], x: Array) -> Array:
    found = np.empty((x.shape[0], x.shape[2]), np.int64)

    def work(chunk: tuple[int, slice]) -> None:
        o, columns = chunk
        found[o, columns] = function(np.ascontiguousarray(x[o, :, columns].T), axis=1)

    map_chunks(work, [(o, columns) for o in range(len(x)) for columns in cut(x.shape[2], tuning.EXTREMUM_COLUMNS)])
    return found
