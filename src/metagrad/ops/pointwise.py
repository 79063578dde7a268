"""Functions of one variable, applied to every element. In the formulas y is the result and L the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array, Variable
from metagrad.ops.arithmetic import conj
from metagrad.ops.common import as_tensor, floating, operands

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

quiet = np.errstate(all="ignore")  # PyTorch's answer to log(0) is -inf, without a warning


class Exp(Function):
    """y = eˣ,   ∂L/∂x = ∂L/∂y · y."""

    @quiet
    def forward(self, x: Array) -> Array:
        y = np.exp(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        return grad * conj(y)


class Log(Function):
    """y = ln x,   ∂L/∂x = ∂L/∂y / x."""

    @quiet
    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.log(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad / conj(x)


class Log1p(Function):
    """y = ln(1 + x),   ∂L/∂x = ∂L/∂y / (1 + x)."""

    @quiet
    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.log1p(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad / (1 + conj(x))


class Expm1(Function):
    """y = eˣ − 1,   ∂L/∂x = ∂L/∂y · (y + 1)."""

    @quiet
    def forward(self, x: Array) -> Array:
        y = np.expm1(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        return grad * (conj(y) + 1)


class Sqrt(Function):
    """y = √x,   ∂L/∂x = ∂L/∂y / 2y."""

    @quiet
    def forward(self, x: Array) -> Array:
        y = np.sqrt(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        return grad / (2 * conj(y))


class Rsqrt(Function):
    """y = 1 / √x,   ∂L/∂x = −½ ∂L/∂y · y³."""

    @quiet
    def forward(self, x: Array) -> Array:
        y = 1 / np.sqrt(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        y = conj(y)
        return grad * (-0.5 * y * y * y)


class Reciprocal(Function):
    """y = 1 / x,   ∂L/∂x = −∂L/∂y · y²."""

    @quiet
    def forward(self, x: Array) -> Array:
        y = 1 / x
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        y = conj(y)
        return -grad * (y * y)


class Sin(Function):
    """y = sin x,   ∂L/∂x = ∂L/∂y · cos x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.sin(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * conj(np.cos(x))


class Cos(Function):
    """y = cos x,   ∂L/∂x = −∂L/∂y · sin x."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.cos(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return -grad * conj(np.sin(x))


class Tanh(Function):
    """y = tanh x,   ∂L/∂x = ∂L/∂y · (1 − y²)."""

    def forward(self, x: Array) -> Array:
        y = np.tanh(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        y = conj(y)
        return grad * (1 - y * y)


class Sigmoid(Function):
    """y = 1 / (1 + e⁻ˣ) = ½ + ½ tanh(x/2), which cannot overflow;   ∂L/∂x = ∂L/∂y · y (1 − y)."""

    def forward(self, x: Array) -> Array:
        y = 0.5 + 0.5 * np.tanh(0.5 * x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        y = conj(y)
        return grad * (y * (1 - y))


class Relu(Function):
    """y = max(x, 0),   ∂L/∂x = ∂L/∂y where x > 0, else 0."""

    def forward(self, x: Array) -> Array:
        y = np.maximum(x, 0)
        self.positive = y > 0
        return y

    def backward(self, grad: Any) -> Any:
        return grad * self.positive


class Abs(Function):
    """y = |x|,   ∂L/∂x = ∂L/∂y · sgn x (0 at 0)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.abs(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * np.sign(x)


class Clamp(Function):
    """y = x between two bounds, numbers or tensors;   ∂L/∂x = ∂L/∂y where x is within them, bounds included.

    A bound that decides gets the gradient instead.
    """

    def forward(self, x: Array, low: Any, high: Any) -> Array:
        y = x
        self.below = self.above = None
        if low is not None:
            self.below = x < low
            y = np.maximum(y, low)
        if high is not None:
            self.above = y > high
            y = np.minimum(y, high)
        return y

    def backward(self, grad: Any) -> Any:
        above, below = self.above, self.below
        if above is not None and below is not None:
            below = below & ~above
        outside = [m for m in (below, above) if m is not None]
        grad_x = grad
        for m in outside:
            grad_x = grad_x * ~m
        grad_low = grad * below if self.needs[1] and below is not None else None
        grad_high = grad * above if self.needs[2] and above is not None else None
        return grad_x, grad_low, grad_high


class Step(Function):
    """A function that is constant between jumps, such as floor;   ∂L/∂x = 0."""

    def forward(self, x: Array, ufunc: Any) -> Array:
        return ufunc(x)

    def backward(self, grad: Any) -> Any:
        return np.zeros_like(grad)


def exp(input: Tensor) -> Tensor:
    """eˣ, element by element.

    >>> import metagrad
    >>> metagrad.exp(metagrad.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return Exp.apply(floating(input))


def log(input: Tensor) -> Tensor:
    """Natural logarithm ln x, element by element; −inf at 0, nan below.

    >>> import metagrad
    >>> metagrad.log(metagrad.tensor([1.0, 0.0]))
    tensor([0., -inf])
    """
    return Log.apply(floating(input))


def log2(input: Tensor) -> Tensor:
    """Logarithm to base 2, element by element."""
    return _logarithm(input, np.log2, 2.0)


def log10(input: Tensor) -> Tensor:
    """Logarithm to base 10, element by element."""
    return _logarithm(input, np.log10, 10.0)


class LogBase(Function):
    """y = log_b x,   ∂L/∂x = ∂L/∂y / (x ln b)."""

    @quiet
    def forward(self, x: Array, ufunc: Any, base: float) -> Array:
        self.save(x)
        self.base = base
        return ufunc(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad / (conj(x) * float(np.log(self.base)))


def _logarithm(input: Tensor, ufunc: Any, base: float) -> Tensor:
    return LogBase.apply(floating(input), ufunc=ufunc, base=base)


def log1p(input: Tensor) -> Tensor:
    """ln(1 + x), exact also for tiny x."""
    return Log1p.apply(floating(input))


def expm1(input: Tensor) -> Tensor:
    """eˣ − 1, exact also for tiny x."""
    return Expm1.apply(floating(input))


def sqrt(input: Tensor) -> Tensor:
    """Square root, element by element; nan for negative numbers.

    >>> import metagrad
    >>> metagrad.sqrt(metagrad.tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    return Sqrt.apply(floating(input))


def rsqrt(input: Tensor) -> Tensor:
    """1 / √x, element by element."""
    return Rsqrt.apply(floating(input))


def reciprocal(input: Tensor) -> Tensor:
    """1 / x, element by element."""
    return Reciprocal.apply(floating(input))


def sin(input: Tensor) -> Tensor:
    """Sine of angles in radians, element by element."""
    return Sin.apply(floating(input))


def cos(input: Tensor) -> Tensor:
    """Cosine of angles in radians, element by element."""
    return Cos.apply(floating(input))


def tan(input: Tensor) -> Tensor:
    """Tangent of angles in radians, element by element."""
    x = floating(input)
    return Sin.apply(x) / Cos.apply(x)


def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent, (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), element by element: between −1 and 1.

    >>> import metagrad
    >>> metagrad.tanh(metagrad.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return Tanh.apply(floating(input))


def sigmoid(input: Tensor) -> Tensor:
    """Logistic function 1 / (1 + e⁻ˣ), element by element: between 0 and 1.

    >>> import metagrad
    >>> metagrad.sigmoid(metagrad.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return Sigmoid.apply(floating(input))


def relu(input: Tensor) -> Tensor:
    """Rectified linear unit max(x, 0), element by element; its derivative at 0 is 0.

    >>> import metagrad
    >>> metagrad.relu(metagrad.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if input.array.dtype.kind == "b":
        raise RuntimeError("relu is not defined for bool tensors: convert with .float() or .int() first")
    return Relu.apply(input)


def abs(input: Tensor) -> Tensor:
    """|x|, element by element; its derivative at 0 is 0.

    >>> import metagrad
    >>> metagrad.abs(metagrad.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """
    if input.array.dtype.kind == "c":
        return ComplexAbs.apply(input)
    return Abs.apply(input)


class ComplexAbs(Function):
    """y = |x| of complex x,   ∂L/∂x = ∂L/∂y · x / |x| (0 at 0)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.abs(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        return grad * np.sign(x)


def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """x limited to [min, max], numbers or tensors; one of them may be None. nan stays nan.

    The gradient passes where ``min ≤ x ≤ max``, bounds included.

    >>> import metagrad
    >>> metagrad.clamp(metagrad.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    x = as_tensor(input)
    low = high = None
    if min is not None:
        x, low = operands(x, min)
    if max is not None:
        x, high = operands(x, max)
        if min is not None:
            x, low = operands(x, min)
    return Clamp.apply(x, low, high)


def clamp_min(input: Tensor, min: Any) -> Tensor:
    """x, at least ``min``."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Any) -> Tensor:
    """x, at most ``max``."""
    return clamp(input, max=max)


def _step(input: Tensor, ufunc: Any) -> Tensor:
    if input.array.dtype.kind in "iub":
        return as_tensor(input).clone()
    return Step.apply(input, ufunc=ufunc)


def floor(input: Tensor) -> Tensor:
    """The largest integer not above x, as a float."""
    return _step(input, np.floor)


def ceil(input: Tensor) -> Tensor:
    """The smallest integer not below x, as a float."""
    return _step(input, np.ceil)


def trunc(input: Tensor) -> Tensor:
    """x without its fraction, as a float."""
    return _step(input, np.trunc)


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """x rounded to the nearest multiple of 10⁻ᵈ, d = ``decimals``; halves go to the even neighbour."""
    if decimals:
        return _step(input, lambda x: np.round(x, decimals))
    return _step(input, np.rint)


def frac(input: Tensor) -> Tensor:
    """The fraction of x, with its sign: x − trunc(x)."""
    return as_tensor(input) - trunc(input)


def sign(input: Tensor) -> Tensor:
    """−1, 0 or 1 by the sign of x."""
    if input.array.dtype.kind == "b":
        return as_tensor(input).clone()
    return Step.apply(input, ufunc=np.sign)


def maximum(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements; nan if one is. Where they are equal, each gets half the gradient."""
    return Extremum.apply(*operands(input, other), ufunc=np.maximum)


def minimum(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements; nan if one is. Where they are equal, each gets half the gradient."""
    return Extremum.apply(*operands(input, other), ufunc=np.minimum)


class Extremum(Function):
    """z = max(x, y) or min(x, y);   ∂L/∂x = ∂L/∂z where x was taken, half of it where x = y."""

    def forward(self, x: Array, y: Array, ufunc: Any) -> Array:
        z = ufunc(x, y)
        if any(self.needs):
            self.share = np.where(np.equal(x, y), 0.5, np.equal(z, x) | np.isnan(x)).astype(z.dtype)
        return z

    def backward(self, grad: Any) -> Any:
        return grad * self.share, grad * (1 - self.share)


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """``input`` where the condition holds, ``other`` elsewhere, with broadcasting; both may be numbers.

    With the condition alone: the indices of its true elements, a tensor per dimension.

    >>> import metagrad
    >>> x = metagrad.tensor([-1.0, 2.0])
    >>> metagrad.where(x > 0, x, 0)
    tensor([0., 2.])
    """
    condition = as_tensor(condition)
    if input is None:
        return tuple(as_tensor(a) for a in np.nonzero(condition.array))
    if condition.array.dtype.kind not in "bu":
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}")
    x, y = operands(input, other)
    return Where.apply(condition, x, y)


class Where(Function):
    """z = x where c, else y;   ∂L/∂x = ∂L/∂z where c,   ∂L/∂y = ∂L/∂z where not c, 0 elsewhere."""

    def forward(self, c: Array, x: Array, y: Array) -> Array:
        self.condition = c
        return np.where(c, x, y)

    def backward(self, grad: Any) -> Any:
        zero = np.zeros((), grad.dtype) if not isinstance(grad, Variable) else grad.dtype.numpy.type(0)  # type: ignore[union-attr]
        c = self.condition
        return None, np.where(c, grad, zero), np.where(c, zero, grad)
