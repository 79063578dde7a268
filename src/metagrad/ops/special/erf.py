"""The error function and the normal distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import OUTPUT
from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.kernels.special import normal as kernel
from metagrad.ops.arguments import floating, real, takes_out
from metagrad.ops.pointwise.arithmetic import mul
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.loops import Loops
from metagrad.ops.special.values import values

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["erf", "erfc", "erfcx", "erfinv", "log_ndtr", "ndtr", "ndtri"]

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


class Erf(Pointwise):
    """y = erf x,   ∂L/∂x = ∂L/∂y · 2/√π exp(−x²)."""

    loops = Loops(compiled.erf_of)

    def forward(self, x: Array) -> Array:
        self.save(x)
        return values(kernel.erf, x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * (_TWO_OVER_ROOT_PI * np.exp(-(x * x)))


@takes_out
def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The error function, 2/√π ∫₀ˣ exp(−t²) dt.

    >>> import metagrad
    >>> metagrad.erf(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    return Erf.apply(real("erf", input))


class Erfc(Pointwise):
    """y = 1 − erf x,   ∂L/∂x = −∂L/∂y · 2/√π exp(−x²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return values(kernel.erfc, x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * (-_TWO_OVER_ROOT_PI * np.exp(-(x * x)))


@takes_out
def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 − erf x, exact also where that is tiny.

    >>> import metagrad
    >>> metagrad.erfc(metagrad.tensor([0.0, 1.0]))
    tensor([1.0000, 0.1573])
    >>> metagrad.erfc(metagrad.tensor(5.0)) > 0, 1 - metagrad.erf(metagrad.tensor(5.0))
    (tensor(True), tensor(0.))
    """
    return Erfc.apply(real("erfc", input))


class Erfinv(Pointwise):
    """y with erf y = x,   ∂L/∂x = ∂L/∂y · √π/2 exp(y²)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return values(kernel.erfinv, x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        y = Erfinv.on(x)
        return grad * (np.exp(y * y) / _TWO_OVER_ROOT_PI)


@takes_out
def erfinv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of erf on (−1, 1); ±∞ at ±1, nan outside.

    >>> import metagrad
    >>> metagrad.erfinv(metagrad.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.4769,    inf])
    """
    return Erfinv.apply(real("erfinv", input))


class Erfcx(Pointwise):
    """y = exp(x²) erfc x,   ∂L/∂x = ∂L/∂y · (2 x y − 2/√π)."""

    def forward(self, x: Array) -> Array:
        y = values(kernel.erfcx, x)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        return grad * (2 * x * y - _TWO_OVER_ROOT_PI)


@takes_out
def erfcx(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """exp(x²) erfc x, which neither overflows nor underflows for large x.

    >>> import metagrad
    >>> metagrad.special.erfcx(metagrad.tensor([0.0, 1000.0]))
    tensor([1.0000e+00, 5.6419e-04])
    """
    return Erfcx.apply(real("erfcx", input, "ce"))


@takes_out
def ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Φ(x), the distribution function of the standard normal distribution: ½ erfc(−x/√2).

    >>> import metagrad
    >>> metagrad.special.ndtr(metagrad.tensor([0.0, 1.96]))
    tensor([0.5000, 0.9750])
    """
    return mul(erfc(mul(floating(input), -math.sqrt(0.5))), 0.5)


class Ndtri(Pointwise):
    """y with Φ(y) = x,   ∂L/∂x = ∂L/∂y · √(2π) exp(y²/2)."""

    def forward(self, x: Array) -> Array:
        y = values(kernel.ndtri, x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad * (math.sqrt(2 * math.pi) * np.exp(y * y / 2))


@takes_out
def ndtri(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of Φ: the x of which a share ``input`` of a normal distribution is below.

    >>> import metagrad
    >>> metagrad.special.ndtri(metagrad.tensor([0.5, 0.975]))
    tensor([0.0000, 1.9600])
    """
    return Ndtri.apply(real("ndtri", input, "ce"))


class LogNdtr(Pointwise):
    """y = ln Φ(x),   ∂L/∂x = ∂L/∂y · √(2/π) / erfcx(−x/√2)."""

    guards = (OUTPUT,)

    def forward(self, x: Array) -> Array:
        self.save(x)
        return values(kernel.log_ndtr, x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        recorded = isinstance(x, Variable)
        if not recorded:
            return grad / Erfcx.on(x * -math.sqrt(0.5)) * math.sqrt(2 / math.pi)
        far = x > 0  # where erfcx grows beyond the numbers, and its gradient with it
        below = 1 / Erfcx.on(np.where(far, 0.0, x) * -math.sqrt(0.5))
        above = np.exp(-0.5 * x * x) / (1 + Erf.on(x * math.sqrt(0.5)))
        return grad * np.where(far, above, below) * math.sqrt(2 / math.pi)


@takes_out
def log_ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """ln Φ(x), exact also where Φ(x) would be 0.

    >>> import metagrad
    >>> metagrad.special.log_ndtr(metagrad.tensor([0.0, -20.0]))
    tensor([  -0.6931, -203.9172])
    """
    return LogNdtr.apply(real("log_ndtr", input, "ce"))
