"""What is known after the first elements: running sums, products, extremes, ln Σ eˣ; along rows, and down columns.

Along a row each step waits for the one before it: meanwhile, those of three other rows are taken. Down the columns of a
matrix a step is a row, of which many elements are taken at once.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native
from metagrad.kernels.compiled.transcendental import exp, log

_ZERO, _ONE = np.float64(0), np.float64(1)
_FEW = 64  # steps down the columns whose rounding errors stay few, too

# ------------------------------------------------ sums, in float64: rounding errors of a million steps would add up


@native
def running_sums(x: Array, y: Array) -> None:
    """yᵢⱼ = Σ_{k≤j} xᵢₖ of rows x (N, M)."""
    whole = len(x) // 4 * 4
    for i in range(0, whole, 4):
        a = b = c = d = _ZERO
        for j in range(x.shape[1]):
            a += x[i, j]
            b += x[i + 1, j]
            c += x[i + 2, j]
            d += x[i + 3, j]
            y[i, j], y[i + 1, j], y[i + 2, j], y[i + 3, j] = a, b, c, d
    for i in range(whole, len(x)):
        total = _ZERO
        for j in range(x.shape[1]):
            total += x[i, j]
            y[i, j] = total


@native
def add_to_row(y: Array, term: np.float32) -> None:
    """yⱼ + t, in place."""
    for j in range(len(y)):
        y[j] += term


@native
def _sum_of_rows(before: Array, x: Array, y: Array) -> None:
    for j in range(len(x)):
        y[j] = before[j] + x[j]


@native
def _added_to_rows(sums: Array, x: Array, y: Array) -> None:
    for j in range(len(x)):
        sums[j] += x[j]
        y[j] = sums[j]


@native
def running_sums_of_columns(x: Array, y: Array, start: int, stop: int) -> None:
    """yᵢⱼ = Σ_{k≤i} xₖⱼ of columns ``start`` to ``stop`` of x (N, M)."""
    if len(x) < _FEW:
        y[0, start:stop] = x[0, start:stop]
        for i in range(1, len(x)):
            _sum_of_rows(y[i - 1, start:stop], x[i, start:stop], y[i, start:stop])
        return
    sums = np.zeros(stop - start, np.float64)
    for i in range(len(x)):
        _added_to_rows(sums, x[i, start:stop], y[i, start:stop])


# ------------------------------------------------ products, in float64: one may leave float32's range and come back


@native
def running_products(x: Array, y: Array) -> None:
    """yᵢⱼ = Π_{k≤j} xᵢₖ of rows x (N, M)."""
    whole = len(x) // 4 * 4
    for i in range(0, whole, 4):
        a = b = c = d = _ONE
        for j in range(x.shape[1]):
            a *= x[i, j]
            b *= x[i + 1, j]
            c *= x[i + 2, j]
            d *= x[i + 3, j]
            y[i, j], y[i + 1, j], y[i + 2, j], y[i + 3, j] = a, b, c, d
    for i in range(whole, len(x)):
        product = _ONE
        for j in range(x.shape[1]):
            product *= x[i, j]
            y[i, j] = product


@native
def _product_of_rows(products: Array, x: Array, y: Array) -> None:
    for j in range(len(x)):
        products[j] *= x[j]
        y[j] = products[j]


@native
def running_products_of_columns(x: Array, y: Array, start: int, stop: int) -> None:
    """yᵢⱼ = Π_{k≤i} xₖⱼ of columns ``start`` to ``stop`` of x (N, M)."""
    products = np.ones(stop - start, np.float64)
    for i in range(len(x)):
        _product_of_rows(products, x[i, start:stop], y[i, start:stop])


# ------------------------------------------------ extremes: the largest of s x, s = ±1, and its index, the last of several


@native
def running_largest(x: Array, sign: np.float32, y: Array, index: Array) -> None:
    """s yᵢⱼ = max_{k≤j} s xᵢₖ of rows x (N, M); nan is beyond all."""
    for i in range(len(x)):
        best, at = x[i, 0], 0
        for j in range(x.shape[1]):
            v = x[i, j]
            if v != v or sign * v >= sign * best:
                best, at = v, j
            y[i, j], index[i, j] = best, at


@native
def _largest_of_rows(best: Array, at: Array, x: Array, sign: np.float32, i: int, y: Array, index: Array) -> None:
    for j in range(len(x)):
        v = x[j]
        is_next = v != v or sign * v >= sign * best[j]
        value, place = v if is_next else best[j], i if is_next else at[j]
        best[j], at[j], y[j], index[j] = value, place, value, place


@native
def running_largest_of_columns(x: Array, sign: np.float32, y: Array, index: Array, start: int, stop: int) -> None:
    """s yᵢⱼ = max_{k≤i} s xₖⱼ of columns ``start`` to ``stop`` of x (N, M)."""
    best, at = x[0, start:stop].copy(), np.zeros(stop - start, np.int64)
    for i in range(len(x)):
        _largest_of_rows(best, at, x[i, start:stop], sign, i, y[i, start:stop], index[i, start:stop])


# ------------------------------------------------ ln Σ eˣ: the largest so far, and the sum of the exponentials beyond it


@native
def running_logsumexp(x: Array, y: Array) -> None:
    """yᵢⱼ = ln Σ_{k≤j} e^xᵢₖ of rows x (N, M)."""
    zero = x.dtype.type(0)
    for i in range(len(x)):
        largest, shift, total = x.dtype.type(-np.inf), zero, zero
        for j in range(x.shape[1]):
            v = x[i, j]
            if v > largest:
                largest = v
                before, shift = shift, v if v < np.inf else zero
                if total != 0:
                    total *= exp(before - shift)
            total += exp(v - shift)
            y[i, j] = shift + log(total)


@native
def _logsumexp_of_rows(largest: Array, total: Array, x: Array, y: Array) -> None:
    zero = x.dtype.type(0)
    for j in range(len(x)):
        v, before = x[j], largest[j]
        after = v if v > before else before
        shift = after if abs(after) < np.inf else zero
        kept = total[j] * exp((before if abs(before) < np.inf else zero) - shift)
        sum_of_all = (zero if total[j] == zero else kept) + exp(v - shift)
        largest[j], total[j], y[j] = after, sum_of_all, shift + log(sum_of_all)


@native
def running_logsumexp_of_columns(x: Array, y: Array, start: int, stop: int) -> None:
    """yᵢⱼ = ln Σ_{k≤i} e^xₖⱼ of columns ``start`` to ``stop`` of x (N, M)."""
    largest, total = np.full(stop - start, -np.inf, x.dtype), np.zeros(stop - start, x.dtype)
    for i in range(len(x)):
        _logsumexp_of_rows(largest, total, x[i, start:stop], y[i, start:stop])
