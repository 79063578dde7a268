"""Sums, products and powers. All broadcast; the sweep undoes the broadcasting of gradients.

In the formulas z is the result and L the loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad import dtypes
from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array, Variable
from metagrad.ops.common import as_tensor, converted, operands, result_type

if TYPE_CHECKING:
    from metagrad.tensor import Tensor


class Conj(Function):
    """z = x*,   ∂L/∂x = (∂L/∂z)*."""

    def forward(self, x: Array) -> Array:
        return np.conjugate(x)

    def backward(self, grad: Any) -> Any:
        return np.conjugate(grad)


def conj(x: Any) -> Any:
    """x*, for an array, a tensor or a number; real ones as they are."""
    if isinstance(x, (int, float, complex)):
        return x.conjugate()
    return np.conjugate(x) if x.dtype == np.complex64 or x.dtype == np.complex128 else x


class Add(Function):
    """z = x + y,   ∂L/∂x = ∂L/∂z,   ∂L/∂y = ∂L/∂z."""

    def forward(self, x: Array, y: Array) -> Array:
        return np.add(x, y)  # not x + y: the ufunc makes bool + bool a logical or, where Python's scalars add up

    def backward(self, grad: Any) -> Any:
        return grad, grad


def scaled(other: Any, alpha: Any, name: str, kind: dtypes.dtype) -> Any:
    """``alpha · other`` for a result of dtype ``kind``."""
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
        other = scaled(other, alpha, "add", result_type(as_tensor(input), other))
    return Add.apply(*operands(input, other))


class Sub(Function):
    """z = x − y,   ∂L/∂x = ∂L/∂z,   ∂L/∂y = −∂L/∂z."""

    def forward(self, x: Array, y: Array) -> Array:
        return x - y

    def backward(self, grad: Any) -> Any:
        return grad, -grad if self.needs[1] else None


def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Difference, ``input − alpha · other``, element by element with broadcasting.

    >>> import metagrad
    >>> metagrad.sub(metagrad.tensor([1, 2]), metagrad.tensor([[1], [2]]))
    tensor([[ 0,  1],
            [-1,  0]])
    """
    if alpha.__class__ is not int or alpha != 1:
        other = scaled(other, alpha, "sub", result_type(as_tensor(input), other))
    x, y = operands(input, other)
    for side in (x, y):
        if isinstance(side, Variable) and side.array.dtype.kind == "b":
            raise RuntimeError("subtraction of bool tensors is not defined: use ^ (logical_xor) or ~ (logical_not)")
    return Sub.apply(x, y)


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """Difference the other way round, ``other − alpha · input``."""
    return sub(other, input, alpha=alpha)


class Mul(Function):
    """z = x · y,   ∂L/∂x = ∂L/∂z · y*,   ∂L/∂y = ∂L/∂z · x*   (* conjugates complex numbers)."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x if self.needs[1] else None, y if self.needs[0] else None)
        return x * y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved
        return grad * conj(y) if self.needs[0] else None, grad * conj(x) if self.needs[1] else None


def mul(input: Any, other: Any) -> Tensor:
    """Product, element by element with broadcasting.

    >>> import metagrad
    >>> metagrad.mul(metagrad.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """
    return Mul.apply(*operands(input, other))


def y_is_real(y: Any) -> bool:
    """Whether an exponent can be compared with 0."""
    return isinstance(y, (int, float)) or getattr(y, "array", y).dtype.kind != "c"


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


class Neg(Function):
    """z = −x,   ∂L/∂x = −∂L/∂z."""

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, grad: Any) -> Any:
        return -grad


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


def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """The point ``input + weight · (end − input)`` between two tensors."""
    return add(input, mul(weight, sub(end, input)))
