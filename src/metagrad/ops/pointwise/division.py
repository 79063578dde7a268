"""Division and what it leaves over. In the formulas z is the result and L the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.emulation import rounded_to_bfloat16
from metagrad.autograd.variable import Variable, unwrap
from metagrad.base import dtypes
from metagrad.base.typing import Array, Operand
from metagrad.kernels import quicker
from metagrad.kernels.fusion import as_one_step, noted_for_numpy
from metagrad.kernels.libraries import looks_at
from metagrad.ops.arguments import takes_out
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.operands import (
    NumberOfHalves,
    converted,
    float_operands,
    in_single,
    need_a_tensor,
    need_numbers,
    need_tensors,
    operands,
)
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.comparison import applied
from metagrad.ops.pointwise.signs import abs as magnitude

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["div", "divide", "floor_divide", "fmod", "gcd", "lcm", "remainder", "true_divide"]


class Div(Pointwise):
    """z = x / y,   ∂L/∂x = ∂L/∂z / y,   ∂L/∂y = −∂L/∂z · x / y²."""

    ufunc = np.divide

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x if self.needs[1] else None, y)
        return x / y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        x, y = self.saved
        return grad / conj(y), -grad * conj(x / y / y) if self.needs[1] else None


@takes_out
def div(input: Operand, other: Operand, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """Quotient, element by element; integers divide to floats, as in Python.

    rounding_mode: None, ``"trunc"`` (towards zero, as in C) or ``"floor"`` (Python's ``//``); then integers stay
    integers and the gradient is zero.

    Raises RuntimeError for another rounding mode, and for integers divided by 0 with one.

    >>> import metagrad
    >>> metagrad.div(metagrad.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> metagrad.div(metagrad.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    if rounding_mode is None:
        return Div.apply(*float_operands(input, other, True))
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    x, y = operands(input, other, True)
    need_numbers(f"div with rounding_mode={rounding_mode!r}", x, y)
    if isinstance(x, Variable) and x.array.dtype.char == "E" and rounding_mode == "trunc":
        return TruncDivide.apply(x, y, rounds=True)
    divide = FloorDivide.apply if rounding_mode == "floor" else TruncDivide.apply
    return (in_single(divide) if y.__class__ is NumberOfHalves else divide)(x, y)


divide = true_divide = div


class Quotient(Div):
    """z = x · (1 / y) of a number x: rounded twice, as in PyTorch, where the operator multiplies by the reciprocal."""

    def forward(self, x: float, y: Array) -> Array:
        self.save(x if self.needs[1] else None, y)
        return np.reciprocal(y) * x


def rdiv(input: Tensor, other: Operand) -> Tensor:
    """``other / input``, the operator."""
    if (other.__class__ is float or other.__class__ is int) and other != 1 and input.array.dtype.kind != "c":
        if input.array.dtype.kind in "biu":
            input = converted(input, dtypes.get_default_dtype())
        if input.array.dtype.char == "E":  # the reciprocal is rounded to bfloat16
            return div(1, input) * other
        return Quotient.apply(float(other) if input.array.dtype.char != "e" else NumberOfHalves(other), input)
    return div(other, input)


class FloorDivide(Pointwise):
    """z = ⌊x / y⌋,   constant between its jumps: ∂L/∂x = ∂L/∂y = 0."""

    one_by_one = "ef"
    guards: tuple[int, ...] = (1,)

    def forward(self, x: Array, y: Array) -> Array:
        _refuse_integer_zero(x, y)
        self.guards = (0, 1) if self.needs[1] else (1,)
        if np.result_type(x, y).kind == "f" and noted_for_numpy(x, y):
            return as_one_step(quicker.floor_quotient, x, y)
        z = np.floor_divide(x, y)
        if z.dtype.kind == "f":  # NumPy gives nan for x // 0, PyTorch what the division gives
            z = np.where(np.equal(y, 0), np.divide(x, y), z)
        return z

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        return tuple([np.zeros_like(grad) if needed else None for needed in self.needs])


class TruncDivide(FloorDivide):
    """z = trunc(x / y),   constant between its jumps: ∂L/∂x = ∂L/∂y = 0."""

    one_by_one = "e"

    def forward(self, x: Array, y: Array, rounds: bool = False) -> Array:
        _refuse_integer_zero(x, y)
        self.guards = (0, 1) if self.needs[1] else (1,)
        if np.result_type(x, y).kind in "iub":
            z, kind = np.floor_divide(x, y), np.result_type(x, y)  # the absolute value of the smallest integer is none
            up = ((x < 0) != (y < 0)) & (np.remainder(x, y) != 0)
            return (z + up).astype(kind)
        return np.trunc(rounded_to_bfloat16(x / y) if rounds else x / y)


def _refuse_integer_zero(x: Array, y: Array) -> None:
    if looks_at(y) and np.result_type(x, y).kind in "iub" and np.size(x) and np.any(np.equal(y, 0)):
        raise RuntimeError("ZeroDivisionError: integer division by zero")


@takes_out
def floor_divide(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Quotient rounded down, Python's ``//``.

    Raises RuntimeError if integers are divided by 0.

    >>> import metagrad
    >>> metagrad.floor_divide(metagrad.tensor([7.0, -7.0]), 2)
    tensor([ 3., -4.])
    """
    return div(input, other, rounding_mode="floor")


class Remainder(Pointwise):
    """z = x − ⌊x/y⌋ y, with the sign of y;   ∂L/∂x = ∂L/∂z,   ∂L/∂y = −∂L/∂z · ⌊x/y⌋."""

    one_by_one = "ef"

    def forward(self, x: Array, y: Array) -> Array:
        if self.needs[1]:
            self.save(x, y)
        if np.result_type(x, y).kind in "iub":
            return np.remainder(x, y)
        if noted_for_numpy(x, y):
            return as_one_step(quicker.remainder, x, y)
        z = np.fmod(x, y)  # where nothing is left over, the zero has the sign of x
        return np.where((z != 0) & ((z < 0) != np.less(y, 0)), z + y, z)

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        if not self.needs[1]:
            return grad, None
        x, y = self.saved
        return grad, -grad * FloorDivide.on(x, y)


@takes_out
def remainder(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Python's modulus, element by element: ``x − ⌊x/y⌋ y``, with the sign of the divisor.

    Raises TypeError if neither operand is a tensor, and RuntimeError if integers are divided by 0.

    >>> import metagrad
    >>> metagrad.remainder(metagrad.tensor([-3.0, 3.0]), 2)
    tensor([1., 1.])
    """
    if not isinstance(input, Variable):
        need_a_tensor("remainder", input, other)
    x, y = operands(input, other)
    need_numbers("remainder", x, y)
    _check_divisor(x, y)
    return Remainder.apply(x, y)


class Fmod(Pointwise):
    """z = x − trunc(x/y) y, with the sign of x;   ∂L/∂x = ∂L/∂z,   ∂L/∂y = −∂L/∂z · trunc(x/y)."""

    one_by_one = "ef"

    def forward(self, x: Array, y: Array) -> Array:
        if self.needs[1]:
            self.save(x, y)
        return np.fmod(x, y)

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        if not self.needs[1]:
            return grad, None
        x, y = self.saved
        return grad, -grad * TruncDivide.on(x, y)


@takes_out
def fmod(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """C's fmod, element by element: ``x − trunc(x/y) y``, with the sign of the dividend.

    Raises TypeError if input is no tensor, and RuntimeError if integers are divided by 0.

    >>> import metagrad
    >>> metagrad.fmod(metagrad.tensor([-3.0, 3.0]), 2)
    tensor([-1.,  1.])
    """
    if not isinstance(input, Variable):
        need_tensors("fmod", input=input)
    x, y = operands(input, other)
    need_numbers("fmod", x, y)
    _check_divisor(x, y)
    return Fmod.apply(x, y)


def _check_divisor(x: Operand, y: Operand) -> None:
    if isinstance(x, Variable) or isinstance(y, Variable):
        _refuse_integer_zero(unwrap(x), unwrap(y))


@takes_out
def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor, at least 0.

    Raises TypeError if an operand is no tensor, and RuntimeError if they are no integers.

    >>> import metagrad
    >>> metagrad.gcd(metagrad.tensor([12, 0]), metagrad.tensor([18, 5]))
    tensor([6, 5])
    """
    return _integers("gcd", np.gcd, input, other)


@takes_out
def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple, at least 0 where the dtype holds it.

    Raises TypeError if an operand is no tensor, and RuntimeError if they are no integers.

    >>> import metagrad
    >>> metagrad.lcm(metagrad.tensor([4, 6]), metagrad.tensor([6, 0]))
    tensor([12,  0])
    """
    found = _integers("lcm", np.lcm, input, other)
    return magnitude(found) if found.dtype.itemsize > 2 else found  # it wraps around where it is beyond the dtype


def _integers(name: str, ufunc: np.ufunc, input: Tensor, other: Tensor) -> Tensor:
    need_tensors(name, input=input, other=other)
    x, y = operands(input, other)
    if x.array.dtype.kind not in "iu":
        raise unsupported(f"{name}_cpu", x.dtype)
    return applied(ufunc, unwrap(x), unwrap(y))
