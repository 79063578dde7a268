"""y ← a x + b y in one pass over memory, for which NumPy needs three: OpenBLAS, with which NumPy comes, has it as ``axpby``.

It works on the calling thread alone, without the interpreter's lock. What OpenBLAS is called, and what its functions are, differs
from wheel to wheel: the library is asked of ``threadpoolctl``, and what is found must pass a trial.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.layouts import place_of
from metagrad.base.typing import Array
from metagrad.kernels.threads import blas_libraries

_NUMBERS: dict[str, Any] = {"f": ctypes.c_float, "d": ctypes.c_double}  # by the letter of a dtype
_LETTERS = {"f": "s", "d": "d"}  # BLAS's own


@functools.cache
def has_weighted_sum(kind: str) -> bool:
    """Whether ``add_weighted`` serves arrays whose dtype has this letter."""
    return kind in _NUMBERS and _routine(kind) is not None


def add_weighted(y: Array, a: float, x: Array, b: float = 1.0) -> None:
    """y ← a x + b y, in place; of contiguous NumPy arrays of one shape and dtype, one that ``has_weighted_sum``.

    >>> x, y = np.full(3, 2.0), np.ones(3)
    >>> if has_weighted_sum("d"):
    ...     add_weighted(y, 3.0, x, -1.0)
    ... else:
    ...     y[...] = 5
    >>> y.tolist()
    [5.0, 5.0, 5.0]
    """
    if a and b:
        _routine(y.dtype.char)(y.size, a, place_of(x), 1, b, place_of(y), 1)
    else:  # BLAS would leave out an array whose factor is 0, also where it has a nan
        y *= b
        y += a * x


@functools.cache
def _routine(kind: str) -> Any:
    """OpenBLAS's ``axpby`` for a dtype, or None."""
    for library in blas_libraries():
        if library.internal_api == "openblas":
            for prefix, suffix in itertools.product(("scipy_", ""), ("64_", "", "_64")):
                routine = getattr(library.dynlib, f"{prefix}cblas_{_LETTERS[kind]}axpby{suffix}", None)
                if routine is not None and _passes(_typed(routine, _NUMBERS[kind]), kind):
                    return routine
    return None


def _typed(routine: Any, number: Any) -> Callable[..., None]:
    """The routine, told its arguments; a whole number of 32 bits is read rightly off a register or a place that holds 64."""
    whole, place = ctypes.c_ssize_t, ctypes.c_void_p
    routine.argtypes, routine.restype = [whole, number, place, whole, number, place, whole], None
    return routine


def _passes(routine: Callable[..., None], kind: str) -> bool:
    x, y = np.arange(5, dtype=kind), np.ones(5, kind)
    routine(5, 2.0, place_of(x), 1, 3.0, place_of(y), 1)
    return y.tolist() == [3, 5, 7, 9, 11]
