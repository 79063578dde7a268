"""Activation functions that are smooth everywhere: GELU, SiLU, Mish, softplus and their relatives."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base.result_order import laid_out_by
from metagrad.base.typing import Array
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.kernels.quicker import exponential
from metagrad.kernels.selection import select
from metagrad.kernels.special import single
from metagrad.nn.functional.activation import computed
from metagrad.ops.arguments import asks_for_tensors, floats, takes_exact_out
from metagrad.ops.operands import in_single
from metagrad.ops.pointwise.activation import logistic_share
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.hyperbolic import Tanh
from metagrad.ops.pointwise.loops import Loops, backward_by_loop, fit, forward_by_loop
from metagrad.ops.shape.copying import contiguous
from metagrad.ops.special.erf import Erf

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["gelu", "logsigmoid", "mish", "silu", "softplus", "softsign", "tanhshrink"]

_ROOT_2_OVER_PI = math.sqrt(2 / math.pi)
_LAST_SEEN = 17.0  # from there on e⁻ˣ is nothing beside 1 in float32


class LogSigmoid(Pointwise):
    """y = ln σ(x) = min(x, 0) − ln(1 + e^−|x|),   ∂L/∂x = ∂L/∂y / (1 + e^x)."""

    loops = Loops(compiled.logsigmoid)

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.minimum(x, 0) - np.log1p(exponential(np.abs(x), -1.0))

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return logistic_share(grad, x, 1.0)


class Silu(Pointwise):
    """y = x σ(x),   ∂L/∂x = ∂L/∂y · σ(x) (1 + x (1 − σ(x)))."""

    loops = Loops(compiled.silu, compiled.silu_backward)

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x / (exponential(x, -1.0) + 1)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        s = logistic_share(1, x)
        return grad * conj(s * (1 + x * (1 - s)))


class Softplus(Pointwise):
    """y = ln(1 + e^βx) / β, or x where βx > threshold;   ∂L/∂x = ∂L/∂y · σ(βx), or ∂L/∂y there."""

    loops = Loops(compiled.softplus, compiled.softplus_backward)

    def forward(self, x: Array, beta: float, threshold: float) -> Array:
        self.save(x)
        self.beta, self.threshold = beta, threshold
        scaled = x if beta == 1 else x * beta
        y = np.maximum(scaled, 0) + np.log1p(exponential(np.abs(scaled), -1.0))
        y = y if beta == 1 else y / beta
        return y if self.ends_exactly(x) else select(scaled > threshold, x, y)

    def ends_exactly(self, x: Array) -> bool:
        """Whether the first formula is the second one beyond the threshold, to the last digit."""
        return self.beta == 1 and self.threshold >= _LAST_SEEN and x.dtype == np.float32

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        scaled = x if self.beta == 1 else x * self.beta
        grad_x = logistic_share(grad, scaled)
        return grad_x if self.ends_exactly(x) else select(scaled > self.threshold, grad, grad_x)


_silu = in_single(lambda x: Silu.apply(floats("silu", x, "biu")))


@takes_exact_out
@in_single
def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """ln σ(x), without overflow or loss of digits for large ±x.

    >>> import metagrad
    >>> metagrad.nn.functional.logsigmoid(metagrad.tensor([-1000.0, 0.0]))
    tensor([-1.0000e+03, -6.9315e-01])
    """
    return LogSigmoid.apply(contiguous(floats("log_sigmoid_cpu", input)))


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x σ(x) (Elfwing et al. 2018).

    >>> import metagrad
    >>> metagrad.nn.functional.silu(metagrad.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.0000,  0.7311])
    """
    return computed(input, inplace, Silu, _silu)


@takes_exact_out
@in_single
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0, *, out: Tensor | None = None) -> Tensor:
    """ln(1 + e^βx) / β, and x itself where βx > threshold.

    >>> import metagrad
    >>> metagrad.nn.functional.softplus(metagrad.tensor([-1.0, 0.0, 30.0]))
    tensor([ 0.3133,  0.6931, 30.0000])
    """
    return Softplus.apply(floats("softplus", input), beta=float(beta), threshold=float(threshold))


def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (1 + input.abs())


class Gelu(Function):
    """y = x Φ(x), Φ the normal distribution's;   ∂L/∂x = ∂L/∂y · (Φ(x) + x exp(−x²/2) / √(2π))."""

    loops = Loops(compiled.gelu, compiled.gelu_backward)

    def forward(self, x: Array) -> Array:
        if fit(x):
            return forward_by_loop(self, self.loops, x, {})
        self.save(x)
        return laid_out_by(single.gelu(x) if single.fits(x) else x * (0.5 * (1 + Erf.on(x * math.sqrt(0.5)))), x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        if grad.__class__ is np.ndarray and fit(x, grad):
            return backward_by_loop(self, compiled.gelu_backward, grad)
        if single.fits(x) and single.fits(grad):
            return single.gelu_gradient(x, grad)
        return grad * (0.5 * (1 + Erf.on(x * math.sqrt(0.5))) + x * np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))


class GeluTanh(Pointwise):
    """y = ½ x (1 + tanh u), u = √(2/π) (x + 0.044715 x³);   ∂L/∂x = ∂L/∂y · ½ (1 + t + x (1 − t²) u′), t = tanh u."""

    loops = Loops(compiled.gelu_tanh, compiled.gelu_tanh_backward)

    def forward(self, x: Array) -> Array:
        self.save(x)
        return 0.5 * x * (1 + Tanh.on(_ROOT_2_OVER_PI * (x + 0.044715 * x * x * x)))

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        t = Tanh.on(_ROOT_2_OVER_PI * (x + 0.044715 * x * x * x))
        return grad * (0.5 * (1 + t + x * (1 - t * t) * (_ROOT_2_OVER_PI * (1 + 3 * 0.044715 * x * x))))


class Mish(Pointwise):
    """y = x t, t = tanh(ln(1 + eˣ));   ∂L/∂x = ∂L/∂y · (t + x (1 − t²) σ(x))."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x * Tanh.on(np.maximum(x, 0) + np.log1p(exponential(np.abs(x), -1.0)))

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        t = Tanh.on(np.maximum(x, 0) + np.log1p(exponential(np.abs(x), -1.0)))
        return grad * (t + logistic_share(x * (1 - t * t), x))


_mish = in_single(lambda x: Mish.apply(floats("mish", x)))


@takes_exact_out
@in_single
def gelu(input: Tensor, approximate: str = "none", *, out: Tensor | None = None) -> Tensor:
    """x Φ(x), Φ the standard normal distribution function (Hendrycks & Gimpel 2016).

    approximate: "tanh" for ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), which needs no error function.

    Raises RuntimeError for another ``approximate``.

    >>> import metagrad
    >>> metagrad.nn.functional.gelu(metagrad.tensor([-1.0, 0.0, 1.0]), approximate="tanh")
    tensor([-0.1588,  0.0000,  0.8412])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return (Gelu if approximate == "none" else GeluTanh).apply(floats("gelu", input))


@asks_for_tensors
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019)."""
    return computed(input, inplace, Mish, _mish)


def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh x."""
    return input - input.tanh()
