"""How floating-point numbers are made: mantissas and exponents, the next number, and numbers in the stead of nan."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import OUTPUT, Function
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import recording
from metagrad.autograd.writing import write
from metagrad.base import dtypes, results
from metagrad.base.dtypes import scalar_name
from metagrad.base.result_order import laid_out_by
from metagrad.base.typing import Array, Operand
from metagrad.kernels.fusion import as_one_step, noted_for_numpy
from metagrad.kernels.quicker import without_nan
from metagrad.kernels.selection import select
from metagrad.ops.arguments import takes_exact_out, takes_out, takes_out_by
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import (
    as_tensor,
    cast_to,
    need_a_tensor,
    need_numbers,
    need_tensors,
    operands,
    result_type,
)
from metagrad.ops.pointwise.arithmetic import mul, pow
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["float_power", "frexp", "ldexp", "nan_to_num", "nextafter"]


class NanToNum(Pointwise):
    """y = x with numbers for nan and ±∞;   ∂L/∂x = ∂L/∂y where x was finite, else 0."""

    def forward(self, x: Array, nan: float, posinf: float | None, neginf: float | None) -> Array:
        if self.needs[0]:
            self.finite = np.isfinite(x)
        if x.dtype.kind != "f":
            return laid_out_by(np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf), x)
        if x.__class__ is not np.ndarray and noted_for_numpy(x):
            return as_one_step(functools.partial(without_nan, nan=nan, posinf=posinf, neginf=neginf), x)
        most = np.finfo(x.dtype).max
        y = np.clip(x, -most, most)
        if posinf is not None:
            y = select(np.equal(x, np.inf), x.dtype.type(posinf), y)
        if neginf is not None:
            y = select(np.equal(x, -np.inf), x.dtype.type(neginf), y)
        return select(np.isnan(x), x.dtype.type(nan), y)

    def backward(self, grad: Array) -> Array:
        return grad * self.finite


@takes_out_by(exactly=True, words="nan_to_num: dtype of out: {given} should be same as input: {wanted}")
@guarding("input")
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """x with ``nan`` (0) for nan, ``posinf`` and ``neginf`` (the largest and smallest number of the dtype) for ±∞.

    Raises RuntimeError for a complex tensor that requires grad.

    >>> import metagrad
    >>> metagrad.nan_to_num(metagrad.tensor([1.0, float("nan"), float("inf")]), posinf=9.0)
    tensor([1., 0., 9.])
    """
    if input.array.dtype.kind not in "fcV":
        return as_tensor(input).clone()
    if input.array.dtype.kind == "c" and recording(input):
        raise RuntimeError("nan_to_num does not support automatic differentiation for outputs with complex dtype.")
    if input.dtype is dtypes.bfloat16:  # whose largest number is not that of float32, in which it is computed
        most = dtypes.finfo(input.dtype).max
        posinf, neginf = most if posinf is None else posinf, -most if neginf is None else neginf
    return NanToNum.apply(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


class Nextafter(Pointwise):
    """z = the number after x towards y;   ∂L/∂x = ∂L/∂z, 0 where x = y,   ∂L/∂y = 0."""

    guards = (0, 1)

    def forward(self, x: Array, y: Array) -> Array:
        self.moved = np.not_equal(x, y)
        return np.nextafter(x, y)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        needs_x, needs_y = self.needs
        return grad * self.moved if needs_x else None, np.zeros_like(grad) if needs_y else None


class NextBfloat16(Function):
    """``Nextafter`` among the numbers of bfloat16, which are given, and returned, as those of float32."""

    guards = (0, 1)

    def forward(self, x: Array, y: Array) -> Array:
        self.moved = np.not_equal(x, y)
        x, y = np.broadcast_arrays(x, y)
        bits = x.copy().view(np.int32)
        outward = np.where(np.abs(x) < np.abs(y), np.sign(x) == np.sign(y), False)
        moved = (bits + np.where(outward, 1 << 16, -(1 << 16)).astype(np.int32)).view(np.float32)
        moved = np.where(x == 0, np.copysign(np.float32(2.0**-133), y), moved)
        return np.where(np.isnan(x) | np.isnan(y), np.float32(np.nan), np.where(x == y, y, moved))

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        needs_x, needs_y = self.needs
        return grad * self.moved if needs_x else None, np.zeros_like(grad) if needs_y else None


@takes_out
def nextafter(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The next number that the dtype has after ``input``, in the direction of ``other``.

    Raises TypeError if an operand is no tensor, NotImplementedError for integers.

    >>> import metagrad
    >>> metagrad.nextafter(metagrad.tensor(1.0), metagrad.tensor(2.0)) - 1 == metagrad.finfo(metagrad.float32).eps
    tensor(True)
    """
    need_tensors("nextafter", input=input, other=other)
    need_numbers("nextafter", input, other, category=2)
    x, y = operands(input, other)
    return (NextBfloat16 if x.dtype is dtypes.bfloat16 else Nextafter).apply(x, y)


