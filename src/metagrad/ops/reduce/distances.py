"""Distances between points: ‖x − y‖ₚ of tensors, of all pairs of rows, and slices cut down to a norm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as, named
from metagrad.autograd.variable import wrap
from metagrad.base.dtypes import scalar_name
from metagrad.base.typing import Array
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_exact_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import as_tensor, in_single, need_one_dtype, promoted_in_single
from metagrad.ops.pointwise.arithmetic import mul, sub
from metagrad.ops.pointwise.selection import where
from metagrad.ops.reduce.norms import vector_norm
from metagrad.ops.reduce.pairs import of_all_pairs, of_all_pairs_above, slopes
from metagrad.ops.shape.copying import contiguous
from metagrad.ops.shape.joining import stack
from metagrad.ops.shape.triangular import triu_indices
from metagrad.ops.shape.views import unsqueeze

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["cdist", "dist", "pdist", "renorm"]

_ALONE = 1 << 17  # multiplications of a pair of matrices from which it is computed apart from the others of a stack
_TINY = 1e-7  # in the divisor of ``renorm``, as in PyTorch


class Differing(Function):
    """y = how many elements of the last dimension are not 0;   ∂L/∂x = 0, where the norm of order 0 has no gradient at all."""

    def forward(self, x: Array) -> Array:
        self.save(x)
        return np.minimum(np.ceil(np.abs(x)), 1).sum(axis=-1)  # nan is seen

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return np.zeros_like(x)


class Farthest(Function):
    """y = the largest |x| of the last dimension;   ∂L/∂x = ∂L/∂y sign(x) for each that is it."""

    def forward(self, x: Array) -> Array:
        y = np.abs(x).max(axis=-1)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        return slopes(x, y) * grad[..., None]


def _lengths(difference: Tensor, p: float) -> Tensor:
    """Norms along the last dimension; 0 where it has no elements."""
    if difference.array.shape[-1] == 0:
        return difference.sum(-1)
    if p == 0:
        return Differing.apply(difference)
    if p == math.inf:
        return Farthest.apply(difference)
    found: Tensor = vector_norm(difference, p, -1)
    return found


def _check_order(name: str, p: float) -> None:
    if p < 0 or math.isnan(p):
        raise RuntimeError(f"{name} only supports non-negative p values, got {p}")


@asks_for_tensors
@promoted_in_single
@known_as("Dist")
@guarding("input", "other")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """‖x − y‖ₚ over all elements; x and y broadcast.

    >>> import metagrad
    >>> metagrad.dist(metagrad.tensor([3.0, 0.0]), metagrad.tensor([0.0, 4.0]))
    tensor(5.)
    """
    found: Tensor = vector_norm(sub(input, other), p)
    return found


@asks_for_tensors
@guarding("x1", "x2", results=(0,))
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The distances ‖xᵢ − yⱼ‖ₚ of all pairs of rows: (*, P, M) and (*, R, M) to (*, P, R).

    Where two points are the same the gradient is 0. compute_mode is accepted: distances are taken from products where that loses
    no digits, and of points near each other from their differences.

    Raises RuntimeError if the points are not rows of floating-point matrices with the same number of columns, or p is
    negative, and ValueError for an unknown compute_mode.

    >>> import metagrad
    >>> metagrad.cdist(metagrad.tensor([[0.0, 0.0], [3.0, 4.0]]), metagrad.tensor([[0.0, 0.0]]))
    tensor([[0.],
            [5.]])
    """
    for name, x in (("X1", x1), ("X2", x2)):
        if x.array.dtype.kind not in "fV":
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {scalar_name(x.dtype)}: use .float()"
            )
        if x.array.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.array.ndim}D")
    if x1.array.shape[-1] != x2.array.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.array.shape[-1]} X2: {x2.array.shape[-1]}"
        )
    need_one_dtype("cdist", x1, x2)
    refuse("cdist", x1, "e")
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode: expected one of {', '.join(modes)}")
    _check_order("cdist", p)
    return _distances(x1, x2, p)


@in_single
def _distances(x1: Tensor, x2: Tensor, p: float) -> Tensor:
    if x1.array.ndim == x2.array.ndim == 3 and len(x1.array) == len(x2.array) and _are_large(x1.array, x2.array):
        return stack([_distances(a, b, p) for a, b in zip(x1.unbind(), x2.unbind(), strict=True)])
    found = of_all_pairs(x1, x2, p)
    return _lengths(sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), p) if found is None else found


def _are_large(a: Array, b: Array) -> bool:
    """Whether each pair of matrices of two stacks is worth a call of its own."""
    return isinstance(a, np.ndarray) and a.shape[1] * a.shape[2] * b.shape[1] >= _ALONE


@asks_for_tensors
@known_as("Pdist")
@guarding("input")
def pdist(input: Tensor, p: float = 2) -> Tensor:
    """The distances of all pairs of rows i < j of an (N, M) matrix, N (N − 1) / 2 of them, row by row.

    Raises RuntimeError if input is not a floating-point matrix, or p is negative.

    >>> import metagrad
    >>> metagrad.pdist(metagrad.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    if input.array.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.array.ndim}D")
    if input.array.dtype.kind not in "fV":
        raise RuntimeError(f"pdist only supports floating-point dtypes, got {input.dtype}: convert with .float() first")
    refuse("pdist", input, "e")
    _check_order("pdist", p)
    n = input.array.shape[0]
    found = of_all_pairs_above(input, p)
    if found is not None:
        return found
    i, j = triu_indices(n, n, 1)
    return _lengths(sub(input[i], input[j]), p)


@takes_exact_out
def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Tensor | None = None) -> Tensor:
    """Each slice of ``dim`` with a p-norm above ``maxnorm`` made smaller until it has that norm.

    Raises RuntimeError if p is not positive, maxnorm is negative, or there are fewer than 2 dimensions.

    >>> import metagrad
    >>> metagrad.renorm(metagrad.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    x, p, maxnorm = as_tensor(input), float(p), float(maxnorm)
    if p <= 0:
        raise RuntimeError(f"renorm: non-positive-norm not supported, got p={p}")
    if x.array.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {x.array.ndim} dimensions")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    return named(_renormed(contiguous(x), p, dimension(dim, x.array.ndim), maxnorm), "Renorm")


@in_single
def _renormed(x: Tensor, p: float, d: int, maxnorm: float) -> Tensor:
    others = tuple(i for i in range(x.array.ndim) if i != d)
    norms = vector_norm(x, p, others, keepdim=True)
    too_long = wrap(norms.array > maxnorm)
    return mul(x, where(too_long, maxnorm / (norms + _TINY), 1.0).to(x.dtype))
