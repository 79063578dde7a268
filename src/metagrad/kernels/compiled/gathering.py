"""Elements taken from, and added at, the indices that an array names along the middle dimension; rows added by their number."""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native


@native
def take_along(x: Array, index: Array, y: Array) -> None:
    """yₒₖᵢ = xₒⱼᵢ, j = index[o, k, i]; x (O, N, I), index and y (O, K, I)."""
    for o in range(len(index)):
        for k in range(index.shape[1]):
            for i in range(index.shape[2]):
                y[o, k, i] = x[o, index[o, k, i], i]


@native
def take_in_rows(x: Array, index: Array, y: Array) -> None:
    """yₒₖ = xₒⱼ, j = index[o, k]; x (O, N), index and y (O, K)."""
    for o in range(len(index)):
        for k in range(index.shape[1]):
            y[o, k] = x[o, index[o, k]]


@native
def add_in_rows(y: Array, index: Array, x: Array) -> None:
    """yₒⱼ += xₒₖ, j = index[o, k]; y (O, N), index and x (O, K)."""
    for o in range(len(index)):
        for k in range(index.shape[1]):
            y[o, index[o, k]] += x[o, k]


@native
def add_along(y: Array, index: Array, x: Array) -> None:
    """yₒⱼᵢ += xₒₖᵢ, j = index[o, k, i]; y (O, N, I), index and x (O, K, I)."""
    for o in range(len(index)):
        for k in range(index.shape[1]):
            for i in range(index.shape[2]):
                y[o, index[o, k, i], i] += x[o, k, i]


@native
def add_rows(y: Array, rows: Array, x: Array, start: int, stop: int) -> None:
    """y[rows[n], j] += x[n, j] in columns ``start`` to ``stop``; y (R, D), x (N, D)."""
    for n in range(len(rows)):
        row = rows[n]
        for j in range(start, stop):
            y[row, j] += x[n, j]
