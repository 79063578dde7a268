"""Putting tensors together and taking them apart."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array, Variable
from metagrad.autograd.views import shares_memory, views_of
from metagrad.base.layouts import contiguous_format, inverse, memory_format, preserve_format
from metagrad.ops.index.indexing import Slice
from metagrad.ops.operands import accepts_axis, as_tensor, axes, cast_to, dimension, given, result_type, shape_of
from metagrad.ops.out import takes_out

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "cat", "chunk", "clone", "concat", "concatenate", "flip", "roll", "split", "stack", "tile", "unbind",
]  # fmt: skip


class Cat(Function):
    """y = x₁, x₂, … one after the other along a dimension;   ∂L/∂xᵢ is the part of ∂L/∂y where xᵢ stands.

    An empty vector counts for nothing, whatever the other shapes are: PyTorch's rule, from when it had no empty matrices.
    """

    def forward(self, *xs: Array, axis: int) -> Array:
        self.axis, self.shapes = axis, [x.shape for x in xs]
        return np.concatenate([x for x in xs if x.shape != (0,)] or xs, axis=axis)

    def backward(self, grad: Any) -> Any:
        before, end, parts = (slice(None),) * self.axis, 0, []
        for shape in self.shapes:
            start, end = end, end + (0 if shape == (0,) else shape[self.axis])
            part = grad[(*before, slice(start, end))]
            parts.append(part.reshape((0,)) if shape == (0,) and len(grad.shape) > 1 else part)
        return tuple(parts)


class Stack(Function):
    """y[i] = xᵢ along a new dimension;   ∂L/∂xᵢ = ∂L/∂y[i]."""

    def forward(self, *xs: Array, axis: int) -> Array:
        self.axis, self.count = axis, len(xs)
        return np.stack(xs, axis=axis)

    def backward(self, grad: Any) -> Any:
        before = (slice(None),) * self.axis
        return tuple(grad[(*before, i)] for i in range(self.count))


class Split(Function):
    """y₁, y₂, … = x cut into pieces along a dimension, as views;   ∂L/∂x is the ∂L/∂yᵢ one after the other.

    One node for all pieces: were each piece a ``Slice`` of its own, each gradient would be put into zeros as large as x.
    """

    def forward(self, x: Array, sizes: tuple[int, ...], axis: int) -> tuple[Array, ...]:
        self.axis = axis
        before = (slice(None),) * axis
        ends = itertools.accumulate(sizes)
        return tuple([x[(*before, slice(end - size, end))] for size, end in zip(sizes, ends, strict=True)])

    def backward(self, *grads: Any) -> Any:
        return np.concatenate(grads, axis=self.axis)


class Unbind(Function):
    """y₁, y₂, … = the slices of x along a dimension, as views;   ∂L/∂x stacks the ∂L/∂yᵢ."""

    def forward(self, x: Array, axis: int) -> tuple[Array, ...]:
        self.axis = axis
        before = (slice(None),) * axis
        return tuple([x[(*before, i, ...)] for i in range(x.shape[axis])])

    def backward(self, *grads: Any) -> Any:
        return np.stack(grads, axis=self.axis)


class Flip(Function):
    """y = x in reverse order along dimensions;   ∂L/∂x = ∂L/∂y reversed."""

    def forward(self, x: Array, axis: tuple[int, ...]) -> Array:
        self.axis = axis
        return np.flip(x, axis).copy()

    def backward(self, grad: Any) -> Any:
        return np.flip(grad, self.axis)


class Roll(Function):
    """y = x shifted along dimensions, what falls off one end coming in at the other;   ∂L/∂x = ∂L/∂y shifted back."""

    def forward(self, x: Array, shifts: tuple[int, ...], axis: tuple[int, ...] | None) -> Array:
        self.shifts, self.axis = shifts, axis
        return np.roll(x, shifts if axis is not None else shifts[0], axis)

    def backward(self, grad: Any) -> Any:
        return Roll.on(grad, shifts=tuple(-s for s in self.shifts), axis=self.axis)


class Clone(Function):
    """y = x in memory of its own;   ∂L/∂x = ∂L/∂y."""

    def forward(self, x: Array) -> Array:
        return x.copy(order="C")

    def backward(self, grad: Any) -> Any:
        return grad


def in_one_dtype(tensors: Sequence[Any]) -> list[Any]:
    """The tensors in the dtype that holds them all."""
    kind = result_type(*tensors)
    return [cast_to(x, kind) for x in tensors]


def _sequence(name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Variable):
        raise TypeError(f"{name}(): expected a tuple or list of tensors, got one tensor: put it into a list")
    return [as_tensor(x) for x in tensors]


@accepts_axis
@takes_out
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along ``dim``; the other extents must agree. Empty 1-D tensors are skipped.

    >>> import metagrad
    >>> metagrad.cat([metagrad.tensor([1, 2]), metagrad.tensor([3])])
    tensor([1, 2, 3])
    """
    given = _sequence("cat", tensors)
    if not given:
        raise ValueError("cat: expected a non-empty list of tensors")
    xs = in_one_dtype(given)
    if any(x.array.ndim == 0 for x in xs):
        raise RuntimeError("zero-dimensional tensor cannot be concatenated: use stack()")
    used = [x for x in xs if x.array.shape != (0,)] or xs[:1]
    axis = dimension(dim, used[0].array.ndim)
    first = used[0].array.shape
    for i, x in enumerate(used):
        shape = x.array.shape
        if len(shape) != len(first) or any(
            a != b for d, (a, b) in enumerate(zip(shape, first, strict=True)) if d != axis
        ):
            raise RuntimeError(
                f"cat: sizes of tensors must match except in dimension {axis}: tensor 0 is {tuple(first)}, "
                f"tensor {i} is {tuple(shape)}"
            )
    return Cat.apply(*xs, axis=axis)


