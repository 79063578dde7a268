"""Sine and cosine of float64 numbers, for use in loops: NumPy calls the C library's, number by number.

x = n π/2 + r, |r| ≤ π/4; n says which of the series of sin r and cos r it is, and with which sign. π/2 is taken off in three
parts: products with the first two are exact, for these have 33 bits, and n has at most 20. Largest error: 3e-16 of the result.
Larger numbers go to the C library's functions.

W. J. Cody, W. Waite: Software Manual for the Elementary Functions (1980).
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.kernels.compiled.compiler import native_inlined

_MOST = 1.6e6  # n has 20 bits up to here
_FIRST, _SECOND, _THIRD = (
    float.fromhex(part) for part in ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2e037073p-69")
)
_PER_QUARTER = 2 / math.pi
_TO_INTEGER, _TO_INTEGER_BITS = 1.5 * 2.0**52, np.int64(0x4338000000000000)  # as in ``transcendental.py``
_SINE = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(9))
_COSINE = tuple((-1) ** k / math.factorial(2 * k) for k in range(9))


@native_inlined
def turns_often(x: float) -> bool:
    """Whether x is too large for the short way, or infinite."""
    return abs(x) >= _MOST


@native_inlined
def _of_quarter(x: float, more: np.int64) -> float:
    """sin(x + more π/2), |x| < 1.6e6."""
    shifted = x * _PER_QUARTER + _TO_INTEGER
    whole = shifted - _TO_INTEGER
    n = np.int64(np.float64(shifted).view(np.int64) - _TO_INTEGER_BITS) + more
    far, next_part = x - whole * _FIRST, whole * _SECOND
    near = far - next_part
    r = near + (((far - near) - next_part) - whole * _THIRD)  # with what rounding took from ``near``
    z, s, c = r * r, _SINE, _COSINE
    sine = s[1] + z * (s[2] + z * (s[3] + z * (s[4] + z * (s[5] + z * (s[6] + z * (s[7] + z * s[8]))))))
    cosine = c[2] + z * (c[3] + z * (c[4] + z * (c[5] + z * (c[6] + z * (c[7] + z * c[8])))))
    y = 1.0 - (0.5 * z - z * z * cosine) if n & 1 else r + r * z * sine
    return -y if n & 2 else y


@native_inlined
def near_sin(x: float) -> float:
    """sin x, |x| < 1.6e6."""
    y = _of_quarter(x, np.int64(0))
    return x if x == 0.0 else y  # −0, too


@native_inlined
def near_cos(x: float) -> float:
    """cos x, |x| < 1.6e6."""
    return _of_quarter(x, np.int64(1))


@native_inlined
def sin(x: float) -> float:
    """The sine of a float64.

    >>> round(float(sin(np.float64(0.5))), 12), float(sin(np.float64(1e22))) == math.sin(1e22)
    (0.479425538604, True)
    """
    return math.sin(x) if turns_often(x) else near_sin(x)


@native_inlined
def cos(x: float) -> float:
    """The cosine of a float64.

    >>> round(float(cos(np.float64(0.5))), 12)
    0.87758256189
    """
    return math.cos(x) if turns_often(x) else near_cos(x)
