"""The gamma function's logarithm, its derivatives, and its incomplete relatives."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.node_names import known_as
from metagrad.base.device import move, of_array
from metagrad.base.typing import Array, Operand
from metagrad.kernels.special import gamma as kernel
from metagrad.kernels.special import incomplete
from metagrad.ops.arguments import floating, real, takes_out
from metagrad.ops.operands import as_tensor, need_tensors
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.special.logarithms import float_tensors
from metagrad.ops.special.values import values

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["digamma", "igamma", "igammac", "lgamma", "mvlgamma", "polygamma", "zeta"]


class Lgamma(Pointwise):
    """y = ln |Γ(x)|,   ∂L/∂x = ∂L/∂y · ψ(x)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return values(kernel.lgamma, np.where(x == -np.inf, np.inf, x))  # ∞ at −∞ too, as C's lgamma

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * Polygamma.on(x, n=0)


@takes_out
def lgamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """ln |Γ(x)|, the logarithm of the gamma function, which continues (n − 1)!.

    >>> import metagrad
    >>> metagrad.lgamma(metagrad.tensor([1.0, 4.0]))
    tensor([0.0000, 1.7918])
    """
    return Lgamma.apply(real("lgamma", input))


class Polygamma(Pointwise):
    """y = ψ⁽ⁿ⁾(x), the n-th derivative of the digamma function;   ∂L/∂x = ∂L/∂y · ψ⁽ⁿ⁺¹⁾(x)."""

    def forward(self, x: Array, n: int) -> Array:
        self.save(x)
        self.n = n
        if n == 0:
            at_zero = np.copysign(np.inf, -x).astype(x.dtype, copy=False)
            return np.where(x == 0, at_zero, values(kernel.digamma, x)).astype(x.dtype, copy=False)
        if n == 1:  # ψ⁽¹⁾(x) = ζ(2, x) for x > 0; by reflection below
            if not isinstance(x, np.ndarray):
                return _trigamma(x)
            y = values(kernel.trigamma, x)
            if x.__class__ is not np.ndarray:  # a sample of many: this is to be one step of a formula
                return y
            # At the poles PyTorch's is large, not ∞, for a rounded multiple of π has no sine of 0.
            return np.where(np.isinf(y) & (x < 0), _trigamma(x), y) if np.isinf(y).any() else y
        sign = -1.0 if n % 2 == 0 else 1.0
        return (sign * math.factorial(n)) * values(kernel.zeta, x.dtype.type(n + 1), x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * Polygamma.on(x, n=self.n + 1)


class Digamma(Polygamma):
    """y = ψ(x)."""


def _trigamma(x: Array) -> Array:
    """ψ⁽¹⁾(x), for x < ½ by the reflection ψ⁽¹⁾(x) + ψ⁽¹⁾(1 − x) = π² / sin²(πx)."""
    mirrored = x < 0.5
    high = values(kernel.zeta, x.dtype.type(2), np.where(mirrored, 1 - x, x))
    low = (math.pi / np.sin(math.pi * np.where(mirrored, x, 0.5))) ** 2 - high
    return np.where(mirrored, low, high).astype(x.dtype, copy=False)


@takes_out
def digamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """ψ(x) = Γ′(x) / Γ(x), the derivative of ln Γ.

    >>> import metagrad
    >>> metagrad.digamma(metagrad.tensor([1.0, 2.0]))
    tensor([-0.5772,  0.4228])
    """
    return Digamma.apply(floating(input), n=0)


@takes_out
def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """ψ⁽ⁿ⁾(x), the n-th derivative of the digamma function, n ≥ 0.

    Raises RuntimeError if n is negative.

    >>> import metagrad
    >>> metagrad.polygamma(1, metagrad.tensor([1.0, 2.0]))
    tensor([1.6449, 0.6449])
    """
    n = operator.index(n) if hasattr(n, "__index__") else n
    if not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' must be an int, got {type(n).__name__}: {n!r:.60}")
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got {n}")
    return Polygamma.apply(real("polygamma", input), n=n)


@takes_out
@known_as("Mvlgamma")
@guarding("input")
def mvlgamma(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """ln Γₚ(x), the multivariate gamma function's logarithm: Σⱼ ln Γ(x − j/2) + p (p − 1) ln π / 4, j = 0 … p − 1.

    Raises RuntimeError if p < 1.

    >>> import metagrad
    >>> metagrad.mvlgamma(metagrad.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    if p < 1:
        raise RuntimeError(f"p has to be greater than or equal to 1, got {p}")
    x = floating(input)
    steps = np.arange(0, -p, -1, dtype=x.array.dtype) / 2
    spread: Tensor = as_tensor(x.unsqueeze(-1) + as_tensor(move(steps, of_array(x.array))))
    return lgamma(spread).sum(-1) + p * (p - 1) / 4 * math.log(math.pi)


class Igamma(Pointwise):
    """z = P(a, x), or Q = 1 − P if upper;   ∂P/∂x = exp((a − 1) ln x − x − ln Γ(a)); none for a."""

    def forward(self, a: Array, x: Array, upper: bool) -> Array:
        self.save(a, x)
        self.sign = -1.0 if upper else 1.0
        return values(incomplete.gammaincc if upper else incomplete.gammainc, a, x)

    def backward(self, grad: Array) -> tuple[None, Array]:
        a, x = self.saved
        if self.needs[0]:
            raise NotImplementedError("the derivative for 'igamma: input' is not implemented")
        return None, grad * (self.sign * np.exp((a - 1) * np.log(x) - x - Lgamma.on(a)))


@takes_out
def igamma(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """P(a, x) = 1/Γ(a) ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt, the regularised lower incomplete gamma function of a = input, x = other.

    Raises TypeError if one is no tensor; the backward pass raises NotImplementedError if a needs a gradient.

    >>> import metagrad
    >>> metagrad.special.gammainc(metagrad.tensor([1.0]), metagrad.tensor([1.0]))
    tensor([0.6321])
    """
    need_tensors("igamma", input=input, other=other)
    return Igamma.apply(*float_tensors("igamma", input, other), upper=False)


@takes_out
def igammac(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Q(a, x) = 1 − P(a, x), the regularised upper incomplete gamma function of a = input, x = other.

    Raises TypeError if one is no tensor; the backward pass raises NotImplementedError if a needs a gradient.

    >>> import metagrad
    >>> metagrad.special.gammaincc(metagrad.tensor([1.0]), metagrad.tensor([1.0]))
    tensor([0.3679])
    """
    need_tensors("igammac", input=input, other=other)
    return Igamma.apply(*float_tensors("igammac", input, other), upper=True)


class Zeta(Pointwise):
    """z = ζ(x, q) = Σₖ (k + q)⁻ˣ,   ∂L/∂q = −∂L/∂z · x ζ(x + 1, q); none for x."""

    def forward(self, x: Array, q: Array) -> Array:
        self.save(x, q)
        return values(kernel.zeta, x, q)

    def backward(self, grad: Array) -> tuple[None, Array]:
        x, q = self.saved
        if self.needs[0]:
            raise NotImplementedError("the derivative for 'zeta: self' is not implemented")
        return None, grad * (-x * Zeta.on(x + 1, q))


@takes_out
def zeta(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """ζ(x, q) = Σₖ (k + q)⁻ˣ over k = 0, 1, …, the Hurwitz zeta function; Riemann's for q = 1.

    Raises TypeError if neither is a tensor; the backward pass raises NotImplementedError if x needs a gradient.

    >>> import metagrad
    >>> metagrad.special.zeta(metagrad.tensor([2.0]), 1), metagrad.pi**2 / 6
    (tensor([1.6449]), 1.6449340668482264)
    """
    return Zeta.apply(*float_tensors("zeta", input, other))
