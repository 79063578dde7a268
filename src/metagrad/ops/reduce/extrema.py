"""The largest and the smallest: max and min, their indices, and the gradient for the elements that were chosen."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import OUTPUT, Function
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import results
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Dims
from metagrad.kernels import reductions
from metagrad.kernels.argmax import index_of
from metagrad.ops.arguments import axes, dimension, takes_exact_out, takes_out, takes_out_by
from metagrad.ops.dtype_checks import lacking
from metagrad.ops.operands import need_tensors
from metagrad.ops.pointwise.selection import maximum, minimum

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

R = TypeVar("R")

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]


_OUT = "Expected the dtype for input and out to match, but got {wanted} for input's dtype and {given} for out's dtype."


@takes_out
def max(
    input: Tensor,
    dim: int | Tensor | None = None,
    keepdim: bool = False,
    *,
    other: Tensor | None = None,
    out: Tensor | tuple[Tensor, ...] | None = None,
) -> Any:
    """The largest element; with ``dim``, (values, indices) along it; with another tensor, ``maximum`` of both.

    Along ``dim`` the gradient goes to the element whose index is returned.

    Raises RuntimeError for complex tensors, and RuntimeError or IndexError if there is nothing to choose from.

    >>> import metagrad
    >>> metagrad.max(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).indices
    tensor([1, 0])
    """
    return _extreme(input, dim, keepdim, other, results.max, reductions.largest, maximum, _argmax)


@takes_out
def min(
    input: Tensor,
    dim: int | Tensor | None = None,
    keepdim: bool = False,
    *,
    other: Tensor | None = None,
    out: Tensor | tuple[Tensor, ...] | None = None,
) -> Any:
    """The smallest element; with ``dim``, (values, indices) along it; with another tensor, ``minimum`` of both.

    Raises what ``max`` raises.

    >>> import metagrad
    >>> metagrad.min(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1).values
    tensor([1., 2.])
    """
    return _extreme(input, dim, keepdim, other, results.min, reductions.smallest, minimum, _argmin)


def _extreme(
    input: Tensor, dim: int | Tensor | None, keepdim: bool, other: Tensor | None, result: Callable[[tuple[Tensor, Tensor]], R],
    of_all: Callable[..., Array], of_two: Callable[..., Tensor], index: Callable[[Array, int], Array],
) -> Tensor | R:  # fmt: skip
    """What ``max`` and ``min`` have in common: which of their three meanings the arguments ask for."""
    if other is None and isinstance(dim, Variable):
        other = dim
    if other is not None:
        return of_two(input, other)
    need_tensors(result.__name__, input=input)
    if dim is None:
        name, axis = result.__name__, nonempty(ordered(input, f"a{result.__name__}"), None)
        return named(SharedOfAll.apply(input, axis=axis, keepdim=False, choose=of_all), f"{name.capitalize()}Backward1")
    return chosen_along(result, ordered(input, result.__name__), cast(int, dim), keepdim, index)


def _argmax(a: Array, axis: int) -> Array:
    return index_of(np.argmax, a, axis)


def _argmin(a: Array, axis: int) -> Array:
    return index_of(np.argmin, a, axis)


@takes_exact_out
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The index of the largest element, the first of several; over all elements flattened if ``dim`` is None.

    Raises RuntimeError for complex and bool tensors, and IndexError if there is nothing to choose from.

    >>> import metagrad
    >>> metagrad.argmax(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    tensor([1, 0])
    """
    return _arg(input, dim, keepdim, np.argmax)


