"""Matrices mirrored and turned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from metagrad.ops.operands import dimension
from metagrad.ops.shape.joining import clone, flip
from metagrad.ops.shape.views import transpose

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["fliplr", "flipud", "rot90"]


def fliplr(input: Tensor) -> Tensor:
    """Left and right exchanged: the second dimension in reverse order. A copy."""
    if input.array.ndim < 2:
        raise RuntimeError(f"fliplr: input must be >= 2-d, got {input.array.ndim}-d")
    return flip(input, 1)


def flipud(input: Tensor) -> Tensor:
    """Top and bottom exchanged: the first dimension in reverse order. A copy."""
    if input.array.ndim < 1:
        raise RuntimeError("flipud: input must be >= 1-d, got 0-d")
    return flip(input, 0)


def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """The plane of two dimensions turned by k · 90°, from the first towards the second. A copy.

    >>> import metagrad
    >>> metagrad.rot90(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    ndim = input.array.ndim
    if len(dims) != 2 or ndim < 2:
        raise RuntimeError(f"rot90 turns 2 dimensions of a tensor with at least 2, got dims={tuple(dims)} of {ndim}")
    a, b = (dimension(d, ndim) for d in dims)
    if a == b:
        raise RuntimeError(
            f"rot90: expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    turns = k % 4
    if turns == 0:
        return clone(input)
    if turns == 2:
        return flip(input, a, b)
    return transpose(flip(input, b if turns == 1 else a), a, b)
