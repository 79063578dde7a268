"""Work on the rows of a matrix, in chunks that a core's own cache holds, shared out to the threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeGuard, TypeVar

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, rows_joined, split, threads_worth
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.compiled.entries import work_of
from metagrad.kernels.threads import get_num_threads, perform

R = TypeVar("R")


def by_rows(work: Callable[[slice], R], matrix: Array, is_short: bool = False) -> list[R]:
    """``work(slice of rows)`` for chunks that cover the rows of a matrix: the results in order. is_short: it only adds up.

    A GPU takes all rows at once.
    """
    if matrix.__class__ is not np.ndarray:
        return [work(slice(0, len(matrix)))]
    rows, columns = matrix.shape
    threads = threads_worth(rows * columns, tuning.ROWS_SUMS_WORTH_THREADS if is_short else tuning.ROWS_WORTH_THREADS)
    length = max(1, tuning.ROWS_CHUNK // max(columns, 1))
    with np.errstate():  # which resets the buffers' size, too
        if tuning.UNBUFFERED_ROW <= columns < tuning.LONG_ROW:
            np.setbufsize(tuning.SHORT_BUFFER)
        return map_chunks(work, even_chunks(rows, length, threads, columns * tuning.ROWS_COST), threads)


def with_row(ufunc: np.ufunc, x: Array, row: Array, out: Array) -> None:
    """``ufunc(x, row, out=out)`` of rows x and one row (M), several rows of x at once.

    >>> y = np.empty((2, 3))
    >>> with_row(np.add, np.zeros((2, 3)), np.arange(3), y)
    >>> y.tolist()
    [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]
    """
    times = (
        rows_joined(*x.shape) if x.__class__ is np.ndarray and x.flags.c_contiguous and out.flags.c_contiguous else 1
    )
    if times > 1:
        x, row, out = x.reshape(len(x) // times, -1), np.tile(row, times), out.reshape(len(x) // times, -1)
    ufunc(x, row, out=out)


def for_loop(a: Array, dtype: np.dtype | None = None) -> Array:
    """The array as compiled loops take it: of a dtype, its elements in order in memory."""
    return a if a.flags.carray and dtype in (None, a.dtype) else np.require(a, dtype, ["C", "A", "W"])


def sums_by_loop(loop: Callable[..., None], like: Array, shape: tuple[int, ...], arrays: Sequence[Array]) -> Array:
    """The sums over all rows that a compiled loop takes, added in order, whichever thread took them: see ``parts_by_loop``."""
    return parts_by_loop(loop, like, shape, arrays)[1].sum(axis=0)


def parts_by_loop(
    loop: Callable[..., None], like: Array, shape: tuple[int, ...], arrays: Sequence[Array]
) -> tuple[Array, Array]:
    """Where parts of the rows begin and end, edges (P, 2), and their sums (P, \\*shape), from zeros on: ``loop(edges, sums,
    *arrays)`` adds to sums[p] what comes of the rows from edges[p, 0] to edges[p, 1]. like: an array of all rows.

    Parts are some for each thread, and more where there are so many rows that a sum of a part would lose digits.
    """
    few = min(len(like), like.size // tuning.SPREAD_LEAST, tuning.ROWS_PARTS * get_num_threads())
    edges = [(s.start, s.stop) for s in split(len(like), max(1, few, -(-len(like) // tuning.REDUCTION_ROWS)))]
    bounds, sums = np.array(edges, np.int64), np.zeros((len(edges), *shape), like.dtype)
    perform(work_of(loop, [bounds, sums], arrays), len(edges), len(edges))
    return bounds, sums


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


def is_worth_rows(x: object, many: bool = False) -> TypeGuard[np.ndarray]:
    """Whether x is a large array of real rows, one after the other in memory; many: or a smaller one of many rows, where
    NumPy's reductions, which begin anew for each row, are what takes the time.
    """
    return (
        type(x) is np.ndarray
        and x.ndim > 1
        and (
            x.size >= tuning.ROWS_WORTH_THREADS
            or (many and x.size >= tuning.MANY_ROWS * max(tuning.MANY_ROWS_COLUMNS, x.shape[-1]))
        )
        and x.dtype.kind == "f"
        and x.dtype.itemsize > 2
        and x.flags.c_contiguous
    )
