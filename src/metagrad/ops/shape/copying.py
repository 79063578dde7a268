"""Copies, and how their elements lie in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.base.channels_last import suggested
from metagrad.base.layouts import contiguous_format, inverse, memory_format, preserve_format
from metagrad.base.typing import Array
from metagrad.kernels.copying import copied, copied_in_order
from metagrad.ops.arguments import asks_for_a_tensor

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["clone"]


class Clone(Function):
    """y = x in memory of its own;   ∂L/∂x = ∂L/∂y."""

    computes = False

    def forward(self, x: Array, keeps_order: bool = False) -> Array:
        return copied(x, x.dtype) if keeps_order else copied_in_order(x)

    def backward(self, grad: Array) -> Array:
        return grad


@asks_for_a_tensor
def clone(input: Tensor, *, memory_format: memory_format | None = preserve_format) -> Tensor:
    """A copy in memory of its own, with the original's order in memory; the gradient flows through to the original.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0, 2.0])
    >>> y = x.clone()
    >>> y[0] = 5
    >>> x
    tensor([1., 2.])
    """
    if memory_format is preserve_format or memory_format is None:
        return Clone.apply(input, keeps_order=True)
    return _ordered(Clone.apply, input, memory_format)


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """The tensor itself if its elements are in order in memory, otherwise a copy that is.

    >>> import metagrad
    >>> x = metagrad.arange(6).reshape(2, 3).T
    >>> x.stride(), x.contiguous().stride()
    ((1, 3), (2, 1))
    """
    return _ordered(_in_order, input, memory_format)


def formatted_as(result: Tensor, input: Tensor) -> Tensor:
    """A result of images in the format of the input, if that is ``channels_last``; as it is if not.

    >>> import metagrad
    >>> x = metagrad.zeros(2, 3, 4, 4).to(memory_format=metagrad.channels_last)
    >>> formatted_as(metagrad.zeros(2, 3, 8, 8), x).stride()
    (192, 1, 24, 3)
    """
    wanted = suggested(input.array)
    return result if wanted is None else contiguous(result, wanted)


def _in_order(input: Tensor) -> Tensor:
    flags = getattr(input.array, "flags", None)
    return input if flags is None or flags.c_contiguous else Clone.apply(input)


def _ordered(copy: Callable[[Tensor], Tensor], input: Tensor, wanted: memory_format) -> Tensor:
    """A copy whose dimensions are in another order in memory."""
    if not isinstance(wanted, memory_format):
        raise TypeError(
            f"memory_format must be one such as metagrad.channels_last, got {type(wanted).__name__}: {wanted!r:.60}"
        )
    if not wanted.order:
        return copy(input)
    order = wanted.order_of(input.array.ndim)
    moved = input.permute(order)
    copied = copy(moved)
    return input if copied is moved else named(copied.permute(inverse(order)), "Clone")
