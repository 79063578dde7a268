"""Vectors as diagonals of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.ops.operands import dimension
from metagrad.ops.out import takes_out
from metagrad.ops.shape.copying import clone
from metagrad.ops.shape.views import EmbedDiagonal, diagonal, ravel

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["diag", "diag_embed", "diagflat"]


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


@takes_out
def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """A vector as the diagonal of a matrix; of a matrix, its diagonal as a vector (a copy).

    Raises RuntimeError for any other number of dimensions.

    >>> import metagrad
    >>> metagrad.diag(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.array.ndim not in (1, 2):
        raise RuntimeError(f"diag(): supports 1-D or 2-D tensors, got {input.array.ndim}-D")
    return diag_embed(input, diagonal) if input.array.ndim == 1 else clone(_of_matrix(input, diagonal))


_of_matrix = diagonal  # diag calls its own argument `diagonal`, as PyTorch does


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements, in order, as the diagonal of a matrix.

    >>> import metagrad
    >>> metagrad.diagflat(metagrad.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(ravel(input), offset)
