"""Tensors as a backend needs them: contiguous NumPy arrays, and the results written back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.autograd.writing import bump
from metagrad.base import device
from metagrad.tensors.tensor import Tensor

Array = Any


def checked(tensor: Any, name: str) -> Tensor:
    """The argument, if it is a tensor; TypeError if not."""
    if not isinstance(tensor, Variable):
        raise TypeError(f"{name} must be a tensor, got {type(tensor).__name__}")
    return tensor  # type: ignore[return-value]


def checked_list(tensors: Any, name: str, count: int) -> list[Tensor]:
    """The argument, if it is a list of ``count`` tensors."""
    if not isinstance(tensors, Sequence) or len(tensors) != count:
        found = f"{len(tensors)}" if isinstance(tensors, Sequence) else type(tensors).__name__
        raise ValueError(f"{name} must be a list with one tensor for each of the {count} ranks, got {found}")
    return [checked(tensor, f"{name}[{i}]") for i, tensor in enumerate(tensors)]


def read(tensor: Tensor) -> Array:
    """The numbers, contiguous: the tensor's own array where it is so already."""
    return np.asarray(device.move(tensor.array, device.CPU), order="C")


def stacked(tensors: Sequence[Tensor]) -> Array:
    """Tensors of one shape as one array (P, …)."""
    return np.stack([read(tensor) for tensor in tensors])


def write(tensor: Tensor, array: Array) -> None:
    """Put a result into a tensor's memory, whatever its strides."""
    if array is not tensor.array:
        array = array.reshape(tensor.array.shape)
        tensor.array[...] = array if isinstance(tensor.array, np.ndarray) else device.move(array, tensor.device)
    bump(tensor)


def described(tensor: Tensor) -> str:
    """Dtype and shape, as messages about calls show them.

    >>> import metagrad
    >>> described(metagrad.zeros(2, 3))
    'float32[2, 3]'
    """
    return f"{tensor.array.dtype.name}{list(tensor.array.shape)}"


def alike(tensors: Sequence[Tensor], like: Tensor, name: str) -> None:
    """ValueError unless all tensors have the shape and dtype of ``like``."""
    for i, tensor in enumerate(tensors):
        if described(tensor) != described(like):
            raise ValueError(
                f"{name}[{i}] is {described(tensor)}, but the other tensors of the call are {described(like)}"
            )
