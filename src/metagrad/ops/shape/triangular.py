"""The triangles of matrices, and their indices."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.base import dtypes
from metagrad.base.typing import Array, DTypeLike
from metagrad.kernels import tuning
from metagrad.kernels.counting import places_in_rows
from metagrad.kernels.libraries import filled
from metagrad.kernels.triangles import triangle
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.create.creation import factory
from metagrad.ops.pointwise.selection import Where
from metagrad.ops.shape.copying import contiguous

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["tril", "tril_indices", "triu", "triu_indices"]


class Triangle(Function):
    """y = x on one side of a diagonal of large matrices, 0 on the other;   ∂L/∂x = ∂L/∂y there."""

    def forward(self, x: Array, lower: bool, diagonal: int) -> Array:
        self.side = {"lower": lower, "diagonal": diagonal}
        return triangle(x, lower, diagonal)

    def backward(self, grad: Array) -> Array:
        return Triangle.on(grad, **self.side)


@takes_exact_out
def tril(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangle of matrices, zeros above ``diagonal``.

    (*, m, n) keeps its shape. Raises RuntimeError for fewer than two dimensions.

    >>> import metagrad
    >>> metagrad.tril(metagrad.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _zeroed(np.tril, input, diagonal)


@takes_exact_out
def triu(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangle of matrices, zeros below ``diagonal``.

    (*, m, n) keeps its shape. Raises RuntimeError for fewer than two dimensions.

    >>> import metagrad
    >>> metagrad.triu(metagrad.ones(2, 2), 1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    return _zeroed(np.triu, input, diagonal)


def _zeroed(function: Callable[[Array, int], Array], input: Tensor, diagonal: int) -> Tensor:
    if input.array.ndim < 2:
        raise RuntimeError(f"{function.__name__}: input tensor must have at least 2 dimensions, got {input.array.ndim}")
    diagonal = operator.index(diagonal)
    name, extents = function.__name__.capitalize(), input.array.shape[-2:]
    if isinstance(input.array, np.ndarray) and extents[0] * extents[1] >= tuning.POINTWISE_LARGE:
        return named(Triangle.apply(contiguous(input), lower=name == "Tril", diagonal=diagonal), name)
    kept = function(filled(extents, True, bool, input.array), diagonal)
    return named(Where.apply(kept, contiguous(input), False), name)


def _indices(
    ranges: Callable[[Array, int], tuple[Array, Array]], row: int, col: int, offset: int, dtype: DTypeLike
) -> Array:
    """The indices of a part of each row; ranges(diagonal, col): where it begins, by the column of the diagonal, and its length."""
    if row < 0 or col < 0:
        raise RuntimeError(f"row and col must be non-negative, got {row} and {col}")
    kind = dtypes.int64 if dtype is None else dtypes.of(dtype)
    if kind not in (dtypes.int32, dtypes.int64):
        raise NotImplementedError(f"indices of a triangle can be int32 or int64, got {kind}")
    return places_in_rows(*ranges(np.arange(row) + offset, col), kind.dtype)


@factory
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: DTypeLike = None) -> Array:
    """The indices of the lower triangle of a row × col matrix, row by row: (2, count), int64.

    Raises RuntimeError for negative numbers of rows and columns, or for another dtype than int32 and int64.

    >>> import metagrad
    >>> metagrad.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices(lambda d, n: (np.zeros_like(d), np.clip(d + 1, 0, n)), row, col, offset, dtype)


@factory
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: DTypeLike = None) -> Array:
    """The indices of the upper triangle of a row × col matrix, row by row: (2, count), int64.

    Raises RuntimeError for negative numbers of rows and columns, or for another dtype than int32 and int64.

    >>> import metagrad
    >>> metagrad.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices(lambda d, n: (np.clip(d, 0, n), n - np.clip(d, 0, n)), row, col, offset, dtype)
