"""Differences of elements that lie so far apart in a row, and their gradient."""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native


@native
def differences(x: Array, y: Array, apart: int) -> None:
    """y[i, j] = x[i, j + d] − x[i, j]; x (N, M), y (N, M − d)."""
    for i in range(len(x)):
        later, before, to = x[i, apart:], x[i, : x.shape[1] - apart], y[i]
        for j in range(len(to)):
            to[j] = later[j] - before[j]


@native
def differences_backward(g: Array, y: Array, apart: int) -> None:
    """y[i, j] = g[i, j − d] − g[i, j], without what is outside of g; g (N, M − d), y (N, M)."""
    for i in range(len(g)):
        y[i, :apart] = 0
        y[i, apart:] = g[i]
        for j in range(g.shape[1]):
            y[i, j] -= g[i, j]
