"""Dropout: random zeros while training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array
from metagrad.device import move, of_array
from metagrad.random import numpy_generator

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

__all__ = ["dropout"]


class Dropout(Function):
    """y = x · m / (1 − p), m random zeros (with chance p) and ones;   ∂L/∂x = ∂L/∂y · m / (1 − p)."""

    def forward(self, x: Array, p: float) -> Array:
        kept = np.asarray(numpy_generator().random(x.shape, np.float32) >= p).astype(x.real.dtype)
        if p < 1:  # otherwise none is kept
            kept *= 1 / (1 - p)
        self.scale = move(kept, of_array(x))
        return x * self.scale

    def backward(self, grad: Any) -> Any:
        return grad * self.scale


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """While training, zero each element with probability ``p`` and scale the rest by 1 / (1 − p), so that the
    expectation stays; otherwise the input itself (Srivastava et al. 2014).

    >>> import metagrad
    >>> metagrad.nn.functional.dropout(metagrad.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    out = Dropout.apply(input, p=p)
    return input.copy_(out) if inplace else out
