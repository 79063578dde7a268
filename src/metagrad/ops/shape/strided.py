"""Views with steps of one's own through memory: as_strided, and the sliding windows of unfold."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.views import ViewFunction, shares_memory
from metagrad.base.layouts import order_of, place_of
from metagrad.base.typing import Array
from metagrad.kernels.libraries import at, filled
from metagrad.ops.arguments import asks_for_a_tensor, shape_of
from metagrad.ops.arguments import dimension as axis_of
from metagrad.ops.index.indexing import AddAt, Gather

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["as_strided"]

Ints = tuple[int, ...]
Geometry = tuple[Ints, Ints, int]  # shape, strides and offset in memory, counted in elements


# ------------------------------------------------ memory


def in_order(shape: Ints) -> Ints:
    """The strides of elements that lie in order, without gaps.

    >>> in_order((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(math.prod(max(n, 1) for n in shape[d + 1 :]) for d in range(len(shape)))


def located(x: Array) -> tuple[Array, Geometry]:
    """The whole memory that an array shows a part of, as a vector of the array's dtype, and which part it shows.

    Where memory cannot be had, on a GPU or with another library's gaps in it, the array's own elements stand for it.

    >>> memory, (shape, strides, offset) = located(np.arange(6).reshape(2, 3)[:, 1:])
    >>> memory, shape, strides, offset
    (array([0, 1, 2, 3, 4, 5]), (2, 2), (3, 1), 1)
    """
    owner = x
    while isinstance(getattr(owner, "base", None), np.ndarray):
        owner = owner.base
    if isinstance(owner, np.ndarray) and all(s >= 0 and s % x.itemsize == 0 for s in x.strides):
        owner = owner.transpose(order_of(owner))
        if owner.flags.c_contiguous:
            memory = np.ndarray((owner.nbytes // x.itemsize,), x.dtype, buffer=owner)
            offset = (place_of(x) - place_of(memory)) // x.itemsize if x.size else 0
            return memory, (x.shape, tuple(s // x.itemsize for s in x.strides), offset)
    return x.reshape(-1), (x.shape, in_order(x.shape), 0)


def extent(shape: Ints, strides: Ints, offset: int) -> int:
    """How many elements of memory a view reaches over.

    >>> extent((2, 3), (3, 1), 0), extent((2, 3), (1, 1), 5)
    (6, 9)
    """
    return offset + 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if math.prod(shape) else 0


def strided(memory: Array, shape: Ints, strides: Ints, offset: int) -> Array:
    """A view of memory. Read-only if elements repeat by a stride of 0, for a write would be ambiguous.

    >>> strided(np.arange(5), (3, 2), (1, 2), 0)
    array([[0, 2],
           [1, 3],
           [2, 4]])
    """
    step = memory.itemsize
    start = offset * step if math.prod(shape) else 0
    view = np.ndarray(shape, memory.dtype, buffer=memory, offset=start, strides=[s * step for s in strides])
    if any(s == 0 and n > 1 for n, s in zip(shape, strides, strict=True)):
        view.flags.writeable = False
    return view


def positions(shape: Ints, strides: Ints, offset: int, like: Array) -> Array:
    """The position in memory of each element of a view.

    >>> positions((3, 2), (1, 2), 0, np.arange(5))
    array([[0, 2],
           [1, 3],
           [2, 4]])
    """
    found = np.zeros(shape, np.int64, like=like) + offset
    for d, (n, s) in enumerate(zip(shape, strides, strict=True)):
        found = found + (np.arange(n, like=like) * s).reshape((n,) + (1,) * (len(shape) - d - 1))
    return found


# ------------------------------------------------ as_strided


class AsStrided(ViewFunction):
    """y[i, j, …] = m[offset + i·s₁ + j·s₂ + …] for the memory m in which x has its elements;   ∂L/∂x: the ∂L/∂y added up
    by their positions in m, then read where x has its elements (shared out equally where x has several at one position).

    home: the geometry of x. An array laid out otherwise, such as a gradient, is read element by element as if it were so.
    """

    def forward(self, x: Array, shape: Ints, strides: Ints, offset: int, home: Geometry) -> Array:
        self.there, self.home = (shape, strides, offset), home
        if hasattr(x, "as_strided"):  # on the device meta there is no memory
            return x.as_strided(shape, strides)
        memory, here = located(x)
        if isinstance(memory, np.ndarray) and here == home and extent(*self.there) <= memory.size:
            return strided(memory, shape, strides, offset)
        length = max(extent(*self.there), extent(*home))
        element = filled(length, -1, np.int64, x)
        element[positions(*home, x).reshape(-1)] = np.arange(x.size, like=x)
        wanted = element[positions(*self.there, x)]
        return (
            np.where(wanted >= 0, x.reshape(-1)[wanted], np.zeros((), x.dtype, like=x)) if x.size else x.reshape(shape)
        )

    def backward(self, grad: Array) -> Array:
        like: Array = getattr(grad, "array", grad)
        length = max(extent(*self.there), extent(*self.home))
        memory = AddAt.on(grad, shape=(length,), index=positions(*self.there, like))
        own = positions(*self.home, like)
        shares = np.zeros(length, like.real.dtype, like=like)
        at(np.add, shares, own, 1)
        return Gather.on(memory * (1 / np.maximum(shares, 1)), index=own)


@asks_for_a_tensor
def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """The memory of a tensor under any shape and strides (in elements), from any offset on. A view.

    y[i, j, …] = memory[offset + i·stride₁ + j·stride₂ + …]; storage_offset: the tensor's own if None. Raises if it would
    reach beyond the memory.

    >>> import metagrad
    >>> metagrad.arange(5).as_strided((3, 2), (1, 2))
    tensor([[0, 2],
            [1, 3],
            [2, 4]])
    """
    shape, strides = shape_of((size,)), shape_of((stride,))
    memory, home = located(input.array)
    offset = home[2] if storage_offset is None else operator.index(storage_offset)
    if len(shape) != len(strides):
        raise RuntimeError(f"as_strided: mismatch in length of strides and shape: {list(strides)} for {list(shape)}")
    if min((*strides, 0)) < 0:
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(strides)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if min((*shape, 0)) < 0:
        raise RuntimeError(f"as_strided: sizes must not be negative, got {list(shape)}")
    needed = extent(shape, strides, offset)
    if needed > memory.size:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset}, and itemsize "
            f"{memory.itemsize} requiring a storage size of {needed * memory.itemsize} are out of bounds for storage of "
            f"size {memory.size * memory.itemsize}"
        )
    view = input._view
    base = view.base if view is not None and view.recorded else input
    mirrored = not shares_memory(input.array, base.array)  # conjugated: other memory than the base's
    if not mirrored and base.array.dtype == input.array.dtype and (base._requires_grad or not input.requires_grad):
        # gradients go to all of the base, not just to the part that the input shows, unless a view between is the leaf
        input = cast("Tensor", base)
        home = located(input.array)[1]
    return AsStrided.apply(input, shape=shape, strides=strides, offset=offset, home=home)


# ------------------------------------------------ sliding windows


class Unfold(ViewFunction):
    """y[…, i, …, k] = x[…, i·step + k, …], windows of one dimension side by side;   ∂L/∂x adds up the windows' ∂L/∂y."""

    def forward(self, x: Array, axis: int, size: int, step: int) -> Array:
        self.shape_in, self.window = x.shape, (axis, size, step)
        count = (x.shape[axis] - size) // step + 1
        if isinstance(x, np.ndarray):
            memory, (shape, strides, offset) = located(x)
            before, after = slice(0, axis), slice(axis + 1, None)
            return strided(
                memory,
                (*shape[before], count, *shape[after], size),
                (*strides[before], strides[axis] * step, *strides[after], strides[axis]),
                offset,
            )
        index = np.arange(count, like=x)[:, None] * step + np.arange(size, like=x)
        return np.moveaxis(x[(*[slice(None)] * axis, index)], axis + 1, -1)

    def backward(self, grad: Array) -> Array:
        axis, size, step = self.window
        return AddWindows.on(grad, shape=self.shape_in, axis=axis, size=size, step=step)


class AddWindows(Function):
    """y is zeros of a given shape with the windows x[…, i, …, k] added at i·step + k: the transpose of ``Unfold``."""

    def forward(self, x: Array, shape: Ints, axis: int, size: int, step: int) -> Array:
        self.window = axis, size, step
        y = np.zeros(shape, x.dtype, like=x)
        windows, before = np.moveaxis(x, -1, axis + 1), (slice(None),) * axis  # (…, i, k, …)
        if x.shape[axis] < size:
            for i in range(x.shape[axis]):
                y[(*before, slice(i * step, i * step + size))] += windows[(*before, i)]
            return y
        reach = (x.shape[axis] - 1) * step + 1
        for k in range(size):
            y[(*before, slice(k, k + reach, step))] += x[..., k]
        return y

    def backward(self, grad: Array) -> Array:
        axis, size, step = self.window
        return Unfold.on(grad, axis=axis, size=size, step=step)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of ``size`` elements of a dimension, each ``step`` further than the last, as a new last dimension. A view.

    (*, n, *) becomes (*, (n − size) // step + 1, *, size). Raises RuntimeError for windows larger than the dimension,
    or for a step of 0 or less.

    >>> import metagrad
    >>> metagrad.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    axis, shape = axis_of(dimension, input.array.ndim), input.array.shape
    n = shape[axis] if shape else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"unfold: step is {step} but must be > 0")
    if not shape:
        return input.reshape(1)[:size]
    return Unfold.apply(input, axis=axis, size=size, step=step)
