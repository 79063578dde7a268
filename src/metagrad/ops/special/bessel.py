"""Bessel's functions and Airy's. The modified ones I₀ and I₁ have derivatives; the others have none, as in PyTorch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import quiet
from metagrad.autograd.variable import as_array, wrap
from metagrad.base.typing import Array
from metagrad.kernels.special import bessel as kernel
from metagrad.ops.arguments import real, takes_out
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.signs import Sign
from metagrad.ops.special.values import values

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "i0", "i0e", "i1", "i1e", "modified_bessel_i0",
    "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "spherical_bessel_j0",
]  # fmt: skip


def undefined_at_infinity(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """A kernel with nan at ±∞, as PyTorch has it: its formulas multiply 0 by ∞ there, whatever the limit is."""

    @functools.wraps(function)
    def of(x: Array) -> Array:
        found: Array = np.where(np.isinf(x), np.nan, function(x))
        return found

    return of


_i0, _i1, _j0, _j1, _y0, _y1 = (
    undefined_at_infinity(function) for function in (kernel.i0, kernel.i1, kernel.j0, kernel.j1, kernel.y0, kernel.y1)
)


class I0(Pointwise):
    """y = I₀(x),   ∂L/∂x = ∂L/∂y · I₁(x)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return values(_i0, x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * I1.on(x)


@takes_out
def i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """I₀(x), the modified Bessel function of the first kind of order 0.

    >>> import metagrad
    >>> metagrad.special.i0(metagrad.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return I0.apply(real("i0", input))


class I1(Pointwise):
    """y = I₁(x),   ∂L/∂x = ∂L/∂y · (I₀(x) − y / x), ½ at 0."""

    def forward(self, x: Array) -> Array:
        y = values(_i1, x)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        small = ~(x * x > 0)  # 0, or so near that the square vanishes; and nan
        return grad * np.where(small, 0.5, I0.on(x) - y / np.where(small, 1, x))


@takes_out
def i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """I₁(x), the modified Bessel function of the first kind of order 1.

    >>> import metagrad
    >>> metagrad.special.i1(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return I1.apply(real("i1", input))


class I0e(Pointwise):
    """y = exp(−|x|) I₀(x),   ∂L/∂x = ∂L/∂y · (exp(−|x|) I₁(x) − sgn(x) y)."""

    def forward(self, x: Array) -> Array:
        y = values(kernel.i0e, x)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        return grad * (I1e.on(x) - Sign.on(x) * y)


@takes_out
def i0e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(−|x|) I₀(x), which does not overflow.

    >>> import metagrad
    >>> metagrad.special.i0e(metagrad.tensor([0.0, 1000.0]))
    tensor([1.0000, 0.0126])
    """
    return I0e.apply(real("i0e", input))


class I1e(Pointwise):
    """y = exp(−|x|) I₁(x),   ∂L/∂x = ∂L/∂y · (exp(−|x|) I₀(x) − y (sgn(x) + 1/x)), ½ at 0."""

    def forward(self, x: Array) -> Array:
        y = values(kernel.i1e, x)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        small = ~(x * x > 0)  # 0, or so near that the square vanishes; and nan
        return grad * np.where(small, 0.5, I0e.on(x) - y * (Sign.on(x) + 1 / np.where(small, 1, x)))


@takes_out
def i1e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(−|x|) I₁(x), which does not overflow.

    >>> import metagrad
    >>> metagrad.special.i1e(metagrad.tensor([0.0, 1000.0]))
    tensor([0.0000, 0.0126])
    """
    return I1e.apply(real("i1e", input))


@takes_out
def bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """J₀(x), the Bessel function of the first kind of order 0. No derivative.

    >>> import metagrad
    >>> metagrad.special.bessel_j0(metagrad.tensor([0.0, 2.4048])).abs() > 1e-4
    tensor([ True, False])
    """
    return _values(_j0, input)


@takes_out
def bessel_j1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """J₁(x), the Bessel function of the first kind of order 1. No derivative.

    >>> import metagrad
    >>> metagrad.special.bessel_j1(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.4401])
    """
    return _values(_j1, input)


@takes_out
def bessel_y0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Y₀(x), the Bessel function of the second kind of order 0. No derivative.

    >>> import metagrad
    >>> metagrad.special.bessel_y0(metagrad.tensor([0.0, 1.0]))
    tensor([  -inf, 0.0883])
    """
    return _values(_y0, input)


@takes_out
def bessel_y1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Y₁(x), the Bessel function of the second kind of order 1. No derivative.

    >>> import metagrad
    >>> metagrad.special.bessel_y1(metagrad.tensor([0.0, 1.0]))
    tensor([   -inf, -0.7812])
    """
    return _values(_y1, input)


@takes_out
def modified_bessel_i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """I₀(x) again, under the name it has beside its relatives. No derivative.

    >>> import metagrad
    >>> metagrad.special.modified_bessel_i0(metagrad.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return _values(_i0, input)


@takes_out
def modified_bessel_i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """I₁(x) again, under the name it has beside its relatives. No derivative.

    >>> import metagrad
    >>> metagrad.special.modified_bessel_i1(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return _values(_i1, input)


@takes_out
def modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """K₀(x), the modified Bessel function of the second kind of order 0. No derivative.

    >>> import metagrad
    >>> metagrad.special.modified_bessel_k0(metagrad.tensor([0.0, 1.0]))
    tensor([   inf, 0.4210])
    """
    return _values(kernel.k0, input)


@takes_out
def modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """K₁(x), the modified Bessel function of the second kind of order 1. No derivative.

    >>> import metagrad
    >>> metagrad.special.modified_bessel_k1(metagrad.tensor([0.0, 1.0]))
    tensor([   inf, 0.6019])
    """
    return _values(kernel.k1, input)


@takes_out
def scaled_modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """eˣ K₀(x), which does not underflow. No derivative.

    >>> import metagrad
    >>> metagrad.special.scaled_modified_bessel_k0(metagrad.tensor([1.0, 1000.0]))
    tensor([1.1445, 0.0396])
    """
    return _values(kernel.k0e, input)


@takes_out
def scaled_modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """eˣ K₁(x), which does not underflow. No derivative.

    >>> import metagrad
    >>> metagrad.special.scaled_modified_bessel_k1(metagrad.tensor([1.0, 1000.0]))
    tensor([1.6362, 0.0396])
    """
    return _values(kernel.k1e, input)


@takes_out
def spherical_bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """j₀(x) = sin x / x, 1 at 0. No derivative.

    >>> import metagrad
    >>> metagrad.special.spherical_bessel_j0(metagrad.tensor([0.0, 1.0]))
    tensor([1.0000, 0.8415])
    """
    x = real("spherical_bessel_j0", input, "ce").array
    outside = (x == 0) | np.isinf(x)
    safe = np.where(outside, 1, x)
    y = np.where(outside, x == 0, np.sin(safe) / safe)
    return wrap(as_array(y).astype(x.dtype, copy=False))


@takes_out
def airy_ai(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Ai(x), Airy's function, a solution of y″ = x y. No derivative.

    >>> import metagrad
    >>> metagrad.special.airy_ai(metagrad.tensor([0.0, 1.0]))
    tensor([0.3550, 0.1353])
    """
    return _values(kernel.airy_ai, input)


@quiet
def _values(function: Callable[[Array], Array], input: Tensor) -> Tensor:
    return wrap(values(function, real(function.__name__.lstrip("_"), input, "ce").array))
