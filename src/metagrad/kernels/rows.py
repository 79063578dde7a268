"""Work on the rows of a matrix, in chunks that a core's own cache holds, shared out to the threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard, TypeVar

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, threads_worth
from metagrad.kernels.compiled.choice import use_compiled

R = TypeVar("R")


def by_rows(work: Callable[[slice], R], rows: int, columns: int) -> list[R]:
    """``work(slice of rows)`` for chunks that cover the rows of a matrix: the results in order."""
    threads = threads_worth(rows * columns, tuning.ROWS_WORTH_THREADS)
    length = max(1, tuning.ROWS_CHUNK // max(columns, 1))
    return map_chunks(work, even_chunks(rows, length, threads, columns * tuning.ROWS_COST), threads)


def row_sums(x: Array) -> Array:
    """Σ of every row of a matrix, (N, 1): by BLAS's inner product where it is the faster one."""
    is_real = x.__class__ is np.ndarray and x.dtype.kind == "f" and 2 < x.dtype.itemsize < 16
    if is_real and x.shape[1] <= tuning.ROWS_BY_BLAS:
        return np.vecdot(x, np.ones(x.shape[1], x.dtype))[:, None]
    return x.sum(axis=1, keepdims=True)


def row_products(x: Array, y: Array) -> Array:
    """Σ x y of every row, (N, 1)."""
    if x.__class__ is np.ndarray and x.shape[1] <= tuning.ROWS_BY_BLAS:
        return np.vecdot(x, y)[:, None]
    return (x * y).sum(axis=1, keepdims=True)


def takes_loop(x: Array) -> bool:
    """Whether compiled loops serve the rows of a matrix: long ones lose fewer digits in NumPy, which adds in pairs."""
    return use_compiled(x) and 0 < x.shape[1] <= tuning.ROWS_ADDED_IN_TURN


def is_worth_rows(x: object) -> TypeGuard[np.ndarray]:
    """Whether x is a large array of real rows, one after the other in memory."""
    return (
        type(x) is np.ndarray
        and x.size >= tuning.ROWS_WORTH_THREADS
        and x.ndim > 1
        and x.dtype.kind == "f"
        and x.dtype.itemsize > 2
        and x.flags.c_contiguous
    )
