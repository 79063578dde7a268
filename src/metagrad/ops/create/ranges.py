"""Numbers in a row: by steps, or by their count, evenly spaced or in equal ratios."""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

import numpy as np

from metagrad.autograd.function import quiet
from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.typing import Array, DTypeLike, Operand
from metagrad.base.warning import warn
from metagrad.kernels import tuning
from metagrad.kernels.ramps import ramp
from metagrad.ops.create.creation import factory, kind_or_default
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.fitting import fitting

__all__ = ["arange", "linspace", "logspace", "range"]


def _number(name: str, value: Operand) -> Any:
    """A Python number, of one or of a tensor without dimensions."""
    if isinstance(value, Variable):
        if value.array.ndim and name in ("linspace", "logspace"):
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got one with {value.array.ndim} dimension(s)."
            )
        if value.array.size != 1:
            raise TypeError(f"{name}(): a bound must be a number, not a Tensor of shape {tuple(value.shape)}")
        if name == "arange" and value.is_complex():
            raise TypeError("arange(): a bound must be Number, not Tensor: it is complex")
        return value.array.item()
    return value.item() if isinstance(value, np.generic) else value


def _check_range(start: float, end: float, step: float) -> None:
    for value in (start, end, step):
        if isinstance(value, complex):
            raise RuntimeError(f"value cannot be converted to type double without overflow: it is complex, {value}")
    if step == 0 or math.isnan(step):
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError(f"upper bound and lower bound inconsistent with step sign: from {start} to {end} by {step}")


@factory
@quiet
def arange(start: Operand = 0, end: Operand | None = None, step: Operand = 1, *, dtype: DTypeLike = None) -> Array:
    """The numbers from ``start`` to ``end`` (excluded) in steps of ``step``; ``arange(n)`` counts from 0.

    int64 if all three are integers, else the default dtype. Raises RuntimeError for a step of 0, or in the wrong
    direction.

    >>> import metagrad
    >>> metagrad.arange(1, 2, 0.5)
    tensor([1.0000, 1.5000])
    """
    given = (0, start, step) if end is None else (start, end, step)
    first, last, by = (_number("arange", v) for v in given)
    whole = builtins.all(isinstance(v, int) for v in (first, last, by))
    kind = dtypes.int64 if whole and dtype is None else kind_or_default(dtype)
    if kind is dtypes.bool_ or kind.is_complex:
        raise unsupported("arange", kind)
    _check_range(first, last, by)
    if kind.category == 1 and not builtins.all(-(2**63) <= v < 2**63 for v in (first, by)):
        raise RuntimeError(f"value cannot be converted to type int64_t without overflow: {first} in steps of {by}")
    if kind is dtypes.int64:
        first, last, by = int(first), int(last), int(by)
        if by == 0:
            raise ValueError("step must be nonzero, and it is less than 1 for a range of integers")
    if not abs((last - first) / by) < 2**60:
        raise RuntimeError(f"invalid size, possible overflow? From {first} to {last} in steps of {by}")
    count = -((first - last) // by) if kind is dtypes.int64 else math.ceil((last - first) / by)
    if kind.category == 1:
        first, by = int(first), int(by)
    return ramp(count, by, first, kind.dtype)  # each from its index: rounding does not pile up


@factory
def range(start: Operand = 0, end: Operand | None = None, step: Operand = 1, *, dtype: DTypeLike = None) -> Array:
    """The numbers from ``start`` to ``end``, which is included, in steps of ``step``. PyTorch's old form of ``arange``.

    Raises RuntimeError for a step of 0, or in the wrong direction.

    >>> import metagrad
    >>> metagrad.range(1, 3)
    tensor([1., 2., 3.])
    """
    warn("metagrad.range is deprecated, for its end is included, unlike that of Python's range: use metagrad.arange")
    if end is None:
        raise TypeError('range() missing 1 required positional argument: "end"')
    first, last, by = (_number("range", v) for v in (start, end, step))
    _check_range(first, last, by)
    return (np.arange(math.floor((last - first) / by) + 1) * by + first).astype(kind_or_default(dtype).dtype)


def _evenly(name: str, start: Operand, end: Operand, steps: int, dtype: DTypeLike) -> tuple[Array, dtypes.dtype]:
    """Evenly spaced numbers, and the dtype they are for: integers are still to be cut off, real exponents are float64."""
    first, last = _number(name, start), _number(name, end)
    if not hasattr(steps, "__index__"):
        got = ", ".join(type(given).__name__ for given in (start, end, steps))
        raise TypeError(f"{name}() received an invalid combination of arguments - got ({got}): steps must be an int")
    steps = operator.index(steps)
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    kind = kind_or_default(dtype)
    if kind is dtypes.bool_:
        raise unsupported(name, kind)
    if isinstance(first + last, complex) and not kind.is_complex:
        if dtype is not None:
            raise RuntimeError(f"torch.{name}(): inferred dtype complex can't be safely cast to passed dtype {kind}")
        kind = kind.to_complex()
    if kind.category == 1 and (steps > 1 or name == "linspace"):
        first, last = (int(fitting(value, kind)) for value in (first, last))  # type: ignore[arg-type]
    exponents = name == "logspace" and not kind.is_complex
    return _spaced(first, last, steps, dtypes.float64 if exponents else kind), kind


# What a fused multiplication and addition is exact in: PyTorch's processors round once where NumPy would twice.
_WIDER: dict[str, type[np.floating[Any]]] = {"f": np.float64, "d": np.longdouble}


def _spaced(first: Any, last: Any, steps: int, kind: dtypes.dtype) -> Array:
    """Numbers at equal distances, one half of them from the start and the other from the end, as in PyTorch: −a to a is
    symmetric. Those for integers are in float64."""
    if kind.is_complex:
        found = np.empty(steps, kind.dtype)
        found.real, found.imag = (
            _spaced(a, b, steps, kind.to_real()) for a, b in ((first.real, last.real), (first.imag, last.imag))
        )
        return found
    dtype = np.dtype(np.float64) if kind.category == 1 else kind.dtype
    start, end = dtype.type(first), dtype.type(last)
    if steps < 2:
        return np.full(steps, start, dtype)
    by, half, found = (end - start) / dtype.type(steps - 1), steps // 2, np.empty(steps, dtype)
    if steps >= tuning.RAMP_LARGE and dtype.char in _WIDER:
        found[:half] = ramp(half, float(by), float(start), dtype)
        found[half:] = ramp(steps - half, -float(by), float(end), dtype)[::-1]
        return found
    wide = _WIDER.get(dtype.char, dtype.type)
    away = np.arange(steps - half, dtype=wide) * wide(by)
    found[:half] = away[:half] + start
    found[half:] = end - away[::-1]
    return found


@factory
@quiet
def linspace(start: Operand, end: Operand, steps: int, *, dtype: DTypeLike = None) -> Array:
    """``steps`` numbers evenly spaced from ``start`` to ``end``, both included.

    Raises RuntimeError for a negative number of steps.

    >>> import metagrad
    >>> metagrad.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    found, kind = _evenly("linspace", start, end, steps, dtype)
    return found.astype(kind.dtype, copy=False)


@factory
@quiet
def logspace(start: Operand, end: Operand, steps: int, base: float = 10.0, *, dtype: DTypeLike = None) -> Array:
    """``steps`` numbers in equal ratios from ``base`` to the power ``start`` to ``base`` to the power ``end``.

    Raises RuntimeError for a negative number of steps.

    >>> import metagrad
    >>> metagrad.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    found, kind = _evenly("logspace", start, end, steps, dtype)
    return np.power(_number("logspace", base), found).astype(kind.dtype)