@takes_exact_out
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The index of the smallest element, the first of several; over all elements flattened if ``dim`` is None.

    Raises RuntimeError for complex and bool tensors, and IndexError if there is nothing to choose from.

    >>> import metagrad
    >>> metagrad.argmin(metagrad.tensor([3, 1, 1]))
    tensor(1)
    """
    return _arg(input, dim, keepdim, np.argmin)


def _arg(input: Tensor, dim: int | None, keepdim: bool, function: Callable[..., Array]) -> Tensor:
    a = ordered(input, function.__name__, "bc").array
    if dim is None:
        if a.size == 0:
            raise IndexError(f"{function.__name__}(): Expected reduction dim to be specified for input.numel() == 0.")
        flat = index_of(function, a.reshape(-1), 0)
        return wrap(flat.reshape((1,) * a.ndim if keepdim else ()))
    axis = nonempty(input, dimension(dim, a.ndim))
    if not axis:
        return wrap(np.zeros((), np.int64, like=a))
    return wrap(reductions.dropped(index_of(function, a, axis[0]), axis, keepdim))


class Shared(Function):
    """y = one of the x over dimensions, such as the largest;   ∂L/∂x = ∂L/∂y shared evenly by the elements with x = y.

    ``choose(x, axis)`` is y, with extent 1 in the dimensions ``axis``.
    """

    guards = (0, OUTPUT)

    def forward(self, x: Array, axis: tuple[int, ...], keepdim: bool, choose: Callable[..., Array]) -> Array:
        y = in_order(choose(x, axis))
        if self.needs[0]:
            self.chosen = self.those(x, y)
            self.count = self.chosen.sum(axis=axis, keepdims=True).astype(y.dtype)
        self.kept = y.shape
        return y if keepdim else y.reshape(tuple(n for d, n in enumerate(x.shape) if d not in axis))

    def those(self, x: Array, y: Array) -> Array:
        """Whether each x is the one that was chosen."""
        return np.equal(x, y)

    def backward(self, grad: Array) -> Array:
        return grad.reshape(self.kept) * self.chosen / self.count


class SharedByNan(Shared):
    """``Shared`` where nan is as good as another number: those that are nan share the gradient of a nan."""

    def those(self, x: Array, y: Array) -> Array:
        return np.equal(x, y) | np.isnan(x) & np.isnan(y)


class SharedOfAll(SharedByNan):
    """``SharedByNan`` over all elements, where an infinite gradient leaves those that were not chosen 0, not nan."""

    def backward(self, grad: Array) -> Array:
        return np.where(self.chosen, grad.reshape(self.kept) / self.count, 0.0)


class Amax(Shared):
    """y = the largest."""


class Amin(Shared):
    """y = the smallest."""


@takes_out_by(exactly=True, words=_OUT)
def amax(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Largest element over ``dim``; the gradient is shared by all elements equal to it.

    Raises RuntimeError for complex tensors, and RuntimeError or IndexError if there is nothing to choose from.

    >>> import metagrad
    >>> metagrad.amax(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    tensor([5., 7.])
    """
    return Amax.apply(ordered(input, "amax"), axis=nonempty(input, dim), keepdim=keepdim, choose=reductions.largest)


@takes_out_by(exactly=True, words=_OUT)
def amin(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """Smallest element over ``dim``; the gradient is shared by all elements equal to it.

    Raises RuntimeError for complex tensors, and RuntimeError or IndexError if there is nothing to choose from.

    >>> import metagrad
    >>> metagrad.amin(metagrad.tensor([[1.0, 5.0], [7.0, 2.0]]), dim=1)
    tensor([1., 2.])
    """
    return Amin.apply(ordered(input, "amin"), axis=nonempty(input, dim), keepdim=keepdim, choose=reductions.smallest)


@takes_exact_out
def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: tuple[Tensor, ...] | None = None
) -> results.aminmax:
    """The smallest and the largest element over ``dim``, or over all: (min, max).

    Raises RuntimeError for complex tensors, and RuntimeError or IndexError if there is nothing to choose from.

    >>> import metagrad
    >>> metagrad.aminmax(metagrad.tensor([3, 1, 2])).max
    tensor(3)
    """
    if dim is None and not input.array.size:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    d = None if dim is None else dimension(dim, input.array.ndim)
    return results.aminmax((amin(input, d, keepdim), amax(input, d, keepdim)))


