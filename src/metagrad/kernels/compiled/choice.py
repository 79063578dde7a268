"""Whether an array takes the compiled loops, or NumPy's calls: the one place where that is decided."""

from __future__ import annotations

import numpy as np

from metagrad.kernels import tuning
from metagrad.kernels.compiled.compiler import available
from metagrad.kernels.compiled.entries import NAMES
from metagrad.kernels.compiled.expressions import HALVES, converts_halves

_DTYPES = frozenset({np.dtype(np.float32), np.dtype(np.float64)})
_OF_FORMULAS = frozenset({np.dtype(letter) for letter in NAMES})


def are_there_loops() -> bool:
    """Whether there are compiled loops at all."""
    return available()


def use_compiled(like: object, least: int | None = None) -> bool:
    """Whether compiled loops serve arrays such as this one: NumPy's own, float32 or float64, of enough elements.

    least: how many are enough; without it, ``tuning.COMPILED_WORTH``.

    >>> use_compiled(np.zeros(1 << 20, np.float16))
    False
    """
    if type(like) is not np.ndarray or like.size < (tuning.COMPILED_WORTH if least is None else least):
        return False
    return like.dtype in _DTYPES and available()


def use_formula(like: object, least: int | None = None) -> bool:
    """The same of loops that a formula is printed as, which serve integers and bools, too.

    >>> use_formula(np.zeros(8, np.complex64), 8)
    False
    """
    if type(like) is not np.ndarray or like.size < (tuning.COMPILED_WORTH if least is None else least):
        return False
    return like.dtype in _OF_FORMULAS and available()


def is_half(like: object) -> bool:
    """Whether an array's numbers are made float32 in a formula's loop, of float16 or bfloat16, and there are such loops."""
    if type(like) is not np.ndarray or like.dtype.char not in HALVES or like.size < tuning.COMPILED_WORTH:
        return False
    return available() and converts_halves()
