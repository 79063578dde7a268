"""Several operations in one call: addcmul, addcdiv, lerp. In the formulas L is the loss."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np

from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.typing import Array, Number, Operand
from metagrad.base.warning import warn_once
from metagrad.kernels.fusion import as_one_step, noted_for_numpy
from metagrad.kernels.selection import select
from metagrad.ops.argument_types import combination
from metagrad.ops.arguments import takes_out
from metagrad.ops.dtype_checks import unsupported
from metagrad.ops.fitting import fitting
from metagrad.ops.operands import (
    as_tensor,
    cast_to,
    in_single,
    need_room,
    need_tensors,
    promoted_in_single,
    real_factor,
    result_type,
)
from metagrad.ops.pointwise.arithmetic import add, conj, mul
from metagrad.ops.pointwise.chunked import Pointwise
from metagrad.ops.pointwise.division import div
from metagrad.ops.pointwise.scaled import are_floats, scaled

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["addcdiv", "addcmul", "lerp"]


def _old_form(op: Callable[P, R]) -> Callable[P, R]:
    """Let ``addcmul(x, 2, y, z)`` mean ``addcmul(x, y, z, value=2)``, as PyTorch's first versions wrote it."""

    @functools.wraps(op)
    def run(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 4:
            warn_once(f"This overload of {op.__name__} is deprecated: the number becomes value=, after the tensors")
            return op(args[0], args[2], args[3], value=args[1], **kwargs)
        return op(*args, **kwargs)

    return cast("Callable[P, R]", run)


def _with(input: Tensor, *tensors: Operand) -> list[Tensor]:
    """Tensors in the dtype that they have together with another, so that all is computed in it."""
    kind = result_type(input, *tensors)
    return [cast_to(as_tensor(x), kind) for x in tensors]


class Addcmul(Pointwise):
    """z = x + v a b,   ∂L/∂x = ∂L/∂z,   ∂L/∂a = v b ∂L/∂z,   ∂L/∂b = v a ∂L/∂z."""

    frees_numbers = False

    def forward(self, x: Array, a: Array, b: Array, value: Number) -> Array:
        self.value = value
        self.save(a if self.needs[2] else None, b if self.needs[1] else None)
        return x + value * a * b

    def backward(self, grad: Array) -> tuple[Array, Array | None, Array | None]:
        (a, b), v = self.saved, self.value
        return grad, grad * (v * b) if self.needs[1] else None, grad * (v * a) if self.needs[2] else None


@takes_out
@_old_form
@promoted_in_single
def addcmul(
    input: Tensor, tensor1: Operand, tensor2: Operand, *, value: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``input + value · tensor1 · tensor2``, element by element with broadcasting; of integers, ``value`` is cut to one.

    >>> import metagrad
    >>> metagrad.addcmul(metagrad.tensor([1.0]), metagrad.tensor([2.0]), metagrad.tensor([3.0]), value=0.5)
    tensor([4.])
    """
    if are_floats(input, tensor1, tensor2) and isinstance(value, (int, float)):
        need_room(value, input.dtype)
        return Addcmul.apply(input, tensor1, tensor2, value=value)
    need_tensors("addcmul", input=input, tensor1=tensor1, tensor2=tensor2)
    product = mul(*_with(input, tensor1, tensor2))
    if result_type(input, product) is dtypes.bool_:
        raise unsupported("addcmul", dtypes.bool_)
    cut = isinstance(value, float) and result_type(input, product).category < 2  # where add refuses fractions
    value = int(cast(float, fitting(value, result_type(input, product)))) if cut or value.__class__ is bool else value
    return add(input, product if value == 1 else scaled(product, value, "addcmul", result_type(input, product)))


class Lerp(Pointwise):
    """z = x + w (y − x),   ∂L/∂x = ∂L/∂z · (1 − w),   ∂L/∂y = ∂L/∂z · w,   ∂L/∂w = ∂L/∂z · (y − x)."""

    one_by_one = "ef"
    frees_numbers = False

    def forward(self, x: Array, y: Array, w: Array) -> Array:
        both = (x, y) if self.needs[2] else (None, None)
        self.save(*both, w)
        far = np.greater_equal(np.abs(w), 0.5)  # from the nearer end, so that w = 1 gives exactly y
        if isinstance(
            far, np.bool_
        ):  # one weight for all; if it is the CPU's, a GPU's arrays refuse to be multiplied by it
            beside_gpu = isinstance(w, np.ndarray) and not isinstance(x, np.ndarray)
            return y + (w - 1) * (y - x) if far and not beside_gpu else x + w * (y - x)
        if noted_for_numpy(w) and w.dtype.kind == "f":
            return as_one_step(_from_nearer_end, x, y, w, far)
        return np.where(far, y, x) + (w - far.astype(w.dtype)) * (y - x)

    def backward(self, grad: Array) -> tuple[Array | None, Array | None, Array | None]:
        (x, y, w), (needs_x, needs_y, needs_w) = self.saved, self.needs
        grad_x = grad * (1 - conj(w)) if needs_x else None
        return grad_x, grad * conj(w) if needs_y else None, grad * conj(y - x) if needs_w else None


def _from_nearer_end(x: Array, y: Array, w: Array, far: Array) -> Array:
    """The points of a chunk; often all lie nearer to the same end."""
    z = y - x
    if z.shape != far.shape:  # a weight of a larger shape
        z = np.broadcast_to(z, np.broadcast_shapes(z.shape, far.shape)).copy()
    if far.all():
        z *= w - w.dtype.type(1)
        z += y
    elif far.any():
        z *= w - far.astype(w.dtype)
        z += select(far, y, x)
    else:
        z *= w
        z += x
    return z


_lerp = in_single(Lerp.apply)


@takes_out
def lerp(input: Tensor, end: Tensor, weight: Operand, *, out: Tensor | None = None) -> Tensor:
    """The point ``input + weight · (end − input)`` between two tensors: at weight 0 the first, at 1 the second.

    A weight of no dimensions is promoted with them. Raises RuntimeError if the others are not of one dtype, and
    NotImplementedError if that is not floating-point.

    >>> import metagrad
    >>> metagrad.lerp(metagrad.tensor([0.0, 10.0]), metagrad.tensor([10.0, 20.0]), 0.25)
    tensor([ 2.5000, 12.5000])
    """
    if isinstance(weight, Variable) and not weight.array.ndim and weight.dtype is not input.dtype is end.dtype:
        kind = result_type(input if input.array.ndim else end, weight)
        input, end, weight = (cast_to(x, kind) for x in (input, end, weight))
    kinds = {x.dtype for x in (input, end, weight) if isinstance(x, Variable)}
    if len(kinds) > 1:
        which, other = ("end", end) if end.dtype is not input.dtype else ("weight", cast("Tensor", weight))
        wanted, found = (dtypes.cpp_name(x.dtype) for x in (input, other))
        raise RuntimeError(f"lerp: expected dtype {wanted} for `{which}` but got dtype {found}")
    if not isinstance(end, Variable):
        raise TypeError(combination("lerp", (input, end, weight), {}))
    if input.dtype.category < 2:
        raise unsupported("lerp", input.dtype)
    return _lerp(input, end, real_factor("lerp", weight, input))


class Addcdiv(Pointwise):
    """z = x + v a / b,   ∂L/∂x = ∂L/∂z,   ∂L/∂a = v / b ∂L/∂z,   ∂L/∂b = −v a / b² ∂L/∂z."""

    def forward(self, x: Array, a: Array, b: Array, value: Number) -> Array:
        self.value = value
        self.save(a if self.needs[2] else None, b if any(self.needs[1:]) else None)
        return x + value * a / b

    def backward(self, grad: Array) -> tuple[Array, Array | None, Array | None]:
        (a, b), v = self.saved, self.value
        grad_a = grad * (v / b) if self.needs[1] else None
        return grad, grad_a, -grad * (v * a / (b * b)) if self.needs[2] else None


@takes_out
@_old_form
@promoted_in_single
def addcdiv(
    input: Tensor, tensor1: Operand, tensor2: Operand, *, value: Number = 1, out: Tensor | None = None
) -> Tensor:
    """``input + value · tensor1 / tensor2``, element by element with broadcasting.

    Raises RuntimeError if both tensors are integers.

    >>> import metagrad
    >>> metagrad.addcdiv(metagrad.tensor([1.0]), metagrad.tensor([1.0]), metagrad.tensor([4.0]), value=2)
    tensor([1.5000])
    """
    if as_tensor(tensor1).array.dtype.kind in "biu" and as_tensor(tensor2).array.dtype.kind in "biu":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division "
            "of tensor1 and tensor2. Convert a tensor with .float() first"
        )
    if are_floats(input, tensor1, tensor2) and isinstance(value, (int, float)):
        need_room(value, input.dtype)
        return Addcdiv.apply(input, tensor1, tensor2, value=value)
    need_tensors("addcdiv", input=input, tensor1=tensor1, tensor2=tensor2)
    quotient = div(*_with(input, tensor1, tensor2))
    return add(input, quotient if value == 1 else mul(quotient, real_factor("addcdiv", value, quotient)))
