"""Elements and rows taken, and added, at indices along one dimension. What is added at one element is so in the order of the index.

Indices come as unsigned integers, of which none is negative: for a signed one, each step would first ask from which end it counts.
A row at a time: for a loop over few arrays of one dimension the compiler knows most.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native


@native
def _take(x: Array, index: Array, y: Array) -> None:
    for k in range(len(index)):
        y[k] = x[index[k]]


@native
def take_in_rows(x: Array, index: Array, y: Array) -> None:
    """yₒₖ = xₒⱼ, j = index[o, k]; x (O, N), index and y (O, K)."""
    for o in range(len(index)):
        _take(x[o], index[o], y[o])


@native
def take_along(x: Array, index: Array, y: Array, start: int, stop: int) -> None:
    """yₒₖᵢ = xₒⱼᵢ, j = index[o, k, i], for rows ``start`` to ``stop`` of all (o, k); x (O, N, I), index and y (O, K, I)."""
    for row in range(start, stop):
        o, k = row // index.shape[1], row % index.shape[1]
        for i in range(index.shape[2]):
            y[o, k, i] = x[o, index[o, k, i], i]


@native
def _add_at(y: Array, index: Array, x: Array) -> None:
    for k in range(len(index)):
        y[index[k]] += x[k]


@native
def add_in_rows(y: Array, index: Array, x: Array) -> None:
    """yₒⱼ += xₒₖ, j = index[o, k]; y (O, N), index and x (O, K)."""
    for o in range(len(index)):
        _add_at(y[o], index[o], x[o])


@native
def add_along(y: Array, index: Array, x: Array, start: int, stop: int) -> None:
    """yₒⱼᵢ += xₒₖᵢ, j = index[o, k, i], for i from ``start`` to ``stop``; y (O, N, I), index and x (O, K, I)."""
    for o in range(len(index)):
        for k in range(index.shape[1]):
            for i in range(start, stop):
                y[o, index[o, k, i], i] += x[o, k, i]


@native
def _add(y: Array, x: Array) -> None:
    for j in range(len(x)):
        y[j] += x[j]


@native
def add_rows(y: Array, rows: Array, x: Array, start: int, stop: int) -> None:
    """y[rows[n], j] += x[n, j] in columns ``start`` to ``stop``; y (R, D), x (N, D)."""
    for n in range(len(rows)):
        _add(y[rows[n], start:stop], x[n, start:stop])
