"""The length of a vector, in several senses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import unwrap
from metagrad.base import dtypes
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Dims, DTypeLike
from metagrad.kernels import reductions
from metagrad.ops.arguments import axes, takes_exact_out
from metagrad.ops.dtype_checks import need_no_narrowing
from metagrad.ops.operands import cast_to, in_single
from metagrad.ops.pointwise.signs import ComplexSign, Sign, abs
from metagrad.ops.reduce.extrema import SharedByNan
from metagrad.ops.reduce.reduction import kept

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class Norm(Function):
    """y = (Σ |x|ᵖ)^(1/p),   ∂L/∂x = ∂L/∂y · x |x|ᵖ⁻² / yᵖ⁻¹, and 0 where y = 0; of single numbers |x|, without powers."""

    def forward(self, x: Array, p: float, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.p, self.axis = p, axis
        self.alone = math.prod([x.shape[d] for d in axis]) == 1
        if p == 0:
            y = (x != 0).sum(axis=axis, keepdims=keepdim).astype(x.real.dtype)
        elif self.alone:
            y = reductions.dropped(np.abs(x), axis, keepdim)
        elif p == 2:
            y = reductions.dropped(np.sqrt(reductions.sum_of_squares(x, axis)), axis, keepdim)
        elif p == 1:
            y = reductions.dropped(reductions.fold(x, axis, _sizes, np.add), axis, keepdim)
        else:
            y = (np.abs(x) ** p).sum(axis=axis, keepdims=keepdim) ** (1 / p)
        y = in_order(y)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array | None:
        if self.p == 0:  # a count, which has no gradient
            return None
        x, y = self.saved
        shape = kept(tuple(x.shape), self.axis)
        y, grad = y.reshape(shape), grad.reshape(shape)
        zero = y == 0
        y = np.where(zero, 1, y)
        if self.p == 2 or self.alone and self.p != 1:
            return np.where(zero, grad * 0, grad / y) * x  # a gradient that is not finite is seen
        if self.p == 1 and unwrap(x).dtype.kind == "f":
            return grad * Sign.on(x)
        direction = (ComplexSign if unwrap(x).dtype.kind == "c" else Sign).on(x)
        size = np.abs(x)
        size = np.where(size == 0, 1, size)
        return np.where(zero, 0, grad / y ** (self.p - 1)) * (direction * size ** (self.p - 1))


def _sizes(x: Array, axis: tuple[int, ...]) -> Array:
    return np.abs(x).sum(axis=axis, keepdims=True)


@takes_exact_out
@in_single
def vector_norm(
    x: Tensor,
    ord: float | str = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """(Σ |x|ᵖ)^(1/p), p = ord, over all elements or over ``dim``.

    ord 0 counts the elements that are not 0; ±inf takes the largest or smallest |x|. The result is real. dtype: what x is
    converted to first. The gradient at 0 is 0; largest elements of one size share theirs.

    Raises TypeError if ord is a string, and RuntimeError for integers, for a narrower dtype, and if ord has no value
    for no elements.

    >>> import metagrad
    >>> metagrad.linalg.vector_norm(metagrad.tensor([3.0, -4.0]), 1)
    tensor(7.)
    """
    if isinstance(ord, str):
        raise TypeError(f"linalg.vector_norm: ord must be a number, got {ord!r}: strings name matrix norms")
    kind = x.dtype if dtype is None else dtypes.of(dtype)
    if x.dtype.category < 2:
        raise NotImplementedError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{dtypes.scalar_name(x.dtype)}: use .float()"
        )
    need_no_narrowing("linalg.vector_norm", x.dtype, kind)
    if kind in (dtypes.float16, dtypes.bfloat16):
        return cast_to(vector_norm(x.float(), ord, dim, keepdim), kind)
    p, axis = float(ord), axes(dim, x.array.ndim)
    if (p < 0 or p == np.inf) and 0 in [x.array.shape[d] for d in axis]:
        what = "an empty tensor because" if dim is None else f"the dimension {dim}because this dimension is empty and"
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on {what} the operation does not have an identity"
        )
    x = cast_to(x, kind)
    if np.isinf(p):
        choose = reductions.largest if p > 0 else reductions.smallest
        return SharedByNan.apply(abs(x), axis=axis, keepdim=keepdim, choose=choose) if axis else abs(x)
    return Norm.apply(x, p=p, axis=axis, keepdim=keepdim)
