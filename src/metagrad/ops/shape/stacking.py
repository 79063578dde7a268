"""Joining tensors of few dimensions: side by side, one above the other, one behind the other, along a diagonal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array
from metagrad.ops.create.creation import finished
from metagrad.ops.operands import as_tensor
from metagrad.ops.out import takes_out
from metagrad.ops.shape.joining import cat, in_one_dtype
from metagrad.ops.shape.views import reshape, unsqueeze

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "column_stack", "dstack", "hstack", "row_stack", "vstack",
]  # fmt: skip


def _each(function: Callable[[Any], Any], tensors: tuple[Any, ...]) -> Any:
    """The function of one tensor; or a tuple, for several tensors or one sequence of them."""
    if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
        return function(tensors[0])
    return tuple(function(x) for x in (tensors[0] if len(tensors) == 1 else tensors))


def atleast_1d(*tensors: Any) -> Any:
    """0-d tensors as vectors of one element, others as they are; a tuple for several tensors. Views.

    >>> import metagrad
    >>> metagrad.atleast_1d(metagrad.tensor(2.0))
    tensor([2.])
    """
    return _each(lambda x: x if x.array.ndim else reshape(x, 1), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """Vectors (n) as rows (1, n), 0-d tensors as (1, 1), others as they are. Views."""
    return _each(lambda x: x if x.array.ndim > 1 else reshape(x, 1, x.array.size), tensors)


def atleast_3d(*tensors: Any) -> Any:
    """Matrices (m, n) as (m, n, 1), vectors (n) as (1, n, 1), 0-d tensors as (1, 1, 1), others as they are. Views."""
    return _each(lambda x: x if x.array.ndim > 2 else unsqueeze(atleast_2d(x), 2), tensors)


def _checked(tensors: Sequence[Any], name: str) -> list[Any]:
    given = [as_tensor(x) for x in tensors]
    if not given:
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    return given


@takes_out
def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side: vectors one after the other, others along their second dimension.

    >>> import metagrad
    >>> metagrad.hstack((metagrad.tensor([1, 2]), metagrad.tensor([3])))
    tensor([1, 2, 3])
    """
    xs = [atleast_1d(x) for x in _checked(tensors, "hstack")]
    return cat(xs, 0 if xs[0].array.ndim == 1 else 1)


@takes_out
def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """One above the other: vectors are rows, others are joined along their first dimension.

    >>> import metagrad
    >>> metagrad.vstack((metagrad.tensor([1, 2]), metagrad.tensor([3, 4])))
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([atleast_2d(x) for x in _checked(tensors, "vstack")], 0)


row_stack = vstack


@takes_out
def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """One behind the other, along a third dimension: (m, n) counts as (m, n, 1), (n) as (1, n, 1)."""
    return cat([atleast_3d(x) for x in _checked(tensors, "dstack")], 2)


@takes_out
def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Side by side: vectors are columns, others are joined along their second dimension.

    >>> import metagrad
    >>> metagrad.column_stack((metagrad.tensor([1, 2]), metagrad.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    given = _checked(tensors, "column_stack")
    return hstack([x if x.array.ndim > 1 else reshape(x, x.array.size, 1) for x in given])


class BlockDiagonal(Function):
    """y has the matrices x₁, x₂, … along its diagonal, zeros elsewhere;   ∂L/∂xᵢ is the part of ∂L/∂y where xᵢ stands."""

    def forward(self, *xs: Array) -> Array:
        rows, columns = (list(itertools.accumulate((x.shape[d] for x in xs), initial=0)) for d in (0, 1))
        self.blocks = [
            (slice(row, row + x.shape[0]), slice(column, column + x.shape[1]))
            for row, column, x in zip(rows, columns, xs, strict=False)
        ]
        y = np.zeros((rows[-1], columns[-1]), xs[0].dtype, like=xs[0])
        for block, x in zip(self.blocks, xs, strict=True):
            y[block] = x
        return y

    def backward(self, grad: Any) -> Any:
        return tuple(grad[block] for block in self.blocks)


def block_diag(*tensors: Any) -> Tensor:
    """A matrix with the given ones along its diagonal and zeros elsewhere; vectors count as rows, numbers as (1, 1).

    >>> import metagrad
    >>> metagrad.block_diag(metagrad.tensor([1, 2]), metagrad.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    given = [as_tensor(x) for x in tensors]
    if not given:
        return finished(np.zeros((1, 0), np.float32))
    for i, x in enumerate(given):
        if x.array.ndim > 2:
            raise RuntimeError(
                f"block_diag: input tensors must have 2 or fewer dimensions. Input {i} has {x.array.ndim} dimensions"
            )
    return BlockDiagonal.apply(*[atleast_2d(x) for x in in_one_dtype(given)])
