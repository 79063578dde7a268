"""Functions of how numbers are made: signs, exponents, neighbours; and sums and extremes with a twist."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array, Variable, recording, unwrap, wrap
from metagrad.autograd.views import write
from metagrad.base import dtypes, results
from metagrad.ops.operands import (
    as_tensor,
    cast_to,
    float_operands,
    floating,
    need_a_tensor,
    need_tensors,
    operands,
    result_type,
)
from metagrad.ops.pointwise.arithmetic import conj, mul, pow
from metagrad.ops.pointwise.chunked import Elementwise
from metagrad.ops.pointwise.comparison import applied

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "copysign", "deg2rad", "exp2", "float_power", "fmax", "fmin", "frexp", "gcd", "heaviside", "hypot", "lcm", "ldexp",
    "logaddexp", "logaddexp2", "nan_to_num", "nextafter", "rad2deg", "signbit", "sinc",
]  # fmt: skip


class Exp2(Elementwise):
    """y = 2ˣ,   ∂L/∂x = ∂L/∂y · y ln 2."""

    def forward(self, x: Array) -> Array:
        y = np.exp2(x)
        self.save(y)
        return y

    def backward(self, grad: Any) -> Any:
        (y,) = self.saved
        return grad * conj(y) * math.log(2)


def exp2(input: Tensor) -> Tensor:
    """2ˣ, element by element."""
    return Exp2.apply(floating(input))


def deg2rad(input: Tensor) -> Tensor:
    """Degrees in radians, x π / 180."""
    return mul(floating(input), math.pi / 180)


def rad2deg(input: Tensor) -> Tensor:
    """Radians in degrees, x 180 / π."""
    return mul(floating(input), 180 / math.pi)


class Sinc(Elementwise):
    """y = sin(πx) / (πx), 1 at 0;   ∂L/∂x = ∂L/∂y · (cos(πx) − y) / x, 0 at 0."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.sinc(x)

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved
        zero = x * x * math.pi == 0  # or so near that the square vanishes
        safe = np.where(zero, 1, x)
        angle = math.pi * safe
        return grad * conj(np.where(zero, 0, (angle * np.cos(angle) - np.sin(angle)) / (angle * safe)))


def sinc(input: Tensor) -> Tensor:
    """sin(πx) / (πx), 1 at 0."""
    return Sinc.apply(floating(input))


class Copysign(Elementwise):
    """z = |x| with the sign of y;   ∂L/∂x = ∂L/∂z · z / x (0 at 0),   ∂L/∂y = 0."""

    def forward(self, x: Array, y: Array) -> Array:
        z = np.copysign(x, y)
        self.turn = np.where(x == 0, 0, z / np.where(x == 0, 1, x)).astype(z.dtype, copy=False)
        return z

    def backward(self, grad: Any) -> Any:
        return grad * self.turn, grad * 0


def copysign(input: Tensor, other: Any) -> Tensor:
    """The magnitude of ``input`` with the sign of ``other``, that of −0 and nan included.

    >>> import metagrad
    >>> metagrad.copysign(metagrad.tensor([1.0, -2.0]), -1)
    tensor([-1., -2.])
    """
    need_tensors("copysign", input=input)
    return Copysign.apply(*float_operands(input, other))


def float_power(input: Any, exponent: Any) -> Tensor:
    """``input`` to the power of ``exponent``, in float64 or complex128."""
    need_a_tensor("float_power", input, exponent)
    kind = dtypes.complex128 if result_type(input, exponent).is_complex else dtypes.float64
    x, y = (cast_to(as_tensor(v), kind) if isinstance(v, Variable) else v for v in (input, exponent))
    return pow(x if isinstance(x, Variable) else wrap(np.asarray(x, kind.dtype)), y)


