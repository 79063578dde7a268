"""Halves and float32 numbers made of each other by their bits, many at once; NumPy converts one at a time.

Most of NumPy's own arithmetic of halves converts each of them, computes in float32 and rounds once; ``by_singles`` does the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut

# A half of these bits or more is infinite or nan; the same of one below 0, unsigned.
_NOT_FINITE, _NOT_FINITE_BELOW = 0x7C00, 0xFC00
_MOVED = np.int32(-0x70002000)  # the bits that a half fills after 13 others; the sign was repeated
_DIGITS = np.int32(13)  # of a float32 number, that a half has not
_BIAS, _BACK = np.float32(2.0**112), np.float32(2.0**-112)
# The bits of a float32 number that are its exponent; that of the smallest number that has all of a half's digits; of one that may
# be too large when it is rounded; and what makes 2ᵏ 1.5 · 2ᵏ⁺¹³.
_EXPONENT, _LEAST, _LARGE = np.int32(0x7F800000), np.int32(113 << 23), np.int32(142 << 23)
_ROUNDS = np.int32((13 << 23) + (1 << 22))


def widen(y: Array, x: Array) -> None:
    """Halves x as float32 y, by their bits: sign, exponent and digits are moved to their places, and 2¹¹² makes up for the bias."""
    for block in cut(len(x), tuning.WIDENED_BLOCK):
        half, single = x[block].view(np.int16), y[block]
        if half.max() >= _NOT_FINITE or half.view(np.uint16).max() >= _NOT_FINITE_BELOW:
            np.copyto(single, x[block])
            continue
        bits = single.view(np.int32)
        np.copyto(bits, half)
        bits <<= _DIGITS
        bits &= _MOVED
        single *= _BIAS


def narrow(y: Array, x: Array) -> None:
    """float32 numbers x as halves y, by their bits: rounded to 10 digits, to even where two are as near.

    Beside 1.5 · 2ᵏ⁺¹³ a number from 2ᵏ on has just these digits, and one below 2⁻¹⁴ is a multiple of 2⁻²⁴ beside the same as 2⁻¹⁴.
    """
    for block in cut(len(x), tuning.WIDENED_BLOCK):
        single, half = x[block], y[block].view(np.int16)
        beside = single.view(np.int32) & _EXPONENT
        if beside.max() >= _LARGE:
            with np.errstate(all="ignore"):
                np.copyto(y[block], single, casting="unsafe")
            continue
        np.clip(beside, _LEAST, _LARGE, out=beside)  # a maximum with a number takes three times as long
        beside += _ROUNDS
        rounded = single + beside.view(np.float32)
        rounded -= beside.view(np.float32)
        rounded *= _BACK
        bits = rounded.view(np.int32)
        bits >>= _DIGITS
        np.copyto(half, bits, casting="unsafe")
        sign = np.signbit(single).view(np.int8).astype(np.int16)  # which zeros have, too
        sign <<= np.int16(15)
        half |= sign


# By the dtype, of this byte order, of what is read.
BY_BITS: dict[Any, Callable[[Array, Array], None]] = {np.dtype(np.float16): widen, np.dtype(np.float32): narrow}


# What NumPy, too, computes in float32, and rounds once, if at all.
_ROUNDED_ONCE = frozenset(
    "add subtract multiply divide maximum minimum clip sqrt square reciprocal floor ceil rint trunc equal not_equal less "
    "less_equal greater greater_equal".split()
)


def by_singles(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    """What computes ``ufunc(*arrays, out=...)`` of halves: by float32 numbers, if that gives the same; or the function itself.

    >>> y = np.empty(2, np.float16)
    >>> by_singles(np.add)(np.float16([1.0, 2.0]), 0.5, out=y)
    >>> y.tolist(), by_singles(np.tanh) is np.tanh
    ([1.5, 2.5], True)
    """
    if not isinstance(ufunc, np.ufunc) or ufunc.__name__ not in _ROUNDED_ONCE:
        return ufunc

    def compute(*operands: Any, out: Array) -> None:
        if not all(_is_half(a, out) for a in operands) or not out.flags.c_contiguous:
            ufunc(*operands, out=out)
            return
        flat: list[Any] = [
            a.reshape(-1) if np.ndim(a) else np.float32(a if _is_exact(a, ufunc) else np.float16(a)) for a in operands
        ]
        result = out.reshape(-1)
        for block in cut(len(result), tuning.WIDENED_BLOCK):
            singles = [a if not a.ndim else _widened(a[block]) for a in flat]
            if out.dtype == bool:
                ufunc(*singles, out=result[block])
            else:
                narrow(result[block], ufunc(*singles, out=next(a for a in singles if a.ndim)))

    return compute


def _is_half(a: Any, out: Array) -> bool:
    """Whether an operand is an array of halves like the result, in order in memory, or a number that becomes a half."""
    if a.__class__ is np.ndarray and a.ndim:
        return a.dtype == np.float16 and a.shape == out.shape and bool(a.flags.c_contiguous)
    if isinstance(a, np.generic):
        return a.__class__ is np.float16
    return isinstance(a, (int, float)) or (a.__class__ is np.ndarray and a.dtype == np.float16)


def _is_exact(a: Any, ufunc: np.ufunc) -> bool:
    """Whether a number is one of ``ops.operands.NumberOfHalves``, which is not rounded where it is a factor."""
    return isinstance(a, float) and a.__class__ is not float and ufunc in (np.multiply, np.divide)


def _widened(x: Array) -> Array:
    y = np.empty(x.shape, np.float32)
    widen(y, x)
    return y
