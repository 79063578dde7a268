"""ln |Γ|, ψ and Hurwitz' ζ: recurrences into the range where the asymptotic series are exact to the last digit.

Errors against 40 digits, away from zeros of the functions: ln |Γ| 2e-15, ψ 3e-15, ζ 5e-15 relative.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.special.chebyshev import piecewise

# Bernoulli's numbers B₂, B₄, …
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
FAR = 10.0  # from here on Stirling's and Euler's series are used
MOST_STEPS = 10_000  # of a recurrence that leads there from negative numbers


def stirling(x: Array) -> Array:
    """ln Γ(x) − (x − ½) ln x + x − ½ ln 2π = Σ B₂ₖ / (2k (2k − 1) x²ᵏ⁻¹), x ≥ 10."""
    y, inverse = np.zeros_like(x), 1 / (x * x)
    for k in range(len(BERNOULLI), 0, -1):
        y = y * inverse + BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    return y / x


def _lgamma_far(x: Array) -> Array:
    return (x - 0.5) * np.log(x) - x + 0.5 * math.log(2 * math.pi) + np.where(np.isinf(x), 0, stirling(x))


def _lgamma_middle(x: Array) -> Array:
    """By Γ(x + 1) = x Γ(x), for ½ ≤ x < 10."""
    product = np.ones_like(x)
    for _ in range(10):
        low = x < FAR
        product = np.where(low, product * x, product)
        x = np.where(low, x + 1, x)
    return _lgamma_far(x) - np.log(product)


@functools.cache
def _around_two() -> tuple[float, ...]:
    """The coefficients of ln Γ(2 + z) = (1 − γ) z + Σ (ζ(k) − 1) (−z)ᵏ / k, from k = 2."""
    k = np.arange(2.0, 40.0)
    return tuple(zeta(k, np.full_like(k, 2.0)) / k)


def _lgamma_at_two(z: Array) -> Array:
    y = np.zeros_like(z)
    for c in reversed(_around_two()):
        y = (y + c) * -z
    return z * ((1 - np.euler_gamma) - y)


def lgamma(x: Array) -> Array:
    """ln |Γ(x)|, ∞ at the poles."""
    pole = (x <= 0) & (x == np.floor(x))
    return piecewise(
        x,
        (x >= FAR, lambda x: np.where(np.isinf(x), np.inf, _lgamma_far(x))),
        ((x > 2.5) & (x < FAR), _lgamma_middle),
        ((x > 1.5) & (x <= 2.5), lambda x: _lgamma_at_two(x - 2)),
        ((x >= 0.5) & (x <= 1.5), lambda x: _lgamma_at_two(x - 1) - np.log(x)),
        ((x < 0.5) & ~pole, lambda x: math.log(math.pi) - np.log(np.abs(_sin_pi(x))) - lgamma(1 - x)),
        ((np.abs(x) < 1e-300) & ~pole, lambda x: -np.log(np.abs(x))),  # where πx has few digits
        (pole, lambda x: np.full_like(x, np.inf)),
    )


def _sin_pi(x: Array) -> Array:
    """sin πx, of the distance to the nearest whole number: exact however large x is."""
    nearest = np.round(x)
    sign = np.where(nearest % 2 == 0, 1.0, -1.0)
    return sign * np.sin(math.pi * (x - nearest))


def _tan_pi(x: Array) -> Array:
    return np.tan(math.pi * (x - np.round(x)))


def digamma(x: Array) -> Array:
    """ψ(x) = d ln Γ(x) / dx; ∓∞ at ±0, nan at the other poles."""
    pole = (x < 0) & (x == np.floor(x))
    return piecewise(
        x,
        (x > 0, _digamma_positive),
        ((x < 0) & ~pole, lambda x: _digamma_positive(1 - x) - math.pi / _tan_pi(x)),
        (x == 0, lambda x: np.copysign(np.inf, -x)),
    )


def _digamma_positive(x: Array) -> Array:
    """ψ(x + 1) = ψ(x) + 1/x, and ψ(x) = ln x − 1/2x − Σ B₂ₖ / (2k x²ᵏ)."""
    start, below = x, np.zeros_like(x)
    for _ in range(10):
        low = x < FAR
        below = np.where(low, below + 1 / x, below)
        x = np.where(low, x + 1, x)
    inverse, y = 1 / (x * x), np.zeros_like(x)
    for k in range(len(BERNOULLI), 0, -1):
        y = (y + BERNOULLI[k - 1] / (2 * k)) * inverse
    return np.where(np.isinf(start), start, np.log(x) - 0.5 / x - y - below)


def trigamma(x: Array) -> Array:
    """ψ′(x) = ζ(2, x), for x < ½ by ψ′(x) + ψ′(1 − x) = π² / sin² πx; ∞ at the poles."""
    mirrored = x < 0.5
    high = zeta(np.full_like(x, 2.0), np.where(mirrored, 1 - x, x))
    with np.errstate(divide="ignore"):
        return np.where(mirrored, (math.pi / _sin_pi(np.where(mirrored, x, 0.5))) ** 2 - high, high)


def zeta(s: Array, q: Array) -> Array:
    """Σₖ (k + q)⁻ˢ, k ≥ 0, by the formula of Euler and Maclaurin; ∞ at its poles, nan where the sum has none or is complex."""
    s, q = np.broadcast_arrays(s, q)
    whole = q == np.floor(q)
    infinite = (s == 1) | ((s > 1) & (q <= 0) & whole)
    good = (s > 1) & ((q > 0) | (~whole & (s == np.floor(s)) & (q > -MOST_STEPS))) & ~np.isinf(s)
    y = np.where(infinite, np.inf, np.nan)
    if good.any():
        y[good] = _zeta(s[good], q[good])
    return np.where(np.isinf(s) & (s > 0) & (q > 0), np.where(q > 1, 0, np.where(q == 1, 1, np.inf)), y)


def _zeta(s: Array, q: Array) -> Array:
    y = np.zeros_like(q)
    far = FAR + np.minimum(s, 40)  # beyond, only the first terms count
    while (low := q < far).any():
        y = np.where(low, y + np.power(q, -s), y)
        q = np.where(low, q + 1, q)
    last = np.power(q, -s)
    y = y + np.where(np.isinf(q), 0, last * q / (s - 1)) + last / 2
    factor = s * last / q  # s (s + 1) … (s + 2k − 2) q⁻ˢ⁻²ᵏ⁺¹ / (2k)!
    factor = factor / 2
    for k, b in enumerate(BERNOULLI, 1):
        y = y + factor * b
        factor = factor * (s + 2 * k - 1) * (s + 2 * k) / (q * q * ((2 * k + 1) * (2 * k + 2)))
    return y
