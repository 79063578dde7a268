"""Whether an array takes the compiled loops, or NumPy's calls: the one place where that is decided."""

from __future__ import annotations

import functools
import importlib

import numpy as np

from metagrad.kernels import tuning
from metagrad.kernels.compiled.compiler import available
from metagrad.kernels.threads import look_for_blas

_DTYPES = frozenset({np.dtype(np.float32), np.dtype(np.float64)})


def use_compiled(like: object, least: int | None = None) -> bool:
    """Whether compiled loops serve arrays such as this one: NumPy's own, float32 or float64, of enough elements.

    least: how many are enough; without it, ``tuning.COMPILED_WORTH``.

    >>> use_compiled(np.zeros(1 << 20, np.float16))
    False
    """
    if type(like) is not np.ndarray or like.size < (tuning.COMPILED_WORTH if least is None else least):
        return False
    return like.dtype in _DTYPES and available()


def use_compiled_products(like: object) -> bool:
    """The same for loops with products of matrices in them, which are SciPy's BLAS; of any number of elements.

    >>> use_compiled_products(np.zeros(1, np.int64))
    False
    """
    return type(like) is np.ndarray and like.dtype in _DTYPES and available() and _has_blas()


@functools.cache
def _has_blas() -> bool:
    """Whether Numba finds SciPy's BLAS. It is loaded here: before it works, its threads must be known, to be held back."""
    try:
        importlib.import_module("scipy.linalg.cython_blas")
    except ImportError:
        return False
    look_for_blas()
    return True
