"""Tensors repeated without copying, to a shape that others broadcast to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.errors import unbroadcastable
from metagrad.autograd.views import ViewFunction
from metagrad.base.dtypes import scalar_name
from metagrad.base.size import Size
from metagrad.base.typing import Array, Sizes
from metagrad.kernels.libraries import repeated
from metagrad.ops.arguments import asks_for_a_tensor, asks_for_tensors, given, shape_of

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["broadcast_shapes", "broadcast_tensors", "broadcast_to"]


class Expand(ViewFunction):
    """Repeats dimensions of extent 1 without copying; the backward pass sums the gradient over the repetitions."""

    def forward(self, x: Array, shape: tuple[int, ...]) -> Array:
        view = repeated(x, shape)
        if view.size == x.size and getattr(x.flags, "writeable", False) and isinstance(view, np.ndarray):
            view.flags.writeable = True  # NumPy's are read-only even where nothing is repeated
        return view

    def backward(self, grad: Array) -> Array:
        return grad


def expand(input: Tensor, *sizes: Sizes, **named: Sizes) -> Tensor:
    """Dimensions of extent 1 repeated, without copying: to read, not to write. −1 keeps an extent.

    Raises RuntimeError unless all other extents stay.

    >>> import metagrad
    >>> metagrad.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    size, shape = shape_of(given(sizes, named, "size")), tuple(input.array.shape)
    new = len(size) - len(shape)
    if new < 0:
        raise RuntimeError(
            f"expand(torch.{scalar_name(input.dtype)}Tensor{{{list(shape)}}}, size={list(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    full = [shape[i - new] if n == -1 and i >= new else n for i, n in enumerate(size)] if -1 in size else size
    for i, n in enumerate(shape):
        if n != 1 and n != full[new + i]:
            raise RuntimeError(
                f"The expanded size of the tensor ({full[new + i]}) must match the existing size ({n}) at "
                f"non-singleton dimension {new + i}.  Target sizes: {list(size)}.  Tensor sizes: {list(shape)}"
            )
    if full and min(full) < 0:
        raise RuntimeError(f"expand: -1 is not allowed in a leading, non-existing dimension: {list(size)}")
    return Expand.apply(input, shape=tuple(full))


@asks_for_tensors
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """``input.expand`` to the shape of ``other``.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).expand_as(metagrad.zeros(2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, other.array.shape)


@asks_for_a_tensor
def broadcast_to(input: Tensor, *size: Sizes, **named: Sizes) -> Tensor:
    """``input.expand(size)``.

    >>> import metagrad
    >>> metagrad.broadcast_to(metagrad.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, shape_of(given(size, named, "size")))


@asks_for_tensors
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape they broadcast to.

    Raises RuntimeError if they do not broadcast.

    >>> import metagrad
    >>> [x.shape for x in metagrad.broadcast_tensors(metagrad.zeros(3, 1), metagrad.zeros(2))]
    [metagrad.Size([3, 2]), metagrad.Size([3, 2])]
    """
    shape = broadcast_shapes(*(tuple(x.shape) for x in tensors))
    return tuple(x if tuple(x.shape) == shape else expand(x, shape) for x in tensors)


def broadcast_shapes(*shapes: Sizes) -> tuple[int, ...]:
    """The shape that tensors of these shapes broadcast to.

    Raises RuntimeError if they do not broadcast.

    >>> import metagrad
    >>> metagrad.broadcast_shapes((3, 1), (2,))
    metagrad.Size([3, 2])
    """
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError as error:
        if "negative" in str(error):
            raise ValueError(f"shapes {shapes} do not broadcast: {error}") from None
        raise unbroadcastable("broadcasting", [(n,) if isinstance(n, int) else tuple(n) for n in shapes]) from None
