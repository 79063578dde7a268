"""How a Chebyshev series is summed, and how a function is put together from pieces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metagrad.base.typing import Array


def chebyshev(coefficients: Sequence[float], u: Array) -> Array:
    """Σ cₖ Tₖ(u), u (*) in [−1, 1], by Clenshaw's recurrence: a polynomial of high degree without loss of digits.

    >>> chebyshev([1.0, 0.0, 2.0], np.array([0.5]))  # 1 + 2 (2u² − 1)
    array([0.])
    """
    twice = 2 * u
    now, before = np.zeros_like(u), np.zeros_like(u)
    for c in reversed(coefficients[1:]):
        now, before = twice * now - before + c, now
    return u * now - before + coefficients[0]


def piecewise(x: Array, *pieces: tuple[Array, Callable[[Array], Array]], rest: float = np.nan) -> Array:
    """f(x) where each piece of (mask, function) says how it is computed on its part; ``rest`` elsewhere.

    >>> x = np.array([-1.0, 4.0])
    >>> piecewise(x, (x < 0, np.negative), (x >= 0, np.sqrt))
    array([1., 2.])
    """
    x = np.asarray(x)
    y = np.full(x.shape, rest)
    for mask, function in pieces:
        if mask.any():
            y[mask] = function(x[mask])
    return y