def float_power_(input: Tensor, exponent: Any) -> Tensor:
    """In-place form of ``float_power``: for float64 and complex128 tensors, as the result has no other dtype."""
    result = float_power(input, exponent)
    if result.dtype != input.dtype:
        raise RuntimeError(
            f"float_power_: the tensor's dtype is {input.dtype}, the result's {result.dtype}: use float_power, "
            "which makes a tensor of its own"
        )
    written: Tensor = write(input, result)
    return written


class _Chosen(Elementwise):
    """z = the larger (smaller) of x and y, the one that is not nan;   ∂L/∂z goes to the one chosen, to x where equal."""

    def forward(self, x: Array, y: Array, ufunc: Any, chooses: Any) -> Array:
        self.first = chooses(x, y) | np.isnan(y)
        return ufunc(x, y)

    def backward(self, grad: Any) -> Any:
        return np.where(self.first, grad, 0.0), np.where(self.first, 0.0, grad)


def fmax(input: Tensor, other: Tensor) -> Tensor:
    """The larger of two elements; where one is nan, the other."""
    need_tensors("fmax", input=input, other=other)
    x, y = operands(input, other)
    return _chosen(x, y, np.fmax, np.greater_equal)


def fmin(input: Tensor, other: Tensor) -> Tensor:
    """The smaller of two elements; where one is nan, the other."""
    need_tensors("fmin", input=input, other=other)
    x, y = operands(input, other)
    return _chosen(x, y, np.fmin, np.less_equal)


def _chosen(x: Any, y: Any, ufunc: Any, chooses: Any) -> Tensor:
    if x.array.dtype.kind not in "f":
        return applied(ufunc, unwrap(x), unwrap(y))
    return _Chosen.apply(x, y, ufunc=ufunc, chooses=chooses)


class Frexp(Function):
    """m, e with x = m 2ᵉ and ½ ≤ |m| < 1;   ∂L/∂x = ∂L/∂m / 2ᵉ."""

    def forward(self, x: Array) -> tuple[Array, Array]:
        m, e = np.frexp(x)
        self.scale = np.ldexp(np.ones_like(x), -e)
        return m, np.asarray(e, np.int32)

    def backward(self, grad: Any, _: Any) -> Any:
        return grad * self.scale


def frexp(input: Tensor) -> results.frexp:
    """mantissa and exponent with x = mantissa · 2^exponent, ½ ≤ |mantissa| < 1, the exponent int32."""
    if input.array.dtype.kind != "f":
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes, got {input.dtype}: use .float() first")
    return results.frexp(Frexp.apply_many(input))


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """x · 2ʸ, in the dtype that x and y have together; of integers, the default dtype."""
    need_tensors("ldexp", input=input, other=other)
    kind = result_type(as_tensor(input), other)
    kind = kind if kind.is_floating_point or kind.is_complex else dtypes.get_default_dtype()
    return mul(input, pow(2.0, cast_to(as_tensor(other), kind)))


class Hypot(Elementwise):
    """z = √(x² + y²),   ∂L/∂x = ∂L/∂z · x / z,   ∂L/∂y = ∂L/∂z · y / z."""

    def forward(self, x: Array, y: Array) -> Array:
        z = np.hypot(x, y)
        self.save(x, y, z)
        return z

    def backward(self, grad: Any) -> Any:
        x, y, z = self.saved
        return grad * (x / z), grad * (y / z)


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """The length of the hypotenuse, √(x² + y²), without overflow on the way."""
    need_tensors("hypot", input=input, other=other)
    return Hypot.apply(*operands(input, other))


