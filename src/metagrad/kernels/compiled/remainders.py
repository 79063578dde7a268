"""Functions of two numbers that have no instruction of their own, for use in loops: fmod, ⌊x / y⌋, hypot.

A remainder of float32 numbers is computed in float64: x − trunc(x / y) y is exact there while the quotient has 29 bits, for no
digit of the quotient's product is lost, and the quotient is not rounded up to an integer that it does not reach.
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.kernels.compiled.compiler import native_inlined

_EXACT = 2.0**29


@native_inlined
def goes_often(x: np.float32, y: np.float32) -> np.bool_:
    """Whether x / y has more bits than ``near_remainder_of_singles`` takes; infinite x count as such.

    >>> bool(goes_often(np.float32(1e9), np.float32(1))), bool(goes_often(np.float32(1e8), np.float32(1)))
    (True, False)
    """
    return abs(np.float64(x)) >= _EXACT * abs(np.float64(y))


@native_inlined
def near_remainder_of_singles(x: np.float32, y: np.float32) -> np.float32:
    """fmod(x, y) of float32 numbers where y does not go into x too often: a few instructions, for many elements at once.

    >>> float(near_remainder_of_singles(np.float32(-7.5), np.float32(2)))
    -1.5
    """
    a, b = np.float64(x), np.float64(y)
    times = np.trunc(a / b)
    rest = a - times * b
    return np.float32(math.copysign(a if times == 0.0 else rest, a))  # 0 times infinity is no number


@native_inlined
def remainder_of_singles(x: np.float32, y: np.float32) -> np.float32:
    """fmod(x, y) of float32 numbers: what is left of x when y has been taken off as often as it goes.

    >>> float(remainder_of_singles(np.float32(-7.5), np.float32(2)))
    -1.5
    """
    if goes_often(x, y):
        return np.float32(np.fmod(np.float64(x), np.float64(y)))
    return near_remainder_of_singles(x, y)


@native_inlined
def remainder_of(x: float, y: float) -> float:
    """fmod(x, y), of numbers of any width.

    >>> float(remainder_of(-7.5, 2.0))
    -1.5
    """
    return np.fmod(x, y)


@native_inlined
def with_sign_of(x: float, y: float) -> float:
    """|x| with the sign of y.

    >>> with_sign_of(2.0, -0.0)
    -2.0
    """
    return math.copysign(x, y)


@native_inlined
def floored_quotient(x: float, y: float, rest: float) -> float:
    """⌊x / y⌋, given ``rest`` = fmod(x, y): what y divides without a remainder, one less if the signs differ.

    >>> float(floored_quotient(np.float32(-7.5), np.float32(2), np.float32(-1.5)))
    -4.0
    """
    if y == 0:
        return x / y
    quotient = (x - rest) / y
    if rest != 0 and (rest < 0) != (y < 0):
        quotient -= 1
    if quotient == 0:
        return math.copysign(quotient, x / y)
    floor = np.floor(quotient)
    return floor + 1 if quotient - floor > 0.5 else floor


@native_inlined
def hypotenuse_of_singles(x: np.float32, y: np.float32) -> np.float32:
    """√(x² + y²) of float32 numbers, infinite if one of them is.

    >>> float(hypotenuse_of_singles(np.float32(3e30), np.float32(4e30)) / np.float32(5e30))
    1.0
    """
    a, b = abs(np.float64(x)), abs(np.float64(y))
    infinite = (a == np.inf) | (b == np.inf)
    return np.float32(np.inf) if infinite else np.float32(np.sqrt(a * a + b * b))
