"""Copies of large arrays, in another dtype or not, and arrays filled with a number: by compiled loops on all threads.

float16 and bfloat16 are halves of a number's bits: NumPy converts them one by one, the processor many at once.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from metagrad.base import result_order
from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.chunks import perform_formula
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.compiled.expressions import converts_halves
from metagrad.kernels.compiled.formulas import ELEMENTS, Program, cast

_KINDS = frozenset("fdlq?i")  # dtypes that are converted into each other as C does it
_HALVES = {"e": ("to_half", "from_half"), "E": ("to_bfloat16", "from_bfloat16")}


def copied(x: Array, dtype: np.dtype[Any]) -> Array:
    """A copy in the order in memory of the original, without its gaps and repeated elements."""
    if x.size >= tuning.POINTWISE_LARGE and _is_large(x):
        y = np.empty_like(x, dtype=dtype)
        if _by_loop(y, x):
            return y
    return result_order.copied(x, dtype)


def assign(y: Array, x: Array | Number) -> None:
    """``y[...] = x``."""
    if not (_is_large(y) and (_by_loop(y, x) if isinstance(x, np.ndarray) and x.ndim else _filled(y, x))):
        y[...] = x


def _is_large(x: object) -> bool:
    return (
        type(x) is np.ndarray
        and x.size >= tuning.POINTWISE_LARGE
        and (x.flags.c_contiguous or x.T.flags.c_contiguous)
        and x.flags.aligned
        and are_there_loops()
    )


def _by_loop(y: Array, x: Array) -> bool:
    if y.shape != x.shape or y.strides != tuple([s // x.itemsize * y.itemsize for s in x.strides]) or not _is_large(x):
        return False
    found = _conversion(x.dtype, y.dtype)
    if found is None:
        return False
    arrays = [a.view(np.uint16) if a.dtype.char in _HALVES else a for a in (x, y)]
    perform_formula(found, [a if a.flags.c_contiguous else a.T for a in arrays], [])
    return True


@functools.cache
def _conversion(of: np.dtype[Any], to: np.dtype[Any]) -> Program | None:
    """The loop that copies from one dtype to another; None where there is none."""
    kinds = of.char, to.char
    if not (of.isnative and to.isnative):
        return None
    if of == to and (of.char in _KINDS or of.char in _HALVES):
        text = "x0"
    elif of.char in _HALVES and to.char == "f" and converts_halves():
        text = f"{_HALVES[of.char][1]}(x0)"
    elif of.char == "f" and to.char in _HALVES and converts_halves():
        text = f"{_HALVES[to.char][0]}(x0)"
    elif of.char in _KINDS and to.char in _KINDS:
        text = cast("x0", of, to.char)
    else:
        return None
    letters = tuple(["H" if kind in _HALVES else kind for kind in kinds])
    return Program((ELEMENTS, ELEMENTS), letters, 0, (f"v = {text}",), ((1, "v"),))


def _filled(y: Array, x: Array | Number) -> bool:
    """Whether y has been filled with a number."""
    number = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
    if y.dtype.char not in "fd" or not isinstance(number, (bool, int, float)):
        return False
    program = Program((ELEMENTS,), (y.dtype.char,), 1, (f"v = {cast('n0', float, y.dtype.char)}",), ((0, "v"),))
    try:
        perform_formula(program, [y if y.flags.c_contiguous else y.T], [float(number)])
    except OverflowError:
        return False
    return True
