"""The inverse functions of sine and its relatives, and the hyperbolic ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import unwrap
from metagrad.base.typing import Array
from metagrad.ops.operands import floating
from metagrad.ops.out import takes_out
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.trigonometric import acos, asin, atan, atan2

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asinh", "atanh", "cosh", "sinh",
    "tanh",
]  # fmt: skip


class Sinh(Pointwise):
    """y = sinh x,   ∂L/∂x = ∂L/∂y · cosh x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.sinh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * conj(Cosh.on(x))


class Cosh(Pointwise):
    """y = cosh x,   ∂L/∂x = ∂L/∂y · sinh x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.cosh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * conj(Sinh.on(x))


class Asinh(Pointwise):
    """y = arsinh x,   ∂L/∂x = ∂L/∂y / √(x² + 1)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arcsinh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * conj(1 / np.sqrt(x * x + 1))


class Acosh(Pointwise):
    """y = arcosh x,   ∂L/∂x = ∂L/∂y / √(x² − 1)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arccosh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        if unwrap(x).dtype.kind == "c":  # the square of a large one would overflow
            return grad * conj(1 / np.sqrt(x + 1) / np.sqrt(x - 1))
        return grad * (1 / np.sqrt(x * x - 1))


class Atanh(Pointwise):
    """y = artanh x,   ∂L/∂x = ∂L/∂y / (1 − x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arctanh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad / conj(1 - x * x)


@takes_out
def sinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sinh x = (eˣ − e⁻ˣ) / 2."""
    return Sinh.apply(floating(input))


@takes_out
def cosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """cosh x = (eˣ + e⁻ˣ) / 2."""
    return Cosh.apply(floating(input))


@takes_out
def asinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of sinh."""
    return Asinh.apply(floating(input))


@takes_out
def acosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of cosh; nan below 1."""
    return Acosh.apply(floating(input))


@takes_out
def atanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of tanh; nan outside of [−1, 1]."""
    return Atanh.apply(floating(input))


arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arcsinh, arccosh, arctanh = asinh, acosh, atanh


class Tanh(Pointwise):
    """y = tanh x,   ∂L/∂x = ∂L/∂y · (1 − y²)."""

    def forward(self, x: Array) -> Array:
        y = np.tanh(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        y = conj(y)
        return grad * (1 - y * y)


@takes_out
def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic tangent, (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), element by element: between −1 and 1.

    >>> import metagrad
    >>> metagrad.tanh(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return Tanh.apply(floating(input))
