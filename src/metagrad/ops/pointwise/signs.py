"""Signs and absolute values: abs, sign, sgn, copysign, signbit, heaviside. In the formulas L is the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import OUTPUT, Function, quiet
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import unwrap, wrap
from metagrad.base.typing import Array, Operand
from metagrad.kernels.fusion import as_one_step, noted_for_numpy
from metagrad.ops.arguments import takes_exact_out, takes_out, takes_out_by, takes_same_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import as_tensor, float_operands, need_tensors
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.comparison import applied
from metagrad.ops.pointwise.rounding import Step

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["abs", "absolute", "copysign", "heaviside", "sgn", "sign", "signbit"]


class Abs(Pointwise):
    """y = |x|,   ∂L/∂x = ∂L/∂y · sgn x (0 at 0)."""

    ufunc, one_by_one = np.abs, ""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.abs(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * Sign.on(x)


class ComplexAbs(Pointwise):
    """y = |x| of complex x,   ∂L/∂x = ∂L/∂y · x / |x| (0 at 0)."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.abs(x)

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return grad * ComplexSign.on(x)


@takes_same_out
def abs(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """|x|, element by element; its derivative at 0 is 0.

    >>> import metagrad
    >>> metagrad.abs(metagrad.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """
    if input.array.dtype.kind in "bc":
        refuse("abs", input, "b")
        return ComplexAbs.apply(input)
    return Abs.apply(input)


absolute = abs


def real_abs(input: Tensor) -> Tensor:
    """|x| of what can hold it, in place as well; RuntimeError for a complex tensor.

    >>> import metagrad
    >>> real_abs(metagrad.tensor([-1.5]))
    tensor([1.5000])
    """
    if input.array.dtype.kind == "c":
        raise RuntimeError("In-place abs is not supported for complex tensors: use abs(), whose result is real")
    return abs(input)


class Sign(Step):
    """y = −1, 0 or 1 by the sign of x, 0 for nan;   ∂L/∂x = 0."""

    def forward(self, x: Array, ufunc: Callable[[Array], Array] = np.sign) -> Array:
        if x.dtype.kind == "f" and ufunc is np.sign:  # by two comparisons; nan is neither
            if x.__class__ is np.ndarray or noted_for_numpy(x):
                return as_one_step(_signs, x).astype(x.dtype)
            return np.greater(x, 0).astype(x.dtype) - np.less(x, 0).astype(x.dtype)
        return np.where(np.equal(x, x), ufunc(x), 0)


def _signs(x: Array) -> Array:
    """The signs as bytes, which NumPy subtracts in less time than floats."""
    above: Array = np.greater(x, 0).view(np.int8)
    above -= np.less(x, 0).view(np.int8)
    return above


@takes_same_out
def sign(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """−1, 0 or 1 by the sign of x, in the dtype of x; 0 for nan.

    Raises NotImplementedError for complex numbers: their direction is ``sgn``.

    >>> import metagrad
    >>> metagrad.sign(metagrad.tensor([-3.0, 0.0, 0.5]))
    tensor([-1.,  0.,  1.])
    """
    if input.array.dtype.kind in "bc":
        if input.is_complex():
            raise NotImplementedError(
                "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
            )
        return as_tensor(input).clone()
    if input.array.dtype.kind == "c":
        raise NotImplementedError("sign is not supported for complex tensors: sgn gives their direction")
    return Sign.apply(input)


class ComplexSign(Function):
    """s = z / |z|, 0 at 0;   ∂L/∂z = (∂L/∂s − Re(∂L/∂s · s*) s) / |z|."""

    def forward(self, z: Array) -> Array:
        size = np.abs(z)
        divisor = np.where(size == 0, 1, size)
        s = np.empty_like(z)  # part by part: a quotient of complex numbers overflows for subnormal ones
        s.real, s.imag = np.real(z) / divisor, np.imag(z) / divisor
        self.save(z, s)
        return s

    def backward(self, grad: Array) -> Array:
        z, s = self.saved
        size = np.abs(z)
        return np.where(size == 0, 0, (grad - np.real(grad * np.conjugate(s)) * s) / np.where(size == 0, 1, size))


@takes_same_out
@known_as("Sgn")
@guarding("input", results=(0,))
def sgn(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """z / |z|, 0 at 0, a number on the unit circle: for real numbers their sign.

    >>> import metagrad
    >>> metagrad.sgn(metagrad.tensor([3 + 4j, 0]))
    tensor([0.6000+0.8000j, 0.0000+0.0000j])
    """
    return ComplexSign.apply(input) if input.array.dtype.kind == "c" else sign(input)


class Copysign(Pointwise):
    """z = |x| with the sign of y;   ∂L/∂x = ∂L/∂z · z / x (0 at 0),   ∂L/∂y = 0."""

    one_by_one = "ef"
    guards: tuple[int, ...] = (0, OUTPUT)
    flat_in = (0,)

    def forward(self, x: Array, y: Array) -> Array:
        z = np.copysign(x, y)
        if not self.needs[0]:
            self.guards = (OUTPUT,)
        else:
            self.turn = np.where(x == 0, 0, z / np.where(x == 0, 1, x)).astype(z.dtype, copy=False)
        return z

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        needs_x, needs_y = self.needs
        return grad * self.turn if needs_x else None, np.zeros_like(grad) if needs_y else None


@takes_out
def copysign(input: Tensor, other: Operand, *, out: Tensor | None = None) -> Tensor:
    """The magnitude of ``input`` with the sign of ``other``, that of −0 and nan included.

    Raises TypeError if input is no tensor.

    >>> import metagrad
    >>> metagrad.copysign(metagrad.tensor([1.0, -2.0]), -1)
    tensor([-1., -2.])
    """
    need_tensors("copysign", input=input)
    return Copysign.apply(*float_operands(input, other))


@takes_out_by(exactly=True, words="signbit does not support non-boolean outputs.")
def signbit(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Whether the sign bit is set: for negative numbers and −0.

    Raises RuntimeError for complex tensors.

    >>> import metagrad
    >>> metagrad.signbit(metagrad.tensor([-1.0, -0.0, 0.0]))
    tensor([ True,  True, False])
    """
    x = input.array
    if x.dtype.kind == "c":
        raise NotImplementedError("signbit is not implemented for complex tensors.")
    return wrap(np.signbit(x) if x.dtype.kind in "fV" else x < 0)


@takes_exact_out
@quiet
def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 where x < 0, 1 where x > 0, and ``values`` where x = 0.

    Raises TypeError if one is no tensor, and RuntimeError if their dtypes differ or are complex.

    >>> import metagrad
    >>> metagrad.heaviside(metagrad.tensor([-1.0, 0.0, 2.0]), metagrad.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    need_tensors("heaviside", input=input, values=values)
    if input.dtype != values.dtype:
        raise RuntimeError(
            f"heaviside is not yet implemented for tensors with different dtypes, got {input.dtype} and {values.dtype}"
        )
    if input.dtype.is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    return applied(_heaviside, unwrap(input), unwrap(values))


def _heaviside(x: Array, at_zero: Array) -> Array:
    one, zero = x.dtype.type(1), x.dtype.type(0)
    return np.where(x == 0, at_zero, np.where(x > 0, one, zero))
