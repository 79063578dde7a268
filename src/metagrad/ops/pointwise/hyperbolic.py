"""The inverse functions of sine and its relatives, and the hyperbolic ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Array
from metagrad.ops.operands import float_operands, floating, need_tensors
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.chunked import Elementwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan",
    "atan2", "atanh", "cosh", "sinh",
]  # fmt: skip


class Asin(Elementwise):
    """y = arcsin x,   ∂L/∂x = ∂L/∂y / √(1 − x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arcsin(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * conj(1 / np.sqrt(1 - x * x))


class Acos(Elementwise):
    """y = arccos x,   ∂L/∂x = −∂L/∂y / √(1 − x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arccos(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return -grad * conj(1 / np.sqrt(1 - x * x))


class Atan(Elementwise):
    """y = arctan x,   ∂L/∂x = ∂L/∂y / (1 + x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arctan(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad / conj(x * x + 1)


class Sinh(Elementwise):
    """y = sinh x,   ∂L/∂x = ∂L/∂y · cosh x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.sinh(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * conj(Cosh.on(x))


class Cosh(Elementwise):
    """y = cosh x,   ∂L/∂x = ∂L/∂y · sinh x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.cosh(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * conj(Sinh.on(x))


class Asinh(Elementwise):
    """y = arsinh x,   ∂L/∂x = ∂L/∂y / √(x² + 1)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arcsinh(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * conj(1 / np.sqrt(x * x + 1))


class Acosh(Elementwise):
    """y = arcosh x,   ∂L/∂x = ∂L/∂y / √(x² − 1)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arccosh(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        if getattr(x, "array", x).dtype.kind == "c":  # the square of a large one would overflow
            return grad * conj(1 / np.sqrt(x + 1) / np.sqrt(x - 1))
        return grad * (1 / np.sqrt(x * x - 1))


class Atanh(Elementwise):
    """y = artanh x,   ∂L/∂x = ∂L/∂y / (1 − x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arctanh(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad / conj(1 - x * x)


class Atan2(Elementwise):
    """z, the angle of the point (y, x);   ∂L/∂y = ∂L/∂z · x / (x² + y²),   ∂L/∂x = −∂L/∂z · y / (x² + y²)."""

    def forward(self, y: Array, x: Array) -> Array:
        self.save(y, x)
        return np.arctan2(y, x)

    def backward(self, grad: Any) -> Any:
        y, x = self.saved
        square = x * x + y * y
        scaled = np.where(square == 0, 0, grad / square)
        return scaled * x, -scaled * y


def asin(input: Tensor) -> Tensor:
    """arcsin x, in radians between −π/2 and π/2; nan outside of [−1, 1]."""
    return Asin.apply(floating(input))


def acos(input: Tensor) -> Tensor:
    """arccos x, in radians between 0 and π; nan outside of [−1, 1]."""
    return Acos.apply(floating(input))


def atan(input: Tensor) -> Tensor:
    """arctan x, in radians between −π/2 and π/2."""
    return Atan.apply(floating(input))


def sinh(input: Tensor) -> Tensor:
    """sinh x = (eˣ − e⁻ˣ) / 2."""
    return Sinh.apply(floating(input))


def cosh(input: Tensor) -> Tensor:
    """cosh x = (eˣ + e⁻ˣ) / 2."""
    return Cosh.apply(floating(input))


def asinh(input: Tensor) -> Tensor:
    """The inverse of sinh."""
    return Asinh.apply(floating(input))


def acosh(input: Tensor) -> Tensor:
    """The inverse of cosh; nan below 1."""
    return Acosh.apply(floating(input))


def atanh(input: Tensor) -> Tensor:
    """The inverse of tanh; nan outside of [−1, 1]."""
    return Atanh.apply(floating(input))


def atan2(input: Tensor, other: Tensor) -> Tensor:
    """The angle of the point with ordinate ``input`` and abscissa ``other``, in radians between −π and π.

    >>> import metagrad
    >>> metagrad.atan2(metagrad.tensor([1.0, 0.0]), metagrad.tensor([0.0, -1.0]))
    tensor([1.5708, 3.1416])
    """
    need_tensors("atan2", input=input, other=other)
    return Atan2.apply(*float_operands(input, other))


arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arcsinh, arccosh, arctanh = asinh, acosh, atanh
