"""erfc, erf⁻¹, ln Γ, ψ and ψ′ of float32 numbers, in few passes over blocks that the cache holds.

erfc and erf⁻¹ are computed in float32, by polynomials whose largest error was made as small as it gets (reweighted least
squares): with float32's rounding 5e-7 of the result. The others have the formulas and coefficients of the compiled loops
(``kernels/compiled/special.py``) and are computed in float64 and rounded once: 7e-8 of the result, ln Γ 2e-7 beside its zeros.
Where a loop asks which of two formulas holds, here one holds for all: ln Γ(x) = ln Γ(x + 8) − ln(x … (x + 7)) and its derivatives
for each x > 0, whose factors in pairs are q, q + 6, q + 10 and q + 12, q = x (x + 7).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled import special as compiled
from metagrad.kernels.quicker import exponential
from metagrad.kernels.selection import select

_PAIRS = (0.0, 6.0, 10.0, 12.0)
_LOG2_E = 1 / math.log(2)
_ERFC = (
    1.264838163,
    -0.122356825,
    -0.0990228127,
    0.1576318925,
    -0.1029892179,
    0.03273962483,
    0.001029223625,
    -0.004285902926,
    0.0003263767223,
    0.000452960635,
)  # of (v − 2.5) / (v + 2.5), for (2v + 1) exp(v²) erfc v
_ERFINV = (
    1.501409422,
    -0.2466407261,
    -0.004177707757,
    0.001253707504,
    0.0002186022048,
    4.39678483e-06,
    -3.528862502e-06,
    -3.437273884e-07,
    2.85350361e-08,
)  # of ln(1 − x²) + 2.5, for erf⁻¹ x / x where the logarithm is above −5
_ERFINV_FAR = (
    2.832976793,
    1.001675078,
    0.009445824362,
    -0.007639313426,
    0.005681825045,
    -0.003586867352,
    0.001499934279,
    -7.852535935e-05,
    -0.0003225323811,
    0.0001316049619,
)  # of √(−ln(1 − x²)) − 3, for the same beyond
_FEW = 1 << 10  # elements up to which the number of calls counts, not their length
_SIGN_AS_TWO = np.int32(1 << 30)  # the bits of 2
_UPPER_HALF = np.int32(-(1 << 12))  # the bits of a float32 number's twelve leading digits


def _polynomial(x: Array, c: Sequence[float], out: Array | None = None) -> Array:
    """c₀ + c₁ x + c₂ x² + …, in ``out`` if given."""
    y = np.multiply(x, c[-1], out=out)
    for coefficient in c[-2:0:-1]:
        y += coefficient
        y *= x
    y += c[0]
    return y


def erfc(x: Array) -> Array:
    """1 − erf x, without cancellation.

    >>> erfc(np.float32([0.5])).round(6).tolist()
    [0.4794999957084656]
    """
    v = np.abs(x)
    np.clip(v, np.float32(0), np.float32(11), out=v)  # from there on erfc x rounds to 0
    t, y = v - 2.5, v + 2.5
    t /= y
    y = _polynomial(t, _ERFC, y)
    np.add(v, v, out=t)
    t += 1
    y /= t
    a = (v.view(np.int32) & _UPPER_HALF).view(np.float32)  # a² is exact, and what it leaves of v² is small
    np.subtract(a, v, out=t)
    v += a
    t *= v
    a *= -a
    y *= np.exp(a, out=a)
    y *= exponential(t, out=t)
    low = np.right_shift(x.view(np.int32), 31, out=a.view(np.int32))
    low &= _SIGN_AS_TWO
    a -= y  # 2 − y where x < 0, else −y
    return np.abs(a, out=a)


def erfinv(x: Array) -> Array:
    """The y with erf y = x; ±∞ at ±1, nan outside.

    >>> with np.errstate(divide="ignore", invalid="ignore"):
    ...     erfinv(np.float32([0.5, 1.0])).round(5)
    array([0.47694,     inf], dtype=float32)
    """
    if x.size < _FEW:
        return _erfinv_of_few(x)
    w = 1 - x
    y = 1 + x
    w *= y
    np.log(w, out=w)
    far = w < -5
    w += 2.5
    y = _polynomial(w, _ERFINV, y)
    y *= x
    return _but_for(y, far, lambda m: x[m] * _polynomial(np.sqrt(2.5 - w[m]) - 3, _ERFINV_FAR))  # of ∞, ∞


def _erfinv_of_few(x: Array) -> Array:
    """The same by the compiled loop's formula, which is one for all numbers: so there are fewer calls, if longer ones."""
    v = x.astype(np.float64)
    w = np.log((1 - v) * (1 + v))
    w *= -0.125
    w -= 1
    y = _polynomial(w, compiled.ERFINV_P)
    y /= _polynomial(w, compiled.ERFINV_Q)
    y *= v
    return _but_for(y.astype(np.float32), np.abs(x) == 1, lambda m: x[m] * np.inf)


