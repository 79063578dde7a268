"""Reductions: sums, means, variances, all and any. ``dim=None`` reduces all dimensions; ``keepdim`` leaves extent 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.typing import Array, Dims, DTypeLike
from metagrad.kernels import reductions
from metagrad.ops.operands import accepts_axis, axes, cast_to, in_single, shape_of
from metagrad.ops.out import takes_out
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["all", "any", "count_nonzero", "mean", "std", "sum", "var"]


class Sum(Function):
    """y = Σ x,   ∂L/∂x = ∂L/∂y for every element that was added."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.shape_in, self.axis = x.shape, axis
        return reductions.sum(x, axis, keepdim)

    def backward(self, grad: Array) -> Array:
        return spread(grad.reshape(kept(self.shape_in, self.axis)), self.shape_in)


@takes_out
@accepts_axis
@in_single
def sum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None, out: Tensor | None = None
) -> Tensor:
    """Sum over all elements or over ``dim``; integers and bools add up in int64.

    >>> import metagrad
    >>> metagrad.sum(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([3., 7.])
    """
    return Sum.apply(accumulated(input, dtype), axis=axes(dim, input.array.ndim), keepdim=keepdim)


def accumulated(input: Tensor, dtype: DTypeLike) -> Tensor:
    """The input in the dtype that sums are made in: a given one, or int64 for integers and bools.

    >>> import metagrad
    >>> accumulated(metagrad.tensor([True, False]), None)
    tensor([1, 0])
    """
    if dtype is not None:
        return cast_to(input, dtypes.of(dtype))
    return cast_to(input, dtypes.int64) if input.array.dtype.kind in "biu" else input


class Mean(Function):
    """y = Σ x / n,   ∂L/∂x = ∂L/∂y / n."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.shape_in, self.axis = x.shape, axis
        self.count = max(1, math.prod([x.shape[d] for d in axis]))
        y = reductions.sum(x, axis, keepdim)
        return y / self.count if x.size or not axis else y / 0

    def backward(self, grad: Array) -> Array:
        return spread((grad / self.count).reshape(kept(self.shape_in, self.axis)), self.shape_in)


@takes_out
@accepts_axis
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
    if input.array.dtype.kind not in "fc":
        raise RuntimeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {input.dtype.name}: convert it with .float() first"
        )
    return Mean.apply(input, axis=axes(dim, input.array.ndim), keepdim=keepdim)


class Var(Function):
    """y = Σ (x − x̄)² / (n − c),   ∂L/∂x = ∂L/∂y · 2 (x − x̄) / (n − c), c the correction."""

    def forward(self, x: Array, axis: tuple[int, ...], correction: float, keepdim: bool) -> Array:
        self.save(x)
        self.axis = axis
        n = math.prod([x.shape[d] for d in axis])
        self.freedom = max(0.0, n - correction)
        self.count = x.real.dtype.type(n)
        squares = reductions.sum_of_deviations(x, axis, reductions.sum(x, axis, True) / self.count)
        return reductions.dropped(squares, axis, keepdim) / x.real.dtype.type(self.freedom)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return self.spread(grad, x)

    def spread(self, grad: Array, x: Array) -> Array:
        """The gradient of x, given that of its variance."""
        d = x - np.sum(x, axis=self.axis, keepdims=True) / self.count
        return grad.reshape(kept(tuple(x.shape), self.axis)) * d * (2 / self.freedom if self.freedom else np.nan)


@takes_out
@accepts_axis
@in_single
def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Variance Σ (x − x̄)² / (n − c) over all elements or over ``dim``; c = 1 unless ``correction`` or ``unbiased`` say.

    Raises RuntimeError if the dtype is not floating-point or complex.

    >>> import metagrad
    >>> metagrad.var(metagrad.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return _measured(Var, input, dim, unbiased, keepdim, correction)


class Std(Var):
    """y = √(Σ (x − x̄)² / (n − c)),   ∂L/∂x = ∂L/∂y · (x − x̄) / (n − c) / y, and 0 where y = 0."""

    def forward(self, x: Array, axis: tuple[int, ...], correction: float, keepdim: bool) -> Array:
        y = np.sqrt(super().forward(x, axis, correction, keepdim))
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        zero = y == 0
        return self.spread(np.where(zero, 0, grad / (2 * np.where(zero, 1, y))), x)


@takes_out
@accepts_axis
@in_single
def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Standard deviation √(Σ (x − x̄)² / (n − c)), the square root of ``var``; its derivative where it is 0 is 0.

    Raises RuntimeError if the dtype is not floating-point or complex.

    >>> import metagrad
    >>> metagrad.std(metagrad.tensor([1.0, 2.0, 3.0])), metagrad.std(metagrad.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(1.))
    """
    return _measured(Std, input, dim, unbiased, keepdim, correction)


