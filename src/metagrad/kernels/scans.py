"""Running sums of large arrays, on all threads.

Each sum waits for the one before it, so a processor that could add eight numbers at once adds one. Across the dimension
whole rows are added instead. Along rows, a row is cut into strips: the sums of the strips, then their running sums, are
where each strip starts from. That is added to its first element, and the running sums inside all strips are then one
product with a triangle of ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.reductions import is_large
from metagrad.kernels.threads import get_num_threads, share_out


def running_sum(x: Array, axis: int) -> Array:
    """yᵢ = Σ_{j≤i} xⱼ along one dimension, in the dtype of x."""
    if not is_large(x) or not x.flags.c_contiguous or x.dtype.kind != "f":
        return np.cumsum(x, axis=axis, dtype=x.dtype)
    outer, n, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    if inner >= 256:
        return _of_columns(x.reshape(outer, n, inner)).reshape(x.shape)
    if inner == 1 and n >= 4 * tuning.SCAN_STRIP:
        y = _of_rows(x.reshape(outer, n))
        if y is not None:
            return y.reshape(x.shape)
    return np.cumsum(x, axis=axis, dtype=x.dtype)


def _of_columns(x: Array) -> Array:
    y = np.empty_like(x)
    width = -(-x.shape[2] // get_num_threads())

    def work(share: Iterable[tuple[int, int]]) -> None:
        for o, i in share:
            terms, sums = x[o, :, i : i + width], y[o, :, i : i + width]
            before = sums[0]
            before[...] = terms[0]
            for term, here in zip(terms[1:], sums[1:], strict=True):
                before = np.add(before, term, out=here)

    share_out(work, [(o, i) for i in range(0, x.shape[2], width) for o in range(x.shape[0])])
    return y


def _of_rows(x: Array) -> Array | None:
    """None if a sum is infinite or nan: in a product, 0 · ∞ would make all of its strip nan."""
    rows, n = x.shape
    y, strips = np.empty_like(x), n // tuning.SCAN_STRIP
    cut, high = strips * tuning.SCAN_STRIP, max(1, tuning.SCAN_CHUNK // n)
    ones = np.ones(tuning.SCAN_STRIP, x.dtype)
    triangle = np.triu(np.ones((tuning.SCAN_STRIP, tuning.SCAN_STRIP), x.dtype))
    is_finite = []

    def run(share: Iterable[slice]) -> None:
        for box in share:
            terms = x[box, :cut].reshape(-1, tuning.SCAN_STRIP)
            ends = np.cumsum((terms @ ones).reshape(-1, strips), axis=1)
            is_finite.append(np.isfinite(ends).all())
            shifted = terms.copy()
            shifted.reshape(-1, strips, tuning.SCAN_STRIP)[:, 1:, 0] += ends[:, :-1]
            y[box, :cut] = (shifted @ triangle).reshape(-1, cut)
            if cut < n:
                y[box, cut:] = np.cumsum(x[box, cut:], axis=1) + ends[:, -1:]

    share_out(run, [slice(r, r + high) for r in range(0, rows, high)], blas=True)
    return y if all(is_finite) else None
