"""Questions about a tensor: its dtype, its size, its device."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from metagrad.autograd.inference import Untracked
from metagrad.autograd.variable import Variable
from metagrad.autograd.views import conjugated, negated
from metagrad.base.device import of_array
from metagrad.ops.arguments import asks_for_a_tensor, asks_for_tensors

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "get_device", "is_complex", "is_conj", "is_floating_point", "is_inference", "is_neg", "is_nonzero", "is_same_size",
    "is_signed", "is_tensor", "numel",
]  # fmt: skip


@asks_for_tensors
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape.

    >>> import metagrad
    >>> metagrad.is_same_size(metagrad.zeros(2, 3), metagrad.zeros(3, 2))
    False
    """
    return tuple(input.shape) == tuple(other.shape)


def is_signed(input: Tensor) -> bool:
    """Whether the tensor's dtype holds negative numbers.

    >>> import metagrad
    >>> metagrad.is_signed(metagrad.tensor([1])), metagrad.is_signed(metagrad.tensor([True]))
    (True, False)
    """
    return input.dtype.is_signed


def get_device(input: Tensor) -> int:
    """The number of the GPU a tensor is on; −1 on the CPU.

    >>> import metagrad
    >>> metagrad.get_device(metagrad.zeros(2))
    -1
    """
    where = of_array(input.array)
    return -1 if where.type == "cpu" else where.index or 0


@asks_for_a_tensor
def is_conj(input: Tensor) -> bool:
    """Whether the tensor is what ``conj`` made of another, or a view of that. It has been computed; PyTorch would put it off.

    >>> import metagrad
    >>> x = metagrad.tensor([1j]).conj()
    >>> metagrad.is_conj(x), metagrad.is_conj(x.resolve_conj()), metagrad.is_conj(x.conj())
    (True, False, False)
    """
    return id(input) in conjugated


@asks_for_a_tensor
def is_neg(input: Tensor) -> bool:
    """Whether the tensor is the imaginary part of what ``conj`` made, whose negation PyTorch would put off.

    >>> import metagrad
    >>> metagrad.is_neg(-metagrad.ones(2)), metagrad.is_neg(metagrad.tensor([1j]).conj().imag)
    (False, True)
    """
    return id(input) in negated


def is_inference(input: Tensor) -> bool:
    """Whether the tensor was made in ``inference_mode``, which forbids gradients for good.

    >>> import metagrad
    >>> with metagrad.inference_mode():
    ...     x = metagrad.ones(2)
    >>> metagrad.is_inference(x), metagrad.is_inference(x.clone())
    (True, False)
    """
    return isinstance(input._counter, Untracked)


def is_tensor(obj: object) -> bool:
    """Whether it is a metagrad tensor.

    >>> import metagrad
    >>> metagrad.is_tensor(metagrad.ones(2)), metagrad.is_tensor([1.0, 1.0])
    (True, False)
    """
    return isinstance(obj, Variable)


@asks_for_a_tensor
def is_floating_point(input: Tensor) -> bool:
    """Whether its dtype is a real floating-point one.

    >>> import metagrad
    >>> metagrad.is_floating_point(metagrad.tensor([1.0])), metagrad.is_floating_point(metagrad.tensor([1]))
    (True, False)
    """
    return input.dtype.is_floating_point


@asks_for_a_tensor
def is_complex(input: Tensor) -> bool:
    """Whether its dtype is complex.

    >>> import metagrad
    >>> metagrad.is_complex(metagrad.tensor([1j]))
    True
    """
    return input.dtype.is_complex


@asks_for_a_tensor
@asks_for_a_tensor
def is_nonzero(input: Tensor) -> bool:
    """Whether a tensor of one element is not zero.

    Raises RuntimeError for more than one element, or none.

    >>> import metagrad
    >>> metagrad.is_nonzero(metagrad.tensor([0.0]))
    False
    """
    return builtins.bool(input)


@asks_for_a_tensor
def numel(input: Tensor) -> int:
    """The number of elements.

    >>> import metagrad
    >>> metagrad.numel(metagrad.zeros(2, 3))
    6
    """
    return int(input.array.size)
