"""Ops that return the same memory under another shape. Their gradients are the inverse rearrangement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.transforms import opened, shares
from metagrad.autograd.variable import wrap
from metagrad.autograd.views import ViewFunction, conjugated, inherit, negated, shares_memory
from metagrad.base import dtypes
from metagrad.base.layouts import place_of
from metagrad.base.typing import Array, Dims, Sizes
from metagrad.kernels.copying import reshaped
from metagrad.ops.arguments import asks_for_a_tensor, asks_for_tensors, axes, dimension, given, shape_of
from metagrad.ops.shape.copying import contiguous

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["detach", "flatten", "ravel", "reshape", "squeeze", "unflatten", "unsqueeze"]


class Reshape(ViewFunction):
    """The same elements in another shape; a view if the strides allow it."""

    def forward(self, x: Array, shape: tuple[int, ...]) -> Array:
        self.old = x.shape
        return reshaped(x, shape)

    def backward(self, grad: Array) -> Array:
        return reshaped(grad, self.old)


class Squeeze(Reshape):
    """A reshape that PyTorch's users know by this name; so are those below."""


class SqueezeAlong(Squeeze):
    """``Squeeze`` of dimensions that were named."""


class SqueezeSeveral(Squeeze):
    """``Squeeze`` of dimensions that were named in a tuple."""


class Unsqueeze(Reshape):
    """A reshape to one more dimension."""

    def forward(self, x: Array, shape: tuple[int, ...]) -> Array:
        self.old = x.shape
        if x.__class__ is not np.ndarray or x.flags.c_contiguous:
            return x.reshape(shape)
        d = 0
        while d < x.ndim and shape[d] == x.shape[d]:
            d += 1
        return x[
            (*(slice(None),) * d, None)
        ]  # its step is left open, and told as PyTorch's; reshape would give another


