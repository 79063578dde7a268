"""Tensors repeated: as a whole, or element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import unwrap, wrap
from metagrad.autograd.views import shares_memory
from metagrad.base import dtypes
from metagrad.base.layouts import contiguous_format
from metagrad.base.typing import Array, Sizes
from metagrad.kernels.counting import repeated
from metagrad.ops.arguments import asks_for_a_tensor, asks_for_tensors, dimension, given, shape_of
from metagrad.ops.index.gathering import index_select
from metagrad.ops.shape.broadcasting import expand
from metagrad.ops.shape.copying import Clone, clone
from metagrad.ops.shape.views import reshape, unsqueeze

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["repeat_interleave", "tile"]


@known_as("Repeat")
def repeat(input: Tensor, *sizes: Sizes, **named: Sizes) -> Tensor:
    """The tensor repeated ``sizes[i]`` times along dimension i. A copy.

    Raises RuntimeError for fewer counts than dimensions.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    counts, shape = shape_of(given(sizes, named, "repeats")), tuple(input.array.shape)
    new = len(counts) - len(shape)
    if new < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * new + shape
    paired = [n for pair in zip(counts, shape, strict=True) for n in pair]
    ones = [n for m in shape for n in (1, m)]
    repeated = input.reshape(ones).expand(paired).reshape([c * n for c, n in zip(counts, shape, strict=True)])
    return Clone.apply(repeated) if shares_memory(repeated.array, input.array) else repeated


@asks_for_a_tensor
def tile(input: Tensor, *dims: Sizes, **named: Sizes) -> Tensor:
    """``repeat`` that also takes fewer counts than dimensions.

    >>> import metagrad
    >>> metagrad.tile(metagrad.tensor([[1], [2]]), 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    counts = shape_of(given(dims, named, "dims"))
    return repeat(input, (1,) * (input.array.ndim - len(counts)) + counts)


@asks_for_tensors
def repeat_interleave(
    input: Tensor, repeats: Tensor | int | None = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each slice of ``dim`` repeated, one number of times or ``repeats[i]``, next to each other; flattened, if dim is None.

    ``repeat_interleave(repeats)``: the number i, ``repeats[i]`` times. Raises RuntimeError unless repeats are one
    integer or one for each slice, none of them negative.

    >>> import metagrad
    >>> metagrad.repeat_interleave(metagrad.tensor([5, 6]), metagrad.tensor([1, 3]))
    tensor([5, 6, 6, 6])
    """
    if repeats is None:
        if input.array.ndim != 1:
            raise RuntimeError(f"repeat_interleave: repeats alone must be a vector, got shape {tuple(input.shape)}")
        return wrap(_repeated(input.array.size, input.array, output_size))
    if dim is None:
        input, dim = reshape(input, input.array.size), 0
    elif not input.array.ndim:
        raise IndexError("repeat_interleave: a 0-d tensor has no dimension to repeat along: leave dim away")
    d = dimension(dim, input.array.ndim)
    if isinstance(repeats, int | np.integer):
        return _each_as_often(input, int(repeats), d, output_size)
    return index_select(input, d, wrap(_repeated(input.array.shape[d], unwrap(repeats), output_size)))


def _each_as_often(input: Tensor, times: int, d: int, output_size: int | None) -> Tensor:
    """Each slice of dimension d as often as the others: no index is needed."""
    before, (n, *after) = input.array.shape[:d], input.array.shape[d:]
    if times < 0:
        raise RuntimeError("repeats can not be negative")
    if output_size is not None and output_size != n * times:
        raise RuntimeError(f"repeat_interleave: Invalid output_size, expected {n * times} but got {output_size}")
    spread = expand(unsqueeze(input, d + 1), (*before, n, times, *after))
    return reshape(clone(spread, memory_format=contiguous_format), (*before, n * times, *after))


def _repeated(n: int, times: Array, output_size: int | None) -> Array:
    """The numbers 0 to n − 1, each as often as ``times`` says."""
    if times.dtype.char not in "ilq":
        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{dtypes.scalar_name(times.dtype)}': "
            "repeats must be int32 or int64, use repeats.long()"
        )
    if times.ndim > 1:
        raise RuntimeError(f"repeats must be 0-dim or 1-dim tensor, got shape {times.shape}")
    if times.size not in (1, n):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {times.size} and "
            f"input.size(dim) = {n}"
        )
    if times.size and times.min() < 0:
        raise RuntimeError("repeats can not be negative")
    if isinstance(times, np.ndarray):
        found = repeated(n, times.reshape(-1))
    else:
        found = np.repeat(np.arange(n, like=times), np.broadcast_to(times.reshape(-1), (n,)))
    if output_size is not None and output_size != found.size:
        raise RuntimeError(f"allocated size does not match required size: expected {found.size}, got {output_size}")
    return found
