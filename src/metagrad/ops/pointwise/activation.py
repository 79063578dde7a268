"""Activation functions that are methods of tensors, too: relu, sigmoid, and the like. In the formulas L is the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import OUTPUT
from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled import pointwise as compiled
from metagrad.kernels.quicker import exponential
from metagrad.kernels.selection import select
from metagrad.ops.arguments import floating, takes_exact_out, takes_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import in_single, need_one_dtype, need_tensors
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.chunked import Pointwise, is_large
from metagrad.ops.pointwise.loops import Loops

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["hardshrink", "prelu", "relu", "sigmoid"]


class Relu(Pointwise):
    """y = max(x, 0),   ∂L/∂x = ∂L/∂y where x > 0, else 0."""

    loops = Loops(compiled.relu, compiled.relu_backward, True, tuning.CHEAP_LOOP_WORTH)
    flat_in = (OUTPUT,)

    def forward(self, x: Array) -> Array:
        if x.dtype.kind == "f":  # three times as fast as np.maximum with a number
            y = x.clip(x.dtype.type(0), x.dtype.type(np.inf))
        else:
            y = np.maximum(x, 0)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        return select(y <= 0, 0.0, grad)  # nan is not, so that it is seen in the gradient too


def relu(input: Tensor) -> Tensor:
    """Rectified linear unit max(x, 0), element by element; its derivative at 0 is 0.

    Raises RuntimeError for bools and complex numbers.

    >>> import metagrad
    >>> metagrad.relu(metagrad.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    try:
        kind = input.array.dtype.kind
    except AttributeError:
        need_tensors("relu", input=input)
        raise
    if kind == "b":
        raise NotImplementedError("Boolean inputs not supported for relu: convert with .float()")
    if kind == "c":
        raise NotImplementedError("clamp is not supported for complex types, nor is relu: take .real")
    return Relu.apply(input)


class Sigmoid(Pointwise):
    """y = 1 / (1 + e⁻ˣ),   ∂L/∂x = ∂L/∂y · y (1 − y). Where e⁻ˣ overflows, y is 0, as it should be."""

    loops = Loops(compiled.sigmoid, compiled.sigmoid_backward, keeps_result=True)

    def forward(self, x: Array) -> Array:
        y = 1 / (exponential(x, -1.0) + 1)
        self.save(y)
        return y

    def backward(self, grad: Array) -> Array:
        (y,) = self.saved
        y = conj(y)
        return grad * (y * (1 - y))


def logistic_share(a: Any, x: Any, sign: float = -1.0) -> Any:
    """a / (1 + e^±x), in a gradient's formula: of tensors a · σ(∓x), for the quotient's own gradient is ∞/∞ far from 0."""
    recorded = isinstance(x, Variable)
    return a * Sigmoid.on(x * -sign) if recorded else a / (exponential(x, sign) + 1)


@takes_out
@in_single
def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Logistic function 1 / (1 + e⁻ˣ), element by element: between 0 and 1.

    >>> import metagrad
    >>> metagrad.sigmoid(metagrad.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return Sigmoid.apply(floating(input))


@takes_exact_out
@guarding("input")
def hardshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """x where |x| > λ, else 0: small numbers vanish, large ones stay as they are.

    >>> import metagrad
    >>> metagrad.hardshrink(metagrad.tensor([-1.0, 0.3, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    refuse("hardshrink", input, "biuc")
    return Hardshrink.apply(input, lambd=float(lambd))


class Hardshrink(Pointwise):
    """y = x where |x| > λ, else 0;   ∂L/∂x = ∂L/∂y where |x| > λ, else 0."""

    flat_in = (0,)

    def forward(self, x: Array, lambd: float) -> Array:
        inside = (x >= -lambd) & (x <= lambd)
        if self.needs[0]:
            self.inside = inside
        return select(inside, 0.0, x)

    def backward(self, grad: Array) -> Array:
        return select(self.inside, 0.0, grad)


class Prelu(Pointwise):
    """y = x where x > 0, else a x;   ∂L/∂x = ∂L/∂y · (1 or a),   ∂L/∂a = ∂L/∂y · (0 or x)."""

    flat_in = (0, 1)

    def forward(self, x: Array, a: Array, shrinks: bool) -> Array:
        self.save(x, a)
        return np.maximum(x, a * x) if shrinks else np.where(x > 0, x, a * x)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (x, a), (needs_x, needs_a) = self.saved, self.needs
        positive = x > 0
        grad_x = np.where(positive, grad, grad * a) if needs_x else None
        return grad_x, np.where(positive, 0, grad * x) if needs_a else None


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else a x, a learned: one number, or one for each channel, dimension 1 (He et al. 2015).

    Raises RuntimeError if ``weight`` has more than one dimension, or neither one element nor one for each channel.

    >>> import metagrad
    >>> metagrad.prelu(metagrad.tensor([-2.0, 3.0]), metagrad.tensor([0.25]))
    tensor([-0.5000,  3.0000])
    """
    need_one_dtype("prelu", input, weight)
    refuse("prelu", input, "c")
    if weight.array.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.array.ndim}")
    if weight.array.size != 1:
        if not input.array.ndim:
            raise RuntimeError("prelu: Not allow zero-dim input tensor. Give a weight of one element")
        channels = input.array.shape[1] if input.array.ndim > 1 else 1
        if weight.array.size != channels:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.array.size} and "
                f"channel size = {channels}."
            )
        weight = weight.reshape((-1,) + (1,) * max(input.array.ndim - 2, 0))
    a = weight.array
    shrinks = is_large(input.array) and bool(
        ((a > 0) & (a <= 1)).all()
    )  # then a x is the larger one below 0, and only there
    one = a.size == 1 and a.__class__ is input.array.__class__  # as a number of the CPU it would be welcome on a GPU
    return Prelu.apply(input, weight.reshape(()) if one else weight, shrinks=shrinks)
