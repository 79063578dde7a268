"""Sums, products and powers. All broadcast; the backward pass undoes the broadcasting of gradients.

In the formulas z is the result and L the loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.base import dtypes
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Number, Operand
from metagrad.ops.arguments import asks_for_a_tensor, takes_out, takes_same_out
from metagrad.ops.fitting import fitting
from metagrad.ops.operands import (
    as_tensor,
    converted,
    need_a_tensor,
    need_numbers,
    need_tensors,
    no_difference,
    older_form,
    operands,
    result_type,
)
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.integer_power import integer_power, power
from metagrad.ops.pointwise.scaled import add_scaled, scaled

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["add", "mul", "multiply", "neg", "negative", "positive", "pow", "rsub", "square", "sub", "subtract"]


class Add(Pointwise):
    """z = x + y,   ∂L/∂x = ∂L/∂z,   ∂L/∂y = ∂L/∂z."""

    ufunc = np.add

    def forward(self, x: Array, y: Array) -> Array:
        return np.add(x, y)  # not x + y: the ufunc makes bool + bool a logical or, where Python's scalars add up

    def backward(self, grad: Array) -> tuple[Array, Array]:
        return grad, grad


@takes_out
def add(input: Operand, other: Operand, *older: Operand, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """Sum, ``input + alpha · other``, element by element with broadcasting.

    input, other: tensors of any shapes that broadcast, or numbers. The dtype follows ``result_type``.
    ``older``: ``add(input, alpha, other)``, as PyTorch's first versions wrote it, is taken as well.

    Raises RuntimeError if ``alpha`` is a float and the operands are integers.

    >>> import metagrad
    >>> metagrad.add(metagrad.tensor([1.0, 2.0]), 10, alpha=2)
    tensor([21., 22.])
    """
    if older:
        other, alpha = older_form("add", other, older)
    if alpha.__class__ is not int or alpha != 1:
        found = add_scaled(input, other, alpha)
        if found is not None:
            return found
        other = scaled(other, alpha, "add", result_type(as_tensor(input), other))
    return Add.apply(*operands(input, other))


class Sub(Pointwise):
    """z = x − y,   ∂L/∂x = ∂L/∂z,   ∂L/∂y = −∂L/∂z."""

    ufunc = np.subtract

    def forward(self, x: Array, y: Array) -> Array:
        return x - y

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        return grad, -grad if self.needs[1] else None


@takes_out
def sub(input: Operand, other: Operand, *older: Operand, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """Difference, ``input − alpha · other``, element by element with broadcasting.

    Raises RuntimeError for bools, and if ``alpha`` is a float and the operands are integers.

    >>> import metagrad
    >>> metagrad.sub(metagrad.tensor([1, 2]), metagrad.tensor([[1], [2]]))
    tensor([[ 0,  1],
            [-1,  0]])
    """
    if older:
        other, alpha = older_form("sub", other, older)
    for x in (input, other):
        if x.__class__ is bool or isinstance(x, Variable) and x.array.dtype.kind == "b":
            raise no_difference(input, other)
    if alpha.__class__ is not int or alpha != 1:
        found = add_scaled(input, other, alpha, subtracts=True)
        if found is not None:
            return found
        other = scaled(other, alpha, "sub", result_type(as_tensor(input), other))
    return Sub.apply(*operands(input, other))


def rsub(input: Operand, other: Operand, *, alpha: Number = 1) -> Tensor:
    """Difference the other way round, ``other − alpha · input``, element by element with broadcasting.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.rsub(metagrad.tensor([1.0, 2.0]), 10)
    tensor([9., 8.])
    """
    if not isinstance(input, Variable):
        need_tensors("rsub", input=input)
    return sub(other, input, alpha=alpha)


class Mul(Pointwise):
    """z = x · y,   ∂L/∂x = ∂L/∂z · y*,   ∂L/∂y = ∂L/∂z · x*   (* conjugates complex numbers)."""

    ufunc = np.multiply

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x if self.needs[1] else None, y if self.needs[0] else None)
        return x * y

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (x, y), (needs_x, needs_y) = self.saved, self.needs
        return grad * conj(y) if needs_x else None, grad * conj(x) if needs_y else None


@takes_out
def mul(input: Operand, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """Product, element by element with broadcasting.

    >>> import metagrad
    >>> metagrad.mul(metagrad.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """
    return Mul.apply(*operands(input, other, True))


class Neg(Pointwise):
    """z = −x,   ∂L/∂x = −∂L/∂z."""

    ufunc, one_by_one = np.negative, ""

    def forward(self, x: Array) -> Array:
        return -x

    def backward(self, grad: Array) -> Array:
        return -grad


@takes_same_out
def neg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """−x, element by element.

    Raises RuntimeError for bools.

    >>> import metagrad
    >>> metagrad.neg(metagrad.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    if input.array.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
            "`logical_not()` operator instead."
        )
    return Neg.apply(input)


@asks_for_a_tensor
def positive(input: Tensor) -> Tensor:
    """The tensor itself, not a copy: what ``+x`` gives.

    Raises RuntimeError for bools.

    >>> import metagrad
    >>> x = metagrad.tensor([-1.0])
    >>> metagrad.positive(x) is x
    True
    """
    if input.array.dtype.kind == "b":
        raise NotImplementedError("The `+` operator, on a bool tensor is not supported.")
    return input


multiply, subtract, negative = mul, sub, neg  # PyTorch's other names


class Pow(Pointwise):
    """z = xʸ,   ∂L/∂x = ∂L/∂z · y xʸ⁻¹ (0 where y = 0),   ∂L/∂y = ∂L/∂z · z ln x (0 where x = 0 and y ≥ 0)."""

    def forward(self, x: Array, y: Array) -> Array:
        z = in_order(np.power(x, y)) if isinstance(x, (int, float, complex)) else power(x, y)
        self.save(x, y, z if self.needs[1] else None)  # so that the result may be written to in place
        return z

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
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
                slope = np.log(x) * z if x != 0 else np.where(y >= 0, 0.0, np.where(y < 0, -np.inf, np.nan))
                grad_y = grad * slope
            else:
                flat = (x == 0) & (y >= 0) if y_is_real(y) else x == 0
                grad_y = grad * np.where(flat, 0, conj(z * np.log(np.where(flat, 1, x))))
        return grad_x, grad_y


def y_is_real(y: Array) -> bool:
    """Whether an exponent can be compared with 0.

    >>> y_is_real(2), y_is_real(np.ones(1, complex))
    (True, False)
    """
    return isinstance(y, (int, float)) or unwrap(y).dtype.kind != "c"


@takes_out
def pow(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """Power, ``input ** exponent``, element by element with broadcasting.

    Raises RuntimeError if integers are raised to a negative integer power, if an exponent does not fit an integer or
    half-precision dtype, and TypeError if neither operand is a
    tensor.

    >>> import metagrad
    >>> metagrad.pow(metagrad.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    if not isinstance(input, Variable):
        need_a_tensor("pow", input, exponent)
    elif exponent is True:
        return as_tensor(input).clone()
    x, y = operands(input, exponent)
    if exponent is False and x.array.dtype.kind == "b":
        return wrap(np.ones_like(x.array))
    need_numbers("pow", x, y)
    dtype = (x if isinstance(x, Variable) else y).dtype
    kind = dtype.dtype.kind
    if not isinstance(y, Variable) and (kind in "iu" or dtype.itemsize == 2):
        if kind in "iu" and exponent < 0:  # type: ignore[operator]  # a number, which y is made of
            raise RuntimeError("Integers to negative integer powers are not allowed: convert the base to float first")
        fitting(exponent, dtype)
    if kind in "iu" and np.any(unwrap(y) < 0):
        return wrap(integer_power(unwrap(x), y.array))
    return Pow.apply(x, y)


@takes_out
def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x², element by element.

    >>> import metagrad
    >>> metagrad.square(metagrad.tensor([-2.0, 3.0]))
    tensor([4., 9.])
    """
    x = converted(input, dtypes.int64) if input.array.dtype.kind == "b" else input
    return mul(x, x)


class Conj(Pointwise):
    """z = x*,   ∂L/∂x = (∂L/∂z)*."""

    def forward(self, x: Array) -> Array:
        return np.conjugate(x)

    def backward(self, grad: Array) -> Array:
        return np.conjugate(grad)


def conj(x: Array) -> Array:
    """x*, for an array, a tensor or a number, as backward formulas need it; real ones as they are.

    >>> conj(2 + 1j)
    (2-1j)
    """
    if x.__class__ is np.ndarray or isinstance(x, (int, float, complex)):
        return x.conjugate()
    return np.conjugate(x) if unwrap(x).dtype.kind == "c" else x