concat = concatenate = cat


@accepts_axis
@takes_out
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension ``dim``.

    >>> import metagrad
    >>> metagrad.stack([metagrad.tensor([1, 2]), metagrad.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    given = _sequence("stack", tensors)
    if not given:
        raise RuntimeError("stack: expected a non-empty list of tensors")
    shapes = {tuple(x.array.shape) for x in given}
    if len(shapes) > 1:
        raise RuntimeError(f"stack expects each tensor to be equal size, but got {', '.join(map(str, sorted(shapes)))}")
    return Stack.apply(*in_one_dtype(given), axis=dimension(dim, given[0].array.ndim + 1))


@accepts_axis
def split(
    tensor: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None
) -> tuple[Tensor, ...]:
    """Pieces of one size (the last may be smaller), or of the sizes in a list, along ``dim``. Views.

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
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split expects split_size to be positive, got {size}")
        sizes = [min(size, n - start) for start in range(0, n, size)] if n else [0]
    else:
        sizes = [int(size) for size in split_size_or_sections]
        if sum(sizes) != n or any(size < 0 for size in sizes):
            raise RuntimeError(f"split_with_sizes expects split_sizes to sum to {n} (the size of dim {d}), got {sizes}")
    before, ends = (slice(None),) * d, itertools.accumulate(sizes)
    places = [(*before, slice(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
    return views_of(tensor, Split.apply_many(tensor, sizes=tuple(sizes), axis=d), Slice, places) if sizes else ()


@accepts_axis
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most ``chunks`` pieces of one size (the last may be smaller) along ``dim``. Views."""
    if input.array.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.array.shape[dimension(dim, input.array.ndim)]
    return split(input, max(1, -(-n // chunks)), dim) if n else split(input, [0] * chunks, dim)


@accepts_axis
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """All slices along ``dim``, without that dimension. Views."""
    d = dimension(dim, input.array.ndim)
    if input.array.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    if not input.array.shape[d]:
        return ()
    places = [(*[slice(None)] * d, i) for i in range(input.array.shape[d])]
    return views_of(input, Unbind.apply_many(input, axis=d), Slice, places)


def flip(input: Tensor, *args: Any, dims: Any = None, axis: Any = None) -> Tensor:
    """The elements in reverse order along ``dims``. A copy.

    >>> import metagrad
    >>> metagrad.flip(metagrad.tensor([1, 2, 3]), dims=(0,))
    tensor([3, 2, 1])
    """
    named = dims if axis is None else axis
    order = shape_of(args if named is None else (named,))
    return Flip.apply(input, axis=axes(order, input.array.ndim) if order else ())


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """The elements shifted along ``dims`` (flattened, if None); what falls off one end comes in at the other."""
    by = shape_of((shifts,))
    if not by:
        raise RuntimeError("roll: `shifts` required")
    axis = None if dims is None else tuple(dimension(d, input.array.ndim) for d in shape_of((dims,)))
    if axis is not None and len(axis) != len(by):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(axis)}")
    return Roll.apply(input, shifts=by, axis=axis)


def repeat(input: Tensor, *sizes: Any, **named: Any) -> Tensor:
    """The tensor repeated ``sizes[i]`` times along dimension i. A copy.

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
    return repeated.clone() if shares_memory(repeated.array, input.array) else repeated


def tile(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """``repeat`` that also takes fewer counts than dimensions."""
    counts = shape_of(given(dims, named, "dims"))
    return repeat(input, (1,) * (input.array.ndim - len(counts)) + counts)


def clone(input: Tensor, *, memory_format: memory_format = preserve_format) -> Tensor:
    """A copy in memory of its own; the gradient flows through to the original."""
    return _ordered(Clone.apply, input, memory_format)


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """The tensor itself if its elements are in order in memory, otherwise a copy that is."""
    return _ordered(_in_order, input, memory_format)


def _in_order(input: Tensor) -> Tensor:
    flags = getattr(input.array, "flags", None)
    return input if flags is None or flags.c_contiguous else Clone.apply(input)


def _ordered(copy: Callable[[Tensor], Tensor], input: Tensor, wanted: memory_format) -> Tensor:
    """A copy whose dimensions are in another order in memory."""
    if not wanted.order:
        return copy(input)
    order = wanted.order_of(input.array.ndim)
    moved = input.permute(order)
    copied = copy(moved)
    return input if copied is moved else copied.permute(inverse(order))
