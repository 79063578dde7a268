"""Activation functions made of pieces: relu and its relatives, thresholds, gates.

Those of ``metagrad.ops`` (relu, sigmoid, tanh, softmax, …) are in this folder too, under PyTorch's names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import wrap
from metagrad.autograd.writing import write
from metagrad.base.device import of_array
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array
from metagrad.kernels import gates
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.kernels.fusion import noted_for_numpy
from metagrad.kernels.quicker import exponential
from metagrad.kernels.selection import select
from metagrad.ops.arguments import asks_for_tensors, dimension, floats, takes_exact_out, takes_out
from metagrad.ops.create.random import source
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.fitting import fitting
from metagrad.ops.inplace import without_backward, written_over
from metagrad.ops.operands import in_single
from metagrad.ops.pointwise import activation
from metagrad.ops.pointwise.activation import Sigmoid
from metagrad.ops.pointwise.arithmetic import Mul
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.loops import Loops
from metagrad.ops.pointwise.selection import where
from metagrad.ops.shape.copying import contiguous

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "celu", "elu", "glu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "relu", "relu6", "rrelu",
    "selu", "softshrink", "threshold",
]  # fmt: skip


class Hardtanh(Pointwise):
    """y = x limited to [low, high],   ∂L/∂x = 0 at the limits and beyond, else ∂L/∂y."""

    loops = Loops(compiled.hardtanh, compiled.hardtanh_backward)
    flat_in = (0,)

    def forward(self, x: Array, low: float, high: float) -> Array:
        self.save(x)
        self.low, self.high = low, high
        return np.clip(x, x.dtype.type(low), x.dtype.type(high))

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return select(
            (x <= self.low) | (x >= self.high), 0.0, grad
        )  # nan is neither, so that it is seen in the gradient


class Hardsigmoid(Pointwise):
    """y = min(max(x + 3, 0), 6) / 6,   ∂L/∂x = ∂L/∂y / 6 between −3 and 3, else 0."""

    def forward(self, x: Array) -> Array:
        if self.needs[0]:
            self.inside = (x > -3) & (x < 3)
        return np.clip(x + 3, 0, 6) / 6

    def backward(self, grad: Array) -> Array:
        return select(self.inside, grad / 6, 0.0)


class Softshrink(Pointwise):
    """y = x − λ where x > λ, x + λ where x < −λ, else 0;   ∂L/∂x = 0 between −λ and λ, else ∂L/∂y."""

    one_by_one = "ef"
    flat_in = (0,)

    def forward(self, x: Array, lambd: float) -> Array:
        if self.needs[0]:
            self.inside = (x >= -lambd) & (x <= lambd)
        return np.copysign(x - np.clip(x, -lambd, lambd), x)  # a zero has the sign of x

    def backward(self, grad: Array) -> Array:
        return select(self.inside, 0.0, grad)


class Threshold(Pointwise):
    """y = v where x ≤ t, else x;   ∂L/∂x = 0 where x ≤ t, else ∂L/∂y."""

    flat_in = (0,)

    def forward(self, x: Array, threshold: float, value: float) -> Array:
        below = x <= threshold
        if self.needs[0]:
            self.below = below
        return select(below, value, x)

    def backward(self, grad: Array) -> Array:
        return select(self.below, 0.0, grad)


class LeakyRelu(Pointwise):
    """y = x where x > 0, else s x;   ∂L/∂x = ∂L/∂y where x > 0, else s ∂L/∂y."""

    loops = Loops(compiled.leaky_relu, compiled.leaky_relu_backward)
    flat_in = (0,)

    def forward(self, x: Array, slope: float) -> Array:
        self.save(x)
        self.slope = slope
        return np.maximum(x, x * slope) if 0 < slope <= 1 else select(x > 0, x, x * slope)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        if 0 < self.slope <= 1 and noted_for_numpy(x):
            return grad * np.maximum((x > 0).astype(grad.dtype), self.slope)  # in less passes than a choice
        return select(x > 0, grad, grad * self.slope)


_leaky_relu = in_single(LeakyRelu.apply)


class Elu(Pointwise):
    """y = x where x > 0, else α (eʳˣ − 1);   ∂L/∂x = ∂L/∂y · α r eʳˣ where x ≤ 0, else ∂L/∂y."""

    loops = Loops(compiled.elu, compiled.elu_backward)

    def forward(self, x: Array, alpha: float, rate: float) -> Array:
        self.save(x)
        self.alpha, self.rate = alpha, rate
        below = np.expm1(self.exponent(x))
        if 0 < alpha <= 1 == rate:  # then the chord is nowhere above the curve
            return np.maximum(below if alpha == 1 else alpha * below, x)  # of two zeros NumPy takes the second
        return select(x < 0, alpha * below, x)

    def exponent(self, x: Array) -> Array:
        """rx where x < 0, else 0."""
        below = np.minimum(x, 0)
        return below if self.rate == 1.0 else below * self.rate

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        slope = exponential(select(x >= 0, 0.0, x), self.rate)  # nan is neither above nor below
        if self.alpha == self.rate == 1:
            return grad * slope
        return select(x > 0, grad, grad * (self.alpha * self.rate * slope))


_elu = in_single(lambda x, alpha, rate=1.0: Elu.apply(floats("elu", x), alpha=alpha, rate=rate))


_selu = in_single(lambda x: 1.0507009873554805 * _elu(x, alpha=1.6732632423543772))


_hardsigmoid = in_single(lambda x: Hardsigmoid.apply(floats("hardsigmoid", x)))


def given_back(input: Tensor, output: Tensor, inplace: bool) -> Tensor:
    """The output; in the input's memory, if asked for. An op that needs its input for the gradient then keeps a copy of it."""
    return write(input, output) if inplace else output


