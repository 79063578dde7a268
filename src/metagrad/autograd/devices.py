"""Tensors and devices: moving as an op, and numbers of the CPU beside tensors of a GPU.

PyTorch takes a tensor of the CPU without dimensions, such as ``tensor(2.0)``, for a number wherever the other tensors are. CuPy
does not. So an op that failed on such a pair is applied again, after the numbers were moved: a recorded op, which brings
gradients back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable, unwrap
from metagrad.base.device import META, move, of_array, out_of_memory
from metagrad.base.device import device as Device
from metagrad.base.typing import Array
from metagrad.kernels.libraries import is_on_gpu


class Move(Function):
    """y = x on another device;   ∂L/∂x = ∂L/∂y, brought back."""

    def forward(self, x: Array, to: Device) -> Array:
        self.home = of_array(x)
        return move(x, to)

    def backward(self, grad: Array) -> Array:
        return Move.on(grad, to=self.home)


def apart(values: Iterable[Any]) -> RuntimeError | None:
    """What to raise where tensors or arrays with dimensions are on the CPU and on another device, in PyTorch's words; None if not.

    >>> apart([np.zeros(2), 1.0])
    """
    arrays = [unwrap(x) for value in values for x in (value if isinstance(value, (tuple, list)) else (value,))]
    gpu = next((of_array(a) for a in arrays if is_on_gpu(a)), None)
    if gpu is None and any(getattr(a, "device", None) == "meta" for a in arrays):
        gpu = META
    if gpu is None or not any(isinstance(a, np.ndarray) and a.ndim for a in arrays):
        return None
    return RuntimeError(
        f"Expected all tensors to be on the same device, but found at least two devices, {gpu} and cpu! Move them with .to()"
    )


def beside_gpu(inputs: tuple[Any, ...], refused: Exception, params: Mapping[str, Any]) -> list[Any]:
    """The inputs of an op with the CPU's 0-d tensors moved to the GPU of the others. Raises ``refused`` if that changes nothing.

    That a GPU is full, or that tensors, or the indices among the parameters, are of two devices, is said in PyTorch's words.
    """
    if isinstance(refused, MemoryError):
        raise out_of_memory(refused)
    if (mixed := apart((*inputs, *params.values()))) is not None:
        raise mixed
    of_gpu = [unwrap(x) for x in inputs if is_on_gpu(unwrap(x))]
    is_number = [isinstance(a, np.ndarray) and not a.ndim for a in map(unwrap, inputs)]
    if not of_gpu or not any(is_number):
        raise refused
    to = of_array(of_gpu[0])
    return [_moved(x, to) if number else x for x, number in zip(inputs, is_number, strict=True)]


def _moved(x: Any, to: Device) -> Any:
    return Move.apply(x, to=to) if isinstance(x, Variable) else move(x, to)


Function.beside_gpu = beside_gpu
