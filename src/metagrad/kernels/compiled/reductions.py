"""Sums and products of rows, strip by strip, lest rounding errors grow with a row's length; and running sums of four rows at once.

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
def product_of(x: Array, y: Array) -> Array:
    """Σⱼ xⱼ yⱼ."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


@native_sums
def _product(x: Array) -> Array:
    total = x.dtype.type(1)
    for j in range(len(x)):
        total *= x[j]
    return total


@native
def row_sums(x: Array, strip: int, y: Array) -> None:
    """yᵢ = Σⱼ xᵢⱼ of rows x (N, M)."""
    for i in range(len(x)):
        y[i] = 0
        for start in range(0, x.shape[1], strip):
            y[i] += sum_of(x[i, start : start + strip])


@native
def row_products(x: Array, y: Array) -> None:
    """yᵢ = Πⱼ xᵢⱼ of rows x (N, M)."""
    for i in range(len(x)):
        y[i] = _product(x[i])


@native
def running_sums(x: Array, y: Array) -> None:
    """yᵢⱼ = Σ_{k≤j} xᵢₖ of rows x (N, M). A sum waits for the one before it: meanwhile, those of three other rows are added."""
    whole = len(x) // 4 * 4
    for i in range(0, whole, 4):
        a = b = c = d = x.dtype.type(0)
        for j in range(x.shape[1]):
            a += x[i, j]
            b += x[i + 1, j]
            c += x[i + 2, j]
            d += x[i + 3, j]
            y[i, j], y[i + 1, j], y[i + 2, j], y[i + 3, j] = a, b, c, d
    for i in range(whole, len(x)):
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            total += x[i, j]
            y[i, j] = total