def computed(input: Tensor, inplace: bool, node: type[Pointwise], op: Callable[..., Tensor], **settings: Any) -> Tensor:
    """``op(input, **settings)``; in the input's memory, if asked for, a large one at once: op is an application of ``node``."""
    if not inplace:
        return op(input, **settings)
    return written_over(input, lambda x: op(x, **settings), (node,))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(x, 0): ``metagrad.relu``, in the input's memory if ``inplace``."""
    return computed(input, inplace, activation.Relu, activation.relu)


@asks_for_tensors
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


@asks_for_tensors
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
    return computed(input, inplace, Hardtanh, Hardtanh.apply, low=min_val, high=max_val)


@asks_for_tensors
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope · x (Maas et al. 2013).

    >>> import metagrad
    >>> metagrad.nn.functional.leaky_relu(metagrad.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    if input.array.dtype.kind == "f":
        y = computed(input, inplace, LeakyRelu, _leaky_relu, slope=float(negative_slope))
        return without_backward("leakyReLu", y) if inplace and negative_slope < 0 else y
    x = floats("leaky_relu", input)  # bfloat16 alone comes so far
    return given_back(input, where(x > 0, x, x * negative_slope), inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else α (eˣ − 1) (Clevert et al. 2016).

    >>> import metagrad
    >>> metagrad.nn.functional.elu(metagrad.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    y = computed(input, inplace, Elu, _elu, alpha=alpha)
    return without_backward("elu", y) if inplace and alpha < 0 else y


@known_as("Elu")
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """s · elu(x, α) with the s and α that keep mean 0 and variance 1 through layers (Klambauer et al. 2017)."""
    x = input.clone() if inplace else input  # of its two ops the first needs what is overwritten
    return given_back(input, _selu(x), inplace)


class Hardswish(Pointwise):
    """y = x · min(max(x + 3, 0), 6) / 6;   ∂L/∂x = ∂L/∂y · (0 up to −3, x/3 + ½ between, 1 from 3)."""

    loops = Loops(compiled.hardswish, compiled.hardswish_backward)

    def forward(self, x: Array) -> Array:
        self.save(x)
        return x * np.clip(x + 3, x.dtype.type(0), x.dtype.type(6)) / 6

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return select(x <= -3, 0.0, select(x >= 3, grad, grad * (x / 3 + 0.5)))


_hardswish = in_single(lambda x: Hardswish.apply(floats("hardswish", x)))


@known_as("Celu")
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, α (exp(x/α) − 1)) (Barron 2017). Raises RuntimeError if α is 0."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    y = computed(input, inplace, Elu, _elu, alpha=float(alpha), rate=1 / float(alpha))
    return without_backward("elu", y) if inplace and alpha < 0 else y


@asks_for_tensors
@guarding("input")
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(x + 3, 0), 6) / 6.

    >>> import metagrad
    >>> metagrad.nn.functional.hardsigmoid(metagrad.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    return computed(input, inplace, Hardsigmoid, _hardsigmoid)


@asks_for_tensors
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)."""
    return computed(input, inplace, Hardswish, _hardswish)


@takes_exact_out
@guarding("input")
def softshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """x brought nearer to 0 by λ: x − λ where x > λ, x + λ where x < −λ, else 0.

    Raises RuntimeError for a negative λ.

    >>> import metagrad
    >>> metagrad.nn.functional.softshrink(metagrad.tensor([-2.0, 0.3, 2.0]))
    tensor([-1.5000,  0.0000,  1.5000])
    """
    if lambd < 0:
        raise RuntimeError(f"lambda must be in range [0, inf) of the input dtype, but found {lambd}")
    return Softshrink.apply(floats("softshrink", input), lambd=float(lambd))


@takes_out
@guarding("input")
def threshold(
    input: Tensor, threshold: float, value: float, inplace: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """x where x > threshold, else value.

    >>> import metagrad
    >>> metagrad.nn.functional.threshold(metagrad.tensor([1.0, 3.0]), 2.0, -1.0)
    tensor([-1.,  3.])
    """
    refuse("threshold", input, "bc")
    if input.array.dtype.char in "fd":
        return computed(
            input,
            inplace,
            Threshold,
            Threshold.apply,
            threshold=float(threshold),
            value=fitting(float(value), input.dtype),
        )
    number = input.new_full((), value)
    exact = input.float() if input.array.dtype.kind in "fV" else input  # a threshold between two halves stays there
    return given_back(input, where(exact <= threshold, number, input), inplace)


@asks_for_tensors
@known_as("RreluWithNoise")
@guarding("input")
def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """x where x > 0, else a x: a drawn anew for every element while training, else its mean (Xu et al. 2015).

    Raises RuntimeError if lower exceeds upper.
    """
    if lower > upper:
        raise RuntimeError(
            f"rrelu: Lower bound should be less than or equal to the upper bound, got {lower} and {upper}"
        )
    refuse("rrelu", input, "biuc")
    if not training:
        return leaky_relu(input if inplace else contiguous(input), (lower + upper) / 2, inplace)
    slope = wrap(_drawn_slopes(in_order(input.array), lower, upper))
    x = contiguous(input)
    return given_back(input, where(x > 0, x, x * slope), inplace)


class Glu(Function):
    """y = a σ(b), a and b the halves of x;   ∂L/∂a = ∂L/∂y · σ(b),   ∂L/∂b = ∂L/∂y · a σ(b) (1 − σ(b))."""

    def forward(self, x: Array, axis: int) -> Array:
        self.save(x)
        self.axis = axis
        if gates.fits(x):
            return gates.gated(x, axis)
        a, b = _halves(x, axis)
        return Mul.on(a, Sigmoid.on(b))

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        if isinstance(grad, np.ndarray) and gates.fits(x) and gates.fits(grad):
            return gates.gradient(x, grad, self.axis)
        a, b = _halves(x, self.axis)
        s = Sigmoid.on(b)
        return np.concatenate([grad * s, grad * (a * (s * (1 - s)))], self.axis)


def _halves(x: Array, axis: int) -> tuple[Array, Array]:
    half, before = x.shape[axis] // 2, (slice(None),) * axis
    return x[(*before, slice(None, half))], x[(*before, slice(half, None))]


def _drawn_slopes(x: Array, lower: float, upper: float) -> Array:
    """A uniform number in [lower, upper) for each element of x that is not positive, 1 for the others."""
    slopes, drawn = np.ones_like(x), x <= 0
    slopes[drawn] = source(None, of_array(x)).random(int(drawn.sum())) * (upper - lower) + lower
    return slopes


@in_single
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """a σ(b), a and b the two halves of the input along ``dim`` (Dauphin et al. 2017).

    Raises RuntimeError if there is no dimension, or its extent is odd.

    >>> import metagrad
    >>> metagrad.nn.functional.glu(metagrad.tensor([2.0, 3.0, 0.0, 100.0]))
    tensor([1., 3.])
    """
    refuse("glu", input, "biuc")
    if not input.array.ndim:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    d = dimension(dim, input.array.ndim)
    n = input.array.shape[d]
    if n % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {n}")
    return Glu.apply(input, axis=d)
