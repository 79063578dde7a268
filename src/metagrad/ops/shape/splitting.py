"""Splitting tensors along a dimension: by the size of the chunks, by their number, or at given indices."""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import name_node
from metagrad.autograd.variable import Variable, wrap
from metagrad.autograd.views import SEVERAL, is_followed, views_of
from metagrad.base.typing import Array
from metagrad.ops.arguments import asks_for_tensors, dimension
from metagrad.ops.index.indexing import Slice, getitem

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

P = ParamSpec("P")

__all__ = [
    "chunk", "dsplit", "hsplit", "split", "split_with_sizes", "tensor_split", "unbind", "unsafe_chunk", "unsafe_split",
    "unsafe_split_with_sizes", "vsplit",
]  # fmt: skip


class Split(Function):
    """y₁, y₂, … = x cut into chunks along a dimension, as views;   ∂L/∂x is the ∂L/∂yᵢ one after the other.

    One node for all chunks: were each chunk a ``Slice`` of its own, each gradient would be put into zeros as large as x.
    """

    computes = False

    def forward(self, x: Array, sizes: tuple[int, ...], axis: int) -> tuple[Array, ...]:
        self.axis = axis
        before = (slice(None),) * axis
        ends = itertools.accumulate(sizes)
        return tuple([x[(*before, slice(end - size, end))] for size, end in zip(sizes, ends, strict=True)])

    def backward(self, *grads: Array) -> Array:
        return np.concatenate(grads, axis=self.axis)


class Unbind(Function):
    """y₁, y₂, … = the slices of x along a dimension, as views;   ∂L/∂x stacks the ∂L/∂yᵢ."""

    computes = False

    def forward(self, x: Array, axis: int) -> tuple[Array, ...]:
        self.axis = axis
        before = (slice(None),) * axis
        return tuple([x[(*before, i, ...)] for i in range(x.shape[axis])])

    def backward(self, *grads: Array) -> Array:
        return np.stack(grads, axis=self.axis)


@asks_for_tensors
def split(
    tensor: Tensor,
    split_size_or_sections: int | Sequence[int] | None = None,
    dim: int = 0,
    *,
    split_size: int | Sequence[int] | None = None,
) -> tuple[Tensor, ...]:
    """Chunks of one size (the last may be smaller), or of the sizes in a list, along ``dim``. Views.

    Raises RuntimeError for a tensor without dimensions, or if sizes in a list do not add up.

    >>> import metagrad
    >>> metagrad.split(metagrad.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if split_size is not None:  # the method's name for it
        split_size_or_sections = split_size
    if tensor.array.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    d = dimension(dim, tensor.array.ndim)
    n = tensor.array.shape[d]
    if getattr(split_size_or_sections, "ndim", None) == 0:  # a tensor, or a number of NumPy's
        split_size_or_sections = int(split_size_or_sections)  # type: ignore[arg-type]
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        if size == 0 and n:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        sizes = [min(size, n - start) for start in range(0, n, size)] if n else [0]
    elif split_size_or_sections is None:
        raise TypeError("split() missing 1 required positional argument: 'split_size_or_sections'")
    else:
        sizes = [operator.index(size) for size in split_size_or_sections]
        if any(size < 0 for size in sizes):
            raise RuntimeError(
                f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}"
            )
        if sum(sizes) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), but got "
                f"split_sizes={sizes}"
            )
    before, ends = (slice(None),) * d, itertools.accumulate(sizes)
    indices = [(*before, slice(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
    if not sizes:
        return ()
    if not is_followed(tensor):
        return views_of(tensor, tuple([wrap(tensor.array[i]) for i in indices]), Slice, indices)
    pieces = views_of(tensor, Split.apply_many(tensor, sizes=tuple(sizes), axis=d), Slice, indices)
    if pieces[0]._grad_fn is not None and not isinstance(split_size_or_sections, int):
        name_node(pieces[0]._grad_fn, "SplitWithSizes")
    return pieces


@asks_for_tensors
def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Chunks of given sizes, which add up to the extent of ``dim``. Views.

    Raises RuntimeError unless the sizes add up.

    >>> import metagrad
    >>> metagrad.split_with_sizes(metagrad.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    return split(input, list(split_sizes), dim)


@asks_for_tensors
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` chunks of one size (the last may be smaller) along ``dim``. Views.

    Raises RuntimeError for a tensor without dimensions, or for less than one chunk.

    >>> import metagrad
    >>> metagrad.chunk(metagrad.arange(5), 3)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if input.array.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    chunks = operator.index(chunks)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.array.shape[dimension(dim, input.array.ndim)]
    return split(input, max(1, -(-n // chunks)), dim) if n else split(input, [0] * chunks, dim)


def _untied(function: Callable[P, tuple[Tensor, ...]]) -> Callable[P, tuple[Tensor, ...]]:
    """The function with results that share the input's memory and do not tell the graph: who writes takes care himself."""

    @functools.wraps(function)
    def unsafe(*args: P.args, **kwargs: P.kwargs) -> tuple[Tensor, ...]:
        pieces = function(*args, **kwargs)
        for piece in pieces:
            piece._view, piece._counter = None, [0]
            if piece._grad_fn is not None:
                name_node(piece._grad_fn, "UnsafeSplit")
        return pieces

    unsafe.__name__ = f"unsafe_{function.__name__}"
    return unsafe


unsafe_split, unsafe_chunk, unsafe_split_with_sizes = (_untied(f) for f in (split, chunk, split_with_sizes))


