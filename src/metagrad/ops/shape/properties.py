"""Questions about a tensor: its dtype, its size, its device."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from metagrad.autograd.variable import Variable
from metagrad.base.device import of_array

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "get_device", "is_complex", "is_conj", "is_floating_point", "is_inference", "is_neg", "is_nonzero", "is_same_size",
    "is_signed", "is_tensor", "numel",
]  # fmt: skip


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return tuple(input.shape) == tuple(other.shape)


def is_signed(input: Tensor) -> bool:
    """Whether the tensor's dtype holds negative numbers."""
    return input.dtype.is_signed


def get_device(input: Tensor) -> int:
    """The number of the GPU a tensor is on; −1 on the CPU."""
    where = of_array(input.array)
    return -1 if where.type == "cpu" else where.index or 0


def is_conj(input: Tensor) -> bool:
    """Whether a conjugation is put off: never, here."""
    return False


def is_neg(input: Tensor) -> bool:
    """Whether a negation is put off: never, here."""
    return False


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in a mode that forbids gradients for good: never, here."""
    return False


def is_tensor(obj: object) -> bool:
    """Whether it is a metagrad tensor."""
    return isinstance(obj, Variable)


def is_floating_point(input: Tensor) -> bool:
    """Whether its dtype is a real floating-point one."""
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> bool:
    """Whether its dtype is complex."""
    return input.dtype.is_complex


def is_nonzero(input: Tensor) -> bool:
    """Whether a tensor of one element is not zero."""
    return builtins.bool(input)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return int(input.array.size)
