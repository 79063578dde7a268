"""The length of a vector, in several senses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad import dtypes
from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array
from metagrad.ops.choice import abs
from metagrad.ops.common import Dims, accepts_axis, axes, cast_to, floating
from metagrad.ops.extremum import amax, amin
from metagrad.ops.reduction import kept
from metagrad.ops.rounding import Sign

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

__all__ = ["norm"]


class Norm(Function):
    """y = (Σ |x|ᵖ)^(1/p),   ∂L/∂x = ∂L/∂y · x |x|ᵖ⁻² / yᵖ⁻¹, and 0 where y = 0."""

    def forward(self, x: Array, p: float, axis: tuple[int, ...], keepdim: bool) -> Array:
        self.p, self.axis = p, axis
        if p == 0:
            y = (x != 0).sum(axis=axis, keepdims=keepdim).astype(x.real.dtype)
        elif p == 2:
            y = np.sqrt((x * np.conjugate(x)).real.sum(axis=axis, keepdims=keepdim))
        else:
            y = (np.abs(x) ** p).sum(axis=axis, keepdims=keepdim) ** (1 / p)
        self.save(x, y)
        return y

    def backward(self, grad: Any) -> Any:
        x, y = self.saved
        if self.p == 0:
            return np.zeros_like(x)
        shape = kept(tuple(x.shape), self.axis)
        y, grad = y.reshape(shape), grad.reshape(shape)
        zero = y == 0
        y = np.where(zero, 1, y)
        if self.p == 2:
            return np.where(zero, 0, grad / y) * x
        size = np.abs(x)
        size = np.where(size == 0, 1, size)
        return np.where(zero, 0, grad / y ** (self.p - 1)) * (Sign.on(x) * size ** (self.p - 1))


@accepts_axis
def norm(input: Tensor, p: Any = 2, dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """(Σ |x|ᵖ)^(1/p) over all elements or over ``dim``; p = inf is the largest |x|. Its gradient at 0 is 0.

    >>> import metagrad
    >>> metagrad.norm(metagrad.tensor([3.0, 4.0]))
    tensor(5.)
    """
    x = floating(input if dtype is None else cast_to(input, dtypes.of(dtype)))
    p = 2.0 if p in (None, "fro") else float(p)
    axis = axes(dim, x.array.ndim)
    if np.isinf(p) and 0 in [x.array.shape[d] for d in axis]:
        raise RuntimeError(f"norm: the largest of no elements is not defined: shape {tuple(x.shape)}, dim {dim}")
    if p == np.inf:
        return amax(abs(x), dim, keepdim)
    if p == -np.inf:
        return amin(abs(x), dim, keepdim)
    return Norm.apply(x, p=p, axis=axis, keepdim=keepdim)
