"""Differences of neighbours along a dimension, and their gradient: with others after it, neighbours lie so far apart in memory."""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.channels_last import channels_behind
from metagrad.base.typing import Array
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import differences as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.one_call import in_parts
from metagrad.kernels.threads import get_num_threads


def fits(x: Array) -> bool:
    """Whether compiled loops serve an array."""
    return use_compiled(x) and x.flags.carray and channels_behind(x) == tuple(range(x.ndim))


def differences(x: Array, axis: int) -> Array:
    """yᵢ = xᵢ₊₁ − xᵢ along a dimension of two elements or more; x fits.

    >>> differences(np.array([1.0, 4.0, 9.0]), 0).tolist()
    [3.0, 5.0]
    """
    outer, n, apart = _extents(x, axis)
    y = np.empty([n - 1 if d == axis else m for d, m in enumerate(x.shape)], x.dtype)
    rows, to = x.reshape(outer, -1), y.reshape(outer, -1)
    if outer >= 4 * get_num_threads():
        spread(compiled.differences, [rows, to], (), [apart])
    else:
        for row, memory in zip(rows, to, strict=True):
            in_parts(np.subtract, [row[apart:], row[:-apart]], memory)
    return y


def gradient(g: Array, axis: int) -> Array:
    """yᵢ = gᵢ₋₁ − gᵢ, without what is outside of g: one element more than g; g fits.

    >>> gradient(np.array([3.0, 5.0]), 0).tolist()
    [-3.0, -2.0, 5.0]
    """
    outer, n, apart = _extents(g, axis)
    y = np.empty([n + 1 if d == axis else m for d, m in enumerate(g.shape)], g.dtype)
    rows, to = g.reshape(outer, -1), y.reshape(outer, -1)
    if outer >= 4 * get_num_threads():
        spread(compiled.differences_backward, [rows, to], (), [apart])
    else:
        for row, memory in zip(rows, to, strict=True):
            np.negative(row[:apart], out=memory[:apart])
            in_parts(np.subtract, [row[:-apart], row[apart:]], memory[apart:-apart])
            memory[-apart:] = row[-apart:]
    return y


def _extents(x: Array, axis: int) -> tuple[int, int, int]:
    return math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
