"""Whether a number fits in a dtype: what a tensor is filled with, limited to, or padded with must."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.typing import Array, Number


def fitting(value: Any, kind: dtypes.dtype, *, rounds: bool = False) -> Number:
    """A number as one of this dtype; raises RuntimeError if it does not fit.

    An integer dtype takes no infinity and no nan. In an unsigned one negative integers wrap around; other negative
    numbers it does not take. A floating-point dtype takes both, but no finite number beyond its largest one, 65504 in float16.
    ``rounds``: float16 and bfloat16 take such a number as an infinity all the same, where PyTorch goes through a tensor of one
    element.

    >>> import metagrad
    >>> int(fitting(2.9, metagrad.int64)), int(fitting(-1, metagrad.uint8)), fitting(65504, metagrad.float16)
    (2, 255, 65504)
    >>> fitting(65505, metagrad.float16)
    Traceback (most recent call last):
    RuntimeError: value cannot be converted to type c10::Half without overflow: 65505
    """
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, complex) and kind.category == 0:
        return bool(value)
    if isinstance(value, complex) and kind.category < 3:
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {kind}: it is complex, {value}")
        value = value.real
    if kind.category == 1:
        return _fitting_integer(value, kind)
    if kind.category < 2 or _within(value, _largest(kind)):
        return value
    if not rounds or kind.itemsize > 2:
        raise overflow(kind, value)
    with np.errstate(over="ignore"):
        rounded: Number = np.asarray(value).astype(kind.dtype).item()
    return rounded


def number_for(input: Any, value: Any) -> Any:
    """A number, or a tensor of one element, to be filled into a tensor, once it is seen that its dtype can hold it.

    >>> import metagrad
    >>> number_for(metagrad.zeros(2, dtype=metagrad.uint8), metagrad.tensor(300))
    Traceback (most recent call last):
    RuntimeError: value cannot be converted to type uint8_t without overflow: 300
    """
    if not isinstance(value, Variable):
        return fitting(value, input.dtype)
    if isinstance(value.array, np.ndarray) and value.array.dtype is not input.array.dtype:
        fitting(value.array, input.dtype)
    return value


def _fitting_integer(value: Any, kind: dtypes.dtype) -> Number:
    check_range(np.asarray(value), kind)
    number: Any = np.asarray(int(value)).astype(kind.dtype)[()]
    return number


def check_range(array: Array, kind: dtypes.dtype) -> None:
    """Raise if a number does not fit in a dtype: a complex one in a real dtype, one that is infinite, nan or too large in an
    integer dtype. Negative integers wrap around in an unsigned one; floating-point numbers do not."""
    if array.dtype.kind == "c" and 0 < kind.category < 3:
        raise TypeError(f"must be real number, not complex: take .real for {kind}")
    if kind.category == 1 and array.size:
        limits, floating = np.iinfo(kind.dtype), array.dtype.kind in "fV"
        least = limits.min if floating or limits.min else -int(limits.max)
        if not (least <= array.min() and array.max() <= limits.max):  # nan neither
            raise overflow(kind, array.item() if array.size == 1 else f"{array.max()} or {array.min()}")


def _within(value: Any, largest: float) -> bool:
    """Whether both parts of a number are at most ``largest``, or infinite, or nan."""
    if isinstance(value, complex):
        return _within(value.real, largest) and _within(value.imag, largest)
    try:
        return not largest < abs(value) < math.inf
    except TypeError:
        kind = type(value).__name__
        raise TypeError(
            f"a value must be Number, not {kind}: received an invalid combination of arguments - got ({kind})"
        ) from None


@functools.cache
def _largest(kind: dtypes.dtype) -> float:
    return dtypes.finfo(kind).max


def overflow(kind: dtypes.dtype, value: object) -> RuntimeError:
    """What to raise for a value that a dtype cannot hold."""
    name = f"{kind.name}_t" if kind.category == 1 and kind.name != "int32" else dtypes.cpp_name(kind)
    return RuntimeError(f"value cannot be converted to type {name} without overflow: {value}")