@guarding(results=(1,))
def chosen_along(
    results: Callable[[tuple[Tensor, Tensor]], R],
    input: Tensor,
    dim: int,
    keepdim: bool,
    index_of: Callable[[Array, int], Array],
) -> R:
    """(values, indices) of one element along a dimension; ``index_of(array, axis)`` is its index, with extent 1 there.

    The gradient goes to the element whose index is returned. Raises IndexError if there is nothing to choose from.

    >>> import metagrad
    >>> chosen_along(tuple, metagrad.tensor([3, 5]), 0, False, lambda x, axis: np.zeros_like(x[:1]))
    (tensor(3), tensor(0))
    """
    axis = nonempty(input, dimension(dim, input.array.ndim))
    if not axis:
        return results((input.clone(), wrap(np.zeros((), np.int64, like=input.array))))
    index = in_order(index_of(input.array, axis[0]))
    values = Along.apply(input, index, axis=axis[0], keepdim=keepdim)
    name = results.__name__.capitalize()
    named(values, f"{name}Backward1" if name in ("Median", "Nanmedian") else name)
    return results((values, wrap(index.reshape(values.array.shape))))


class Along(Function):
    """y = x taken at an index along one dimension, the gradient put back there: max and min with indices, median."""

    def forward(self, x: Array, index: Array, axis: int, keepdim: bool = True) -> Array:
        self.index, self.axis, self.shape_in = index, axis, x.shape
        y = in_order(np.take_along_axis(x, index, axis))
        return y if keepdim else y.reshape((*x.shape[:axis], *x.shape[axis + 1 :]))

    def backward(self, grad: Array) -> tuple[Array, None]:
        grad = grad.reshape(self.index.shape)
        return PutAlong.on(grad, index=self.index, axis=self.axis, shape=self.shape_in), None


class PutAlong(Function):
    """The transpose of ``Along``: zeros with x at an index along one dimension."""

    def forward(self, x: Array, index: Array, axis: int, shape: tuple[int, ...]) -> Array:
        self.index, self.axis = index, axis
        y = np.zeros(shape, x.dtype, like=x)
        np.put_along_axis(y, index, x, axis)
        return y

    def backward(self, grad: Array) -> Array:
        return Along.on(grad, self.index, axis=self.axis)


def ordered(input: Tensor, name: str, but: str = "c") -> Tensor:
    """The input, if its dtype is one whose numbers have an order; ``but``: the kinds of NumPy dtypes that are refused.

    Raises RuntimeError if it is not.

    >>> import metagrad
    >>> ordered(metagrad.tensor([1j]), "max")
    Traceback (most recent call last):
    NotImplementedError: max(): does not support complex input: "max_all" not implemented for 'ComplexFloat'
    """
    kind = input.array.dtype.kind
    if kind in but:
        what = {"c": "complex ", "b": "bool "}.get(kind, "")
        words = " Sort does not support complex dtypes on CPU:" if name == "sort" else f"{name}():"
        raise NotImplementedError(f"{words} does not support {what}input: {lacking(name, input.dtype)}")
    return input


def nonempty(input: Tensor, dim: Dims) -> tuple[int, ...]:
    """The dimensions of ``dim`` counted from the front, none of which may have extent 0.

    Raises RuntimeError if one has and ``dim`` is None, else IndexError.

    >>> import metagrad
    >>> nonempty(metagrad.ones(2, 3), -1)
    (1,)
    """
    axis = axes(dim, input.array.ndim)
    if builtins.any(input.array.shape[d] == 0 for d in axis):
        of_all = dim is None or dim == () or dim == []
        wanted = (
            "to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            if of_all
            else f"{dim} to have non-zero size"
        )
        raise (RuntimeError if of_all else IndexError)(
            f"Expected reduction dim {wanted}: there is no element to choose in a tensor of shape {tuple(input.shape)}"
        )
    return axis
