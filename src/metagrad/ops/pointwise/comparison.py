"""Comparisons and logic: bool results, no gradients."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.devices import beside_gpu
from metagrad.autograd.emulation import widened
from metagrad.autograd.errors import misfit
from metagrad.autograd.function import quiet
from metagrad.autograd.transforms import check_extent
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import dtypes
from metagrad.base.result_order import laid_out_by
from metagrad.base.typing import Array, Operand
from metagrad.kernels import tuning
from metagrad.kernels.one_call import is_nan, of_few
from metagrad.ops.arguments import asks_for_a_tensor, asks_for_tensors, takes_flat_out, takes_out_by
from metagrad.ops.operands import as_tensor, need_tensors, operands

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "allclose", "eq", "equal", "ge", "greater", "greater_equal", "gt", "isclose", "isfinite", "isinf", "isnan",
    "isneginf", "isposinf", "isreal", "le", "less", "less_equal", "logical_and", "logical_not", "logical_or",
    "logical_xor", "lt", "ne", "not_equal",
]  # fmt: skip


@takes_flat_out
def eq(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input == other``, element by element with broadcasting.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.eq(metagrad.tensor([1, 2]), 2)
    tensor([False,  True])
    """
    return _compare(np.equal, input, other)


@takes_flat_out
def ne(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input != other``, element by element with broadcasting.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.ne(metagrad.tensor([1, 2]), 2)
    tensor([ True, False])
    """
    return _compare(np.not_equal, input, other)


@takes_flat_out
def lt(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input < other``, element by element with broadcasting.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.lt(metagrad.tensor([1, 2, 3]), 2)
    tensor([ True, False, False])
    """
    return _compare(np.less, input, other)


@takes_flat_out
def le(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input <= other``, element by element with broadcasting.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.le(metagrad.tensor([1, 2, 3]), 2)
    tensor([ True,  True, False])
    """
    return _compare(np.less_equal, input, other)


@takes_flat_out
def gt(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input > other``, element by element with broadcasting; False where one is nan.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.gt(metagrad.tensor([1.0, 3.0, float("nan")]), 2)
    tensor([False,  True, False])
    """
    return _compare(np.greater, input, other)


@takes_flat_out
def ge(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input >= other``, element by element with broadcasting.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.ge(metagrad.tensor([1, 2, 3]), 2)
    tensor([False,  True,  True])
    """
    return _compare(np.greater_equal, input, other)


greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne


def _compare(ufunc: np.ufunc, x: Operand, y: Operand) -> Tensor:
    if not isinstance(x, Variable):
        need_tensors(ufunc.__name__, input=x)
    a, b = operands(x, y)  # the first is a tensor, of the dtype of both
    if a.array.dtype.kind == "c" and ufunc not in (np.equal, np.not_equal):
        less, _, equal = ufunc.__name__.partition("_")
        raise NotImplementedError(
            f"\"{less[0]}{'e' if equal else 't'}_cpu\" not implemented for '{dtypes.scalar_name(a.dtype)}': complex numbers have "
            "no order"
        )
    values = b.array if isinstance(b, Variable) else b
    if a.array.dtype.kind == "V":  # whose own comparisons warn of nan
        # A number is of the tensor's dtype, as is one tensor of no dimensions beside others.
        if not isinstance(b, Variable):
            with np.errstate(all="ignore"):
                values = float(np.asarray(values).astype(a.array.dtype))
        elif values.ndim == 0 < a.array.ndim:
            values = values.astype(a.array.dtype)
        return applied(ufunc, widened(a.array), widened(values))
    return applied(ufunc, a.array, values)


def applied(ufunc: Callable[..., Array], *arrays: Array | float) -> Tensor:
    """A ufunc's values as a tensor, without a gradient.

    Raises RuntimeError if the arrays do not broadcast.

    >>> applied(np.add, np.ones(2), 1)
    tensor([2., 2.], dtype=metagrad.float64)
    """
    first = arrays[0]
    if len(arrays) <= 2 and isinstance(ufunc, np.ufunc) and np.size(first) >= tuning.POINTWISE_LARGE:
        in_parts = of_few(ufunc, *arrays)
        if in_parts is not None:
            return wrap(in_parts)
    try:
        found = ufunc(*arrays)
        return wrap(
            laid_out_by(found, *arrays) if isinstance(first, np.ndarray) and not first.flags.c_contiguous else found
        )
    except ValueError as error:
        raise misfit(ufunc.__name__, error) from None
    except TypeError as error:
        return applied(ufunc, *beside_gpu(arrays, error, {}))


@asks_for_tensors
@quiet
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Whether ``|input − other| ≤ atol + rtol · |other|``, element by element.

    Raises TypeError if an operand is no tensor, and RuntimeError if their dtypes differ or a tolerance is negative.

    >>> import metagrad
    >>> metagrad.isclose(metagrad.tensor([1.0, 1.0]), metagrad.tensor([1.001, 1.1]), rtol=0.01)
    tensor([ True, False])
    """
    need_tensors("isclose", input=input, other=other)
    if input.dtype != other.dtype:
        raise RuntimeError(
            f"{dtypes.scalar_name(input.dtype)} did not match {dtypes.scalar_name(other.dtype)}: isclose compares tensors of one "
            "dtype, use .to()"
        )
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"isclose: {name} must be greater than or equal to zero, but got {tolerance}")
    return applied(np.isclose, input.array, other.array, float(rtol), float(atol), equal_nan)


@asks_for_tensors
@quiet
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether ``|input − other| ≤ atol + rtol · |other|`` everywhere.

    Raises TypeError if an operand is no tensor, and RuntimeError if their dtypes differ or a tolerance is negative.

    >>> import metagrad
    >>> metagrad.allclose(metagrad.tensor([1.0]), metagrad.tensor([1.0 + 1e-7]))
    True
    """
    close = isclose(input, other, rtol, atol, equal_nan)
    check_extent("allclose", close)
    return builtins.bool(np.all(close.array))


@asks_for_tensors
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and the same elements: one bool, where ``eq`` gives one for each.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> x = metagrad.tensor([1, 2])
    >>> metagrad.equal(x, x.clone()), metagrad.equal(x, x[:1])
    (True, False)
    """
    need_tensors("equal", input=input, other=other)
    check_extent("equal", input, other)
    if input.is_meta or other.is_meta:
        raise NotImplementedError(
            "equal: whether numbers are equal that are not there, on the device meta, cannot be told"
        )
    return tuple(input.shape) == tuple(other.shape) and builtins.bool(np.all(np.equal(input.array, other.array)))


@takes_flat_out
def logical_and(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether both elements are non-zero, with broadcasting.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.logical_and(metagrad.tensor([0, 1, 2]), metagrad.tensor([1, 0, 3]))
    tensor([False, False,  True])
    """
    return _logical(np.logical_and, input, other)


@takes_flat_out
def logical_or(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether at least one of both elements is non-zero, with broadcasting.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.logical_or(metagrad.tensor([0, 1, 0]), metagrad.tensor([1, 0, 0]))
    tensor([ True,  True, False])
    """
    return _logical(np.logical_or, input, other)


@takes_flat_out
def logical_xor(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether exactly one of both elements is non-zero, with broadcasting.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.logical_xor(metagrad.tensor([0, 1, 2]), metagrad.tensor([1, 0, 3]))
    tensor([ True,  True, False])
    """
    return _logical(np.logical_xor, input, other)


@takes_flat_out
def logical_not(input: Operand, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is zero or False.

    >>> import metagrad
    >>> metagrad.logical_not(metagrad.tensor([0.0, 0.5]))
    tensor([ True, False])
    """
    x = as_tensor(input).array
    return wrap(
        np.equal(x, 0) if x.dtype.kind == "f" else np.logical_not(x)
    )  # of floats, the same in a third of the time


def _logical(ufunc: np.ufunc, x: Operand, y: Operand) -> Tensor:
    need_tensors(ufunc.__name__, input=x, other=y)
    return applied(ufunc, as_tensor(x).array, as_tensor(y).array)


@asks_for_a_tensor
def isnan(input: Tensor) -> Tensor:
    """Whether each element is not a number: the only ones that do not equal themselves.

    >>> import metagrad
    >>> metagrad.isnan(metagrad.tensor([1.0, float("nan")]))
    tensor([False,  True])
    """
    return wrap(is_nan(input.array))


@asks_for_a_tensor
def isinf(input: Tensor) -> Tensor:
    """Whether each element is +∞ or −∞, or has a part that is.

    >>> import metagrad
    >>> metagrad.isinf(metagrad.tensor([1.0, float("-inf")]))
    tensor([False,  True])
    """
    return wrap(np.isinf(input.array))


@asks_for_a_tensor
def isfinite(input: Tensor) -> Tensor:
    """Whether each element is neither infinite nor nan.

    >>> import metagrad
    >>> metagrad.isfinite(metagrad.tensor([1.0, float("inf"), float("nan")]))
    tensor([ True, False, False])
    """
    return wrap(np.isfinite(input.array))


@takes_out_by(exactly=True, words="isposinf does not support non-boolean outputs.")
def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is +∞.

    Raises RuntimeError for complex tensors.

    >>> import metagrad
    >>> metagrad.isposinf(metagrad.tensor([float("inf"), float("-inf")]))
    tensor([ True, False])
    """
    return _infinite(input, "isposinf", 1)


@takes_out_by(exactly=True, words="isneginf does not support non-boolean outputs.")
def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether each element is −∞.

    Raises RuntimeError for complex tensors.

    >>> import metagrad
    >>> metagrad.isneginf(metagrad.tensor([float("inf"), float("-inf")]))
    tensor([False,  True])
    """
    return _infinite(input, "isneginf", -1)


def _infinite(input: Tensor, name: str, sign: float) -> Tensor:
    if input.array.dtype.kind == "c":
        raise RuntimeError(f"{name} does not support complex inputs.")
    return wrap(np.equal(input.array, sign * np.inf))


@asks_for_a_tensor
def isreal(input: Tensor) -> Tensor:
    """Whether each element has no imaginary part, or one that is 0.

    >>> import metagrad
    >>> metagrad.isreal(metagrad.tensor([1 + 0j, 1 + 2j]))
    tensor([ True, False])
    """
    x = input.array
    return wrap(np.equal(x.imag, 0) if x.dtype.kind == "c" else np.ones_like(x, bool))