def _sliced(input: Tensor, sizes: list[int], dim: int) -> tuple[Tensor, ...]:
    """``split`` into views that may be written to in place, each a slice of its own in PyTorch's eyes."""
    pieces = split(input, sizes, dim)
    for piece in pieces:
        if piece._view is not None and piece._view.guard is SEVERAL:
            piece._view.guard = None
        if piece._grad_fn is not None:
            name_node(piece._grad_fn, "Slice")
    return pieces


@asks_for_tensors
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All slices along ``dim``, without that dimension. Views.

    Raises IndexError for a tensor without dimensions.

    >>> import metagrad
    >>> metagrad.unbind(metagrad.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    d = dimension(dim, input.array.ndim)
    if input.array.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    if not input.array.shape[d]:
        return ()
    indices = [(*[slice(None)] * d, i) for i in range(input.array.shape[d])]
    if not is_followed(input):
        return views_of(input, tuple([wrap(input.array[(*i, ...)]) for i in indices]), Slice, indices)
    return views_of(input, Unbind.apply_many(input, axis=d), Slice, indices)


@asks_for_tensors
def tensor_split(input: Tensor, indices_or_sections: Tensor | int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """``dim`` cut into a number of nearly equal sections, the first ones larger by 1; or cut at a list of indices. Views.

    Indices are those of slices: negative ones count from the end, and [i, j] gives x[:i], x[i:j], x[j:]. Raises
    RuntimeError for a tensor without dimensions, or for less than one section.

    >>> import metagrad
    >>> metagrad.tensor_split(metagrad.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    >>> metagrad.tensor_split(metagrad.arange(5), (1, 4))
    (tensor([0]), tensor([1, 2, 3]), tensor([4]))
    """
    if input.array.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = dimension(dim, input.array.ndim)
    n = input.array.shape[d]
    where = _plain(indices_or_sections)
    if isinstance(where, int):
        if where <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {where}")
        size, rest = divmod(n, where)
        return _sliced(input, [size + (i < rest) for i in range(where)], d)
    cuts = [0, *where, n]
    sizes = [end - start for start, end in zip(cuts[:-1], cuts[1:], strict=True)]
    if min((*where, *sizes)) >= 0:
        return _sliced(input, sizes, d)
    before = (slice(None),) * d
    starts, ends = cuts[:-1], [*where, None]
    return tuple(getitem(input, (*before, slice(i, j))) for i, j in zip(starts, ends, strict=True))


@asks_for_tensors
def hsplit(input: Tensor, indices_or_sections: Tensor | int | Sequence[int], *more: int) -> tuple[Tensor, ...]:
    """Sections side by side: columns of a matrix, parts of a vector. Equal sections, or cut at a list of indices. Views.

    Raises RuntimeError for a tensor without dimensions, or if a number of sections does not divide the extent.

    >>> import metagrad
    >>> metagrad.hsplit(metagrad.arange(4).reshape(2, 2), 2)[0]
    tensor([[0],
            [2]])
    """
    return _split_along("hsplit", input, 0 if input.array.ndim == 1 else 1, 1, indices_or_sections, more)


@asks_for_tensors
def vsplit(input: Tensor, indices_or_sections: Tensor | int | Sequence[int], *more: int) -> tuple[Tensor, ...]:
    """Sections one above the other, along the first of two or more dimensions. Views.

    Raises RuntimeError for fewer than two dimensions, or if a number of sections does not divide the extent.

    >>> import metagrad
    >>> metagrad.vsplit(metagrad.arange(4).reshape(2, 2), 2)
    (tensor([[0, 1]]), tensor([[2, 3]]))
    """
    return _split_along("vsplit", input, 0, 2, indices_or_sections, more)


@asks_for_tensors
def dsplit(input: Tensor, indices_or_sections: Tensor | int | Sequence[int], *more: int) -> tuple[Tensor, ...]:
    """Sections one behind the other, along the third dimension. Views.

    Raises RuntimeError for fewer than three dimensions, or if a number of sections does not divide the extent.

    >>> import metagrad
    >>> [x.shape for x in metagrad.dsplit(metagrad.zeros(2, 2, 4), [1])]
    [metagrad.Size([2, 2, 1]), metagrad.Size([2, 2, 3])]
    """
    return _split_along("dsplit", input, 2, 3, indices_or_sections, more)


def _split_along(
    name: str, input: Tensor, dim: int, least: int, where: Tensor | int | Sequence[int], more: tuple[int, ...]
) -> tuple[Tensor, ...]:
    ndim = input.array.ndim
    if ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {ndim} dimensions!"
        )
    where = _plain((where, *more) if more else where)  # type: ignore[arg-type]
    if isinstance(where, int) and (where <= 0 or input.array.shape[dim] % where):
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {input.array.shape[dim]} is "
            f"not divisible by the split_size {where}!"
        )
    return tensor_split(input, where, dim)


def _plain(where: Tensor | int | Sequence[int]) -> int | list[int]:
    """Sections or indices as an int or a list of ints: they may come in a tensor."""
    if isinstance(where, (str, float)):
        raise TypeError(
            "received an invalid combination of arguments. Expected sections or a list of indices, "
            f"got {type(where).__name__}: {where!r}"
        )
    if not isinstance(where, Variable):
        return operator.index(where) if hasattr(where, "__index__") else [operator.index(i) for i in where]
    if where.array.ndim > 1 or where.array.dtype != "int64":
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to have dtype int64 and at most one dimension, got "
            f"{where.dtype} and {where.array.ndim} dimensions"
        )
    return where.array.tolist()