class LogAddExp(Elementwise):
    """z = log_b(bˣ + bʸ),   ∂L/∂x = ∂L/∂z · bˣ⁻ᶻ,   ∂L/∂y = ∂L/∂z · bʸ⁻ᶻ."""

    def forward(self, x: Array, y: Array, base: float) -> Array:
        self.save(x, y)
        self.base = base
        if x.dtype.kind == "c":
            swap: Any = np.less(x.real, y.real)
            high: Any = np.where(swap, y, x)
            low: Any = np.where(swap, x, y)
            low_is_zero = np.isneginf(low.real)  # and −∞ − (−∞) is nan
            return high + np.where(low_is_zero, 0, np.log1p(np.exp(np.where(low_is_zero, 0, low - high))))
        return (np.logaddexp2 if base == 2 else np.logaddexp)(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved
        scale = math.log(self.base)
        return grad / conj(np.exp(scale * (y - x)) + 1), grad / conj(np.exp(scale * (x - y)) + 1)


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """ln(eˣ + eʸ), without overflow.

    >>> import metagrad
    >>> metagrad.logaddexp(metagrad.tensor(1000.0), metagrad.tensor(1000.0))
    tensor(1000.6932)
    """
    need_tensors("logaddexp", input=input, other=other)
    return LogAddExp.apply(*operands(input, other), base=math.e)


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log₂(2ˣ + 2ʸ), without overflow."""
    need_tensors("logaddexp2", input=input, other=other)
    return LogAddExp.apply(*operands(input, other), base=2)


class NanToNum(Elementwise):
    """y = x with numbers for nan and ±∞;   ∂L/∂x = ∂L/∂y where x was finite, else 0."""

    def forward(self, x: Array, nan: float, posinf: float | None, neginf: float | None) -> Array:
        self.finite = np.isfinite(x)
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)

    def backward(self, grad: Any) -> Any:
        return grad * self.finite


def nan_to_num(
    input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """x with ``nan`` (0) for nan, ``posinf`` and ``neginf`` (the largest and smallest number of the dtype) for ±∞."""
    if input.array.dtype.kind not in "fc":
        return as_tensor(input).clone()
    if input.array.dtype.kind == "c" and input.requires_grad and recording():
        raise RuntimeError("nan_to_num does not support automatic differentiation for outputs with complex dtype.")
    return NanToNum.apply(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


def _integers(name: str, ufunc: Any, input: Tensor, other: Tensor) -> Tensor:
    need_tensors(name, input=input, other=other)
    x, y = operands(input, other)
    if x.array.dtype.kind not in "iu":
        raise RuntimeError(f"{name} is defined for integer tensors only, got {x.dtype}")
    return applied(ufunc, unwrap(x), unwrap(y))


def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor, at least 0."""
    return _integers("gcd", np.gcd, input, other)


def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple, at least 0."""
    return _integers("lcm", np.lcm, input, other)


def _heaviside(x: Array, at_zero: Array) -> Array:
    one, zero = x.dtype.type(1), x.dtype.type(0)
    return np.where(x == 0, at_zero, np.where(x > 0, one, zero))


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """0 where x < 0, 1 where x > 0, and ``values`` where x = 0."""
    need_tensors("heaviside", input=input, values=values)
    if input.dtype != values.dtype:
        raise RuntimeError(f"heaviside needs two tensors of one dtype, got {input.dtype} and {values.dtype}: use .to()")
    if input.dtype.is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors")
    return applied(_heaviside, unwrap(input), unwrap(values))


class Nextafter(Elementwise):
    """z = the number after x towards y;   ∂L/∂x = ∂L/∂z, 0 where x = y,   ∂L/∂y = 0."""

    def forward(self, x: Array, y: Array) -> Array:
        self.moved = np.not_equal(x, y)
        return np.nextafter(x, y)

    def backward(self, grad: Any) -> Any:
        return grad * self.moved, grad * 0


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The next number that the dtype has after ``input``, in the direction of ``other``."""
    need_tensors("nextafter", input=input, other=other)
    return Nextafter.apply(*operands(input, other))


def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit is set: for negative numbers and −0."""
    x = input.array
    if x.dtype.kind == "c":
        raise RuntimeError("signbit is not implemented for complex tensors.")
    return wrap(np.asarray(np.signbit(x) if x.dtype.kind == "f" else x < 0))
