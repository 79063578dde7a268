"""Distances of all pairs of rows, from products of matrices or pair by pair; and the pairs i < j of a square of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base.typing import Array
from metagrad.kernels import distances, tuning

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class Euclidean(Function):
    """dᵢⱼ = ‖xᵢ − yⱼ‖ of matrices x (P, M), y (R, M);   ∂L/∂xᵢ = Σⱼ ∂L/∂dᵢⱼ (xᵢ − yⱼ) / dᵢⱼ, and 0 where d = 0."""

    def forward(self, x: Array, y: Array) -> Array:
        d, self.near = distances.euclidean(x, y)
        self.save(x, y, d)
        return d

    def backward(self, grad: Array) -> tuple[Array, Array]:
        x, y, d = self.saved
        if isinstance(grad, np.ndarray):
            return distances.euclidean_gradients(grad, d, self.near, x, y)
        zero = d == 0
        terms = np.where(zero, 0, grad / np.where(zero, 1, d))[:, :, None] * (x[:, None] - y[None])
        return terms.sum(1), -terms.sum(0)


class Taxicab(Function):
    """dᵢⱼ = Σₖ |xᵢₖ − yⱼₖ| of matrices x (P, M), y (R, M);   ∂L/∂xᵢ = Σⱼ ∂L/∂dᵢⱼ sign(xᵢ − yⱼ)."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x, y)
        return distances.taxicab(x, y)

    def backward(self, grad: Array) -> tuple[Array, Array]:
        x, y = self.saved
        if isinstance(grad, np.ndarray):
            return distances.taxicab_gradient(grad, x, y), distances.taxicab_gradient(grad.T, y, x)
        terms = grad[:, :, None] * np.sign(x[:, None] - y[None])
        return terms.sum(1), -terms.sum(0)


class AboveDiagonal(Function):
    """y = the elements of a square above its diagonal, row by row;   ∂L/∂x is zeros with ∂L/∂y there."""

    def forward(self, x: Array) -> Array:
        self.side = len(x)
        return np.concatenate([row[i + 1 :] for i, row in enumerate(x)])

    def backward(self, grad: Array) -> Array:
        return FromAboveDiagonal.on(grad, side=self.side)


class FromAboveDiagonal(Function):
    """A square of zeros with x above its diagonal, row by row;   ∂L/∂x = the elements of ∂L/∂y there."""

    def forward(self, x: Array, side: int) -> Array:
        y, start = np.zeros((side, side), x.dtype), 0
        for i, row in enumerate(y):
            end = start + side - i - 1
            row[i + 1 :], start = x[start:end], end
        return y

    def backward(self, grad: Array) -> Array:
        return AboveDiagonal.on(grad)


_WAYS: dict[float, type[Function]] = {1.0: Taxicab, 2.0: Euclidean}


def of_all_pairs(x: Tensor, y: Tensor, p: float) -> Tensor | None:
    """‖xᵢ − yⱼ‖ₚ of matrices (P, M) and (R, M) that are worth it, for p = 1 and 2; None for others."""
    a, b = x.array, y.array
    way = _WAYS.get(p)
    if way is None or not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray) or a.ndim != 2 or b.ndim != 2:
        return None
    if a.dtype.char not in "fd" or a.dtype != b.dtype or a.size * len(b) < tuning.DISTANCES_LARGE:
        return None
    return way.apply(x.contiguous(), y.contiguous())
