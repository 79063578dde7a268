"""The largest and the smallest of a row, and of a column.

Along a row, floats are compared by their bits, as integers, which the processor does for many at once. Bits of positive floats
are ordered as these are, those of negative ones the other way. So three integers say all that is asked: the largest and the
smallest of the bits with a sign, and the largest of them without one, in which negative floats come last, those far from 0
behind those near it, and behind them all negative nan. nan, beyond infinity, is what a row that has one gives.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import by_dtype, native
from metagrad.kernels.compiled.expressions import larger, smaller

_TOP, _LOW, _ZERO, _INFINITY, _NAN = map(np.int32, (0x7FFFFFFF, -0x80000000, 0, 0x7F800000, 0x7FC00000))
_FIRST, _LAST = np.uint32(0), np.uint32(0xFF800000)  # the last number is -infinity
_TOP_D, _LOW_D, _ZERO_D = np.int64(0x7FFFFFFFFFFFFFFF), np.int64(-0x8000000000000000), np.int64(0)
_INFINITY_D, _NAN_D = np.int64(0x7FF0000000000000), np.int64(0x7FF8000000000000)
_FIRST_D, _LAST_D = np.uint64(0), np.uint64(0xFFF0000000000000)


@native
def _ends(x: Array) -> tuple[np.int32, np.int32, np.uint32]:
    """The largest and the smallest bits, and the largest without a sign."""
    top, low, last = _LOW, _TOP, _FIRST
    for j in range(len(x)):
        bits, unsigned = np.float32(x[j]).view(np.int32), np.float32(x[j]).view(np.uint32)
        top = bits if bits > top else top
        low = bits if bits < low else low
        last = unsigned if unsigned > last else last
    return top, low, last


@native
def _ends_double(x: Array) -> tuple[np.int64, np.int64, np.uint64]:
    """The same in double precision."""
    top, low, last = _LOW_D, _TOP_D, _FIRST_D
    for j in range(len(x)):
        bits, unsigned = np.float64(x[j]).view(np.int64), np.float64(x[j]).view(np.uint64)
        top = bits if bits > top else top
        low = bits if bits < low else low
        last = unsigned if unsigned > last else last
    return top, low, last


@native
def _largest(x: Array) -> np.float32:
    top, low, last = _ends(x)
    bits = _NAN if (top > _INFINITY) | (last > _LAST) else top if top >= _ZERO else low
    return np.int32(bits).view(np.float32)


@native
def _largest_double(x: Array) -> np.float64:
    top, low, last = _ends_double(x)
    bits = _NAN_D if (top > _INFINITY_D) | (last > _LAST_D) else top if top >= _ZERO_D else low
    return np.int64(bits).view(np.float64)


largest_of = by_dtype(_largest, _largest_double, "The largest element of a vector that has one; nan, if there is one.")


@native
def _smallest(x: Array) -> np.float32:
    top, low, last = _ends(x)
    bits = _NAN if (top > _INFINITY) | (last > _LAST) else low if low >= _ZERO else np.uint32(last).view(np.int32)
    return np.int32(bits).view(np.float32)


@native
def _smallest_double(x: Array) -> np.float64:
    top, low, last = _ends_double(x)
    bits = (
        _NAN_D if (top > _INFINITY_D) | (last > _LAST_D) else low if low >= _ZERO_D else np.uint64(last).view(np.int64)
    )
    return np.int64(bits).view(np.float64)


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


@native
def row_most(x: Array, y: Array) -> None:
    """yᵢ = maxⱼ xᵢⱼ of rows x (N, M) of integers."""
    for i in range(len(x)):
        row, most = x[i], x[i, 0]
        for j in range(len(row)):
            most = row[j] if row[j] > most else most
        y[i] = most


@native
def row_least(x: Array, y: Array) -> None:
    """yᵢ = minⱼ xᵢⱼ of rows x (N, M) of integers."""
    for i in range(len(x)):
        row, least = x[i], x[i, 0]
        for j in range(len(row)):
            least = row[j] if row[j] < least else least
        y[i] = least


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
