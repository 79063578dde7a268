"""Running sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Array
from metagrad.ops.common import accepts_axis, dimension
from metagrad.ops.reduction import accumulated

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

__all__ = ["cumsum"]


class Cumsum(Function):
    """yᵢ = Σ_{j≤i} xⱼ,   ∂L/∂xⱼ = Σ_{i≥j} ∂L/∂yᵢ."""

    def forward(self, x: Array, axis: int) -> Array:
        self.axis = axis
        return np.cumsum(x, axis=axis)

    def backward(self, grad: Any) -> Any:
        return np.flip(np.cumsum(np.flip(grad, self.axis), axis=self.axis), self.axis)


@accepts_axis
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Sums of the first i elements along ``dim``.

    >>> import metagrad
    >>> metagrad.cumsum(metagrad.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    x = accumulated(input, dtype)
    d = dimension(dim, x.array.ndim)
    return Cumsum.apply(x, axis=d) if x.array.ndim else x.clone()
