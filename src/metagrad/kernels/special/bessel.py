"""Bessel's functions of orders 0 and 1, and Airy's, each as a few Chebyshev series.

Errors against 40 digits: I and K 1e-15 relative; J, Y and Ai 1e-15 of the larger of 1 and the function, and of its amplitude for
large x, where the phase x is rounded: near zeros of the functions they are absolute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.special import coefficients as c
from metagrad.kernels.special.chebyshev import chebyshev, piecewise

_TWO_OVER_PI = 2 / math.pi


def _scaled_i(near: Sequence[float], far: Sequence[float], size: Array) -> Array:
    """exp(−x) I(x), or that over x where ``near`` is its series, for x ≥ 0."""
    return piecewise(
        size,
        (size <= 8, lambda x: chebyshev(near, x / 4 - 1)),
        (size > 8, lambda x: chebyshev(far, 16 / x - 1) / np.sqrt(x)),
    )


def i0e(x: Array) -> Array:
    """exp(−|x|) I₀(x)."""
    return _scaled_i(c.I0_NEAR, c.I0_FAR, np.abs(x))


def i1e(x: Array) -> Array:
    """exp(−|x|) I₁(x)."""
    size = np.abs(x)
    return _scaled_i(c.I1_NEAR, c.I1_FAR, size) * np.where(size <= 8, x, np.sign(x))


def _unscaled(scaled: Array, size: Array) -> Array:
    """``scaled`` · exp(size), the exponential taken in two halves, for the product may be finite where it is not."""
    half = np.exp(size / 2)
    return np.where(np.isinf(size), np.inf, half * scaled * half)


def i0(x: Array) -> Array:
    """I₀(x)."""
    return _unscaled(i0e(x), np.abs(x))


def i1(x: Array) -> Array:
    """I₁(x)."""
    return np.copysign(_unscaled(np.abs(i1e(x)), np.abs(x)), x)


def _k(order: int, x: Array, scaled: bool) -> Array:
    near, far = ((c.K0_NEAR, c.K0_FAR), (c.K1_NEAR, c.K1_FAR))[order]

    def below_two(x: Array) -> Array:
        smooth = chebyshev(near, x * x / 2 - 1)
        y = smooth - np.log(x / 2) * i0(x) if order == 0 else smooth / x + np.log(x / 2) * i1(x)
        return y * np.exp(x) if scaled else y

    def above(x: Array) -> Array:
        y = chebyshev(far, 4 / x - 1) / np.sqrt(x)
        return y if scaled else y * np.exp(-x)

    infinite = lambda x: np.full_like(x, np.inf)  # noqa: E731
    return piecewise(x, ((x > 0) & (x <= 2), below_two), (x > 2, above), (x == 0, infinite))


def k0(x: Array) -> Array:
    """K₀(x)."""
    return _k(0, x, False)


def k1(x: Array) -> Array:
    """K₁(x)."""
    return _k(1, x, False)


def k0e(x: Array) -> Array:
    """exp(x) K₀(x)."""
    return _k(0, x, True)


def k1e(x: Array) -> Array:
    """exp(x) K₁(x)."""
    return _k(1, x, True)


def _waves(order: int, x: Array) -> tuple[Array, Array]:
    """J and Y for x ≥ 8: √(2/πx) (P cos χ − Q sin χ) and √(2/πx) (P sin χ + Q cos χ), χ = x − (2 order + 1) π/4."""
    u = 2 * (8 / x) ** 2 - 1
    p, q = (chebyshev(t, u) for t in ((c.P0, c.Q0), (c.P1, c.Q1))[order])
    q = q / x
    safe = np.where(np.isinf(x), 0, x)
    sine, cosine = np.sin(safe), np.cos(safe)  # of x itself; the quarter turns by the addition theorems
    sin_chi, cos_chi = (sine - cosine, sine + cosine) if order == 0 else (-sine - cosine, sine - cosine)
    scale = np.sqrt(1 / (math.pi * x))  # √(2/πx), and √½ of the quarter turn
    return scale * (p * cos_chi - q * sin_chi), scale * (p * sin_chi + q * cos_chi)


def _square(x: Array) -> Array:
    return x * x / 32 - 1


def _j_near(order: int, x: Array) -> Array:
    return chebyshev(c.J0_NEAR, _square(x)) if order == 0 else x * chebyshev(c.J1_NEAR, _square(x))


def _j(order: int, x: Array) -> Array:
    size = np.abs(x)
    y = piecewise(size, (size <= 8, lambda x: _j_near(order, x)), (size > 8, lambda x: _waves(order, x)[0]))
    return y if order == 0 else np.where(x < 0, -y, y)


def _y_near(order: int, x: Array) -> Array:
    if order == 0:
        return chebyshev(c.Y0_NEAR, _square(x)) + _TWO_OVER_PI * np.log(x) * _j_near(0, x)
    return x * chebyshev(c.Y1_NEAR, _square(x)) + _TWO_OVER_PI * (np.log(x) * _j_near(1, x) - 1 / x)


def _y(order: int, x: Array) -> Array:
    return piecewise(
        x,
        ((x > 0) & (x <= 8), lambda x: _y_near(order, x)),
        (x > 8, lambda x: _waves(order, x)[1]),
        (x == 0, lambda x: np.full_like(x, -np.inf)),
    )


def j0(x: Array) -> Array:
    """J₀(x)."""
    return _j(0, x)


def j1(x: Array) -> Array:
    """J₁(x)."""
    return _j(1, x)


def y0(x: Array) -> Array:
    """Y₀(x), −∞ at 0, nan below."""
    return _y(0, x)


def y1(x: Array) -> Array:
    """Y₁(x), −∞ at 0, nan below."""
    return _y(1, x)


def airy_ai(x: Array) -> Array:
    """Ai(x)."""

    def decaying(x: Array) -> Array:
        zeta = x * np.sqrt(x) * (2 / 3)
        return (
            chebyshev(c.AIRY_FAR, (4 / 3) / zeta - 1) * np.exp(-zeta) / (2 * math.sqrt(math.pi) * np.sqrt(np.sqrt(x)))
        )

    def waves(x: Array) -> Array:
        zeta = -x * np.sqrt(-x) * (2 / 3)
        u = 2 * (18 / zeta) ** 2 - 1
        p, q = chebyshev(c.AIRY_P, u), chebyshev(c.AIRY_Q, u) / zeta
        angle = np.where(np.isinf(zeta), 0, zeta) + math.pi / 4
        return (p * np.sin(angle) - q * np.cos(angle)) / (math.sqrt(math.pi) * np.sqrt(np.sqrt(-x)))

    return piecewise(
        x,
        (x < -9, waves),
        ((x >= -9) & (x <= 1), lambda x: chebyshev(c.AIRY, (x + 4) / 5)),
        (x > 1, decaying),
    )
