"""Sums of what is computed of two arrays, chunk by chunk on all threads: an array of the summands is never written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, threads_worth
from metagrad.kernels.compiled.compiler import available


def fits(x: Any, y: Any) -> bool:
    """Whether the kernel serves two arrays: NumPy's own, of one shape and dtype, with an element or more, in order in memory.

    Of large ones compiled loops make the summands in less time.
    """
    return (
        x.__class__ is np.ndarray is y.__class__
        and x.shape == y.shape
        and x.dtype == y.dtype
        and x.dtype.char in "fd"
        and x.size > 0
        and (x.size < tuning.POINTWISE_LARGE or not available())
        and x.flags.c_contiguous
        and y.flags.c_contiguous
    )


def of_differences(factors: Callable[[Array], tuple[Array, Array]], x: Array, y: Array) -> Array:
    """Σ a b over all elements, a and b = factors(x − y), which may write over the difference; x and y fit. 0-d.

    >>> of_differences(lambda d: (d, d), np.ones(2), np.array([1.0, 4.0])).item()
    9.0
    """
    first, second = x.reshape(-1), y.reshape(-1)

    def work(chunk: slice) -> Array:
        return _dot(*factors(first[chunk] - second[chunk]))

    if x.size < tuning.POINTWISE_LARGE:
        return np.asarray(work(slice(None)))
    threads = threads_worth(x.size, tuning.POINTWISE_LARGE)
    chunks = even_chunks(
        x.size, tuning.POINTWISE_CHUNK, 2
    )  # the same ones for any number of threads, so the sum is too
    return np.asarray(np.add.reduce(np.array(map_chunks(work, chunks, threads), x.dtype)))


def _dot(a: Array, b: Array) -> Array:
    """Σ a b of vectors by BLAS, in strips, lest rounding errors grow with their length."""
    n = len(a) - len(a) % tuning.SUM_STRIP
    strips = (-1, tuning.SUM_STRIP)
    rest = np.vecdot(a[n:], b[n:])
    return np.vecdot(a[:n].reshape(strips), b[:n].reshape(strips)).sum() + rest if n else rest
