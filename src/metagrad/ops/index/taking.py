"""Elements by their number: take, take_along_dim, and indices turned into other indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import dtypes
from metagrad.kernels.gathering import is_outside
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import dimension, shape_of, takes_exact_out, takes_out_by
from metagrad.ops.index.gathering import gather
from metagrad.ops.index.indexing import Gather
from metagrad.ops.index.masking import nonzero
from metagrad.ops.shape.broadcasting import broadcast_shapes, expand
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["nonzero_static", "take", "take_along_dim", "unravel_index"]


@takes_out_by(exactly=True, apart=True)
@known_as("Take")
@guarding("input", "index")
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements with the given numbers, counted in order over all dimensions; the result has the shape of ``index``.

    Raises IndexError for a number out of range, RuntimeError unless they are int64.

    >>> import metagrad
    >>> metagrad.take(metagrad.tensor([[5, 6], [7, 8]]), metagrad.tensor([3, 0]))
    tensor([8, 5])
    """
    count, i = input.array.size, index.array
    if index.dtype is not dtypes.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {dtypes.scalar_name(index.dtype)}")
    if i.size and not count:
        raise IndexError("take(): tried to take from an empty tensor")
    if is_outside(i, count, -count):
        bad = i.max() if i.max() >= count else i.min()
        raise IndexError(f"out of range: tried to access index {bad} on a tensor of {count} elements.")
    return Gather.apply(reshape(input, count), index=i)


@takes_exact_out
@guarding("input")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """``gather`` that broadcasts ``input`` and ``indices``, for what argmax and argsort return; flattened, if dim is None.

    Negative indices count from the end of ``dim``. Raises RuntimeError unless the indices are int64, with as many
    dimensions as input.

    >>> import metagrad
    >>> x = metagrad.tensor([[3, 1, 2]])
    >>> metagrad.take_along_dim(x, x.argsort(1), 1)
    tensor([[1, 2, 3]])
    """
    if indices.dtype is not dtypes.int64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{dtypes.scalar_name(indices.dtype)}: use indices.long()"
        )
    if dim is None:
        return gather(reshape(input, input.array.size), 0, reshape(indices, indices.array.size))
    shape, wanted = tuple(input.shape), tuple(indices.shape)
    if len(shape) != len(wanted):
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(shape)} dimensions for input, and {len(wanted)} dimensions for indices"
        )
    d = dimension(dim, len(shape))
    around = broadcast_shapes((*shape[:d], 1, *shape[d + 1 :]), (*wanted[:d], 1, *wanted[d + 1 :])) if shape else ()
    full = [(*around[:d], n[d], *around[d + 1 :]) if shape else () for n in (shape, wanted)]
    n = shape[d] if shape else 1
    return gather(expand(input, full[0]), d, expand(_from_front(indices.clone(), n), full[1]))  # which nobody writes to


def _from_front(indices: Tensor, n: int) -> Tensor:
    """Indices that count from the front; those that do already as they are."""
    i = indices.array
    if isinstance(i, np.ndarray) and not is_outside(i, n):
        return indices
    return wrap(np.where(i < 0, i + n, i))


@takes_exact_out
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Tensor | None = None) -> Tensor:
    """The indices of the first ``size`` elements that are not zero, (size, ndim); filled up if there are fewer.

    Raises RuntimeError for a negative size.

    >>> import metagrad
    >>> metagrad.nonzero_static(metagrad.tensor([0, 5]), size=2)
    tensor([[ 1],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be a non-negative integer, got {size}")
    found = nonzero(input).array[:size]
    places = filled((size, input.array.ndim), fill_value, np.int64, found)
    places[: len(found)] = found
    return wrap(places)


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The coordinates, in a tensor of this shape, of elements given by their numbers: one tensor for each dimension.

    Raises TypeError unless the numbers are integers, ValueError for a negative extent.

    >>> import metagrad
    >>> metagrad.unravel_index(metagrad.tensor([3, 5]), (2, 3))
    (tensor([1, 1]), tensor([0, 2]))
    """
    if not isinstance(indices, Variable) or indices.array.dtype.kind not in "iu":
        raise TypeError(
            f"unravel_index: expected 'indices' to be an integer tensor, got {getattr(indices, 'dtype', indices)}"
        )
    extents = shape_of((shape,)) if not isinstance(shape, Variable) else tuple(shape.array.reshape(-1).tolist())
    if min((*extents, 0)) < 0:
        raise ValueError(f"unravel_index: 'shape' must not have negative extents, got {extents}")
    numbers = indices.array.astype(np.int64)
    below = [math.prod(extents[d + 1 :]) for d in range(len(extents))]
    return tuple(wrap(numbers // b % n) for b, n in zip(below, extents, strict=True))
