"""Comparisons and logic: bool results, no gradients."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import misfit, quiet
from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.ops.operands import as_tensor, need_a_tensor, need_tensors, operands

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "allclose", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "eq", "equal", "ge", "greater", "greater_equal",
    "gt", "is_complex", "is_conj", "is_floating_point", "is_inference", "is_neg", "is_nonzero", "is_tensor", "isclose",
    "isfinite", "isinf", "isnan", "le", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor",
    "lt", "ne", "not_equal", "numel",
]  # fmt: skip


def _compare(ufunc: Any, x: Any, y: Any) -> Tensor:
    if not isinstance(x, Variable):
        need_tensors(ufunc.__name__, input=x)
    a, b = operands(x, y)
    return applied(ufunc, unwrap(a), unwrap(b))


def applied(ufunc: Any, *arrays: Any) -> Tensor:
    """A ufunc's values, without a gradient."""
    try:
        return wrap(ufunc(*arrays))
    except ValueError as error:
        raise misfit(ufunc.__name__, error) from None


def eq(input: Any, other: Any) -> Tensor:
    """``input == other``, element by element with broadcasting.

    >>> import metagrad
    >>> metagrad.eq(metagrad.tensor([1, 2]), 2)
    tensor([False,  True])
    """
    return _compare(np.equal, input, other)


def ne(input: Any, other: Any) -> Tensor:
    """``input != other``, element by element with broadcasting."""
    return _compare(np.not_equal, input, other)


def lt(input: Any, other: Any) -> Tensor:
    """``input < other``, element by element with broadcasting."""
    return _compare(np.less, input, other)


def le(input: Any, other: Any) -> Tensor:
    """``input <= other``, element by element with broadcasting."""
    return _compare(np.less_equal, input, other)


def gt(input: Any, other: Any) -> Tensor:
    """``input > other``, element by element with broadcasting."""
    return _compare(np.greater, input, other)


def ge(input: Any, other: Any) -> Tensor:
    """``input >= other``, element by element with broadcasting."""
    return _compare(np.greater_equal, input, other)


def logical_not(input: Any) -> Tensor:
    """Whether each element is zero or False."""
    return wrap(np.logical_not(as_tensor(input).array))


def _logical(ufunc: Any, x: Any, y: Any) -> Tensor:
    need_tensors(ufunc.__name__, input=x, other=y)
    return applied(ufunc, as_tensor(x).array, as_tensor(y).array)


def logical_and(input: Any, other: Any) -> Tensor:
    """Whether both elements are non-zero."""
    return _logical(np.logical_and, input, other)


def logical_or(input: Any, other: Any) -> Tensor:
    """Whether at least one of both elements is non-zero."""
    return _logical(np.logical_or, input, other)


def logical_xor(input: Any, other: Any) -> Tensor:
    """Whether exactly one of both elements is non-zero."""
    return _logical(np.logical_xor, input, other)


def _bitwise(ufunc: Any, x: Any, y: Any) -> Tensor:
    need_a_tensor(ufunc.__name__, x, y)
    a, b = operands(x, y)
    a, b = unwrap(a), unwrap(b)
    if np.result_type(a, b).kind in "fc":
        raise RuntimeError(f"{ufunc.__name__} is defined for integer and bool tensors only, got a floating-point one")
    return applied(ufunc, a, b)


def bitwise_and(input: Any, other: Any) -> Tensor:
    """Bitwise and; logical and for bools."""
    return _bitwise(np.bitwise_and, input, other)


def bitwise_or(input: Any, other: Any) -> Tensor:
    """Bitwise or; logical or for bools."""
    return _bitwise(np.bitwise_or, input, other)


def bitwise_xor(input: Any, other: Any) -> Tensor:
    """Bitwise exclusive or; logical for bools."""
    return _bitwise(np.bitwise_xor, input, other)


def bitwise_not(input: Tensor) -> Tensor:
    """Bitwise complement; logical not for bools."""
    if input.array.dtype.kind in "fc":
        raise RuntimeError("~ is defined for integer and bool tensors only, got a floating-point one")
    return wrap(np.invert(input.array))


def isnan(input: Tensor) -> Tensor:
    """Whether each element is not a number."""
    return wrap(np.isnan(input.array))


def isinf(input: Tensor) -> Tensor:
    """Whether each element is infinite."""
    return wrap(np.isinf(input.array))


def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor nan."""
    return wrap(np.isfinite(input.array))


@quiet
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether ``|input − other| ≤ atol + rtol · |other|``, element by element."""
    need_tensors("isclose", input=input, other=other)
    if input.dtype != other.dtype:
        raise RuntimeError(
            f"isclose: expected two tensors of one dtype, got {input.dtype} and {other.dtype}: use .to()"
        )
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"isclose: {name} must be greater than or equal to zero, but got {tolerance}")
    return applied(np.isclose, input.array, other.array, rtol, atol, equal_nan)


@quiet
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether ``|input − other| ≤ atol + rtol · |other|`` everywhere.

    >>> import metagrad
    >>> metagrad.allclose(metagrad.tensor([1.0]), metagrad.tensor([1.0 + 1e-7]))
    True
    """
    return builtins.bool(np.all(isclose(input, other, rtol, atol, equal_nan).array))


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    need_tensors("equal", input=input, other=other)
    return tuple(input.shape) == tuple(other.shape) and builtins.bool(np.all(np.equal(input.array, other.array)))


def is_conj(input: Tensor) -> bool:
    """Whether a conjugation is put off: never, here."""
    return False


def is_neg(input: Tensor) -> bool:
    """Whether a negation is put off: never, here."""
    return False


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in a mode that forbids gradients for good: never, here."""
    return False


def is_tensor(obj: Any) -> bool:
    """Whether it is a metagrad tensor."""
    from metagrad.tensors.tensor import Tensor

    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether its dtype is a real floating-point one."""
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """Whether its dtype is complex."""
    return input.dtype.is_complex


def is_nonzero(input: Tensor) -> bool:
    """Whether a tensor of one element is not zero."""
    return builtins.bool(input)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return int(input.array.size)


greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
