"""The error function, the normal distribution's function Φ, their scaled forms and their inverses.

Errors against 40 digits: erf, erfc, erfcx 1e-15 relative, the inverses 2e-15, ln Φ 1e-15.
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.special import coefficients as c
from metagrad.kernels.special.chebyshev import chebyshev, piecewise

_ROOT_PI = math.sqrt(math.pi)


def _erf_near(x: Array) -> Array:
    return x * chebyshev(c.ERF, 2 * x * x - 1)


def _erfcx_positive(x: Array) -> Array:
    """exp(x²) erfc x for x ≥ 0, of one series (Shepherd and Laframboise 1981)."""
    u = np.where(np.isinf(x), 1.0, (x - 3.75) / (x + 3.75))
    return chebyshev(c.ERFCX, u) / (1 + 2 * x)


def _exp_minus_square(x: Array) -> Array:
    """exp(−x²): x² is rounded, which an exponential multiplies, so x = a + b with a² exact (Cody 1969)."""
    a = np.trunc(x * 16) / 16
    return np.exp(-a * a) * np.exp((a - x) * (a + x))


def _erfc_far(x: Array) -> Array:
    near = np.minimum(x, 27.5)  # beyond it, erfc is below the smallest number
    return np.where(x > 27.5, 0.0, _exp_minus_square(near) * _erfcx_positive(near))


def erf(x: Array) -> Array:
    """2/√π ∫₀ˣ exp(−t²) dt."""
    near = np.abs(x) <= 1
    return piecewise(x, (near, _erf_near), (np.abs(x) > 1, lambda x: np.copysign(1 - _erfc_far(np.abs(x)), x)))


def erfc(x: Array) -> Array:
    """1 − erf x, without cancellation."""
    return piecewise(
        x,
        (x < -1, lambda x: 2 - _erfc_far(-x)),
        ((x >= -1) & (x < 0.5), lambda x: 1 - _erf_near(x)),
        (x >= 0.5, _erfc_far),
    )


def erfcx(x: Array) -> Array:
    """exp(x²) erfc x."""
    low = lambda x: 2 * np.exp(x * x) - _erfcx_positive(-x)  # noqa: E731
    return piecewise(x, (x < 0, low), (x >= 0, _erfcx_positive))


def _erfcinv(q: Array) -> Array:
    """z ≥ 0 with erfc z = q, 0 < q ≤ 1: Halley's iteration on ln q, from an estimate good to a tenth."""
    log_q = np.log(q)
    w = np.sqrt(np.maximum(-log_q, 0))
    small = np.maximum(w - np.log(np.maximum(w * _ROOT_PI, 1)) / (2 * np.maximum(w, 0.5)), 0.3)
    z = np.where(q > 0.3, (1 - q) * (_ROOT_PI / 2), small)
    for _ in range(4):
        u = (_ROOT_PI / 2) * (np.exp(z * z + log_q) - _erfcx_positive(z))  # (erfc z − q) / erfc′ z
        z = z - u / (1 + z * u)
    return z


def _erfinv_near(x: Array) -> Array:
    """z with erf z = x, |x| ≤ ½."""
    z = x * (_ROOT_PI / 2) * (1 + x * x * (math.pi / 12))
    for _ in range(3):
        u = (_erf_near(z) - x) * (_ROOT_PI / 2) * np.exp(z * z)
        z = z - u / (1 + z * u)
    return z


def erfinv(x: Array) -> Array:
    """z with erf z = x; ±∞ at ±1, nan outside."""
    size = np.abs(x)
    return piecewise(
        x,
        (size <= 0.5, _erfinv_near),
        ((size > 0.5) & (size < 1), lambda x: np.copysign(_erfcinv(1 - np.abs(x)), x)),
        (size == 1, lambda x: np.copysign(np.inf, x)),
    )


def ndtri(p: Array) -> Array:
    """z with Φ(z) = p; ∓∞ at 0 and 1, nan outside."""
    return piecewise(
        p,
        ((p > 0) & (p < 0.25), lambda p: -math.sqrt(2) * _erfcinv(2 * p)),
        ((p >= 0.25) & (p <= 0.75), lambda p: math.sqrt(2) * _erfinv_near(2 * p - 1)),
        ((p > 0.75) & (p < 1), lambda p: math.sqrt(2) * _erfcinv(2 * (1 - p))),
        (p == 0, lambda p: np.full_like(p, -np.inf)),
        (p == 1, lambda p: np.full_like(p, np.inf)),
    )


def log_ndtr(x: Array) -> Array:
    """ln Φ(x)."""
    z = x * -math.sqrt(0.5)
    return piecewise(
        z,
        (z > 1, lambda z: np.log(_erfcx_positive(z) / 2) - z * z),
        (z <= 1, lambda z: np.log1p(-erfc(-z) / 2)),
    )
