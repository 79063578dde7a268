"""Running sums of large arrays, on all threads.

Each sum waits for the one before it, so a processor that could add eight numbers at once adds one. Across the dimension
whole rows are added instead. Along rows, a row is cut into strips: the sums of the strips, then their running sums, are
where each strip starts from, and the i-th elements of all strips are added at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from metagrad.kernels.folding import is_large, share_out
from metagrad.kernels.threads import blas_on_one_thread, get_num_threads

Array = Any

STRIP = 8
BOX = 1 << 18


def running_sum(x: Array, axis: int) -> Array:
    """yᵢ = Σ_{j≤i} xⱼ along one dimension, in the dtype of x."""
    if not is_large(x) or not x.flags.c_contiguous or x.dtype.kind != "f":
        return np.cumsum(x, axis=axis, dtype=x.dtype)
    outer, n, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    if inner >= 256:
        return _of_columns(x.reshape(outer, n, inner)).reshape(x.shape)
    if inner == 1 and n >= 8 * STRIP:
        return _of_rows(x.reshape(outer, n)).reshape(x.shape)
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


def _of_rows(x: Array) -> Array:
    rows, n = x.shape
    y, strips = np.empty_like(x), n // STRIP
    cut = strips * STRIP
    terms, sums = x[:, :cut].reshape(rows, strips, STRIP), y[:, :cut].reshape(rows, strips, STRIP)
    starts = np.empty((rows, strips), x.dtype)
    ones = np.ones(STRIP, x.dtype)
    high, wide = max(1, BOX // n), min(strips, BOX // STRIP)
    boxes = [(slice(r, r + high), slice(s, s + wide)) for r in range(0, rows, high) for s in range(0, strips, wide)]

    def add_up(share: Iterable[tuple[slice, slice]]) -> None:
        for box in share:
            np.matmul(terms[box], ones, out=starts[box])

    def run(share: Iterable[tuple[slice, slice]]) -> None:
        for box in share:
            here, there = terms[box], sums[box]
            np.add(starts[box], here[..., 0], out=there[..., 0])
            for i in range(1, STRIP):
                np.add(there[..., i - 1], here[..., i], out=there[..., i])

    with blas_on_one_thread():
        share_out(add_up, boxes)
    ends = np.cumsum(starts, axis=1)
    starts[:, 0], starts[:, 1:] = 0, ends[:, :-1]
    share_out(run, boxes)
    if cut < n:
        y[:, cut:] = np.cumsum(x[:, cut:], axis=1) + ends[:, -1:]
    return y
