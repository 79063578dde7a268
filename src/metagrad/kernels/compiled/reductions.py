"""Sums and products of rows, strip by strip, lest rounding errors grow with a row's length.

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
