"""The squared error, Huber's, which is linear far from the truth, and that of a score: forward and gradient."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base.typing import Array
from metagrad.kernels.quicker import exponential
from metagrad.nn.functional.reduction import known, reduced
from metagrad.ops.pointwise.activation import logistic_share
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.reduce.reduction import spread

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


def _huber_factors(d: Array, delta: float) -> tuple[Array, Array]:
    """The same before the product; d is written over. A clip takes a third of the time of a minimum with a number."""
    size = np.abs(d, out=d)
    limited = np.clip(size, 0, delta)
    size -= limited * 0.5
    return limited, size


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


@functools.cache
def _summed() -> ModuleType:
    """The kernel, which a program without such losses does without."""
    from metagrad.kernels import summed

    return summed


class _Total(Function):
    """y = Σ l / n of the losses l of two arrays, which are not written down;   the gradient of every l is ∂L/∂y / n."""

    count: int
    losses: ClassVar[Any]  # the op that makes each of them, whose backward serves this one too
    loops = None

    def backward(self, grad: Array) -> Any:
        shape = self.saved[0].shape
        return self.losses.backward(self, spread(grad / self.count, shape, tuple(range(len(shape)))))


class TotalSquaredError(_Total):
    """y = Σ (x − t)² / n."""

    losses = SquaredError

    def forward(self, x: Array, y: Array, count: int) -> Array:
        self.save(x, y)
        self.count = count
        total: Array = _summed().of_differences(lambda d: (d, d), x, y)
        return total / count


class TotalHuber(_Total):
    """y = Σ l / n of ``HuberOfTwo``."""

    losses = HuberOfTwo

    def forward(self, x: Array, y: Array, delta: float, count: int) -> Array:
        self.save(x, y)
        self.delta, self.count = delta, count
        total: Array = _summed().of_differences(lambda d: _huber_factors(d, delta), x, y)
        return total / count


def squared_error(x: Tensor, y: Tensor, reduction: str) -> Tensor:
    """The losses (x − y)² of tensors that are ``alike``, reduced."""
    reduction = known(reduction)
    if reduction != "none" and _summed().fits(x.array, y.array):
        return TotalSquaredError.apply(x, y, count=x.array.size if reduction == "mean" else 1)
    return reduced(SquaredError.apply(x, y), reduction)


def huber(x: Tensor, y: Tensor, delta: float, reduction: str) -> Tensor:
    """Huber's losses of tensors that are ``alike``, reduced."""
    reduction = known(reduction)
    if reduction != "none" and _summed().fits(x.array, y.array):
        return TotalHuber.apply(x, y, delta=delta, count=x.array.size if reduction == "mean" else 1)
    return reduced(HuberOfTwo.apply(x, y, delta=delta), reduction)


def alike(x: Tensor, y: Tensor) -> bool:
    """Whether two tensors are of one shape and dtype, in which a difference need not be rounded before it is used."""
    return x.array.dtype.char in "fd" and x.array.dtype == y.array.dtype and x.array.shape == y.array.shape
