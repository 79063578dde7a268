"""Ufuncs that NumPy does number by number, done in several passes of those that take many numbers at once.

fmod and ⌊x / y⌋ of float32 numbers are computed in float64, where x − trunc(x / y) y is exact while the quotient has 29 bits: no
digit of the product is lost, and the quotient is not rounded up to an integer that it does not reach. The larger or smaller of
numbers and one number is what a clip gives. √(x² + y²) and ln(eˣ + eʸ) are written out, and NumPy does again what overflows.

Logical functions of floats ask NumPy whether each number is true; comparisons with 0 take many at once.

eˣ of float32 numbers is 2 to the power of x log₂ e, where NumPy computes powers of 2 many at once: in little more than half the
time, with an error as if x had been rounded once more.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut

_EXACT = 2.0**29
_FLOAT32_COUNTS = 2.0**20  # beyond, NumPy rounds the quotient before it rounds it down
_LEAST_SQUARE = 2.0**-100  # far from those with fewer digits
_LOG2_E = 1 / math.log(2)
_SIGN = np.int32(-(1 << 31))


def _fmod(x: Array | Number, y: Array | Number, out: Array) -> None:
    _of_singles(np.fmod, _rest, x, y, out)


def _floor_divide(x: Array | Number, y: Array | Number, out: Array) -> None:
    _of_singles(np.floor_divide, _floored, x, y, out)


def _of_singles(
    ufunc: Callable[..., Any],
    compute: Callable[[Array, Array, Array], bool],
    x: Array | Number,
    y: Array | Number,
    out: Array,
) -> None:
    """``ufunc``, block by block of float32 numbers by ``compute`` if it can."""
    if out.dtype != np.float32 or not out.ndim or not all(_is_single(a) for a in (x, y)):
        ufunc(x, y, out=out)
        return
    a, b = (np.asarray(v, np.float32) for v in (x, y))
    for block in cut(len(out), max(1, tuning.REMAINDER_BLOCK * len(out) // max(out.size, 1))):
        u, v = (w[block] if w.ndim == out.ndim else w for w in (a, b))
        if not compute(u, v, out[block]):
            ufunc(u, v, out=out[block])


def _is_single(x: Array | Number) -> bool:
    return isinstance(x, (int, float)) or getattr(x, "dtype", None) == np.float32


def _rest(x: Array, y: Array, out: Array) -> bool:
    wide, divisor = x.astype(np.float64), y.astype(np.float64)  # beforehand, or each pass would convert them again
    quotient = np.divide(wide, divisor)
    np.trunc(quotient, out=quotient)
    if not (quotient.max() < _EXACT and quotient.min() > -_EXACT):  # nan is not, either
        return False
    quotient *= divisor
    rest = np.subtract(wide, quotient, out=quotient)
    if np.isnan(rest.max()):  # 0 times an infinite y
        return False
    sign = x.view(np.int32) & _SIGN  # x may lie where the result is written to
    np.copyto(out, rest, casting="same_kind")
    bits = out.view(np.int32)
    bits |= sign  # of a zero, too
    return True


def remainder(x: Array | Number, y: Array | Number) -> Array:
    """x − ⌊x / y⌋ y of floats; where nothing is left over, the zero has the sign of x.

    >>> remainder(np.float32([-7.5, 7.5, -6.0]), np.float32(2.0)).tolist()
    [0.5, 1.5, -0.0]
    """
    out = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y))
    _of_singles(_remainder_in_steps, _rest_from_below, x, y, out)
    return out


def _remainder_in_steps(x: Array | Number, y: Array | Number, out: Array) -> None:
    _fmod(x, y, out)
    np.add(out, y, out=out, where=(out != 0) & ((out < 0) != np.less(y, 0)))


def _rest_from_below(x: Array, y: Array, out: Array) -> bool:
    wide, divisor = x.astype(np.float64), y.astype(np.float64)
    quotient = np.divide(wide, divisor)
    np.floor(quotient, out=quotient)
    if not (quotient.max() < _EXACT and quotient.min() > -_EXACT):
        return False
    quotient *= divisor
    rest = np.subtract(wide, quotient, out=quotient)
    if np.isnan(rest.max()):
        return False
    np.copyto(out, rest, casting="same_kind")
    is_nothing = out == 0
    nothing = np.flatnonzero(is_nothing)
    if nothing.size > out.size // 32:  # as of whole numbers
        np.copysign(out, x, out=out, where=is_nothing)
    elif nothing.size:
        out.flat[nothing] = np.copysign(0, np.broadcast_to(x, out.shape).flat[nothing])
    return True


def floor_quotient(x: Array | Number, y: Array | Number) -> Array:
    """⌊x / y⌋ of floats, and x / 0 where y is 0.

    >>> floor_quotient(np.float32([-7.5, 7.5]), np.float32(2.0)).tolist()
    [-4.0, 3.0]
    """
    out = np.empty(np.broadcast_shapes(np.shape(x), np.shape(y)), np.result_type(x, y))
    _of_singles(_floored_in_steps, _floored, x, y, out)
    return out


def _floored_in_steps(x: Array | Number, y: Array | Number, out: Array) -> None:
    is_zero = np.broadcast_to(np.equal(y, 0), out.shape)
    quotient = np.divide(x, y)
    np.floor_divide(x, y, out=out)
    np.copyto(out, quotient, where=is_zero)


def _floored(x: Array, y: Array, out: Array) -> bool:
    quotient = np.divide(x.astype(np.float64), y.astype(np.float64))
    if not (quotient.max() < _FLOAT32_COUNTS and quotient.min() > -_FLOAT32_COUNTS and np.isfinite(y).all()):
        return False
    np.floor(quotient, out=quotient)
    np.copyto(out, quotient, casting="same_kind")
    return True


def _larger(x: Array | Number, y: Array | Number, out: Array) -> None:
    if not _clips(np.maximum, x, y, out):
        np.maximum(x, y, out=out)


def _smaller(x: Array | Number, y: Array | Number, out: Array) -> None:
    if not _clips(np.minimum, x, y, out):
        np.minimum(x, y, out=out)


def _clips(ufunc: np.ufunc, x: Array | Number, y: Array | Number, out: Array) -> bool:
    """Whether the larger or smaller of floats and a number has been found by a clip."""
    if (
        getattr(y, "ndim", 0)
        or not isinstance(x, np.ndarray)
        or not x.ndim
        or x.dtype != out.dtype
        or x.dtype.char not in "fd"
        or x.size < tuning.CLIP_LARGE
    ):
        return False
    bound = np.asarray(y, x.dtype) if isinstance(y, (int, float)) else np.asarray(y)
    if bound.dtype != x.dtype or np.isnan(bound):
        return False
    end = x.dtype.type(np.inf if ufunc is np.maximum else -np.inf)
    np.clip(x, *((bound, end) if ufunc is np.maximum else (end, bound)), out=out)
    return True


def _hypot(x: Array | Number, y: Array | Number, out: Array) -> None:
    _of_singles(np.hypot, _root, x, y, out)


def _root(x: Array, y: Array, out: Array) -> bool:
    squares = np.square(x) + np.square(y)  # one of them may be a row
    if not (squares.min() > _LEAST_SQUARE and squares.max() < np.inf):  # nan is not, either
        return False
    np.sqrt(squares, out=out)
    return True


def _copysign(x: Array | Number, y: Array | Number, out: Array) -> None:
    if out.dtype != np.float32 or not all(_is_single(a) for a in (x, y)):
        np.copysign(x, y, out=out)
        return
    size, sign = (np.asarray(a, np.float32).view(np.int32) for a in (x, y))
    sign, bits = sign & _SIGN, out.view(np.int32)
    np.bitwise_and(size, ~_SIGN, out=bits)
    bits |= sign


def _logaddexp(x: Array | Number, y: Array | Number, out: Array) -> None:
    _of_singles(np.logaddexp, functools.partial(_log_of_sum, 1.0), x, y, out)


def _logaddexp2(x: Array | Number, y: Array | Number, out: Array) -> None:
    _of_singles(np.logaddexp2, functools.partial(_log_of_sum, _LOG2_E), x, y, out)


def _log_of_sum(unit: float, x: Array, y: Array, out: Array) -> bool:
    apart = np.subtract(x, y)
    np.negative(np.abs(apart, out=apart), out=apart)
    if np.isnan(apart.min()):  # as of two infinities
        return False
    np.log1p(exponential(apart, 1 / unit), out=apart)
    apart *= unit
    np.maximum(x, y, out=out)
    out += apart
    return True


@functools.cache
def _quick_powers_of_two() -> bool:
    """Whether NumPy computes powers of 2 of many float32 numbers at once on this processor."""
    from numpy.lib import introspect  # when first used

    found = introspect.opt_func_info(func_name="^exp2$", signature="float32")
    return all(not f["current"].startswith("baseline") for loops in found.values() for f in loops.values()) and bool(
        found
    )


def quickest_power() -> tuple[np.ufunc, float]:
    """2ˣ or eˣ, whichever takes less time for float32 numbers, and what to multiply x by for it to be eˣ."""
    return (np.exp2, _LOG2_E) if _quick_powers_of_two() else (np.exp, 1.0)


def exponential(x: Array, factor: float = 1.0, out: Array | None = None) -> Array:
    """e^(f x), in ``out`` if given. Of float32 numbers the relative error is up to 2e-7 + 8e-8 |f x|: for results that are
    divided by when they are large, and added to something when they are small.

    >>> exponential(np.float32([0.0, 1.0]), -1.0).round(5).tolist()
    [1.0, 0.3678799867630005]
    """
    is_numpys = isinstance(x, np.ndarray) and not getattr(x, "is_on_gpu", False)
    if is_numpys and x.dtype == np.float32 and _quick_powers_of_two():
        if out is not None:
            return np.exp2(np.multiply(x, factor * _LOG2_E, out=out), out=out)
        return np.exp2(x * (factor * _LOG2_E))
    scaled = x if factor == 1.0 else -x if factor == -1.0 else x * factor
    return np.exp(scaled) if out is None else np.exp(scaled, out=out)


def without_nan(x: Array, nan: float, posinf: float | None, neginf: float | None) -> Array:
    """``np.nan_to_num``: of finite numbers, which their extremes tell, the numbers themselves.

    >>> without_nan(np.array([1.0, np.nan]), 0.5, None, None).tolist()
    [1.0, 0.5]
    """
    if x.size and x.min() > -np.inf and x.max() < np.inf:  # nan is not, either
        return x
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def _of_truths(ufunc: np.ufunc, join: np.ufunc, x: Array | Number, y: Array | Number, out: Array) -> None:
    """A logical ufunc, of floats by what their comparisons with 0 are joined to."""
    if out.dtype == bool and all(isinstance(a, np.ndarray) and a.dtype.kind == "f" for a in (x, y)):
        np.not_equal(x, 0, out=out)
        join(out, np.not_equal(y, 0), out=out)
    else:
        ufunc(x, y, out=out)


_TWINS: dict[Any, Callable[..., None]] = {
    np.fmod: _fmod, np.floor_divide: _floor_divide, np.maximum: _larger, np.minimum: _smaller, np.hypot: _hypot,
    np.logaddexp: _logaddexp, np.logaddexp2: _logaddexp2, np.copysign: _copysign,
    np.logical_and: functools.partial(_of_truths, np.logical_and, np.bitwise_and),
    np.logical_or: functools.partial(_of_truths, np.logical_or, np.bitwise_or),
    np.logical_xor: functools.partial(_of_truths, np.logical_xor, np.bitwise_xor),
}  # fmt: skip


def quickest(function: Callable[..., Any]) -> Callable[..., Any]:
    """What computes ``function(*arrays, out=...)`` in the least time: a twin, or the function itself.

    >>> y = np.empty(2, np.float32)
    >>> quickest(np.fmod)(np.float32([-7.5, 7.5]), 2.0, out=y)
    >>> y.tolist(), quickest(np.add) is np.add
    ([-1.5, 1.5], True)
    """
    return _TWINS.get(function, function)
