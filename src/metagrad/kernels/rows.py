"""Work on the rows of a matrix, in pieces that a core's own cache holds, shared out to the threads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.threads import get_num_threads, run_on_threads

PIECE = (
    1 << 19
)  # elements: smaller ones stay in a nearer cache, but threads lose more by taking turns at the interpreter
WORTH_THREADS = 1 << 17  # elements
_LONG_ROW = 4096  # elements up to which BLAS's rounding errors, which grow with their number, are small


def by_rows(work: Callable[[slice], Any], rows: int, columns: int) -> list[Any]:
    """``work(rows)`` for all pieces, each a slice of rows; the results in order."""
    count = get_num_threads() if rows * columns >= WORTH_THREADS else 1
    step = max(1, min(PIECE // max(columns, 1), -(-rows // count)))
    pieces = [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
    shares = [pieces[len(pieces) * k // count : len(pieces) * (k + 1) // count] for k in range(count)]
    jobs = [functools.partial(_all, work, share) for share in shares if share]
    return [result for results in run_on_threads(jobs) for result in results]


def _all(work: Callable[[slice], Any], share: list[slice]) -> list[Any]:
    return [work(piece) for piece in share]


def row_sums(x: Array) -> Array:
    """Σ of every row, (N, 1): by BLAS's inner product where it is the faster one."""
    if x.__class__ is np.ndarray and x.dtype.kind == "f" and 2 < x.dtype.itemsize < 16 and x.shape[1] <= _LONG_ROW:
        return np.vecdot(x, np.ones(x.shape[1], x.dtype))[:, None]
    return x.sum(axis=1, keepdims=True)


def row_products(x: Array, y: Array) -> Array:
    """Σ x y of every row, (N, 1)."""
    if x.__class__ is np.ndarray and x.shape[1] <= _LONG_ROW:
        return np.vecdot(x, y)[:, None]
    return (x * y).sum(axis=1, keepdims=True)


def is_worth_rows(x: Any) -> bool:
    """Whether x is a large array of real rows, one after the other in memory."""
    return (
        x.__class__ is np.ndarray
        and x.size >= WORTH_THREADS
        and x.ndim > 1
        and x.dtype.kind == "f"
        and x.dtype.itemsize > 2
        and x.flags.c_contiguous
    )


def softmax(x: Array) -> Array:
    """exp(x − max) / Σ exp(x − max) of every row."""
    rows = x.reshape(-1, x.shape[-1])
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        y = out[part]
        np.subtract(rows[part], rows[part].max(axis=1, keepdims=True), out=y)
        np.exp(y, out=y)
        y *= 1 / row_sums(y)

    by_rows(work, *rows.shape)
    return out.reshape(x.shape)


def softmax_backward(grad: Array, y: Array) -> Array:
    """y (g − Σ g y) of every row."""
    g, rows = grad.reshape(-1, y.shape[-1]), y.reshape(-1, y.shape[-1])
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        y = out[part]
        np.subtract(g[part], row_products(g[part], rows[part]), out=y)
        y *= rows[part]

    by_rows(work, *rows.shape)
    return out.reshape(y.shape)


def log_softmax(x: Array) -> Array:
    """x − max − ln Σ exp(x − max) of every row."""
    rows = x.reshape(-1, x.shape[-1])
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        y = out[part]
        np.subtract(rows[part], rows[part].max(axis=1, keepdims=True), out=y)
        y -= np.log(row_sums(np.exp(y)))

    by_rows(work, *rows.shape)
    return out.reshape(x.shape)


def log_softmax_backward(grad: Array, y: Array) -> Array:
    """g − exp(y) Σ g of every row."""
    g, rows = grad.reshape(-1, y.shape[-1]), y.reshape(-1, y.shape[-1])
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        p = out[part]
        np.exp(rows[part], out=p)
        p *= -row_sums(g[part])
        p += g[part]

    by_rows(work, *rows.shape)
    return out.reshape(y.shape)
