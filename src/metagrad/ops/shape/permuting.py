"""Ops that return the same memory with its dimensions in another order. Their gradients are put back into the old one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.views import ViewFunction, conjugated
from metagrad.base.typing import Array, Sizes
from metagrad.ops.arguments import asks_for_a_tensor, dimension, dimensions, given, shape_of
from metagrad.ops.pointwise.arithmetic import Conj

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["adjoint", "moveaxis", "movedim", "permute", "swapaxes", "swapdims", "t", "transpose"]


class Permute(ViewFunction):
    """Dimension i of the result is dimension ``dims[i]`` of the input."""

    def forward(self, x: Array, dims: tuple[int, ...]) -> Array:
        self.dims = dims
        return x.transpose(dims)

    def backward(self, grad: Array) -> Array:
        inverse = sorted(range(len(self.dims)), key=self.dims.__getitem__)
        return np.transpose(grad, inverse)


class Transpose(Permute):
    """Two dimensions swapped."""


class T(Permute):
    """The transpose of a matrix."""


@asks_for_a_tensor
def permute(input: Tensor, *dims: Sizes, **named: Sizes) -> Tensor:
    """The dimensions in another order: dimension i of the result is dimension ``dims[i]`` of the input. A view.

    Raises RuntimeError unless each dimension is named once.

    >>> import metagrad
    >>> metagrad.zeros(2, 3, 5).permute(2, 0, 1).shape
    metagrad.Size([5, 2, 3])
    """
    order = shape_of(given(dims, named, "dims"))
    ndim = input.array.ndim
    if len(order) != ndim:
        raise RuntimeError(
            "permute: number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(order)}"
        )
    if ndim and len({d % ndim for d in order}) < ndim and all(-ndim <= d < ndim for d in order):
        raise RuntimeError(f"permute(): duplicate dims are not allowed, got {order}.")
    return Permute.apply(input, dims=dimensions(order, ndim) if ndim else ())


@asks_for_a_tensor
def transpose(input: Tensor, dim0: Any, dim1: int | None = None, *more: int) -> Tensor:
    """Two dimensions swapped; with a whole permutation, ``transpose((1, 0, 2))``, NumPy's transpose. A view.

    >>> import metagrad
    >>> metagrad.zeros(2, 3).transpose(0, 1).shape
    metagrad.Size([3, 2])
    """
    if dim1 is None and isinstance(dim0, int):
        raise TypeError('transpose() missing 1 required positional arguments: "dim1"')
    if dim1 is None or more:
        return permute(input, dim0 if dim1 is None else (dim0, dim1, *more))
    ndim = input.array.ndim
    a, b = dimension(dim0, ndim), dimension(dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return Transpose.apply(input, dims=tuple(order))


swapdims = transpose


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """``transpose`` with NumPy's names.

    >>> import metagrad
    >>> metagrad.swapaxes(metagrad.zeros(2, 3, 5), 0, 2).shape
    metagrad.Size([5, 3, 2])
    """
    return transpose(input, axis0, axis1)


@asks_for_a_tensor
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and numbers as they are.

    (m, n) becomes (n, m). Raises RuntimeError for three or more dimensions.

    >>> import metagrad
    >>> metagrad.t(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input.array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.array.ndim}D")
    return T.apply(input, dims=tuple(range(input.array.ndim))[::-1])


@asks_for_a_tensor
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Dimensions moved to other positions, the rest in their order. A view.

    Raises RuntimeError unless there are as many destinations as sources.

    >>> import metagrad
    >>> metagrad.movedim(metagrad.zeros(2, 3, 5), 0, -1).shape
    metagrad.Size([3, 5, 2])
    """
    ndim = input.array.ndim
    src, dst = _moved("source", source, ndim), _moved("destination", destination, ndim)
    if len(src) != len(dst):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({_listed(source)} dims) should contain the same number of "
            f"dims as destination ({_listed(destination)} dims)"
        )
    order = [d for d in range(ndim) if d not in src]
    for to, d in sorted(zip(dst, src, strict=True)):
        order.insert(to, d)
    return Permute.apply(input, dims=tuple(order))


def _listed(dims: int | Sequence[int]) -> list[int]:
    return [dims] if isinstance(dims, int) else list(dims)


def _moved(name: str, dims: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Dimensions counted from the front, none without dimensions; RuntimeError if one is there twice."""
    found = tuple([dimension(d, ndim) for d in _listed(dims)])
    if len(set(found)) != len(found):
        raise RuntimeError(f"movedim: repeated dim in `{name}` ({_listed(dims)})")
    return found if ndim else ()


moveaxis = movedim


@asks_for_a_tensor
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions swapped, and the conjugate of complex numbers.

    (*, m, n) becomes (*, n, m). Raises RuntimeError for a vector.

    >>> import metagrad
    >>> metagrad.adjoint(metagrad.tensor([[1 + 2j, 3j]]))
    tensor([[1.-2.j],
            [0.-3.j]])
    """
    swapped = matrices_transposed(input, "adjoint()")
    if swapped.array.dtype.kind != "c":
        return swapped
    from metagrad.autograd.mirrors import mirror

    return mirror(swapped, Conj, np.conjugate, conjugated)


def matrices_transposed(input: Tensor, name: str) -> Tensor:
    """The last two dimensions swapped; a number as it is. A view.

    Raises RuntimeError for a vector.

    >>> import metagrad
    >>> matrices_transposed(metagrad.zeros(5, 2, 3), "mT").shape
    metagrad.Size([5, 3, 2])
    """
    if input.array.ndim == 1:
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return transpose(input, -2, -1) if input.array.ndim else input
