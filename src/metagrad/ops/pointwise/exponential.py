"""Exponentials, logarithms and roots, of every element. In the formulas y is the result and L the loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.node_names import known_as
from metagrad.base.typing import Array
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.ops.arguments import floating, takes_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import need_numbers, need_tensors, operands
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.loops import Loops

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "reciprocal",
    "rsqrt",
    "sqrt",
]  # fmt: skip


class Exp(Pointwise):
    """y = eˣ,   ∂L/∂x = ∂L/∂y · y."""

    ufunc = np.exp

    def forward(self, x: Array) -> Array:
        y = np.exp(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad * conj(y)


@takes_out
def exp(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """eˣ, element by element.

    >>> import metagrad
    >>> metagrad.exp(metagrad.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return Exp.apply(floating(input))


class Expm1(Pointwise):
    """y = eˣ − 1,   ∂L/∂x = ∂L/∂y · (y + 1)."""

    def forward(self, x: Array) -> Array:
        y = np.expm1(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad * (conj(y) + 1)


@takes_out
def expm1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """eˣ − 1, exact also for tiny x, where eˣ rounds to 1.

    >>> import metagrad
    >>> metagrad.expm1(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 1.7183])
    >>> metagrad.expm1(metagrad.tensor(1e-10)).item() > 0, (metagrad.exp(metagrad.tensor(1e-10)) - 1).item()
    (True, 0.0)
    """
    return Expm1.apply(floating(input))


class Exp2(Pointwise):
    """y = 2ˣ,   ∂L/∂x = ∂L/∂y · y ln 2."""

    def forward(self, x: Array) -> Array:
        y = np.exp2(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad * conj(y) * math.log(2)


@takes_out
def exp2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """2ˣ, element by element.

    >>> import metagrad
    >>> metagrad.exp2(metagrad.tensor([0.0, 3.0, -1.0]))
    tensor([1.0000, 8.0000, 0.5000])
    """
    return Exp2.apply(floating(input))


class Log(Pointwise):
    """y = ln x,   ∂L/∂x = ∂L/∂y / x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.log(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad / conj(x)


@takes_out
def log(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Natural logarithm ln x, element by element; −inf at 0, nan below.

    >>> import metagrad
    >>> metagrad.log(metagrad.tensor([1.0, 0.0]))
    tensor([0., -inf])
    """
    return Log.apply(floating(input))


class Log1p(Pointwise):
    """y = ln(1 + x),   ∂L/∂x = ∂L/∂y / (1 + x)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.log1p(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad / (1 + conj(x))


@takes_out
def log1p(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """ln(1 + x), exact also for tiny x, where 1 + x rounds to 1.

    >>> import metagrad
    >>> metagrad.log1p(metagrad.tensor(1e-10)).item() > 0, metagrad.log(1 + metagrad.tensor(1e-10)).item()
    (True, 0.0)
    """
    return Log1p.apply(floating(input))


class LogBase(Pointwise):
    """y = log_b x,   ∂L/∂x = ∂L/∂y / (x ln b)."""

    def forward(self, x: Array, ufunc: np.ufunc, base: float) -> Array:
        self.save(x)
        self.base = base
        return ufunc(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad / (conj(x) * float(np.log(self.base)))


def _logarithm(input: Tensor, ufunc: np.ufunc, base: float) -> Tensor:
    return LogBase.apply(floating(input), ufunc=ufunc, base=base)


@takes_out
def log2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 2, element by element: the y with 2ʸ = x.

    >>> import metagrad
    >>> metagrad.log2(metagrad.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return _logarithm(input, np.log2, 2.0)


@takes_out
def log10(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logarithm to base 10, element by element: the y with 10ʸ = x.

    >>> import metagrad
    >>> metagrad.log10(metagrad.tensor([1.0, 2.0]))
    tensor([0.0000, 0.3010])
    """
    return _logarithm(input, np.log10, 10.0)


class LogAddExp(Pointwise):
    """z = log_b(bˣ + bʸ),   ∂L/∂x = ∂L/∂z · bˣ⁻ᶻ,   ∂L/∂y = ∂L/∂z · bʸ⁻ᶻ."""

    one_by_one = "ef"

    def forward(self, x: Array, y: Array, base: float) -> Array:
        self.save(x, y)
        self.base = base
        if x.dtype.kind == "c":
            swap: Array = np.less(x.real, y.real)
            high: Array = np.where(swap, y, x)
            low: Array = np.where(swap, x, y)
            low_is_zero = np.isneginf(low.real)  # and −∞ − (−∞) is nan
            return high + np.where(low_is_zero, 0, np.log1p(np.exp(np.where(low_is_zero, 0, low - high))))
        return (np.logaddexp2 if base == 2 else np.logaddexp)(x, y)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (x, y), (needs_x, needs_y) = self.saved, self.needs
        scale = math.log(self.base)
        grad_x = grad / conj(np.exp(scale * (y - x)) + 1) if needs_x else None
        return grad_x, grad / conj(np.exp(scale * (x - y)) + 1) if needs_y else None


@takes_out
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """ln(eˣ + eʸ), without overflow.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.logaddexp(metagrad.tensor(1000.0), metagrad.tensor(1000.0))
    tensor(1000.6932)
    """
    need_tensors("logaddexp", input=input, other=other)
    need_numbers("logaddexp", input, other, category=2)
    return LogAddExp.apply(*operands(input, other), base=math.e)


@takes_out
@known_as("Logaddexp2")
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log₂(2ˣ + 2ʸ), without overflow.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.logaddexp2(metagrad.tensor([1000.0]), metagrad.tensor([1000.0]))
    tensor([1001.])
    """
    need_tensors("logaddexp2", input=input, other=other)
    need_numbers("logaddexp2", input, other, category=2)
    refuse("logaddexp2", input, "c")
    return LogAddExp.apply(*operands(input, other), base=2)


class Sqrt(Pointwise):
    """y = √x,   ∂L/∂x = ∂L/∂y / 2y."""

    ufunc = np.sqrt

    def forward(self, x: Array) -> Array:
        y = np.sqrt(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return grad / (2 * conj(y))


@takes_out
def sqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Square root, element by element; nan for negative numbers.

    >>> import metagrad
    >>> metagrad.sqrt(metagrad.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    return Sqrt.apply(floating(input))


class Rsqrt(Pointwise):
    """y = 1 / √x,   ∂L/∂x = −½ ∂L/∂y · y³."""

    loops = Loops(compiled.rsqrt, compiled.rsqrt_backward, keeps_result=True)

    def forward(self, x: Array) -> Array:
        y = 1 / np.sqrt(x)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        y = conj(y)
        return grad * (-0.5 * y * y * y)


@takes_out
def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / √x, element by element; ∞ at 0, nan below.

    >>> import metagrad
    >>> metagrad.rsqrt(metagrad.tensor([4.0, 0.0]))
    tensor([0.5000,    inf])
    """
    return Rsqrt.apply(floating(input))


class Reciprocal(Pointwise):
    """y = 1 / x,   ∂L/∂x = −∂L/∂y · y²."""

    def forward(self, x: Array) -> Array:
        y = 1 / x
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        y = conj(y)
        return -grad * (y * y)


@takes_out
def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / x, element by element; of integers, in the default dtype.

    >>> import metagrad
    >>> metagrad.reciprocal(metagrad.tensor([4.0, 0.0]))
    tensor([0.2500,    inf])
    """
    return Reciprocal.apply(floating(input))
