"""Activation functions that bend, cut or gate their input; the everyday ones are in ``activation.py``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Array
from metagrad.nn.functional.activation import given_back, hardtanh
from metagrad.ops.create.sampling import rand_like
from metagrad.ops.operands import dimension, floating
from metagrad.ops.pointwise.chunked import Elementwise
from metagrad.ops.pointwise.clamping import where
from metagrad.ops.pointwise.trigonometric import Tanh
from metagrad.ops.special.erf import Erf

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "celu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "mish", "prelu", "rrelu", "softshrink",
    "tanhshrink", "threshold",
]  # fmt: skip

_ROOT_2_OVER_PI = math.sqrt(2 / math.pi)


class Gelu(Elementwise):
    """y = x Φ(x), Φ the normal distribution's;   ∂L/∂x = ∂L/∂y · (Φ(x) + x exp(−x²/2) / √(2π))."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x * (0.5 * (1 + Erf.on(x * math.sqrt(0.5))))

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * (0.5 * (1 + Erf.on(x * math.sqrt(0.5))) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))


class GeluTanh(Elementwise):
    """y = ½ x (1 + tanh u), u = √(2/π) (x + 0.044715 x³);   ∂L/∂x = ∂L/∂y · ½ (1 + t + x (1 − t²) u′), t = tanh u."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return 0.5 * x * (1 + Tanh.on(_ROOT_2_OVER_PI * (x + 0.044715 * x * x * x)))

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        t = Tanh.on(_ROOT_2_OVER_PI * (x + 0.044715 * x * x * x))
        return grad * (0.5 * (1 + t + x * (1 - t * t) * (_ROOT_2_OVER_PI * (1 + 3 * 0.044715 * x * x))))


class Hardswish(Elementwise):
    """y = x · min(max(x + 3, 0), 6) / 6;   ∂L/∂x = ∂L/∂y · (0 up to −3, x/3 + ½ between, 1 from 3)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x * np.clip(x + 3, 0, 6) / 6

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return np.where(x <= -3, 0 * grad, np.where(x < 3, grad * (x / 3 + 0.5), grad))


class Mish(Elementwise):
    """y = x t, t = tanh(ln(1 + eˣ));   ∂L/∂x = ∂L/∂y · (t + x (1 − t²) σ(x))."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x * Tanh.on(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        t = Tanh.on(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
        return grad * (t + x * (1 - t * t) * (0.5 + 0.5 * Tanh.on(0.5 * x)))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x), Φ the standard normal distribution function (Hendrycks & Gimpel 2016).

    approximate: "tanh" for ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), which needs no error function.

    >>> import metagrad
    >>> metagrad.nn.functional.gelu(metagrad.tensor([-1.0, 0.0, 1.0]), approximate="tanh")
    tensor([-0.1588,  0.0000,  0.8412])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return (Gelu if approximate == "none" else GeluTanh).apply(floating(input))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, α (exp(x/α) − 1)) (Barron 2017)."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    low = alpha * (where(input > 0, 0.0, input) / alpha).expm1()
    return given_back(input, where(input > 0, input, low), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6."""
    return given_back(input, hardtanh(input + 3, 0.0, 6.0) / 6, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)."""
    return given_back(input, Hardswish.apply(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019)."""
    return given_back(input, Mish.apply(input), inplace)


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x where |x| > λ, else 0."""
    return where((input >= -lambd) & (input <= lambd), 0.0, input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x brought nearer to 0 by λ: x − λ where x > λ, x + λ where x < −λ, else 0."""
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}")
    return where(input > lambd, input - lambd, where(input < -lambd, input + lambd, input * 0))


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh x."""
    return input - input.tanh()


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value."""
    return given_back(input, where(input <= threshold, input.new_tensor(value), input), inplace)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else a x, a learned: one number, or one for each channel, dimension 1 (He et al. 2015)."""
    if weight.array.ndim > 1:
        raise RuntimeError(f"prelu: expected weight to be a scalar or 1D tensor, but got: ndim = {weight.array.ndim}")
    if weight.array.size != 1:
        channels = input.array.shape[1] if input.array.ndim > 1 else input.array.size if input.array.ndim else 1
        if weight.array.size != channels or not input.array.ndim:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.array.size} and "
                f"channel size = {channels}."
            )
        weight = weight.reshape((-1,) + (1,) * max(input.array.ndim - 2, 0))
    return where(input > 0, input, weight.reshape(()) * input if weight.array.size == 1 else weight * input)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where x > 0, else a x: a drawn anew for every element while training, else its mean (Xu et al. 2015)."""
    if lower > upper:
        raise RuntimeError(
            f"rrelu: lower bound should be less than or equal to the upper bound, got {lower} and {upper}"
        )
    slope: Any = (lower + upper) / 2
    if training:
        slope = rand_like(input) * (upper - lower) + lower
    return given_back(input, where(input > 0, input, input * slope), inplace)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a σ(b), a and b the two halves of the input along ``dim`` (Dauphin et al. 2017)."""
    if not input.array.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    d = dimension(dim, input.array.ndim)
    n = input.array.shape[d]
    if n % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {n}")
    a, b = input.split(n // 2, d) if n else (input, input)
    return a * b.sigmoid()
