"""Dropout: random zeros while training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Array
from metagrad.base.device import move, of_array
from metagrad.ops.create.random import numpy_generator
from metagrad.ops.pointwise.chunked import Elementwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["dropout"]


_LARGE = 1 << 19  # elements


class Dropout(Elementwise):
    """y = x · m / (1 − p), m random zeros (with chance p) and ones;   ∂L/∂x = ∂L/∂y · m / (1 − p)."""

    def forward(self, x: Array, kept: Array, scale: float) -> Array:
        self.kept, self.scale = kept, scale
        return (x * kept * scale).astype(x.dtype, copy=False)

    def backward(self, grad: Any) -> Any:
        return grad * self.kept * self.scale, None


def _kept(shape: tuple[int, ...], p: float) -> Array:
    """Random bools, False with probability p: of a large array to 16 bits, which come four at a time."""
    size = math.prod(shape)
    if size < _LARGE or not 0.01 <= p <= 0.99:  # a rare chance needs more bits
        return np.asarray(numpy_generator().random(shape, np.float32) >= p)
    bits: Any = numpy_generator().bit_generator.random_raw(-(-size // 4))
    return bits.view(np.uint16)[:size].reshape(shape) >= round(p * 2**16)


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
    kept = move(_kept(tuple(input.array.shape), p), of_array(input.array))
    out = Dropout.apply(input, kept, scale=1 / (1 - p) if p < 1 else 1.0)  # p = 1: none is kept
    return input.copy_(out) if inplace else out
