"""Products of elements: prod, and its gradient where some of them are 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import as_array
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, DTypeLike
from metagrad.kernels import reductions
from metagrad.ops.arguments import dimension, takes_out_by
from metagrad.ops.out import in_its_dtype
from metagrad.ops.pointwise.arithmetic import conj
from metagrad.ops.reduce.cumulative import Cumprod
from metagrad.ops.reduce.reduction import accumulated

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["prod"]


class Prod(Function):
    """y = Π x,   ∂L/∂x = ∂L/∂y · y / x, or, where some x is 0, the product of those before and of those behind it."""

    def forward(self, x: Array, axis: int, keepdim: bool) -> Array:
        self.axis = axis
        y = in_order(reductions.prod(x, axis, keepdim))
        y = as_array(y).astype(x.dtype, copy=False)  # NumPy multiplies narrow integers in wide ones
        self.save(x, y)
        self.has_zeros = self.needs[0] and not np.all(x)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        axis, n = self.axis, x.shape[self.axis]
        kept = tuple(1 if d == axis else m for d, m in enumerate(tuple(x.shape)))
        if n == 0:
            return np.zeros_like(x)
        grad = grad.reshape(kept)
        if not self.has_zeros:
            return grad * conj(y.reshape(kept) / x)
        one = np.ones_like(_part(x, axis, 0, 1))
        before = np.concatenate([one, Cumprod.on(_part(x, axis, 0, n - 1), axis=axis)], axis=axis)
        after = np.concatenate([one, Cumprod.on(np.flip(_part(x, axis, 1, n), axis), axis=axis)], axis=axis)
        others = before * np.flip(after, axis)
        return grad * conj(others)


def _part(x: Array, axis: int, start: int, stop: int) -> Array:
    return x[(*[slice(None)] * axis, slice(start, stop))]


@takes_out_by(in_its_dtype)
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: DTypeLike = None, out: Tensor | None = None
) -> Tensor:
    """Product over all elements or over one dimension; integers and bools multiply in int64.

    >>> import metagrad
    >>> metagrad.prod(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([ 2., 12.])
    """
    x = accumulated(input, dtype)
    if dim is None:
        return Prod.apply(x.reshape(-1), axis=0, keepdim=False)
    if x.array.ndim == 0:
        dimension(dim, 0)
        return x.clone()
    return Prod.apply(x, axis=dimension(dim, x.array.ndim), keepdim=keepdim)
