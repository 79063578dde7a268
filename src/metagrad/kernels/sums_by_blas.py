"""Sums of rows and of columns by BLAS, as products with ones: it is faster at them than NumPy's sum.

Long ones are added up in strips, lest rounding errors grow with their length.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, threads_worth
from metagrad.kernels.threads import get_num_threads


@functools.cache
def _strip(m: int) -> int:
    """The length of strips that a row of m elements is cut into; without a rest if some length near the usual one allows it."""
    usual = tuning.SUM_STRIP
    if m < 2 * usual:
        return m
    least = -(-m // (2 * usual))
    return next((m // count for count in range(least, 2 * least) if m % count == 0), usual)


def strips_sum(x: Array, y: Array) -> Array:
    """Σ x y along rows by BLAS, which is faster than NumPy's sum; in strips, lest rounding errors grow with the length of a row."""
    m, strip = x.shape[1], _strip(x.shape[1])
    n = m // strip * strip
    strips = x[:, :n].reshape(len(x), -1, strip)
    total = np.vecdot(strips, y[:, :n].reshape(strips.shape)).sum(axis=1, keepdims=True)
    return total if n == m else total + (x[:, n:] * y[:, n:]).sum(axis=1, keepdims=True)


def _in_parts(x: Array, work: Callable[[Array], Array], blas: bool) -> Array:
    """What comes of x (N, *) cut along the first dimension, for each thread a part, in order.

    blas: BLAS, which is called, would start threads of its own, so it is held to one: they would wait for more in circles, and be
    in the way of ours.
    """
    threads = threads_worth(x.size, tuning.SUM_WORTH_THREADS)
    chunks = even_chunks(len(x), len(x), threads, tuning.SUM_COST * x.size / len(x))
    if len(chunks) == 1 and not blas:
        return work(x)
    return np.concatenate(map_chunks(lambda chunk: work(x[chunk]), chunks, blas=blas))


@functools.lru_cache(16)
def _ones(count: int, dtype: np.dtype[Any]) -> Array:
    """For products that add up; nobody writes into it."""
    return np.ones(count, dtype)


def rows_sum(x: Array) -> Array:
    """Σ of rows x (N, M) as inner products of strips with ones, (N)."""
    m, strip = x.shape[1], _strip(x.shape[1])
    count, ones = m // strip, _ones(strip, x.dtype)
    strips = x[:, : count * strip].reshape(len(x), count, strip)
    if len(x) == 1 or count * strip == m:
        strips = strips.reshape(-1, strip)
    sums = _in_parts(strips, lambda part: np.vecdot(part, ones), blas=False).reshape(len(x), count)
    if count == 1:
        sums = sums[:, 0]
    else:
        sums = np.add.reduce(sums, axis=1) if len(x) < count else np.vecdot(sums, _ones(count, x.dtype))
    return sums if count * strip == m else sums + np.add.reduce(x[:, count * strip :], axis=1)


def columns_sum(x: Array) -> Array:
    """Σ of columns x (O, N, M) as products with ones, (O, M): some thousand rows at a time, lest rounding errors grow."""
    outer, n, inner = x.shape
    rows = min(n, tuning.REDUCTION_ROWS, max(1, -(-n * outer // get_num_threads())))
    count = n // rows
    ones = np.ones(rows, x.dtype)
    whole = x[:, : count * rows]
    if outer == 1 or count * rows == n:
        parts = _in_parts(whole.reshape(outer * count, rows, inner), lambda part: ones @ part, blas=True)
        sums = parts.reshape(outer, count, inner).sum(axis=1)
    else:
        sums = np.array([columns_sum(some[None])[0] for some in whole], x.dtype)
    if count * rows < n:
        sums += x[:, count * rows :].sum(axis=1)
    return sums
