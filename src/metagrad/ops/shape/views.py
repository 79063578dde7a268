"""Ops that return the same memory under another shape. Their gradients are the inverse rearrangement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.transforms import opened, shares
from metagrad.autograd.variable import wrap
from metagrad.autograd.views import ViewFunction, conjugated, inherit, mark, negated, shares_memory
from metagrad.base import dtypes
from metagrad.base.typing import Array, Dims, Sizes
from metagrad.kernels.copying import reshaped
from metagrad.ops.arguments import asks_for_a_tensor, asks_for_tensors, axes, dimension, dimensions, given, shape_of
from metagrad.ops.pointwise.arithmetic import Conj
from metagrad.ops.shape.copying import contiguous

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "adjoint", "detach", "flatten", "moveaxis", "movedim", "permute", "ravel", "reshape", "squeeze", "swapaxes",
    "swapdims", "t", "transpose", "unflatten", "unsqueeze",
]  # fmt: skip


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


class Permute(ViewFunction):
    """Dimension i of the result is dimension ``dims[i]`` of the input."""

    def forward(self, x: Array, dims: tuple[int, ...]) -> Array:
        self.dims = dims
        return x.transpose(dims)

    def backward(self, grad: Array) -> Array:
        inverse = sorted(range(len(self.dims)), key=self.dims.__getitem__)
        return np.transpose(grad, inverse)


class Transpose(Permute):
    """Two dimensions swapped."""


class T(Permute):
    """The transpose of a matrix."""


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
        raise RuntimeError(f"invalid shape dimension {min(size)} in {size}")
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
            f"view size {list(size)} is not compatible with input tensor's size {list(input.shape)} and stride: "
            "its elements are not next to each other in memory. Use .reshape(...) instead"
        )
    return out


def _seen_as(input: Tensor, kind: dtypes.dtype) -> Tensor:
    """The same bytes as numbers of another dtype: the last dimension grows or shrinks with their size."""
    ours, theirs, shape = input.dtype.itemsize, kind.itemsize, tuple(input.shape)
    if ours != theirs and (
        not shape or shape[-1] * ours % theirs or input.array.size and input.array.strides[-1] != ours
    ):
        raise RuntimeError(
            f"view: a tensor of {input.dtype} with shape {list(shape)} cannot be seen as {kind}: its last dimension must lie"
            f" next to each other in memory and be whole numbers of {theirs} bytes"
        )
    if ours < theirs:
        _check_alignment(input.array, theirs)
    if ours != theirs and id(input) in conjugated or kind is not input.dtype and id(input) in negated:
        raise RuntimeError(
            "view is not supported for conjugated or negated tensors when the dtype changes: resolve them"
        )
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
    start = x.__array_interface__["data"][0] - owner.__array_interface__["data"][0] if isinstance(x, np.ndarray) else 0
    for name, n in (("offset in memory", start), *((f"stride({d})", s) for d, s in enumerate(x.strides[:-1]))):
        if n % size:
            raise RuntimeError(
                f"view: the {name} must be divisible by {size} bytes for a dtype of that size, it is {n}: clone() the tensor first"
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
    drop = () if isinstance(dim, tuple) and not dim else axes(dim, len(shape))
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


@asks_for_a_tensor
def permute(input: Tensor, *dims: Sizes, **named: Sizes) -> Tensor:
    """The dimensions in another order: dimension i of the result is dimension ``dims[i]`` of the input. A view.

    Raises RuntimeError unless each dimension is named once.

    >>> import metagrad
    >>> metagrad.zeros(2, 3, 5).permute(2, 0, 1).shape
    metagrad.Size([5, 2, 3])
    """
    order = shape_of(given(dims, named, "dims"))
    ndim = input.array.ndim
    if len(order) != ndim:
        raise RuntimeError(f"permute: got {len(order)} dims for a tensor of {ndim} dimensions: {order}")
    return Permute.apply(input, dims=dimensions(order, ndim) if ndim else ())


@asks_for_a_tensor
def transpose(input: Tensor, dim0: Any, dim1: int | None = None, *more: int) -> Tensor:
    """Two dimensions swapped; with a whole permutation, ``transpose((1, 0, 2))``, NumPy's transpose. A view.

    >>> import metagrad
    >>> metagrad.zeros(2, 3).transpose(0, 1).shape
    metagrad.Size([3, 2])
    """
    if dim1 is None and isinstance(dim0, int):
        raise TypeError('transpose() missing 1 required positional arguments: "dim1"')
    if dim1 is None or more:
        return permute(input, dim0 if dim1 is None else (dim0, dim1, *more))
    ndim = input.array.ndim
    a, b = dimension(dim0, ndim), dimension(dim1, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return Transpose.apply(input, dims=tuple(order))


swapdims = transpose


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """``transpose`` with NumPy's names.

    >>> import metagrad
    >>> metagrad.swapaxes(metagrad.zeros(2, 3, 5), 0, 2).shape
    metagrad.Size([5, 3, 2])
    """
    return transpose(input, axis0, axis1)


@asks_for_a_tensor
def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and numbers as they are.

    (m, n) becomes (n, m). Raises RuntimeError for three or more dimensions.

    >>> import metagrad
    >>> metagrad.t(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input.array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.array.ndim}D")
    return T.apply(input, dims=tuple(range(input.array.ndim))[::-1])


@asks_for_a_tensor
def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Dimensions moved to other positions, the rest in their order. A view.

    Raises RuntimeError unless there are as many destinations as sources.

    >>> import metagrad
    >>> metagrad.movedim(metagrad.zeros(2, 3, 5), 0, -1).shape
    metagrad.Size([3, 5, 2])
    """
    ndim = input.array.ndim
    src, dst = _moved("source", source, ndim), _moved("destination", destination, ndim)
    if len(src) != len(dst):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({_listed(source)} dims) should contain the same number of "
            f"dims as destination ({_listed(destination)} dims)"
        )
    order = [d for d in range(ndim) if d not in src]
    for to, d in sorted(zip(dst, src, strict=True)):
        order.insert(to, d)
    return Permute.apply(input, dims=tuple(order))


def _listed(dims: int | Sequence[int]) -> list[int]:
    return [dims] if isinstance(dims, int) else list(dims)


def _moved(name: str, dims: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Dimensions counted from the front, none without dimensions; RuntimeError if one is there twice."""
    found = tuple([dimension(d, ndim) for d in _listed(dims)])
    if len(set(found)) != len(found):
        raise RuntimeError(f"movedim: repeated dim in `{name}` ({_listed(dims)})")
    return found if ndim else ()


moveaxis = movedim


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions swapped, and the conjugate of complex numbers.

    (*, m, n) becomes (*, n, m). Raises RuntimeError for a vector.

    >>> import metagrad
    >>> metagrad.adjoint(metagrad.tensor([[1 + 2j, 3j]]))
    tensor([[1.-2.j],
            [0.-3.j]])
    """
    swapped = matrices_transposed(input, "adjoint()")
    if swapped.array.dtype.kind != "c":
        return swapped
    found = Conj.apply(swapped)
    return found if id(input) in conjugated else mark(found, conjugated)


def matrices_transposed(input: Tensor, name: str) -> Tensor:
    """The last two dimensions swapped; a number as it is. A view.

    Raises RuntimeError for a vector.

    >>> import metagrad
    >>> matrices_transposed(metagrad.zeros(5, 2, 3), "mT").shape
    metagrad.Size([5, 3, 2])
    """
    if input.array.ndim == 1:
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return transpose(input, -2, -1) if input.array.ndim else input


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
