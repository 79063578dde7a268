"""The four operations, powers and remainders. All broadcast; the sweep undoes the broadcasting of gradients.

In the formulas z is the result and L the loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad import dtypes
from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array, Variable
from metagrad.ops.common import as_tensor, converted, float_operands, floating, operands, result_type

if TYPE_CHECKING:
    from metagrad.tensor import Tensor


class Add(Function):
    """z = x + y,   ∂L/∂x = ∂L/∂z,   ∂L/∂y = ∂L/∂z."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.add(x, y)  # not x + y: the ufunc makes bool + bool a logical or, where Python's scalars add up

    def backward(self, grad: Any) -> Any:
        return grad, grad


class Sub(Function):
    """z = x − y,   ∂L/∂x = ∂L/∂z,   ∂L/∂y = −∂L/∂z."""

    def forward(self, x: Array, y: Array) -> Array:
        return x - y

    def backward(self, grad: Any) -> Any:
        return grad, -grad if self.needs[1] else None


class Mul(Function):
    """z = x · y,   ∂L/∂x = ∂L/∂z · y*,   ∂L/∂y = ∂L/∂z · x*   (* conjugates complex numbers)."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x if self.needs[1] else None, y if self.needs[0] else None)
        return x * y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved
        return grad * conj(y) if self.needs[0] else None, grad * conj(x) if self.needs[1] else None


class Div(Function):
    """z = x / y,   ∂L/∂x = ∂L/∂z / y,   ∂L/∂y = −∂L/∂z · x / y²."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x if self.needs[1] else None, y)
        return x / y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved
        grad_x = grad / conj(y)
        return grad_x, -grad_x * conj(x / y) if self.needs[1] else None


class Pow(Function):
    """z = xʸ,   ∂L/∂x = ∂L/∂z · y xʸ⁻¹ (0 where y = 0),   ∂L/∂y = ∂L/∂z · z ln x (0 where x = 0 and y ≥ 0)."""

    def forward(self, x: Array, y: Array) -> Array:
        z = x**y if isinstance(x, np.ndarray) or not isinstance(x, (int, float)) else np.power(x, y)
        self.save(x, y, z)
        return z

    def backward(self, grad: Any) -> Any:
        x, y, z = self.saved
        grad_x = grad_y = None
        if self.needs[0]:
            if isinstance(y, (int, float)):
                grad_x = np.zeros_like(grad) if y == 0 else grad * (y * conj(x) ** (y - 1))
            else:
                zero = y == 0
                grad_x = np.where(zero, 0, grad * conj(y * x ** np.where(zero, 1, y - 1)))
        if self.needs[1]:
            if isinstance(x, (int, float)):
                grad_y = grad * z * np.log(x) if x != 0 else np.where(y >= 0, 0, grad * -np.inf)
            else:
                flat = (x == 0) & (y >= 0) if y_is_real(y) else x == 0
                grad_y = np.where(flat, 0, grad * conj(z * np.log(np.where(flat, 1, x))))
        return grad_x, grad_y


def y_is_real(y: Any) -> bool:
    """Whether an exponent can be compared with 0."""
    return isinstance(y, (int, float)) or getattr(y, "array", y).dtype.kind != "c"


class Neg(Function):
    """z = −x,   ∂L/∂x = −∂L/∂z."""

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, grad: Any) -> Any:
        return -grad


class Remainder(Function):
    """z = x − ⌊x/y⌋ y, with the sign of y;   ∂L/∂x = ∂L/∂z,   ∂L/∂y = −∂L/∂z · ⌊x/y⌋."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x, y)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.remainder(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved
        return grad, -grad * np.floor(x / y) if self.needs[1] else None


class Fmod(Function):
    """z = x − trunc(x/y) y, with the sign of x;   ∂L/∂x = ∂L/∂z,   ∂L/∂y = −∂L/∂z · trunc(x/y)."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x, y)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.fmod(x, y)

    def backward(self, grad: Any) -> Any:
        x, y = self.saved
        return grad, -grad * np.trunc(x / y) if self.needs[1] else None


class Conj(Function):
    """z = x*,   ∂L/∂x = (∂L/∂z)*."""

    def forward(self, x: Array) -> Array:
        return np.conjugate(x)

    def backward(self, grad: Any) -> Any:
        return np.conjugate(grad)


def conj(x: Any) -> Any:
    """x*, for an array, a tensor or a number; real ones as they are."""
    if isinstance(x, (int, float)):
        return x
    return np.conjugate(x) if x.dtype == np.complex64 or x.dtype == np.complex128 else x


def _scaled(other: Any, alpha: Any, name: str, kind: dtypes.dtype) -> Any:
    if kind.category < 2 and isinstance(alpha, float):
        raise RuntimeError(f"{name}: for integer operands alpha must be an integer, got {alpha}")
    return mul(other, alpha)


