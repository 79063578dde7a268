"""Elements in another order: reversed, shifted around, or turned by right angles."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as, named
from metagrad.base.channels_last import laid_out_as
from metagrad.base.layouts import contiguous_format, in_order
from metagrad.base.result_order import memory_by
from metagrad.base.typing import Array, Dims
from metagrad.kernels.copying import flipped, rolled
from metagrad.ops.arguments import asks_for_a_tensor, axes, dimension, shape_of
from metagrad.ops.shape.copying import clone
from metagrad.ops.shape.permuting import transpose

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["flip", "fliplr", "flipud", "roll", "rot90"]


class Flip(Function):
    """y = x in reverse order along dimensions;   ∂L/∂x = ∂L/∂y reversed."""

    def forward(self, x: Array, axis: tuple[int, ...]) -> Array:
        self.axis = axis
        return flipped(x, axis, memory_by(x, x.dtype))

    def backward(self, grad: Array) -> Array:
        return Flip.on(grad, axis=self.axis)


class Roll(Function):
    """y = x shifted along dimensions, what falls off one end coming in at the other;   ∂L/∂x = ∂L/∂y shifted back."""

    def forward(self, x: Array, shifts: tuple[int, ...], axis: tuple[int, ...] | None) -> Array:
        self.shifts, self.axis = shifts, axis
        y = np.roll(x, shifts[0]) if axis is None else rolled(x, shifts, axis)
        return in_order(y) if axis is None else laid_out_as(in_order(y), x)

    def backward(self, grad: Array) -> Array:
        return Roll.on(grad, shifts=tuple(-s for s in self.shifts), axis=self.axis)


@asks_for_a_tensor
def flip(input: Tensor, *args: int | Sequence[int], dims: Dims = None, axis: Dims = None) -> Tensor:
    """The elements in reverse order along ``dims``. A copy.

    >>> import metagrad
    >>> metagrad.flip(metagrad.tensor([1, 2, 3]), dims=(0,))
    tensor([3, 2, 1])
    """
    named = dims if axis is None else axis
    if named is None and not args:
        raise TypeError('flip() missing 1 required positional arguments: "dims"')
    order = shape_of(args if named is None else (named,))
    return Flip.apply(input, axis=axes(order, input.array.ndim) if order else ())


@asks_for_a_tensor
def fliplr(input: Tensor) -> Tensor:
    """Left and right exchanged: the second dimension in reverse order. A copy.

    (m, n, *) keeps its shape. Raises RuntimeError for fewer than two dimensions.

    >>> import metagrad
    >>> metagrad.fliplr(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.array.ndim < 2:
        raise RuntimeError(f"fliplr: Input must be >= 2-d. Got {input.array.ndim}-d")
    return flip(input, 1)


@asks_for_a_tensor
def flipud(input: Tensor) -> Tensor:
    """Top and bottom exchanged: the first dimension in reverse order. A copy.

    (m, *) keeps its shape. Raises RuntimeError for a tensor without dimensions.

    >>> import metagrad
    >>> metagrad.flipud(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if input.array.ndim < 1:
        raise RuntimeError("flipud: Input must be >= 1-d. Got 0-d")
    return flip(input, 0)


@asks_for_a_tensor
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """The plane of two dimensions turned by k · 90°, from the first towards the second. A copy.

    Raises RuntimeError unless ``dims`` are two different dimensions.

    >>> import metagrad
    >>> metagrad.rot90(metagrad.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    ndim = input.array.ndim
    if len(dims) != 2:
        raise RuntimeError(f"rot90: expected total rotation dims == 2, but got dims = {tuple(dims)}")
    if ndim < 2:
        raise RuntimeError(f"rot90: expected total dims >= 2, but got total dims = {ndim}")
    a, b = (dimension(d, ndim) for d in dims)
    if a == b:
        raise RuntimeError(
            f"rot90: expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    turns = operator.index(k) % 4
    if turns == 0:
        return named(clone(input, memory_format=contiguous_format), "Rot90")
    turned = flip(input, a, b) if turns == 2 else transpose(flip(input, b if turns == 1 else a), a, b)
    return named(turned, "Rot90")


@asks_for_a_tensor
@known_as("Roll")
def roll(input: Tensor, shifts: int | Sequence[int], dims: Dims = None) -> Tensor:
    """The elements shifted along ``dims`` (flattened, if None); what falls off one end comes in at the other.

    y[(i + shift) mod n] = x[i]. Raises RuntimeError unless there are as many shifts as dimensions.

    >>> import metagrad
    >>> metagrad.roll(metagrad.tensor([1, 2, 3, 4]), 1)
    tensor([4, 1, 2, 3])
    """
    by = shape_of((shifts,))
    if not by:
        raise RuntimeError("roll: `shifts` required")
    along = None if dims is None else shape_of((dims,))
    if len(by) != (1 if along is None else len(along)):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along or ())}")
    if not input.array.size:
        return clone(input)
    if along and not input.array.ndim:
        raise IndexError(f"roll: Dimension specified as {along[0]} but tensor has no dimensions")
    axis = None if along is None else tuple(dimension(d, input.array.ndim) for d in along)
    return Roll.apply(input, shifts=by, axis=axis)