@asks_for_a_tensor
def reshape(input: Tensor, *shape: Sizes, **named: Sizes) -> Tensor:
    """The same elements, in the same order, in another shape; one extent may be −1 and is worked out.

    A view where the memory layout allows one, otherwise a copy. Raises RuntimeError if the shape has another number of
    elements.

    >>> import metagrad
    >>> metagrad.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return Reshape.apply(input, shape=_filled_in(shape_of(given(shape, named, "shape")), input.array.size))


def shaped(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """``reshape`` to a shape that the tensor may have already: then it is the tensor itself, and no op.

    >>> import metagrad
    >>> x = metagrad.zeros(2, 3)
    >>> shaped(x, (2, 3)) is x, shaped(x, (6,)).shape
    (True, metagrad.Size([6]))
    """
    return input if input.array.shape == shape else reshape(input, shape)


def _filled_in(size: tuple[int, ...], count: int) -> tuple[int, ...]:
    """A shape with its one −1 replaced by what is left for it."""
    if math.prod(size) == count and -1 not in size and (not size or min(size) >= 0):
        return size
    if size.count(-1) > 1:
        raise RuntimeError(f"only one dimension can be inferred, got {size}")
    if size and min(size) < -1:
        i = next(i for i, n in enumerate(size) if n < -1)
        raise RuntimeError(f"invalid shape dimension {size[i]} at index {i} of shape {list(size)}")
    if -1 in size:
        known = math.prod(n for n in size if n != -1)
        if known == 0 and count == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size -1 can be any "
                "value and is ambiguous"
            )
        if known == 0 or count % known:
            raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
        return tuple([count // known if n == -1 else n for n in size])
    raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")


def view(input: Tensor, *shape: Any, **named: Any) -> Tensor:
    """``reshape`` that never copies: raises where the memory layout does not allow a view.

    ``view(dtype)``: the same bytes as numbers of another dtype, not differentiable.

    >>> import metagrad
    >>> x = metagrad.zeros(4)
    >>> x.view(2, 2)[0, 0] = 1
    >>> x
    tensor([1., 0., 0., 0.])
    """
    shape = given(shape, named, "dtype" if "dtype" in named else "size")
    if len(shape) == 1 and isinstance(shape[0], (dtypes.dtype, type)):
        return _seen_as(input, dtypes.of(shape[0]))
    size = _filled_in(shape_of(shape), input.array.size)
    out = Reshape.apply(input, shape=size)
    if not shares_memory(out.array, input.array) and input.array.size:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            f"contiguous subspaces). Use .reshape(...) instead. {list(size)} was asked for, the size is {list(input.shape)}"
        )
    return out


def _seen_as(input: Tensor, kind: dtypes.dtype) -> Tensor:
    """The same bytes as numbers of another dtype: the last dimension grows or shrinks with their size."""
    ours, theirs, shape = input.dtype.itemsize, kind.itemsize, tuple(input.shape)
    if ours != theirs:
        what, found = "", ""
        if not shape:
            what = "self.dim() cannot be 0"
        elif input.array.size and input.array.strides[-1] != ours:
            what, found = "self.stride(-1) must be 1", f", but got {input.array.strides[-1] // ours}"
        elif shape[-1] * ours % theirs:
            what, found = f"self.size(-1) must be divisible by {theirs // ours}", f", but got {shape[-1]}"
        if what:
            names = f"{dtypes.scalar_name(input.dtype)} as {dtypes.scalar_name(kind)}"
            raise RuntimeError(f"{what} to view {names} (different element sizes){found}")
    if ours < theirs:
        _check_alignment(input.array, theirs)
    if ours != theirs and id(input) in conjugated or kind is not input.dtype and id(input) in negated:
        what = "conjugate view tensors" if id(input) in conjugated else "tensors with negative bit set"
        raise RuntimeError(f"torch.Tensor.view is not supported for {what} when converting to a different dtype.")
    seen = input.array.view(kind.dtype)
    if kind is dtypes.bool_ and seen.__class__ is np.ndarray and (seen.view(np.uint8) > 1).any():
        return wrap(
            seen.view(np.uint8) != 0
        )  # NumPy's own ops take other bytes than 0 and 1 for themselves: not this memory
    out = wrap(seen)
    out._counter = input._counter
    return out


def _check_alignment(x: Array, size: int) -> None:
    """Raise unless all steps through memory, and where it begins in its own, are whole numbers of ``size`` bytes."""
    owner = x
    while isinstance(getattr(owner, "base", None), np.ndarray):
        owner = owner.base
    start = place_of(x) - place_of(owner) if isinstance(x, np.ndarray) else 0
    for name, n in (("storage_offset()", start), *((f"stride({d})", s) for d, s in enumerate(x.strides[:-1]))):
        if n % size:
            raise RuntimeError(
                f"self.{name} must be divisible by {size // x.itemsize} to view as numbers of {size} bytes (different element "
                f"sizes), but got {n // x.itemsize}: clone() the tensor first"
            )


@asks_for_tensors
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """``input.view`` with the shape of ``other``.

    >>> import metagrad
    >>> metagrad.arange(6).view_as(metagrad.zeros(2, 3)).shape
    metagrad.Size([2, 3])
    """
    return view(input, tuple(other.shape))


@asks_for_tensors
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """``input.reshape`` with the shape of ``other``.

    >>> import metagrad
    >>> metagrad.arange(6).reshape_as(metagrad.zeros(3, 2)).shape
    metagrad.Size([3, 2])
    """
    return reshape(input, tuple(other.shape))


@asks_for_a_tensor
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions ``start_dim`` to ``end_dim`` joined into one.

    Raises RuntimeError if ``start_dim`` comes after ``end_dim``.

    >>> import metagrad
    >>> metagrad.zeros(2, 3, 4).flatten(1).shape
    metagrad.Size([2, 12])
    """
    shape = tuple(input.array.shape)
    start, end = dimension(start_dim, len(shape)), dimension(end_dim, len(shape))
    if start > end:
        raise RuntimeError(f"flatten() has invalid args: start_dim {start_dim} comes after end_dim {end_dim}")
    if shape and start == end:
        return input
    return Reshape.apply(input, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@asks_for_a_tensor
def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dimension split into several: the inverse of ``flatten``.

    (*, n, *) becomes (*, *sizes, *). Raises RuntimeError unless the product of the sizes is n; one may be −1.

    >>> import metagrad
    >>> metagrad.zeros(2, 12).unflatten(1, (3, -1)).shape
    metagrad.Size([2, 3, 4])
    """
    shape = tuple(input.array.shape)
    d = dimension(dim, len(shape))
    if not shape:
        raise RuntimeError("unflatten: the tensor has no dimensions")
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    known = math.prod(n for n in sizes if n != -1)
    if (known != shape[d]) if -1 not in sizes else (shape[d] % known if known else shape[d]):
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[d]}) in the input tensor"
        )
    return reshape(input, (*shape[:d], *_filled_in(tuple(sizes), shape[d]), *shape[d + 1 :]))


@asks_for_a_tensor
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension, next to each other in memory; a view if they are already.

    >>> import metagrad
    >>> metagrad.ravel(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return Reshape.apply(contiguous(input), shape=(input.array.size,))


@asks_for_a_tensor
def squeeze(input: Tensor, dim: Dims = None, *more: int, axis: Dims = None) -> Tensor:
    """Without its dimensions of extent 1, or without those of them that ``dim`` (NumPy's ``axis``) names. A view.

    >>> import metagrad
    >>> metagrad.zeros(1, 3, 1).squeeze().shape, metagrad.zeros(1, 3, 1).squeeze(0).shape
    (metagrad.Size([3]), metagrad.Size([3, 1]))
    """
    shape = tuple(input.array.shape)
    dim = axis if axis is not None else (dim, *more) if more else dim  # type: ignore[arg-type]
    if dim is None:
        return Squeeze.apply(input, shape=tuple([n for n in shape if n != 1]))
    drop = () if isinstance(dim, (tuple, list)) and not dim else axes(dim, len(shape))
    op = SqueezeAlong if isinstance(dim, int) else SqueezeSeveral
    return op.apply(input, shape=tuple([n for d, n in enumerate(shape) if d not in drop or n != 1]))


@asks_for_a_tensor
def unsqueeze(input: Tensor, dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """A dimension of extent 1 inserted before position ``dim`` (NumPy's ``axis``), which must be given. A view.

    >>> import metagrad
    >>> metagrad.zeros(2, 3).unsqueeze(-1).shape
    metagrad.Size([2, 3, 1])
    """
    shape = tuple(input.array.shape)
    if dim is None:
        if axis is None:
            raise TypeError('unsqueeze() missing 1 required positional arguments: "dim"')
        dim = axis
    d = dimension(dim, len(shape) + 1)
    return Unsqueeze.apply(input, shape=(*shape[:d], 1, *shape[d:]))


def detach(input: Tensor) -> Tensor:
    """The same memory, cut off from the graph: it does not require grad, and no gradient flows through it.

    >>> import metagrad
    >>> x = metagrad.ones(2, requires_grad=True)
    >>> (x * 2).detach().requires_grad
    False
    """
    out = wrap(input.array.view())  # tangents, and what a node saved, are known by the array they belong to
    out._counter = input._counter
    if opened:
        shares(out, input)
    if conjugated or negated:
        inherit(out, input)
    return out
