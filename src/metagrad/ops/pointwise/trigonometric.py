"""Sine, cosine, and the sigmoid functions tanh and 1 / (1 + e⁻ˣ). In the formulas y is the result and L the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Array
from metagrad.ops.operands import floating
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.chunked import Elementwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["cos", "sigmoid", "sin", "tan", "tanh"]


class Sin(Elementwise):
    """y = sin x,   ∂L/∂x = ∂L/∂y · cos x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.sin(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * conj(np.cos(x))


def sin(input: Tensor) -> Tensor:
    """Sine of angles in radians, element by element."""
    return Sin.apply(floating(input))


class Cos(Elementwise):
    """y = cos x,   ∂L/∂x = −∂L/∂y · sin x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.cos(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return -grad * conj(np.sin(x))


def cos(input: Tensor) -> Tensor:
    """Cosine of angles in radians, element by element."""
    return Cos.apply(floating(input))


class Tan(Elementwise):
    """y = tan x,   ∂L/∂x = ∂L/∂y · (1 + y²)."""

    def forward(self, x: Array) -> Array:
        y = np.tan(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        y = conj(y)
        return grad * (y * y + 1)


def tan(input: Tensor) -> Tensor:
    """Tangent of angles in radians, element by element."""
    return Tan.apply(floating(input))


class Tanh(Elementwise):
    """y = tanh x,   ∂L/∂x = ∂L/∂y · (1 − y²)."""

    def forward(self, x: Array) -> Array:
        y = np.tanh(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        y = conj(y)
        return grad * (1 - y * y)


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent, (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), element by element: between −1 and 1.

    >>> import metagrad
    >>> metagrad.tanh(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return Tanh.apply(floating(input))


class Sigmoid(Elementwise):
    """y = 1 / (1 + e⁻ˣ),   ∂L/∂x = ∂L/∂y · y (1 − y). Where e⁻ˣ overflows, y is 0, as it should be."""

    def forward(self, x: Array) -> Array:
        y = 1 / (np.exp(-x) + 1)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        y = conj(y)
        return grad * (y * (1 - y))


def sigmoid(input: Tensor) -> Tensor:
    """Logistic function 1 / (1 + e⁻ˣ), element by element: between 0 and 1.

    >>> import metagrad
    >>> metagrad.sigmoid(metagrad.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return Sigmoid.apply(floating(input))
