"""The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 − P(a, x).

P by its power series where x < a + 1, Q by its continued fraction beyond (Lentz 1976), and by the leading terms of Temme's (1979)
expansion near x = a for a above a million, where both take thousands of terms. Error 1e-13 relative for a up to 10,000.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.special.gamma import FAR, lgamma, stirling
from metagrad.kernels.special.normal import erfc

_EPS = 2.0**-53
_MOST_TERMS = 20_000
_LARGE = 1e6


def _log1p_minus(m: Array) -> Array:
    """ln(1 + m) − m, without cancellation for small m: −m² Σ (−m)ᵏ / (k + 2)."""
    small = np.abs(m) < 0.3
    z, y = np.where(small, m, 0), np.zeros_like(m)
    for k in range(32, -1, -1):
        y = y * -z + 1 / (k + 2)
    return np.where(small, -z * z * y, np.log1p(np.where(small, 0, m)) - m)


def _front(a: Array, x: Array) -> Array:
    """xᵃ e⁻ˣ / Γ(a)."""
    is_far = a >= FAR
    far, near = np.where(is_far, a, FAR), np.where(is_far, 1, a)
    large = np.exp(far * _log1p_minus((np.where(is_far, x, FAR) - far) / far) - stirling(far)) * np.sqrt(
        far / (2 * math.pi)
    )
    return np.where(is_far, large, np.exp(near * np.log(x) - x - lgamma(near)))


def _series(a: Array, x: Array) -> Array:
    """P(a, x) = xᵃ e⁻ˣ / Γ(a) · Σ xᵏ / (a (a + 1) … (a + k))."""

    def step(k: int, a: Array, x: Array, term: Array, total: Array) -> tuple[Array, Array, Array]:
        term = term * x / (a + k)
        total = total + term
        return term, total, term <= total * _EPS

    return _front(a, x) * _iterated(step, a, x, 1 / a, 1 / a)


def _fraction(a: Array, x: Array) -> Array:
    """Q(a, x) = xᵃ e⁻ˣ / Γ(a) · 1 / (x + 1 − a − 1 (1 − a) / (x + 3 − a − …))."""
    b = x + 1 - a
    tiny = 1e-300
    state_c, state_d = np.full_like(b, 1 / tiny), 1 / np.where(b == 0, tiny, b)

    def step(k: int, a: Array, x: Array, c: Array, d: Array, h: Array) -> tuple[Array, Array, Array, Array]:
        numerator, b = -k * (k - a), x + 1 - a + 2 * k
        d = numerator * d + b
        c = b + numerator / c
        d = 1 / np.where(np.abs(d) < tiny, tiny, d)
        c = np.where(np.abs(c) < tiny, tiny, c)
        return c, d, h * d * c, np.abs(d * c - 1) <= 2 * _EPS

    return _front(a, x) * _iterated(step, a, x, state_c, state_d, state_d)


def _iterated(step: Callable[..., tuple[Array, ...]], a: Array, x: Array, *state: Array) -> Array:
    """The last of the state's arrays when every element has come to rest; those that have leave the computation."""
    result, active = np.array(state[-1]), np.arange(a.size)
    for k in range(1, _MOST_TERMS):
        *state_, done = step(k, a, x, *state)
        result[active] = state_[-1]
        state = tuple(state_)
        if done.any():
            active, a, x = active[~done], a[~done], x[~done]
            state = tuple([s[~done] for s in state])
            if not active.size:
                break
    return result


def _temme(a: Array, x: Array, upper: bool) -> Array:
    """½ erfc(∓η √(a/2)) ± R, η² / 2 = λ − 1 − ln λ, λ = x/a; R to the order 1 / a."""
    m = (x - a) / a
    eta = np.copysign(np.sqrt(-2 * _log1p_minus(m)), m)
    near = np.abs(eta) < 1e-3
    safe = np.where(near, 1, eta)
    first = np.where(near, -1 / 3 + eta / 12, 1 / np.where(m == 0, 1, m) - 1 / safe)
    rest = np.exp(-a * eta * eta / 2) / np.sqrt(2 * math.pi * a) * first
    sign = 1.0 if upper else -1.0
    return erfc(sign * eta * np.sqrt(a / 2)) / 2 + sign * rest


def _either(a: Array, x: Array, upper: bool) -> Array:
    large = (a > _LARGE) & (np.abs(x - a) < 0.3 * a)
    low = (x < a + 1) & ~large
    high = ~low & ~large
    y = np.empty_like(x)
    p = _series(a[low], x[low]) if low.any() else np.empty(0)
    q = _fraction(a[high], x[high]) if high.any() else np.empty(0)
    y[low], y[high] = (1 - p, q) if upper else (p, 1 - q)
    if large.any():
        y[large] = _temme(a[large], x[large], upper)
    return y


def _whole(a: Array, x: Array, upper: bool) -> Array:
    """Either function on all of its arguments: at their ends it is 0 or 1, and nan where one is negative, or nan."""
    a, x = np.broadcast_arrays(a, x)
    inner = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    y = np.full(a.shape, np.nan)
    y[inner] = _either(a[inner], x[inner], upper)
    zero, one = (1.0, 0.0) if upper else (0.0, 1.0)
    outside = (a >= 0) & (x >= 0) & ~inner & ~((a == 0) & (x == 0)) & ~(np.isinf(a) & np.isinf(x))
    p_is_one = (a == 0) | (np.isinf(x) & np.isfinite(a))
    return np.where(outside, np.where(p_is_one, one, zero), y)


def gammainc(a: Array, x: Array) -> Array:
    """P(a, x) = 1/Γ(a) ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt."""
    return _whole(a, x, False)


def gammaincc(a: Array, x: Array) -> Array:
    """Q(a, x) = 1/Γ(a) ∫ₓ^∞ tᵃ⁻¹ e⁻ᵗ dt."""
    return _whole(a, x, True)
