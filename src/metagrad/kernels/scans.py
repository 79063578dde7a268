"""Running sums of large arrays, on all threads.

Each sum waits for the one before it, so a processor that could add eight numbers at once adds one. Across the dimension
whole rows are added instead. Along rows, a row is cut into strips: the sums of the strips, then their running sums, are
where each strip starts from. That is added to its first element, and the running sums inside all strips are then one
product with a triangle of ones.
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks
from metagrad.kernels.compiled import reductions as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.reductions import is_large
from metagrad.kernels.threads import get_num_threads


def running_sum(x: Array, axis: int) -> Array:
    """yᵢ = Σ_{j≤i} xⱼ along one dimension, in the dtype of x."""
    if not is_large(x) or not x.flags.c_contiguous or x.dtype.kind != "f":
        return np.cumsum(x, axis=axis, dtype=x.dtype)
    outer, n, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    if inner >= tuning.SCAN_COLUMNS:
        return _of_columns(x.reshape(outer, n, inner)).reshape(x.shape)
    if inner == 1 and outer >= tuning.SCAN_ROWS and use_compiled(x) and x.flags.writeable:
        return _of_many_rows(x.reshape(outer, n)).reshape(x.shape)
    if inner == 1 and n >= 4 * tuning.SCAN_STRIP:
        y = _of_rows(x.reshape(outer, n))
        if y is not None:
            return y.reshape(x.shape)
    return np.cumsum(x, axis=axis, dtype=x.dtype)


def _of_columns(x: Array) -> Array:
    y = np.empty_like(x)

    def work(chunk: tuple[int, slice]) -> None:
        o, columns = chunk
        terms, sums = x[o, :, columns], y[o, :, columns]
        before = sums[0]
        before[...] = terms[0]
        for term, here in zip(terms[1:], sums[1:], strict=True):
            before = np.add(before, term, out=here)

    widths = cut(x.shape[2], -(-x.shape[2] // get_num_threads()))
    map_chunks(work, [(o, columns) for columns in widths for o in range(len(x))])
    return y


def _of_many_rows(x: Array) -> Array:
    y = np.empty_like(x)
    chunks = cut(len(x), -(-len(x) // get_num_threads()))
    map_chunks(lambda rows: compiled.running_sums(x[rows], y[rows]), chunks)
    return y


def _of_rows(x: Array) -> Array | None:
    """None if a sum is infinite or nan: in a product, 0 · ∞ would make all of its strip nan."""
    (rows, n), strip = x.shape, tuning.SCAN_STRIP
    y, strips = np.empty_like(x), n // strip
    inside = strips * strip
    ones = np.ones(strip, x.dtype)
    triangle = np.triu(np.ones((strip, strip), x.dtype))

    def work(chunk: slice) -> bool:
        terms = x[chunk, :inside].reshape(-1, strip)
        ends = np.cumsum((terms @ ones).reshape(-1, strips), axis=1)
        shifted = terms.copy()
        shifted.reshape(-1, strips, strip)[:, 1:, 0] += ends[:, :-1]
        y[chunk, :inside] = (shifted @ triangle).reshape(-1, inside)
        if inside < n:
            y[chunk, inside:] = np.cumsum(x[chunk, inside:], axis=1) + ends[:, -1:]
        return bool(np.isfinite(ends).all())

    is_finite = map_chunks(work, cut(rows, max(1, tuning.SCAN_CHUNK // n)), blas=True)
    return y if all(is_finite) else None
