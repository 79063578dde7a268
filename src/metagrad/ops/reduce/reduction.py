"""Reductions: sums, means, variances, all and any. ``dim=None`` reduces all dimensions; ``keepdim`` leaves extent 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metagrad.autograd.broadcasting import sum_to_shape
from metagrad.autograd.function import Function
from metagrad.autograd.variable import as_array, wrap
from metagrad.base import dtypes
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Dims, DTypeLike
from metagrad.kernels import reductions, tuning
from metagrad.kernels.masks import how_many
from metagrad.ops.arguments import asks_for_tensors, axes, given, shape_of, takes_out, takes_out_by
from metagrad.ops.operands import cast_to, in_single
from metagrad.ops.out import in_its_dtype, of_truth_values

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["all", "any", "count_nonzero", "mean", "sum"]


class Sum(Function):
    """y = Σ x,   ∂L/∂x = ∂L/∂y for every element that was added."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.shape_in, self.axis = x.shape, axis
        if x.dtype.char == "e":  # halves are added up in float32, and rounded once
            return in_order(as_array(reductions.sum_of_halves(x, axis, keepdim))).astype(x.dtype)
        if x.size < tuning.REDUCTION_LARGE:
            y = x.sum(axis=axis, keepdims=keepdim, dtype=x.dtype)  # NumPy would widen narrow integers
            return y if y.ndim < 2 else in_order(y)
        return as_array(reductions.sum(x, axis, keepdim)).astype(int if x.dtype.kind == "b" else x.dtype, copy=False)

    def backward(self, grad: Array) -> Array:
        return spread(grad, self.shape_in, self.axis)


@takes_out_by(in_its_dtype)
def sum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None, out: Tensor | None = None
) -> Tensor:
    """Sum over all elements or over ``dim``; integers and bools add up in int64.

    >>> import metagrad
    >>> metagrad.sum(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([3., 7.])
    """
    return Sum.apply(accumulated(input, dtype, reductions.counts), axis=axes(dim, input.array.ndim), keepdim=keepdim)


def accumulated(input: Tensor, dtype: DTypeLike, stays: Callable[[Array], bool] | None = None) -> Tensor:
    """The input in the dtype that sums are made in: a given one, or int64 for integers and for bools that do not stay as they are.

    >>> import metagrad
    >>> accumulated(metagrad.tensor([True, False]), None)
    tensor([1, 0])
    """
    if dtype is None and (input.array.dtype.kind not in "biu" or stays is not None and stays(input.array)):
        return input
    return cast_to(input, dtypes.int64 if dtype is None else dtypes.of(dtype))


class Mean(Function):
    """y = Σ x / n,   ∂L/∂x = ∂L/∂y / n."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.shape_in, self.axis = x.shape, axis
        self.count = max(1, math.prod([x.shape[d] for d in axis]))
        y = in_order(reductions.sum(x, axis, keepdim))
        return y / self.count if x.size or not axis else y / 0

    def backward(self, grad: Array) -> Array:
        return spread(grad / self.count, self.shape_in, self.axis)


@takes_out
@in_single
def mean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None, out: Tensor | None = None
) -> Tensor:
    """Arithmetic mean Σ x / n over all elements or over ``dim``; nan if there are none.

    Raises RuntimeError if the dtype is not floating-point or complex.

    >>> import metagrad
    >>> metagrad.mean(metagrad.tensor([1.0, 2.0, 6.0]))
    tensor(3.)
    """
    if dtype is not None:
        input = cast_to(input, dtypes.of(dtype))
    if input.array.dtype.kind not in "fcV":
        raise RuntimeError(
            f"mean(): could not infer output dtype. {'Input' if dtype is None else 'Optional'} dtype must be either a floating "
            f"point or complex dtype. Got: {dtypes.scalar_name(input.dtype)}: use .float()"
        )
    return Mean.apply(input, axis=axes(dim, input.array.ndim), keepdim=keepdim)


def kept(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """A shape after reduction over ``axis`` with keepdim: 1 in those dimensions.

    >>> kept((2, 3), (1,))
    (2, 1)
    """
    return tuple(1 if d in axis else n for d, n in enumerate(shape))


def spread(grad: Array, shape: tuple[int, ...], axis: tuple[int, ...]) -> Array:
    """A reduction's gradient for every element that was reduced over ``axis``: a view, as ``np.broadcast_to`` makes one.

    Of few elements it is an array in order: that takes a quarter of the view's time, and what reads it goes twice as fast.

    >>> spread(np.ones(2), (2, 3), (1,)).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    small = grad.__class__ is np.ndarray and math.prod(shape) < tuning.SPREAD_LARGE
    if grad.ndim:  # what is folded may have lost its dimension
        folded = list(shape)
        for d in axis:
            folded[d] = 1
        grad = grad.reshape(tuple(folded))
    if small:
        copies = np.empty(shape, grad.dtype)
        copies[...] = grad
        return copies
    return np.broadcast_to(grad, shape)


@takes_out_by(of_truth_values, anything=True)
def all(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether all elements, or all along ``dim``, are non-zero; uint8 for uint8.

    >>> import metagrad
    >>> metagrad.all(metagrad.tensor([[1, 2], [0, 3]]), dim=1)
    tensor([ True, False])
    """
    return _logical(input, dim, keepdim, reductions.all)


@takes_out_by(of_truth_values, anything=True)
def any(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether some element, or some along ``dim``, is non-zero; uint8 for uint8.

    >>> import metagrad
    >>> metagrad.any(metagrad.tensor([[1, 2], [0, 0]]), dim=1)
    tensor([ True, False])
    """
    return _logical(input, dim, keepdim, reductions.any)


def _logical(input: Tensor, dim: Dims, keepdim: bool, function: Callable[..., Array]) -> Tensor:
    none = isinstance(dim, (tuple, list)) and not dim
    found = in_order(input.array != 0 if none else function(input.array, axes(dim, input.array.ndim), keepdim))
    return wrap(found).to(dtypes.uint8) if input.array.dtype == np.uint8 else wrap(found)


@asks_for_tensors
def count_nonzero(input: Tensor, dim: Dims = None, *more: int) -> Tensor:
    """The number of elements, or of elements along ``dim``, that are not zero, as int64.

    >>> import metagrad
    >>> metagrad.count_nonzero(metagrad.tensor([[1, 2], [0, 3]]), dim=0)
    tensor([1, 2])
    """
    return wrap(in_order(how_many(input.array, axes(cast("Any", (dim, *more)) if more else dim, input.array.ndim))))


def sum_to_size(input: Tensor, *size: int | Sequence[int], **named: Sequence[int]) -> Tensor:
    """Sums that undo a broadcast: ``input`` as it would come from a tensor of this size, added up over the repetitions.

    Raises TypeError without a size, and RuntimeError if ``input`` is no broadcast of that size.

    >>> import metagrad
    >>> metagrad.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    size = given(size, named, "size")
    if not size:
        raise TypeError('sum_to_size() missing 1 required positional argument: "size"')
    wanted, shape = shape_of(size), tuple(input.shape)
    new = len(shape) - len(wanted)
    if new < 0 or [n for n, m in zip(wanted, shape[new:], strict=True) if n not in (1, m)]:
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(shape)}}}.")
    return cast("Tensor", sum_to_shape(input, wanted))
