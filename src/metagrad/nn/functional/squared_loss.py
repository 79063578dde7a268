"""The squared error, Huber's, which is linear far from the truth, and that of a score: forward and gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.quicker import exponential
from metagrad.ops.pointwise.activation import logistic_share
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class Huber(Pointwise):
    """y = d² / 2 where |d| < δ, else δ (|d| − δ/2);   ∂L/∂d = ∂L/∂y · d, limited to [−δ, δ]."""

    def forward(self, d: Array, delta: float) -> Array:
        self.save(d)
        self.delta = delta
        return _huber(d, delta)

    def backward(self, grad: Array) -> Array:
        (d,) = self.saved
        return grad * np.clip(d, -self.delta, self.delta)


def _huber(d: Array, delta: float) -> Array:
    size = np.abs(d)
    limited = np.minimum(size, delta)
    return limited * (size - limited * 0.5)


class HuberOfTwo(Pointwise):
    """``Huber`` of d = x − y, in one pass."""

    def forward(self, x: Array, y: Array, delta: float) -> Array:
        self.save(x, y)
        self.delta = delta
        return _huber(x - y, delta)

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        x, y = self.saved
        g = grad * np.clip(x - y, -self.delta, self.delta)
        return g, -g if self.needs[1] else None


class SquaredError(Pointwise):
    """l = (x − y)²,   ∂L/∂x = 2 ∂L/∂l · (x − y) = −∂L/∂y."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x, y)
        d = x - y
        return d * d

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        x, y = self.saved
        g = grad * (2 * (x - y))
        return g, -g if self.needs[1] else None


class LogisticLoss(Pointwise):
    """l = −y ln σ(x) − (1 − y) ln(1 − σ(x)) = (1 − y) x − min(x, 0) + ln(1 + e^−|x|);

    ∂L/∂x = ∂L/∂l · (σ(x) − y),   ∂L/∂y = −∂L/∂l · x.
    """

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x, y)
        return (1 - y) * x - (np.minimum(x, 0) - np.log1p(exponential(np.abs(x), -1.0)))  # large ones cancel first

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        x, y = self.saved
        return grad * (logistic_share(1, x) - y), -grad * x if self.needs[1] else None


def alike(x: Tensor, y: Tensor) -> bool:
    """Whether two tensors are of one shape and dtype, in which a difference need not be rounded before it is used."""
    return x.array.dtype.char in "fd" and x.array.dtype == y.array.dtype and x.array.shape == y.array.shape