def _measured(
    op: type[Var], input: Tensor, dim: Dims, unbiased: bool | None, keepdim: bool, correction: float | None
) -> Tensor:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    c = correction if correction is not None else (1 if unbiased is None else int(unbiased))
    if input.array.dtype.kind not in "fc":
        raise RuntimeError(f"std and var only support floating point and complex dtypes, got {input.dtype}")
    return op.apply(input, axis=axes(dim, input.array.ndim), correction=c, keepdim=keepdim)


def kept(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    """A shape after reduction over ``axis`` with keepdim: 1 in those dimensions.

    >>> kept((2, 3), (1,))
    (2, 1)
    """
    return tuple(1 if d in axis else n for d, n in enumerate(shape))


def spread(grad: Array, shape: tuple[int, ...]) -> Array:
    """``np.broadcast_to`` for a gradient with as many dimensions; for a plain array in a tenth of the time.

    >>> spread(np.ones((2, 1)), (2, 3)).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if grad.__class__ is not np.ndarray or not grad.flags.c_contiguous or not grad.size:
        return np.broadcast_to(grad, shape)
    strides = tuple([step if n == m else 0 for n, m, step in zip(grad.shape, shape, grad.strides, strict=True)])
    view: Array = np.ndarray(shape, grad.dtype, grad, 0, strides)
    view.flags.writeable = False
    return view


@takes_out
@accepts_axis
def all(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether all elements, or all along ``dim``, are non-zero; uint8 for uint8.

    >>> import metagrad
    >>> metagrad.all(metagrad.tensor([[1, 2], [0, 3]]), dim=1)
    tensor([ True, False])
    """
    return _logical(input, dim, keepdim, reductions.all)


@takes_out
@accepts_axis
def any(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Whether some element, or some along ``dim``, is non-zero; uint8 for uint8.

    >>> import metagrad
    >>> metagrad.any(metagrad.tensor([[1, 2], [0, 0]]), dim=1)
    tensor([ True, False])
    """
    return _logical(input, dim, keepdim, reductions.any)


def _logical(input: Tensor, dim: Dims, keepdim: bool, function: Callable[..., Array]) -> Tensor:
    found = function(input.array, axes(dim, input.array.ndim), keepdim)
    return wrap(found).to(dtypes.uint8) if input.array.dtype == np.uint8 else wrap(found)


@accepts_axis
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """The number of elements, or of elements along ``dim``, that are not zero, as int64.

    >>> import metagrad
    >>> metagrad.count_nonzero(metagrad.tensor([[1, 2], [0, 3]]), dim=0)
    tensor([1, 2])
    """
    return wrap((input.array != 0).sum(axis=axes(dim, input.array.ndim)))


def sum_to_size(input: Tensor, *size: int | Sequence[int]) -> Tensor:
    """Sums that undo a broadcast: ``input`` as it would come from a tensor of this size, added up over the repetitions.

    Raises TypeError without a size, and RuntimeError if ``input`` is no broadcast of that size.

    >>> import metagrad
    >>> metagrad.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    if not size:
        raise TypeError('sum_to_size() missing 1 required positional argument: "size"')
    wanted, shape = shape_of(size), tuple(input.shape)
    new = len(shape) - len(wanted)
    if new < 0 or [n for n, m in zip(wanted, shape[new:], strict=True) if n not in (1, m)]:
        raise RuntimeError(f"size {list(wanted)} is not expandable to size {list(shape)}")
    if not wanted:
        return sum(input)
    repeated = [d for d, m in enumerate(shape) if d < new or (wanted[d - new] == 1 and m != 1)]
    return reshape(sum(input, repeated, keepdim=True) if repeated else input, wanted)
