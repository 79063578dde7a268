"""Elements and rows taken, put and added at indices along one dimension.

What is added at one element is so in the order of the index.

Indices come as unsigned integers, of which none is negative: for a signed one, each step would first ask from which end it counts.
A row at a time: for a loop over few arrays of one dimension the compiler knows most.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_inlined
from metagrad.kernels.compiled.picking import add, take

ADD, MULTIPLY, LARGEST, SMALLEST = 0, 1, 2, 3


@native
def take_in_rows(index: Array, x: Array, y: Array) -> None:
    """yₒₖ = xₒⱼ, j = index[o, k]; x (O, N), index and y (O, K)."""
    for o in range(len(index)):
        take(index[o], y[o], x[o])


@native
def take_along(x: Array, index: Array, y: Array, start: int, stop: int) -> None:
    """yₒₖᵢ = xₒⱼᵢ, j = index[o, k, i], for rows ``start`` to ``stop`` of all (o, k); x (O, N, I), index and y (O, K, I)."""
    for row in range(start, stop):
        o, k = row // index.shape[1], row % index.shape[1]
        for i in range(index.shape[2]):
            y[o, k, i] = x[o, index[o, k, i], i]


@native
def _put(y: Array, index: Array, x: Array) -> None:
    for k in range(len(index)):
        y[index[k]] = x[k]


@native
def put_in_rows(index: Array, y: Array, x: Array) -> None:
    """yₒⱼ = xₒₖ, j = index[o, k], the last one where j comes twice; y (O, N), index and x (O, K)."""
    for o in range(len(index)):
        _put(y[o], index[o], x[o])


@native
def put_along(index: Array, y: Array, x: Array, start: int, stop: int) -> None:
    """yₒⱼᵢ = xₒₖᵢ, j = index[o, k, i], the last one where j comes twice, for i from ``start`` to ``stop``; y (O, N, I)."""
    for o in range(len(index)):
        for k in range(index.shape[1]):
            for i in range(start, stop):
                y[o, index[o, k, i], i] = x[o, k, i]


@native
def add_in_rows(index: Array, y: Array, x: Array) -> None:
    """yₒⱼ += xₒₖ, j = index[o, k]; y (O, N), index and x (O, K)."""
    for o in range(len(index)):
        add(y[o], index[o], x[o])


@native
def add_along(index: Array, y: Array, x: Array, start: int, stop: int) -> None:
    """yₒⱼᵢ += xₒₖᵢ, j = index[o, k, i], for i from ``start`` to ``stop``; y (O, N, I), index and x (O, K, I)."""
    for o in range(len(index)):
        for k in range(index.shape[1]):
            for i in range(start, stop):
                y[o, index[o, k, i], i] += x[o, k, i]


@native_inlined
def _combined(a: float, b: float, kind: int) -> float:
    if kind == ADD:
        return a + b
    if kind == MULTIPLY:
        return a * b
    takes_b = b > a if kind == LARGEST else b < a
    return b if takes_b or b != b else a


@native
def _combine_at(y: Array, index: Array, x: Array, kind: int) -> None:
    for k in range(len(index)):
        y[index[k]] = _combined(y[index[k]], x[k], kind)


@native
def combine_in_rows(index: Array, y: Array, x: Array, kind: int) -> None:
    """yₒⱼ = the sum, product, larger or smaller of yₒⱼ and xₒₖ, j = index[o, k]; y (O, N), index and x (O, K)."""
    for o in range(len(index)):
        _combine_at(y[o], index[o], x[o], kind)


@native
def combine_along(index: Array, y: Array, x: Array, kind: int, start: int, stop: int) -> None:
    """The same of yₒⱼᵢ and xₒₖᵢ, j = index[o, k, i], for i from ``start`` to ``stop``; y (O, N, I), index and x (O, K, I)."""
    for o in range(len(index)):
        for k in range(index.shape[1]):
            for i in range(start, stop):
                j = index[o, k, i]
                y[o, j, i] = _combined(y[o, j, i], x[o, k, i], kind)


@native_inlined
def _add(y: Array, x: Array) -> None:
    for j in range(len(x)):
        y[j] += x[j]


@native
def chain(rows: Array, first: Array, following: Array) -> None:
    """firstᵣ = the first n with rowsₙ = r, followingₙ = the next one with the same row; −1 where there is none."""
    for n in range(len(rows) - 1, -1, -1):
        following[n] = first[rows[n]]
        first[rows[n]] = n


@native
def add_rows(y: Array, first: Array, following: Array, x: Array) -> None:
    """y[r, j] += x[n, j] for each n of a row's chain, in order; y (R, D), x (N, D)."""
    for r in range(len(y)):
        n = first[r]
        while n >= 0:
            _add(y[r], x[n])
            n = following[n]


@native_inlined
def _add_scaled(y: Array, x: Array, c: np.float32) -> None:
    for j in range(len(x)):
        y[j] += c * x[j]


@native
def add_scaled_rows(y: Array, first: Array, following: Array, numbers: Array, scale: Array, x: Array) -> None:
    """y[r, j] += scaleₙ x[numbersₙ, j] for each n of a row's chain, in order; y (R, D), x (M, D), numbers and scale (N)."""
    for r in range(len(y)):
        n = first[r]
        while n >= 0:
            _add_scaled(y[r], x[numbers[n]], scale[n])
            n = following[n]


@native
def find_runs(rows: Array, begins: Array) -> bool:
    """beginsᵣ = the first n with rowsₙ ≥ r, for r up to the number of rows; whether the rows are in order, as they must be."""
    r = 0
    for n in range(len(rows)):
        if rows[n] < r - 1:
            return False
        while r <= rows[n]:
            begins[r] = n
            r += 1
    begins[r:] = len(rows)
    return True


@native_inlined
def _add_four_scaled(y: Array, x: Array, numbers: Array, scale: Array, n: int) -> None:
    a, b, c, d = x[numbers[n]], x[numbers[n + 1]], x[numbers[n + 2]], x[numbers[n + 3]]
    s, t, u, v = scale[n], scale[n + 1], scale[n + 2], scale[n + 3]
    for j in range(len(y)):
        y[j] = y[j] + s * a[j] + t * b[j] + u * c[j] + v * d[j]


@native
def add_runs(y: Array, begins: Array, ends: Array, numbers: Array, scale: Array, x: Array) -> None:
    """y[r, j] += scaleₙ x[numbersₙ, j] for n from beginsᵣ to endsᵣ, in order, four at a time: so y is read less often."""
    for r in range(len(y)):
        fours = (ends[r] - begins[r]) // 4
        for i in range(fours):
            _add_four_scaled(y[r], x, numbers, scale, begins[r] + 4 * i)
        for n in range(begins[r] + 4 * fours, ends[r]):
            _add_scaled(y[r], x[numbers[n]], scale[n])