def _but_for(y: Array, places: Array, values: Callable[[Array], Array | float]) -> Array:
    """y with other values at a few places."""
    if places.any():
        y[places] = values(places)
    return y


def _beyond_half(v: Array) -> Array:
    """v or 1 − v, whichever is ½ or more."""
    y = v - 0.5
    np.abs(y, out=y)
    y += 0.5
    return y


def _tan_pi(v: Array) -> Array:
    """tan πv, of the distance to the nearest whole number. NumPy's tangent of float64 numbers is fast where its sine is not."""
    r = np.rint(v)
    np.subtract(v, r, out=r)
    r *= math.pi
    return np.tan(r, out=r)


def lgamma(x: Array) -> Array:
    """ln |Γ(x)|, ∞ at the poles.

    >>> lgamma(np.float32([4.5, -0.5])).round(5)
    array([2.45374, 1.26551], dtype=float32)
    """
    v = x.astype(np.float64)
    z = _beyond_half(v)
    q = z + 7
    q *= z
    product, s = q.copy(), np.empty_like(q)  # at most 2¹⁰²⁴ (1 − 2⁻²¹): no float32 number's overflows
    for pair in _PAIRS[1:]:
        product *= np.add(q, pair, out=s)
    z += 8
    inverse = np.divide(1, z, out=s)
    y = _polynomial(np.multiply(inverse, inverse, out=q), compiled.STIRLING)
    y *= inverse
    y += compiled.HALF_LN_2PI
    y -= z
    logarithm = np.log(z, out=q)
    z -= 0.5
    logarithm *= z
    y += logarithm
    y -= np.log(product, out=product)
    _but_for(y, (x == 1) | (x == 2), lambda _: 0.0)
    low = x < 0.5
    if low.any():
        square = _tan_pi(v)
        square *= square
        square /= square + 1  # sin² πx
        logarithm = np.log(square, out=square)
        logarithm *= -0.5
        logarithm += math.log(math.pi)
        logarithm -= y
        y = select(low, logarithm, y)
    return _but_for(y.astype(np.float32), np.isinf(x), lambda _: np.inf)


def digamma(x: Array) -> Array:
    """ψ(x) = d ln Γ(x) / dx; ∓∞ at ±0, nan at the other poles.

    >>> digamma(np.float32([1.25, -0.5])).round(5).tolist()
    [-0.22744999825954437, 0.036490000784397125]
    """
    v = x.astype(np.float64)
    z = np.abs(v)
    q = z + 7
    q *= z
    below, s = np.zeros_like(q), np.empty_like(q)
    for pair in _PAIRS:
        np.add(q, pair, out=s)
        below += np.divide(1, s, out=s)
    s = np.add(z, z, out=s)
    s += 7
    below *= s
    z += 8
    inverse = np.divide(1, z, out=s)
    square = np.multiply(inverse, inverse, out=q)
    y = _polynomial(square, compiled.DIGAMMA)
    y *= square
    y += below
    inverse *= 0.5
    y += inverse
    np.subtract(np.log(z, out=z), y, out=y)
    low = x < 0
    if low.any():  # ψ(−x) = ψ(x) + 1/x + π / tan πx
        mirror = _tan_pi(v)
        np.divide(math.pi, mirror, out=mirror)
        mirror += np.divide(1, v, out=v)
        y = select(low, y - mirror, y)
        _but_for(y, low & (x == np.rint(x)), lambda _: np.nan)
    _but_for(y, x == 0, lambda m: np.copysign(np.inf, -x[m]))
    return _but_for(y.astype(np.float32), x == np.inf, lambda _: np.inf)


def trigamma(x: Array) -> Array:
    """ψ′(x), ∞ at the poles.

    >>> trigamma(np.float32([1.0])).round(5).tolist()
    [1.6449300050735474]
    """
    v = x.astype(np.float64)
    z = _beyond_half(v)
    q = z + 7
    q *= z
    squared = z + z
    squared += 7
    squared *= squared
    y, u, s = np.zeros_like(q), np.empty_like(q), np.empty_like(q)
    for pair in _PAIRS:  # 1/a² + 1/b² of two factors is u ((a + b)² u − 2), u = 1/ab
        np.add(q, pair, out=u)
        np.divide(1, u, out=u)
        np.multiply(squared, u, out=s)
        s -= 2
        s *= u
        y += s
    z += 8
    inverse = np.divide(1, z, out=z)
    square = np.multiply(inverse, inverse, out=q)
    series = _polynomial(square, compiled.TRIGAMMA)
    series *= square
    series += 1
    series *= inverse
    y += series
    square *= 0.5
    y += square
    _but_for(y, np.isinf(x), lambda _: 0.0)
    low = x < 0.5
    if low.any():
        mirror = _tan_pi(v)
        mirror *= mirror
        np.divide(math.pi**2, mirror, out=mirror)
        mirror += math.pi**2  # π² / sin² πx
        mirror -= y
        y = select(low, mirror, y)
    return y.astype(np.float32)


FUNCTIONS = {f.__name__: f for f in (erfc, erfinv, lgamma, digamma, trigamma)}
