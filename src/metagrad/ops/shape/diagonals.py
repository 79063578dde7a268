"""Diagonals: seen as vectors, and vectors as the diagonals of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.views import ViewFunction
from metagrad.base.typing import Array
from metagrad.ops.arguments import asks_for_a_tensor, dimension, takes_exact_out
from metagrad.ops.shape.copying import clone
from metagrad.ops.shape.views import ravel

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["diag", "diag_embed", "diagflat", "diagonal"]


class Diagonal(ViewFunction):
    """The elements with equal indices (up to an offset) in two dimensions."""

    def forward(self, x: Array, offset: int, dim1: int, dim2: int) -> Array:
        self.shape_in, self.at = x.shape, (offset, dim1, dim2)
        view = np.diagonal(x, offset, dim1, dim2)
        if isinstance(view, np.ndarray) and getattr(x.flags, "writeable", False):
            view.flags.writeable = True  # NumPy hands out diagonals read-only as a precaution
        return view

    def backward(self, grad: Array) -> Array:
        offset, dim1, dim2 = self.at
        return EmbedDiagonal.on(grad, shape=self.shape_in, offset=offset, dim1=dim1, dim2=dim2)


class EmbedDiagonal(Function):
    """Zeros of a given shape with the input on a diagonal: the transpose of ``Diagonal``."""

    def forward(self, x: Array, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Array:
        self.at = offset, dim1, dim2
        out = np.zeros(shape, x.dtype, like=x)
        diagonal = np.diagonal(out, offset, dim1, dim2)
        if isinstance(diagonal, np.ndarray):
            diagonal.flags.writeable = True
        diagonal[...] = x
        return out

    def backward(self, grad: Array) -> Array:
        offset, dim1, dim2 = self.at
        return Diagonal.on(grad, offset=offset, dim1=dim1, dim2=dim2)


@asks_for_a_tensor
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of two dimensions, as the last dimension. A view.

    (*, m, n) becomes (*, k). Raises RuntimeError if ``dim1`` and ``dim2`` are the same.

    >>> import metagrad
    >>> metagrad.arange(4).reshape(2, 2).diagonal()
    tensor([0, 3])
    """
    ndim = input.array.ndim
    a, b = dimension(dim1, ndim), dimension(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return Diagonal.apply(input, offset=offset, dim1=a, dim2=b)


@asks_for_a_tensor
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dimension as a diagonal of two new ones, zeros elsewhere: (*, n) becomes (*, n + |offset|, n + |offset|).

    Raises RuntimeError if ``dim1`` and ``dim2`` are the same.

    >>> import metagrad
    >>> metagrad.diag_embed(metagrad.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    ndim = input.array.ndim + 1
    a, b = dimension(dim1, ndim), dimension(dim2, ndim)
    if a == b:
        raise RuntimeError(f"diag_embed: diagonal dimensions cannot be identical {dim1}, {dim2}")
    extent = input.array.shape[-1] + abs(offset)
    shape = list(input.array.shape[:-1])
    for d in sorted((a, b)):
        shape.insert(d, extent)
    return EmbedDiagonal.apply(input, shape=tuple(shape), offset=offset, dim1=a, dim2=b)


@takes_exact_out
def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """A vector as the diagonal of a matrix; of a matrix, its diagonal as a vector (a copy).

    Raises RuntimeError for any other number of dimensions.

    >>> import metagrad
    >>> metagrad.diag(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.array.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.array.ndim}D")
    return diag_embed(input, diagonal) if input.array.ndim == 1 else clone(_of_matrix(input, diagonal))


_of_matrix = diagonal  # diag calls its own argument `diagonal`, as PyTorch does


@asks_for_a_tensor
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements, in order, as the diagonal of a matrix.

    >>> import metagrad
    >>> metagrad.diagflat(metagrad.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(ravel(input), offset)
