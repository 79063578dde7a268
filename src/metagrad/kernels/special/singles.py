"""erfc, erf⁻¹, ln Γ, ψ and ψ′ of float32 numbers, in few passes over blocks that the cache holds.

Formulas and coefficients are those of the compiled loops (``kernels/compiled/special.py``). All but erfc are computed in float64
and rounded once: their largest error is 7e-8 of the result, that of ln Γ 2e-7 beside its zeros. erfc is computed in float32, with
an error of 5e-7. Where a loop asks which of two formulas holds, here one holds for all: ln Γ(x) = ln Γ(x + 8) − ln(x … (x + 7))
and its derivatives for each x > 0, whose factors in pairs are q, q + 6, q + 10 and q + 12, q = x (x + 7).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled import special as compiled
from metagrad.kernels.selection import select

_PAIRS = (0.0, 6.0, 10.0, 12.0)
_UPPER_HALF = np.int32(-(1 << 12))  # the bits of a float32 number's twelve leading digits


def _polynomial(x: Array, c: Sequence[float]) -> Array:
    """c₀ + c₁ x + c₂ x² + …"""
    y = x * c[-1]
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
    v = np.clip(np.abs(x), np.float32(0), np.float32(11))  # from there on erfc x rounds to 0
    t = v - 3
    t /= v + 3
    y = _polynomial(t, compiled.ERFC)
    y /= v + v + 1
    a = (v.view(np.int32) & _UPPER_HALF).view(np.float32)  # a² is exact, and what it leaves of v² is small
    t = a - v
    v += a
    t *= v
    a *= -a
    y *= np.exp(a, out=a)
    y *= np.exp(t, out=t)
    low = (x < 0) * np.float32(2)
    low -= y
    return np.abs(low, out=low)


def erfinv(x: Array) -> Array:
    """The y with erf y = x; ±∞ at ±1, nan outside.

    >>> with np.errstate(divide="ignore", invalid="ignore"):
    ...     erfinv(np.float32([0.5, 1.0])).round(5)
    array([0.47694,     inf], dtype=float32)
    """
    v = x.astype(np.float64)
    w = 1 - v
    w *= 1 + v
    np.log(w, out=w)
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
