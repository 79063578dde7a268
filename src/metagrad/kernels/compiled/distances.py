"""Distances of all pairs of points."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import by_dtype, native, native_inlined, native_sums


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


_REST, _REST_D = np.int32(0x7FFFFFFF), np.int64(0x7FFFFFFFFFFFFFFF)  # all bits but the sign


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
def _sum_of_sizes(a: Array, b: Array) -> np.float32:
    total = a.dtype.type(0)
    for k in range(len(a)):
        total += abs(a[k] - b[k])
    return total


@native
def _largest_size_single(a: Array, b: Array) -> np.float32:
    # As integers, the bits of floats that are not negative have their order, and those of nan are above.
    largest = np.int32(0)
    for k in range(len(a)):
        bits = np.int32(np.float32(a[k] - b[k]).view(np.int32) & _REST)
        largest = bits if bits > largest else largest
    return np.int32(largest).view(np.float32)


@native
def _largest_size_double(a: Array, b: Array) -> np.float64:
    largest = np.int64(0)
    for k in range(len(a)):
        bits = np.int64(np.float64(a[k] - b[k]).view(np.int64) & _REST_D)
        largest = bits if bits > largest else largest
    return np.int64(largest).view(np.float64)


_largest_size = by_dtype(_largest_size_single, _largest_size_double, "The largest |aₖ − bₖ|; nan, if there is one.")


@native_inlined
def _length(a: Array, b: Array, largest: int) -> np.float32:
    """Σₖ |aₖ − bₖ|, or the largest of them."""
    if not largest:
        return _sum_of_sizes(a, b)
    return _largest_size(a, b)


@native
def of_sizes(d: Array, x: Array, y: Array, largest: int) -> None:
    """dᵢⱼ = Σₖ |xᵢₖ − yⱼₖ|, or the largest of them."""
    for i in range(len(d)):
        for j in range(len(y)):
            d[i, j] = _length(x[i], y[j], largest)


@native
def of_sizes_above(rows: Array, starts: Array, d: Array, x: Array, largest: int) -> None:
    """d[startsᵢ + j − i − 1] = Σₖ |xᵢₖ − xⱼₖ|, or the largest of them, for all j > i; i of rows."""
    for n in range(len(rows)):
        i, start = rows[n], starts[n] - rows[n] - 1
        for j in range(i + 1, len(x)):
            d[start + j] = _length(x[i], x[j], largest)


@native_inlined
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


@native_inlined
def _add_signs_at(a: Array, b: Array, d: float, g: float, y: Array) -> None:
    for k in range(len(a)):
        difference = a[k] - b[k]
        y[k] += g if difference == d else (-g if -difference == d else g - g)


@native
def signs_of_largest(gradient: Array, x: Array, grad: Array, d: Array, y: Array) -> None:
    """gradientᵢ = Σⱼ gradᵢⱼ sign(xᵢ − yⱼ) where |xᵢ − yⱼ| is dᵢⱼ, if that is not 0."""
    for i in range(len(x)):
        gradient[i, :] = 0
        for j in range(len(y)):
            if d[i, j] != 0:
                _add_signs_at(x[i], y[j], d[i, j], grad[i, j], gradient[i])