def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Sum, ``input + alpha · other``, element by element with broadcasting.

    input, other: tensors of any shapes that broadcast, or numbers. The dtype follows ``result_type``.

    >>> import metagrad
    >>> metagrad.add(metagrad.tensor([1.0, 2.0]), 10, alpha=2)
    tensor([21., 22.])
    """
    if alpha.__class__ is not int or alpha != 1:
        other = _scaled(other, alpha, "add", result_type(as_tensor(input), other))
    return Add.apply(*operands(input, other))


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Difference, ``input − alpha · other``, element by element with broadcasting.

    >>> import metagrad
    >>> metagrad.sub(metagrad.tensor([1, 2]), metagrad.tensor([[1], [2]]))
    tensor([[ 0,  1],
            [-1,  0]])
    """
    if alpha.__class__ is not int or alpha != 1:
        other = _scaled(other, alpha, "sub", result_type(as_tensor(input), other))
    x, y = operands(input, other)
    for side in (x, y):
        if isinstance(side, Variable) and side.array.dtype.kind == "b":
            raise RuntimeError("subtraction of bool tensors is not defined: use ^ (logical_xor) or ~ (logical_not)")
    return Sub.apply(x, y)


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Difference the other way round, ``other − alpha · input``."""
    return sub(other, input, alpha=alpha)


def mul(input: Any, other: Any) -> Tensor:
    """Product, element by element with broadcasting.

    >>> import metagrad
    >>> metagrad.mul(metagrad.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """
    return Mul.apply(*operands(input, other))


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient, element by element; integers divide to floats, as in Python.

    rounding_mode: None, ``"trunc"`` (towards zero, as in C) or ``"floor"`` (Python's ``//``); then integers stay
    integers and the gradient is zero.

    >>> import metagrad
    >>> metagrad.div(metagrad.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> metagrad.div(metagrad.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    if rounding_mode is None:
        return Div.apply(*float_operands(input, other))
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}")
    x, y = operands(input, other)
    return FloorDivide.apply(x, y) if rounding_mode == "floor" else TruncDivide.apply(x, y)


class FloorDivide(Function):
    """z = ⌊x / y⌋,   constant between its jumps: ∂L/∂x = ∂L/∂y = 0."""

    def forward(self, x: Array, y: Array) -> Array:
        _refuse_integer_zero(x, y)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.floor_divide(x, y)
            if z.dtype.kind == "f":  # NumPy gives nan for x // 0, PyTorch what the division gives
                z = np.where(np.equal(y, 0), np.divide(x, y), z)
        return z

    def backward(self, grad: Any) -> Any:
        return np.zeros_like(grad), np.zeros_like(grad)


class TruncDivide(FloorDivide):
    """z = trunc(x / y),   constant between its jumps: ∂L/∂x = ∂L/∂y = 0."""

    def forward(self, x: Array, y: Array) -> Array:
        _refuse_integer_zero(x, y)
        if np.result_type(x, y).kind in "iub":
            return np.where((x < 0) != (y < 0), -(abs(x) // abs(y)), abs(x) // abs(y)).astype(np.result_type(x, y))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.trunc(x / y)


def _refuse_integer_zero(x: Array, y: Array) -> None:
    if np.result_type(x, y).kind in "iub" and np.any(np.equal(y, 0)):
        raise RuntimeError("ZeroDivisionError: integer division by zero")


def floor_divide(input: Any, other: Any) -> Tensor:
    """Quotient rounded down, Python's ``//``.

    >>> import metagrad
    >>> metagrad.floor_divide(metagrad.tensor([7.0, -7.0]), 2)
    tensor([ 3., -4.])
    """
    return div(input, other, rounding_mode="floor")


def remainder(input: Any, other: Any) -> Tensor:
    """Python's modulus, element by element: ``x − ⌊x/y⌋ y``, with the sign of the divisor.

    >>> import metagrad
    >>> metagrad.remainder(metagrad.tensor([-3.0, 3.0]), 2)
    tensor([1., 1.])
    """
    x, y = operands(input, other)
    _check_divisor(x, y)
    return Remainder.apply(x, y)


def fmod(input: Any, other: Any) -> Tensor:
    """C's fmod, element by element: ``x − trunc(x/y) y``, with the sign of the dividend.

    >>> import metagrad
    >>> metagrad.fmod(metagrad.tensor([-3.0, 3.0]), 2)
    tensor([-1.,  1.])
    """
    x, y = operands(input, other)
    _check_divisor(x, y)
    return Fmod.apply(x, y)


def _check_divisor(x: Any, y: Any) -> None:
    if isinstance(x, Variable) or isinstance(y, Variable):
        _refuse_integer_zero(getattr(x, "array", x), getattr(y, "array", y))


def pow(input: Any, exponent: Any) -> Tensor:
    """Power, ``input ** exponent``, element by element with broadcasting.

    Raises if integers are raised to a negative integer power.

    >>> import metagrad
    >>> metagrad.pow(metagrad.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    x, y = operands(input, exponent)
    if isinstance(x, Variable) and x.array.dtype.kind == "b":
        x, y = converted(x, dtypes.int64), converted(y, dtypes.int64)
    kind = (x if isinstance(x, Variable) else y).array.dtype.kind
    if kind in "iu" and not isinstance(y, Variable) and np.any(np.asarray(y) < 0):
        raise RuntimeError("Integers to negative integer powers are not allowed: convert the base to float first")
    return Pow.apply(x, y)


def square(input: Tensor) -> Tensor:
    """x², element by element.

    >>> import metagrad
    >>> metagrad.square(metagrad.tensor([-2.0, 3.0]))
    tensor([4., 9.])
    """
    return mul(input, input)


def neg(input: Tensor) -> Tensor:
    """−x, element by element.

    >>> import metagrad
    >>> metagrad.neg(metagrad.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    if input.array.dtype.kind == "b":
        raise RuntimeError("negation of a bool tensor is not defined: use ~ (logical_not)")
    return Neg.apply(input)


def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    return input


def addcmul(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """``input + value · tensor1 · tensor2``, element by element with broadcasting."""
    product = mul(tensor1, tensor2)
    return add(input, product if value == 1 else mul(product, value))


def addcdiv(input: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """``input + value · tensor1 / tensor2``, element by element with broadcasting."""
    quotient = div(floating(tensor1), tensor2)
    return add(input, quotient if value == 1 else mul(quotient, value))


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """The point ``input + weight · (end − input)`` between two tensors."""
    return add(input, mul(weight, sub(end, input)))
