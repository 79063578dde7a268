"""Hyperbolic functions, tanh first, and their inverses. In the formulas y is the result and L the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import unwrap
from metagrad.base.typing import Array
from metagrad.ops.arguments import floating, takes_out
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["acosh", "arccosh", "arcsinh", "arctanh", "asinh", "atanh", "cosh", "sinh", "tanh"]


class Tanh(Pointwise):
    """y = tanh x,   ∂L/∂x = ∂L/∂y · (1 − y²)."""

    def forward(self, x: Array) -> Array:
        y = np.tanh(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad * (1 - y * y).conj()


@takes_out
def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Hyperbolic tangent, (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), element by element: between −1 and 1.

    >>> import metagrad
    >>> metagrad.tanh(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return Tanh.apply(floating(input))


class Sinh(Pointwise):
    """y = sinh x,   ∂L/∂x = ∂L/∂y · cosh x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.sinh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * Cosh.on(x).conj()


@takes_out
def sinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sinh x = (eˣ − e⁻ˣ) / 2, element by element.

    >>> import metagrad
    >>> metagrad.sinh(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 1.1752])
    """
    return Sinh.apply(floating(input))


class Cosh(Pointwise):
    """y = cosh x,   ∂L/∂x = ∂L/∂y · sinh x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.cosh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * Sinh.on(x).conj()


@takes_out
def cosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """cosh x = (eˣ + e⁻ˣ) / 2, element by element.

    >>> import metagrad
    >>> metagrad.cosh(metagrad.tensor([0.0, 1.0]))
    tensor([1.0000, 1.5431])
    """
    return Cosh.apply(floating(input))


class Asinh(Pointwise):
    """y = arsinh x,   ∂L/∂x = ∂L/∂y / √(x² + 1)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arcsinh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * (1 / np.sqrt(x * x + 1)).conj()


@takes_out
def asinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of sinh, ln(x + √(x² + 1)), element by element.

    >>> import metagrad
    >>> metagrad.asinh(metagrad.sinh(metagrad.tensor([-2.0, 0.5])))
    tensor([-2.0000,  0.5000])
    """
    return Asinh.apply(floating(input))


class Acosh(Pointwise):
    """y = arcosh x,   ∂L/∂x = ∂L/∂y / √(x² − 1)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arccosh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        if unwrap(x).dtype.kind == "c":  # the square of a large one would overflow
            return grad * (1 / np.sqrt(x + 1) / np.sqrt(x - 1)).conj()
        return grad * (1 / np.sqrt(x * x - 1))


@takes_out
def acosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of cosh, ln(x + √(x² − 1)), element by element; nan below 1.

    >>> import metagrad
    >>> metagrad.acosh(metagrad.tensor([1.0, 2.0, 0.5]))
    tensor([0.0000, 1.3170,    nan])
    """
    return Acosh.apply(floating(input))


class Atanh(Pointwise):
    """y = artanh x,   ∂L/∂x = ∂L/∂y / (1 − x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arctanh(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad / (1 - x * x).conj()


@takes_out
def atanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of tanh, ½ ln((1 + x) / (1 − x)), element by element; ±∞ at ±1, nan outside.

    >>> import metagrad
    >>> metagrad.atanh(metagrad.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.5493,    inf])
    """
    return Atanh.apply(floating(input))


arcsinh, arccosh, arctanh = asinh, acosh, atanh  # NumPy's names
