"""Distances of all pairs of points."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_sums


@native
def of_products(d: Array, xx: Array, found: Array, yy: Array, least: float) -> None:
    """dᵢⱼ = √(xxᵢ + yyⱼ − 2 dᵢⱼ) of products d, or −1, counted in foundᵢ, where that is not ``least`` (xxᵢ + yyⱼ) or not finite."""
    for i in range(len(d)):
        row, count = d[i], 0
        for j in range(len(row)):
            sizes = xx[i] + yy[j]
            square = sizes - (row[j] + row[j])
            far = (square > least * sizes) & (square < np.inf)
            row[j] = np.sqrt(square) if far else row.dtype.type(-1)
            count += not far
        found[i] = count


@native_sums
def _square(a: Array, b: Array) -> float:
    total = a[0] - a[0]
    for k in range(len(a)):
        total += (a[k] - b[k]) * (a[k] - b[k])
    return total


@native
def of_pairs(i: Array, j: Array, d: Array, x: Array, y: Array) -> None:
    """d = ‖xᵢ − yⱼ‖ of pairs of rows."""
    for n in range(len(i)):
        d[n] = np.sqrt(_square(x[i[n]], y[j[n]]))


@native_sums
def _sum_of_sizes(a: Array, b: Array) -> float:
    total = a.dtype.type(0)
    for k in range(len(a)):
        total += abs(a[k] - b[k])
    return total


@native
def of_sizes(d: Array, x: Array, y: Array) -> None:
    """dᵢⱼ = Σₖ |xᵢₖ − yⱼₖ|."""
    for i in range(len(d)):
        for j in range(len(y)):
            d[i, j] = _sum_of_sizes(x[i], y[j])


@native
def _add_signs(a: Array, b: Array, g: float, y: Array) -> None:
    for k in range(len(a)):
        y[k] += g if a[k] > b[k] else (-g if a[k] < b[k] else g - g)


@native
def signs_of_sizes(gradient: Array, x: Array, grad: Array, y: Array) -> None:
    """gradientᵢ = Σⱼ gradᵢⱼ sign(xᵢ − yⱼ)."""
    for i in range(len(x)):
        gradient[i, :] = 0
        for j in range(len(y)):
            _add_signs(x[i], y[j], grad[i, j], gradient[i])
