"""The largest and the smallest: max, min, their places, and taking elements along a dimension."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array, Variable, wrap
from metagrad.ops.choice import maximum, minimum
from metagrad.ops.common import Dims, accepts_axis, axes, dimension

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

__all__ = ["amax", "amin", "argmax", "argmin", "max", "min"]


class Amax(Function):
    """y = max x or min x over dimensions;   ∂L/∂x = ∂L/∂y shared evenly by the places where x = y."""

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool, ufunc: Any) -> Array:
        y = ufunc.reduce(x, axis=axis, keepdims=True)
        if self.needs[0]:
            chosen = np.equal(x, y) | np.isnan(x) & np.isnan(y)
            self.share = (chosen / chosen.sum(axis=axis, keepdims=True)).astype(y.dtype)
        self.kept = y.shape
        return y if keepdim else y.reshape(tuple(n for d, n in enumerate(x.shape) if d not in axis))

    def backward(self, grad: Any) -> Any:
        return grad.reshape(self.kept) * self.share


@accepts_axis
def amax(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Largest element over ``dim``; the gradient is shared by all places that have it."""
    return Amax.apply(input, axis=_nonempty(input, dim), keepdim=keepdim, ufunc=np.maximum)


@accepts_axis
def amin(input: Tensor, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Smallest element over ``dim``; the gradient is shared by all places that have it."""
    return Amax.apply(input, axis=_nonempty(input, dim), keepdim=keepdim, ufunc=np.minimum)


def _nonempty(input: Tensor, dim: Dims) -> tuple[int, ...]:
    axis = axes(dim, input.array.ndim)
    if builtins.any(input.array.shape[d] == 0 for d in axis):
        raise (RuntimeError if dim is None else IndexError)(
            f"cannot take the extremum of no elements: the tensor has shape {tuple(input.shape)}, dim is {dim}"
        )
    return axis


class Along(Function):
    """y = x taken at an index along one dimension, the gradient put back there: max and min with indices, median."""

    def forward(self, x: Array, index: Array, axis: int) -> Array:
        self.index, self.axis, self.shape_in = index, axis, x.shape
        return np.take_along_axis(x, index, axis)

    def backward(self, grad: Any) -> Any:
        return PutAlong.on(grad, index=self.index, axis=self.axis, shape=self.shape_in), None


class PutAlong(Function):
    """The transpose of ``Along``: zeros with x at an index along one dimension."""

    def forward(self, x: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
        self.index, self.axis = index, axis
        y = np.zeros(shape, x.dtype, like=x)
        np.put_along_axis(y, index, x, axis)
        return y

    def backward(self, grad: Any) -> Any:
        return Along.on(grad, self.index, axis=self.axis)


class ValuesAndIndices(NamedTuple):
    """What ``max(dim)`` and its relatives return."""

    values: Any
    indices: Any


def _extremum(input: Tensor, dim: Any, keepdim: bool, arg: Any, reduce: Any, pairwise: Any) -> Any:
    if isinstance(dim, Variable):
        return pairwise(input, dim)
    if dim is None:
        return reduce(input)
    d = _nonempty(input, dimension(dim, input.array.ndim))
    if not d:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    index = arg(input.array, axis=d[0], keepdims=True)
    values = Along.apply(input, index, axis=d[0])
    indices = wrap(index)
    return (
        ValuesAndIndices(values, indices) if keepdim else ValuesAndIndices(values.squeeze(d[0]), indices.squeeze(d[0]))
    )


@accepts_axis
def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element; with ``dim``, (values, indices) along it; with another tensor, ``maximum`` of both.

    Along ``dim`` the gradient goes to the element whose index is returned.

    >>> import metagrad
    >>> metagrad.max(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    return _extremum(input, dim, keepdim, np.argmax, amax, maximum)


@accepts_axis
def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element; with ``dim``, (values, indices) along it; with another tensor, ``minimum`` of both."""
    return _extremum(input, dim, keepdim, np.argmin, amin, minimum)


def _arg(input: Tensor, dim: int | None, keepdim: bool, function: Any) -> Tensor:
    a = input.array
    if dim is None:
        if a.size == 0:
            raise IndexError("argmax and argmin need at least one element")
        flat = function(a.reshape(-1), axis=0, keepdims=True)
        return wrap(flat.reshape((1,) * a.ndim if keepdim else ()))
    axis = _nonempty(input, dimension(dim, a.ndim))
    return wrap(function(a, axis=axis[0], keepdims=keepdim)) if axis else wrap(np.zeros((), np.int64))


@accepts_axis
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the largest element, the first of several; over all elements flattened if ``dim`` is None.

    >>> import metagrad
    >>> metagrad.argmax(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    tensor([1, 0])
    """
    return _arg(input, dim, keepdim, np.argmax)


@accepts_axis
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The index of the smallest element, the first of several; over all elements flattened if ``dim`` is None."""
    return _arg(input, dim, keepdim, np.argmin)
