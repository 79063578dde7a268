"""Sine, cosine, tangent and their inverses, and functions of angles. In the formulas y is the result and L the loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from metagrad.autograd.composites import repeatable
from metagrad.autograd.node_names import named
from metagrad.base.typing import Array
from metagrad.ops.arguments import floating, takes_out
from metagrad.ops.operands import float_operands, in_single, need_numbers, need_tensors, operands, promoted_in_single
from metagrad.ops.pointwise.arithmetic import conj, mul
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "acos", "arccos", "arcsin", "arctan", "arctan2", "asin", "atan", "atan2", "cos", "deg2rad", "hypot", "rad2deg", "sin",
    "sinc", "tan",
]  # fmt: skip


class Sin(Pointwise):
    """y = sin x,   ∂L/∂x = ∂L/∂y · cos x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.sin(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * conj(np.cos(x))


@takes_out
def sin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Sine of angles in radians, element by element: between −1 and 1.

    >>> import metagrad
    >>> metagrad.sin(metagrad.tensor([0.0, metagrad.pi / 2]))
    tensor([0., 1.])
    """
    return Sin.apply(floating(input))


class Cos(Pointwise):
    """y = cos x,   ∂L/∂x = −∂L/∂y · sin x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.cos(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return -grad * conj(np.sin(x))


@takes_out
def cos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Cosine of angles in radians, element by element: between −1 and 1.

    >>> import metagrad
    >>> metagrad.cos(metagrad.tensor([0.0, metagrad.pi]))
    tensor([ 1., -1.])
    """
    return Cos.apply(floating(input))


class Tan(Pointwise):
    """y = tan x,   ∂L/∂x = ∂L/∂y · (1 + y²)."""

    def forward(self, x: Array) -> Array:
        y = np.tan(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        y = conj(y)
        return grad * (y * y + 1)


@takes_out
def tan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Tangent of angles in radians, sin x / cos x, element by element.

    >>> import metagrad
    >>> metagrad.tan(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5574])
    """
    return Tan.apply(floating(input))


class Asin(Pointwise):
    """y = arcsin x,   ∂L/∂x = ∂L/∂y / √(1 − x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arcsin(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * conj(1 / np.sqrt(1 - x * x))


@takes_out
def asin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """arcsin x, in radians between −π/2 and π/2; nan outside of [−1, 1].

    >>> import metagrad
    >>> metagrad.asin(metagrad.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.5708,  0.0000,     nan])
    """
    return Asin.apply(floating(input))


class Acos(Pointwise):
    """y = arccos x,   ∂L/∂x = −∂L/∂y / √(1 − x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arccos(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return -grad * conj(1 / np.sqrt(1 - x * x))


@takes_out
def acos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """arccos x, in radians between 0 and π; nan outside of [−1, 1].

    >>> import metagrad
    >>> metagrad.acos(metagrad.tensor([-1.0, 1.0]))
    tensor([3.1416, 0.0000])
    """
    return Acos.apply(floating(input))


class Atan(Pointwise):
    """y = arctan x,   ∂L/∂x = ∂L/∂y / (1 + x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.arctan(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad / conj(x * x + 1)


@takes_out
def atan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """arctan x, in radians between −π/2 and π/2; of both coordinates of a point, see ``atan2``.

    >>> import metagrad
    >>> metagrad.atan(metagrad.tensor([1.0, float("inf")]))
    tensor([0.7854, 1.5708])
    """
    return Atan.apply(floating(input))


class Atan2(Pointwise):
    """z, the angle of the point (y, x);   ∂L/∂y = ∂L/∂z · x / (x² + y²),   ∂L/∂x = −∂L/∂z · y / (x² + y²)."""

    def forward(self, y: Array, x: Array) -> Array:
        self.save(y, x)
        return np.arctan2(y, x)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (y, x), (needs_y, needs_x) = self.saved, self.needs
        square = x * x + y * y
        scaled = np.where(square == 0, 0, grad / square)
        return scaled * x if needs_y else None, -scaled * y if needs_x else None


@takes_out
@promoted_in_single
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of the point with ordinate ``input`` and abscissa ``other``, in radians between −π and π.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.atan2(metagrad.tensor([1.0, 0.0]), metagrad.tensor([0.0, -1.0]))
    tensor([1.5708, 3.1416])
    """
    need_tensors("atan2", input=input, other=other)
    return Atan2.apply(*float_operands(input, other))


class Hypot(Pointwise):
    """z = √(x² + y²),   ∂L/∂x = ∂L/∂z · x / z,   ∂L/∂y = ∂L/∂z · y / z."""

    one_by_one = "ef"

    def forward(self, x: Array, y: Array) -> Array:
        z = np.hypot(x, y)
        self.save(x if self.needs[0] else None, y if self.needs[1] else None, z)
        return z

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (x, y, z), (needs_x, needs_y) = self.saved, self.needs
        return grad * (x / z) if needs_x else None, grad * (y / z) if needs_y else None


@takes_out
@promoted_in_single
def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The length of the hypotenuse, √(x² + y²), without overflow on the way.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.hypot(metagrad.tensor([3.0, 3e+30]), metagrad.tensor([4.0, 4e+30]))
    tensor([5.0000e+00, 5.0000e+30])
    """
    need_tensors("hypot", input=input, other=other)
    need_numbers("hypot", input, other, category=2)
    return Hypot.apply(*operands(input, other))


class Sinc(Pointwise):
    """y = sin(πx) / (πx), 1 at 0;   ∂L/∂x = ∂L/∂y · (cos(πx) − y) / x, 0 at 0."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.sinc(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        zero = x * x * math.pi == 0  # or so near that the square vanishes
        safe = np.where(zero, 1, x)
        angle = math.pi * safe
        return np.where(zero, 0, grad * conj((angle * np.cos(angle) - np.sin(angle)) / (angle * safe)))


@takes_out
@in_single
def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(πx) / (πx), 1 at 0 and 0 at the other integers: the Fourier transform of a box.

    >>> import metagrad
    >>> metagrad.sinc(metagrad.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """
    return Sinc.apply(floating(input))


@takes_out
def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees in radians, x π / 180.

    >>> import metagrad
    >>> metagrad.deg2rad(metagrad.tensor([180.0, 90.0]))
    tensor([3.1416, 1.5708])
    """
    return _scaled(_angles(input, "deg2rad"), math.pi / 180, "Deg2Rad")


@takes_out
def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians in degrees, x 180 / π.

    >>> import metagrad
    >>> metagrad.rad2deg(metagrad.tensor([metagrad.pi]))
    tensor([180.])
    """
    return _scaled(_angles(input, "rad2deg"), 180 / math.pi, "Rad2Deg")


def _scaled(input: Tensor, factor: float, name: str) -> Tensor:
    return cast("Tensor", repeatable(named(mul(input, factor), name)))


def _angles(input: Tensor, name: str) -> Tensor:
    if input.is_complex():
        raise RuntimeError(f"{name} is not supported for complex tensors.")
    return floating(input)


arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2  # NumPy's names