class Frexp(Function):
    """m, e with x = m 2ᵉ and ½ ≤ |m| < 1;   ∂L/∂x = ∂L/∂m / 2ᵉ."""

    def forward(self, x: Array) -> tuple[Array, Array]:
        m, e = np.frexp(x)
        self.scale = np.ldexp(np.ones_like(x), -e)
        return m, e

    def backward(self, grad: Array, _: Array) -> Array:
        return grad * self.scale


@takes_exact_out
@guarding(results=(1,))
def frexp(input: Tensor, *, out: tuple[Tensor, ...] | None = None) -> results.frexp:
    """The mantissa m and the exponent e with x = m · 2ᵉ, ½ ≤ |m| < 1, the exponent int32.

    Raises RuntimeError if the dtype is not floating-point.

    >>> import metagrad
    >>> metagrad.frexp(metagrad.tensor([6.0]))
    metagrad.return_types.frexp(
    mantissa=tensor([0.7500]),
    exponent=tensor([3], dtype=metagrad.int32))
    """
    if input.array.dtype.kind not in "fV":
        raise RuntimeError(f"torch.frexp() only supports floating-point dtypes, got {input.dtype}: use .float() first")
    return results.frexp(Frexp.apply_many(input))


class Ldexp(Pointwise):
    """z = x · 2ⁿ for integers n, exact also where 2ⁿ itself is beyond the dtype;   ∂L/∂x = ∂L/∂z · 2ⁿ."""

    guards = (1, OUTPUT)

    def forward(self, x: Array, n: Array) -> Array:
        self.save(n)
        return np.ldexp(x, n)

    def backward(self, grad: Array) -> tuple[Array, None]:
        return Ldexp.on(grad, *self.saved), None


@takes_out
@known_as("Ldexp")
@guarding("other", results=(0,))
def ldexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x · 2ʸ, in the dtype that x and y have together; of integers, the default dtype.

    Raises TypeError if an operand is no tensor.

    >>> import metagrad
    >>> metagrad.ldexp(metagrad.tensor([0.75]), metagrad.tensor([3]))
    tensor([6.])
    """
    need_tensors("ldexp", input=input, other=other)
    x, n = as_tensor(input), as_tensor(other)
    if x.dtype.is_floating_point and n.array.dtype.kind in "biu":
        refuse("ldexp_cpu_exp", n, "b")
        return Ldexp.apply(x, n)
    return mul(x, pow(2.0, n))


@takes_exact_out
def float_power(input: Operand, exponent: Operand, *, out: Tensor | None = None) -> Tensor:
    """``input ** exponent`` computed in float64, or in complex128 if an operand is complex, whatever the dtypes are.

    Raises TypeError if neither operand is a tensor.

    >>> import metagrad
    >>> metagrad.float_power(metagrad.tensor([4, 16]), -0.5)
    tensor([0.5000, 0.2500], dtype=metagrad.float64)
    """
    need_a_tensor("float_power", input, exponent)
    kind = dtypes.complex128 if result_type(input, exponent).is_complex else dtypes.float64
    x, y = (v if isinstance(v, (int, float, complex)) else cast_to(as_tensor(v), kind) for v in (input, exponent))
    return pow(x, y)  # a number stays one: made a tensor, it would be rounded to float32


def float_power_(input: Tensor, exponent: Operand) -> Tensor:
    """In-place form of ``float_power``: for float64 and complex128 tensors, as the result has no other dtype.

    Raises RuntimeError if the tensor has another dtype than the result.

    >>> import metagrad
    >>> metagrad.tensor([4.0], dtype=metagrad.float64).float_power_(0.5)
    tensor([2.], dtype=metagrad.float64)
    """
    result = float_power(input, exponent)
    if result.dtype != input.dtype:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {scalar_name(input.dtype)} but the operation's result requires dtype "
            f"{scalar_name(result.dtype)}: use float_power"
        )
    written: Tensor = write(input, result)
    return written
