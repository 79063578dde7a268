"""Activation functions. Those of ``metagrad.ops`` (relu, sigmoid, tanh, softmax, …) are here too, under PyTorch's names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base.layouts import laid_out_like
from metagrad.base.typing import Array, DTypeLike
from metagrad.base.warning import warn
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.kernels.selection import select
from metagrad.kernels.special import single
from metagrad.ops.arguments import asks_for_tensors, dimension, floating
from metagrad.ops.create.sampling import rand_like
from metagrad.ops.fitting import fitting
from metagrad.ops.operands import in_single
from metagrad.ops.pointwise import activation
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.hyperbolic import Tanh
from metagrad.ops.pointwise.loops import Loops, backward_by_loop, fit, forward_by_loop
from metagrad.ops.pointwise.selection import where
from metagrad.ops.reduce import softmax as softmaxes
from metagrad.ops.special.erf import Erf

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "celu", "elu", "gelu", "glu", "gumbel_softmax", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax",
    "logsigmoid", "mish", "relu", "relu6", "rrelu", "selu", "silu", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "tanhshrink", "threshold",
]  # fmt: skip


class LogSigmoid(Pointwise):
    """y = ln σ(x) = min(x, 0) − ln(1 + e^−|x|),   ∂L/∂x = ∂L/∂y · (1 − e^y)."""

    loops = Loops(compiled.logsigmoid, keeps_result=True)

    def forward(self, x: Array) -> Array:
        y = np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return -grad * np.expm1(y)


class Silu(Pointwise):
    """y = x σ(x),   ∂L/∂x = ∂L/∂y · σ(x) (1 + x (1 − σ(x)))."""

    loops = Loops(compiled.silu, compiled.silu_backward)

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x / (np.exp(-x) + 1)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        s = 1 / (np.exp(-x) + 1)
        return grad * conj(s * (1 + x * (1 - s)))


class Softplus(Pointwise):
    """y = ln(1 + e^βx) / β, or x where βx > threshold;   ∂L/∂x = ∂L/∂y · σ(βx), or ∂L/∂y there."""

    loops = Loops(compiled.softplus, compiled.softplus_backward)

    def forward(self, x: Array, beta: float, threshold: float) -> Array:
        self.save(x)
        self.beta, self.threshold = beta, threshold
        scaled = x * beta
        return select(scaled > threshold, x, (np.maximum(scaled, 0) + np.log1p(np.exp(-np.abs(scaled)))) / beta)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        scaled = x * self.beta
        return select(scaled > self.threshold, grad, grad / (np.exp(-scaled) + 1))


class Hardtanh(Pointwise):
    """y = x limited to [low, high],   ∂L/∂x = 0 at the limits and beyond, else ∂L/∂y."""

    def forward(self, x: Array, low: float, high: float) -> Array:
        self.outside = (x <= low) | (x >= high)  # nan is not, so that it is seen in the gradient too
        return np.clip(x, low, high)

    def backward(self, grad: Array) -> Array:
        return select(self.outside, 0.0, grad)


class Hardsigmoid(Pointwise):
    """y = min(max(x + 3, 0), 6) / 6,   ∂L/∂x = ∂L/∂y / 6 between −3 and 3, else 0."""

    def forward(self, x: Array) -> Array:
        self.inside = (x > -3) & (x < 3)
        return np.clip(x + 3, 0, 6) / 6

    def backward(self, grad: Array) -> Array:
        return grad * self.inside / 6


class Softshrink(Pointwise):
    """y = x − λ where x > λ, x + λ where x < −λ, else 0;   ∂L/∂x = 0 between −λ and λ, else ∂L/∂y."""

    def forward(self, x: Array, lambd: float) -> Array:
        self.inside = (x >= -lambd) & (x <= lambd)
        return select(x > lambd, x - lambd, select(x < -lambd, x + lambd, x * 0))

    def backward(self, grad: Array) -> Array:
        return select(self.inside, 0.0, grad)


class Elu(Pointwise):
    """y = x where x > 0, else α (eʳˣ − 1);   ∂L/∂x = ∂L/∂y · α r eʳˣ where x ≤ 0, else ∂L/∂y."""

    def forward(self, x: Array, alpha: float, rate: float = 1.0) -> Array:
        self.save(x)
        self.alpha, self.rate = alpha, rate
        return select(x > 0, x, alpha * np.expm1(self.exponent(x)))

    def exponent(self, x: Array) -> Array:
        """rx where x < 0, else 0."""
        below = np.minimum(x, 0)
        return below if self.rate == 1.0 else below * self.rate

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return select(x <= 0, grad * (self.alpha * self.rate * np.exp(self.exponent(x))), grad)


_elu = in_single(Elu.apply)
_silu = in_single(lambda x: Silu.apply(floating(x)))
_selu = in_single(lambda x: 1.0507009873554805 * _elu(x, alpha=1.6732632423543772))
_hardsigmoid = in_single(Hardsigmoid.apply)


@in_single
def logsigmoid(input: Tensor) -> Tensor:
    """ln σ(x), without overflow or loss of digits for large ±x.

    >>> import metagrad
    >>> metagrad.nn.functional.logsigmoid(metagrad.tensor([-1000.0, 0.0]))
    tensor([-1.0000e+03, -6.9315e-01])
    """
    return LogSigmoid.apply(floating(input))


def given_back(input: Tensor, output: Tensor, inplace: bool) -> Tensor:
    """The output; in the input's memory, if asked for."""
    return input.copy_(output) if inplace else output


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0): ``metagrad.relu``, in the input's memory if ``inplace``."""
    return given_back(input, activation.relu(input), inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to [min_val, max_val]; for integers the limits are cut down to integers.

    Raises ValueError if min_val exceeds max_val, and RuntimeError for bool tensors, and unsigned ones with a negative
    limit.

    >>> import metagrad
    >>> metagrad.nn.functional.hardtanh(metagrad.tensor([-3.0, 0.5, 3.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val cannot be greater than max_val, got {min_val} and {max_val}")
    kind = input.array.dtype.kind
    if kind == "b":
        raise NotImplementedError("hardtanh is not defined for bool tensors: convert with .float() or .int() first")
    if kind in "iu":
        min_val, max_val = int(min_val), int(max_val)
        if kind == "u" and min_val < 0:
            raise RuntimeError(f"hardtanh: an unsigned tensor cannot be limited to the negative number {min_val}")
    if input.is_complex():
        raise NotImplementedError(
            "hardtanh is not defined for complex tensors, which have no order: take .real or .abs()"
        )
    min_val, max_val = fitting(min_val, input.dtype), fitting(max_val, input.dtype)  # type: ignore[assignment]
    return given_back(input, Hardtanh.apply(input, low=min_val, high=max_val), inplace)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope · x (Maas et al. 2013).

    >>> import metagrad
    >>> metagrad.nn.functional.leaky_relu(metagrad.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return given_back(input, where(input > 0, input, input * negative_slope), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else α (eˣ − 1) (Clevert et al. 2016).

    >>> import metagrad
    >>> metagrad.nn.functional.elu(metagrad.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return given_back(input, _elu(input, alpha=alpha), inplace)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """s · elu(x, α) with the s and α that keep mean 0 and variance 1 through layers (Klambauer et al. 2017)."""
    return given_back(input, _selu(input), inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x σ(x) (Elfwing et al. 2018).

    >>> import metagrad
    >>> metagrad.nn.functional.silu(metagrad.tensor([-1.0, 0.0, 1.0]))
    tensor([-0.2689,  0.0000,  0.7311])
    """
    return given_back(input, _silu(input), inplace)


@in_single
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """ln(1 + e^βx) / β, and x itself where βx > threshold.

    >>> import metagrad
    >>> metagrad.nn.functional.softplus(metagrad.tensor([-1.0, 0.0, 30.0]))
    tensor([ 0.3133,  0.6931, 30.0000])
    """
    return Softplus.apply(floating(input), beta=beta, threshold=threshold)


@in_single
def softsign(input: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return input / (1 + input.abs())


def softmin(input: Tensor, dim: int | None = None, dtype: DTypeLike = None) -> Tensor:
    """softmax(−x)."""
    return softmax(-input, dim, dtype=dtype)


def _dim(name: str, dim: int | None, axis: int | None, input: Tensor) -> int:
    """The dimension asked for; without one, PyTorch's old habit of choosing by the number of dimensions."""
    chosen = dim if axis is None else axis
    if chosen is None:
        warn(f"Implicit dimension choice for {name} has been deprecated. Add dim=X as an argument.")
        return 0 if input.ndim in (0, 1, 3) else 1
    return chosen


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike = None, *, axis: int | None = None
) -> Tensor:
    """e^xᵢ / Σⱼ e^xⱼ along a dimension.

    >>> import metagrad
    >>> metagrad.nn.functional.softmax(metagrad.tensor([0.0, 1.0]), dim=0)
    tensor([0.2689, 0.7311])
    """
    return softmaxes.softmax(input, _dim("softmax", dim, axis, input), dtype=dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike = None, *, axis: int | None = None
) -> Tensor:
    """xᵢ − ln Σⱼ e^xⱼ along a dimension.

    >>> import metagrad
    >>> metagrad.nn.functional.log_softmax(metagrad.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return softmaxes.log_softmax(input, _dim("log_softmax", dim, axis, input), dtype=dtype)


@in_single
def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of one-hot vectors, relaxed so that it has a gradient; ``hard`` rounds it, and keeps that gradient
    (Jang et al. 2017).

    >>> import metagrad
    >>> metagrad.nn.functional.gumbel_softmax(metagrad.zeros(3), hard=True).sum()
    tensor(1.)
    """
    noise = -(-rand_like(logits).clamp(1e-38).log()).log()
    soft = softmaxes.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    best = soft.argmax(dim, keepdim=True)
    one_hot = soft.detach().new_zeros(tuple(soft.shape)).scatter(dim, best, 1.0)
    return one_hot - soft.detach() + soft


_ROOT_2_OVER_PI = math.sqrt(2 / math.pi)


class Gelu(Function):
    """y = x Φ(x), Φ the normal distribution's;   ∂L/∂x = ∂L/∂y · (Φ(x) + x exp(−x²/2) / √(2π))."""

    loops = Loops(compiled.gelu, compiled.gelu_backward)

    def forward(self, x: Array) -> Array:
        if fit(x):
            return forward_by_loop(self, self.loops, x, {})
        self.save(x)
        return laid_out_like(single.gelu(x) if single.fits(x) else x * (0.5 * (1 + Erf.on(x * math.sqrt(0.5)))), x)

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


class Hardswish(Pointwise):
    """y = x · min(max(x + 3, 0), 6) / 6;   ∂L/∂x = ∂L/∂y · (0 up to −3, x/3 + ½ between, 1 from 3)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x * np.clip(x + 3, 0, 6) / 6

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return np.where(x <= -3, 0 * grad, np.where(x < 3, grad * (x / 3 + 0.5), grad))


class Mish(Pointwise):
    """y = x t, t = tanh(ln(1 + eˣ));   ∂L/∂x = ∂L/∂y · (t + x (1 − t²) σ(x))."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x * Tanh.on(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        t = Tanh.on(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
        return grad * (t + x * (1 - t * t) * (0.5 + 0.5 * Tanh.on(0.5 * x)))


_hardswish, _mish = in_single(Hardswish.apply), in_single(Mish.apply)


@in_single
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x), Φ the standard normal distribution function (Hendrycks & Gimpel 2016).

    approximate: "tanh" for ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), which needs no error function.

    Raises RuntimeError for another ``approximate``.

    >>> import metagrad
    >>> metagrad.nn.functional.gelu(metagrad.tensor([-1.0, 0.0, 1.0]), approximate="tanh")
    tensor([-0.1588,  0.0000,  0.8412])
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return (Gelu if approximate == "none" else GeluTanh).apply(floating(input))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, α (exp(x/α) − 1)) (Barron 2017). Raises RuntimeError if α is 0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return given_back(input, _elu(input, alpha=alpha, rate=1 / alpha), inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6.

    >>> import metagrad
    >>> metagrad.nn.functional.hardsigmoid(metagrad.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return given_back(input, _hardsigmoid(input), inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)."""
    return given_back(input, _hardswish(input), inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019)."""
    return given_back(input, _mish(input), inplace)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x brought nearer to 0 by λ: x − λ where x > λ, x + λ where x < −λ, else 0.

    Raises RuntimeError for a negative λ.

    >>> import metagrad
    >>> metagrad.nn.functional.softshrink(metagrad.tensor([-2.0, 0.3, 2.0]))
    tensor([-1.5000,  0.0000,  1.5000])
    """
    if lambd < 0:
        raise RuntimeError(f"lambda must be greater or equal to 0, but found to be {lambd}")
    return Softshrink.apply(input, lambd=lambd)


@in_single
def tanhshrink(input: Tensor) -> Tensor:
    """x − tanh x."""
    return input - input.tanh()


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value.

    >>> import metagrad
    >>> metagrad.nn.functional.threshold(metagrad.tensor([1.0, 3.0]), 2.0, -1.0)
    tensor([-1.,  3.])
    """
    number = input.new_full((), value)
    return given_back(input, where(input <= threshold, number, input), inplace)


@asks_for_tensors
def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where x > 0, else a x: a drawn anew for every element while training, else its mean (Xu et al. 2015).

    Raises RuntimeError if lower exceeds upper.
    """
    if lower > upper:
        raise RuntimeError(
            f"rrelu: lower bound should be less than or equal to the upper bound, got {lower} and {upper}"
        )
    slope: Any = (lower + upper) / 2
    if training:
        slope = rand_like(input) * (upper - lower) + lower
    return given_back(input, where(input > 0, input, input * slope), inplace)


@in_single
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a σ(b), a and b the two halves of the input along ``dim`` (Dauphin et al. 2017).

    Raises RuntimeError if there is no dimension, or its extent is odd.

    >>> import metagrad
    >>> metagrad.nn.functional.glu(metagrad.tensor([2.0, 3.0, 0.0, 100.0]))
    tensor([1., 3.])
    """
    if not input.array.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    d = dimension(dim, input.array.ndim)
    n = input.array.shape[d]
    if n % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {n}")
    a, b = input.split(n // 2, d) if n else (input, input)
    return a * b.sigmoid()
