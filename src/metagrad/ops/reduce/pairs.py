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

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        (x, y, d), (needs_x, needs_y) = self.saved, self.needs
        if isinstance(grad, np.ndarray):
            return distances.euclidean_gradients(grad, d, self.near, x, y, (needs_x, needs_y))
        zero = d == 0
        terms = np.where(zero, 0, grad / np.where(zero, 1, d))[:, :, None] * (x[:, None] - y[None])
        return terms.sum(1) if needs_x else None, -terms.sum(0) if needs_y else None


class BySizes(Function):
    """dᵢⱼ = Σₖ |xᵢₖ − yⱼₖ|, for p = ∞ the largest of them, of x (P, M), y (R, M);   ∂L/∂xᵢ = Σⱼ ∂L/∂dᵢⱼ ∂dᵢⱼ/∂xᵢ.

    ∂dᵢⱼ/∂xᵢ = sign(xᵢ − yⱼ), for p = ∞ where the size is dᵢⱼ, else 0.
    """

    def forward(self, x: Array, y: Array, p: float) -> Array:
        d = distances.of_sizes(x, y, p)
        self.save(x, y, d if p == np.inf else None)
        return d

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        x, y, d = self.saved
        if isinstance(grad, np.ndarray):
            of_x = distances.gradient_of_sizes(grad, d, x, y) if self.needs[0] else None
            turned = None if d is None else d.T
            return of_x, distances.gradient_of_sizes(grad.T, turned, y, x) if self.needs[1] else None
        terms = grad[:, :, None] * slopes(x[:, None] - y[None], d)
        return terms.sum(1), -terms.sum(0)


class BySizesAbove(Function):
    """The same of all pairs i < j of the rows x (N, M), row by row."""

    def forward(self, x: Array, p: float) -> Array:
        d = distances.of_sizes_above(x, p)
        self.save(x, d if p == np.inf else None)
        return d

    def backward(self, grad: Array) -> Array:
        x, d = self.saved
        grad, d = self.square(grad), None if d is None else self.square(d)
        if isinstance(grad, np.ndarray):
            return distances.gradient_of_sizes(grad, d, x, x)
        return (grad[:, :, None] * slopes(x[:, None] - x[None], d)).sum(1)

    def square(self, above: Array) -> Array:
        """The symmetric matrix of which this stands above the diagonal."""
        half = FromAboveDiagonal.on(above, side=len(self.saved[0]))
        return half + half.T


def slopes(difference: Array, largest: Array | None) -> Array:
    """The signs of differences (*, M); where their largest sizes (*) are given, of those alone that are it, else 0."""
    signs = np.sign(difference)
    return signs if largest is None else np.where(np.abs(difference) == largest[..., None], signs, 0)


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


def of_all_pairs(x: Tensor, y: Tensor, p: float) -> Tensor | None:
    """‖xᵢ − yⱼ‖ₚ of matrices (P, M) and (R, M) that are worth it, for p = 1, 2 and ∞; None for others."""
    if p not in (1, 2, np.inf) or not _is_worth_it(x.array, y.array):
        return None
    x, y = x.contiguous(), y.contiguous()
    return Euclidean.apply(x, y) if p == 2 else BySizes.apply(x, y, p=float(p))


def of_all_pairs_above(x: Tensor, p: float) -> Tensor | None:
    """The same of all i < j of the rows x, row by row."""
    if p in (1, np.inf) and _is_worth_it(x.array, x.array):
        return BySizesAbove.apply(x.contiguous(), p=float(p))
    square = of_all_pairs(x, x, p)
    return None if square is None else AboveDiagonal.apply(square)


def _is_worth_it(a: Array, b: Array) -> bool:
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray) or a.ndim != 2 or b.ndim != 2:
        return False
    return a.dtype.char in "fd" and a.dtype == b.dtype and a.size * len(b) >= tuning.DISTANCES_LARGE
