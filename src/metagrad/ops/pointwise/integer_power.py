"""Integers to the power of integers, which may be negative."""

from __future__ import annotations

import numpy as np

from metagrad.autograd.errors import misfit
from metagrad.base.typing import Array


def integer_power(x: Array, y: Array) -> Array:
    """xʸ where y may be negative: 1 / x⁻ʸ rounded towards zero, so 0 unless x is 1 or −1.

    Raises RuntimeError if the shapes do not broadcast.

    >>> integer_power(np.array([2, -1]), np.array([3, -3]))
    array([ 8, -1])
    """
    try:
        z = np.power(x, np.where(y < 0, y & 1, y))  # of ±1 the sign is all that counts
    except ValueError as error:
        raise misfit("Pow", error) from None
    return np.where((y < 0) & (np.abs(x) != 1), 0, z)
