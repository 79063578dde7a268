"""Sums and products of rows and of columns; those of rows strip by strip, lest rounding errors grow with a row's length.

Inside a strip, the compiler adds many numbers at once.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_sums


@native_sums
def sum_of(x: Array) -> Array:
    """Σⱼ xⱼ, in an order that the compiler chooses."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += x[j]
    return total


@native_sums
def _sum_of_both(x: Array, y: Array, zero: Array) -> Array:
    """Σⱼ (xⱼ + yⱼ): two places of memory are read at once, which takes less time than one after the other."""
    left = right = zero
    for j in range(len(x)):
        left += x[j]
        right += y[j]
    return left + right


@native_sums
def product_of(x: Array, y: Array) -> Array:
    """Σⱼ xⱼ yⱼ."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


@native_sums
def squares_of(x: Array, mean: Array) -> Array:
    """Σⱼ (xⱼ − μ)²."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        d = x[j] - mean
        total += d * d
    return total


@native_sums
def _product(x: Array) -> Array:
    total = x.dtype.type(1)
    for j in range(len(x)):
        total *= x[j]
    return total


@native
def row_sums(x: Array, y: Array, strip: int) -> None:
    """yᵢ = Σⱼ xᵢⱼ of rows x (N, M); strip: its length. A row of several strips is read from its middle on, too."""
    half, zero = x.shape[1] // 2 if x.shape[1] > 2 * strip else 0, y.dtype.type(0)
    for i in range(len(x)):
        row = x[i]
        y[i] = zero
        for start in range(2 * half, len(row), strip):
            y[i] += sum_of(row[start : start + strip])
        for start in range(0, half, strip):
            stop = min(start + strip, half)
            y[i] += _sum_of_both(row[start:stop], row[half + start : half + stop], zero)


@native
def row_squares(x: Array, y: Array, length: int) -> None:
    """yᵢ = Σⱼ xᵢⱼ² of rows x (N, M); length: that of a strip."""
    for i in range(len(x)):
        y[i] = 0
        for start in range(0, x.shape[1], length):
            strip = x[i, start : start + length]
            y[i] += product_of(strip, strip)


@native
def row_deviations(x: Array, mean: Array, y: Array, length: int) -> None:
    """yᵢ = Σⱼ (xᵢⱼ − μᵢ)² of rows x (N, M); μ (N)."""
    for i in range(len(x)):
        y[i] = 0
        for start in range(0, x.shape[1], length):
            y[i] += squares_of(x[i, start : start + length], mean[i])


@native
def _add_deviations(x: Array, mean: Array, y: Array) -> None:
    for j in range(len(y)):
        d = x[j] - mean[j]
        y[j] += d * d


@native
def column_deviations(x: Array, mean: Array, y: Array) -> None:
    """yₒⱼ = Σᵢ (xₒᵢⱼ − μₒⱼ)² of matrices x (O, N, M); μ (O, M)."""
    for o in range(len(x)):
        y[o] = 0
        for i in range(x.shape[1]):
            _add_deviations(x[o, i], mean[o], y[o])


@native
def _add_four(a: Array, b: Array, c: Array, d: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] += (a[j] + b[j]) + (c[j] + d[j])


@native
def column_sums(x: Array, y: Array) -> None:
    """yₒⱼ = Σᵢ xₒᵢⱼ of matrices x (O, N, M), four rows at once, so that y is read and written less often."""
    whole = x.shape[1] // 4 * 4
    for o in range(len(x)):
        y[o] = 0
        for i in range(0, whole, 4):
            _add_four(x[o, i], x[o, i + 1], x[o, i + 2], x[o, i + 3], y[o])
        for i in range(whole, x.shape[1]):
            y[o] += x[o, i]


@native
def _multiply_four(a: Array, b: Array, c: Array, d: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] *= (a[j] * b[j]) * (c[j] * d[j])


@native
def column_products(x: Array, y: Array) -> None:
    """yₒⱼ = Πᵢ xₒᵢⱼ of matrices x (O, N, M)."""
    whole = x.shape[1] // 4 * 4
    for o in range(len(x)):
        y[o] = 1
        for i in range(0, whole, 4):
            _multiply_four(x[o, i], x[o, i + 1], x[o, i + 2], x[o, i + 3], y[o])
        for i in range(whole, x.shape[1]):
            y[o] *= x[o, i]


@native
def row_products(x: Array, y: Array) -> None:
    """yᵢ = Πⱼ xᵢⱼ of rows x (N, M)."""
    for i in range(len(x)):
        y[i] = _product(x[i])
