"""Powers by other ways than NumPy's: cubes and roots, and integers to the power of integers, which may be negative."""

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


def power(x: Array, y: Array) -> Array:
    """xʸ; NumPy itself takes short ways for y = 2, 1, 0, −1. A cube of integers is exact in any case.

    >>> power(np.array([2.0]), 3)
    array([8.])
    """
    is_one = isinstance(y, (int, float)) or (isinstance(y, np.ndarray) and not y.ndim and y.dtype == x.dtype)
    if is_one and x.dtype.kind == "f":
        if y == 3:
            return x * x * x
        if y == 0.5:  # −∞ becomes nan, as it has no root, and −0 stays what it is
            return np.sqrt(x)
    return x**y
