"""The largest and the smallest of a row, and of a column.

Along a row, floats are compared by their bits, as integers, which the processor does for many at once. As an integer, the bits
of a larger positive float are larger; those of negative ones run the other way until all but the sign are flipped. nan, beyond
infinity, is what a row that has one gives.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import by_dtype, native
from metagrad.kernels.compiled.expressions import larger, smaller

_REST, _INFINITY, _SIGN = np.int32(0x7FFFFFFF), np.int32(0x7F800000), np.int32(31)
_REST_D, _INFINITY_D, _SIGN_D = np.int64(0x7FFFFFFFFFFFFFFF), np.int64(0x7FF0000000000000), np.int64(63)


@native
def _flipped(bits: np.int32) -> np.int32:
    """Bits of a float in the order of the floats, and back."""
    return np.int32(bits ^ np.int32(np.int32(bits >> _SIGN) & _REST))


@native
def _flipped_double(bits: np.int64) -> np.int64:
    """The same in double precision."""
    return np.int64(bits ^ np.int64(np.int64(bits >> _SIGN_D) & _REST_D))


@native
def _largest(x: Array) -> np.float32:
    largest = np.int32(-_REST)
    for j in range(len(x)):
        bits = np.float32(x[j]).view(np.int32)
        key = _flipped(bits)
        key = _REST if np.int32(bits & _REST) > _INFINITY else key
        largest = key if key > largest else largest
    return np.int32(_flipped(largest)).view(np.float32)


@native
def _largest_double(x: Array) -> np.float64:
    largest = np.int64(-_REST_D)
    for j in range(len(x)):
        bits = np.float64(x[j]).view(np.int64)
        key = _flipped_double(bits)
        key = _REST_D if np.int64(bits & _REST_D) > _INFINITY_D else key
        largest = key if key > largest else largest
    return np.int64(_flipped_double(largest)).view(np.float64)


largest_of = by_dtype(_largest, _largest_double, "The largest element of a vector that has one.")


@native
def _smallest(x: Array) -> np.float32:
    smallest = np.int32(_REST)
    for j in range(len(x)):
        bits = np.float32(x[j]).view(np.int32)
        key = _flipped(bits)
        key = np.int32(-_REST) if np.int32(bits & _REST) > _INFINITY else key
        smallest = key if key < smallest else smallest
    return np.int32(_flipped(smallest)).view(np.float32)


@native
def _smallest_double(x: Array) -> np.float64:
    smallest = np.int64(_REST_D)
    for j in range(len(x)):
        bits = np.float64(x[j]).view(np.int64)
        key = _flipped_double(bits)
        key = np.int64(-_REST_D) if np.int64(bits & _REST_D) > _INFINITY_D else key
        smallest = key if key < smallest else smallest
    return np.int64(_flipped_double(smallest)).view(np.float64)


smallest_of = by_dtype(
    _smallest, _smallest_double, "The smallest element of a vector that has one; nan, if there is one."
)


@native
def row_smallest(x: Array, y: Array) -> None:
    """yᵢ = minⱼ xᵢⱼ of rows x (N, M)."""
    for i in range(len(x)):
        y[i] = smallest_of(x[i])


@native
def row_largest(x: Array, y: Array) -> None:
    """yᵢ = maxⱼ xᵢⱼ of rows x (N, M)."""
    for i in range(len(x)):
        y[i] = largest_of(x[i])


# ------------------------------------------------ columns, four rows at once


@native
def _largest_of_five(a: Array, b: Array, c: Array, d: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] = larger(larger(larger(a[j], b[j]), larger(c[j], d[j])), y[j])


@native
def column_largest(x: Array, y: Array) -> None:
    """yₒⱼ = maxᵢ xₒᵢⱼ of matrices x (O, N, M)."""
    last = x.shape[1] - 1
    for o in range(len(x)):
        y[o] = x[o, 0]
        for i in range(1, x.shape[1], 4):
            b, c, d = min(i + 1, last), min(i + 2, last), min(i + 3, last)
            _largest_of_five(x[o, i], x[o, b], x[o, c], x[o, d], y[o])


@native
def _smallest_of_five(a: Array, b: Array, c: Array, d: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] = smaller(smaller(smaller(a[j], b[j]), smaller(c[j], d[j])), y[j])


@native
def column_smallest(x: Array, y: Array) -> None:
    """yₒⱼ = minᵢ xₒᵢⱼ of matrices x (O, N, M)."""
    last = x.shape[1] - 1
    for o in range(len(x)):
        y[o] = x[o, 0]
        for i in range(1, x.shape[1], 4):
            b, c, d = min(i + 1, last), min(i + 2, last), min(i + 3, last)
            _smallest_of_five(x[o, i], x[o, b], x[o, c], x[o, d], y[o])
