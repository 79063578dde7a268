"""Systems of equations with triangular matrices, solved by substitution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.base import results
from metagrad.base.typing import Array
from metagrad.base.warning import warn_once
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.linalg.matrices import H, check, check_square, column_major, eye, in_columns
from metagrad.ops.linalg.misfits import unfit

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def substitute(a: Array, b: Array, upper: bool, unit: bool) -> Array:
    """X with A X = B for triangular A, by halves: what is known of X is taken to the right side.

        [A₁₁  0 ] [X₁]   [B₁]        X₁ = A₁₁⁻¹ B₁
        [A₂₁ A₂₂] [X₂] = [B₂]        X₂ = A₂₂⁻¹ (B₂ − A₂₁ X₁)

    Nearly all of the work is in products of matrices. The other triangle of A is not read; a zero on the diagonal gives
    infinities, as a division does.

    >>> substitute(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([[2.0], [3.0]]), upper=False, unit=False)
    array([[1.],
           [2.]])
    """
    n = a.shape[-1]
    if n == 0 or b.size == 0:
        return b + np.zeros_like(a[..., :1, :1]) if n else b
    if n == 1:
        return b + np.zeros_like(a) if unit else b / a
    k = n // 2
    first, second = slice(None, k), slice(k, None)
    if upper:
        first, second = second, first
    known = substitute(a[..., first, first], b[..., first, :], upper, unit)
    rest = b[..., second, :] - a[..., second, first] @ known
    found = substitute(a[..., second, second], rest, upper, unit)
    return np.concatenate((found, known) if upper else (known, found), axis=-2)


class SolveTriangular(Function):
    """A X = B for triangular A.   ∂L/∂B = A⁻ᴴ ∂L/∂X,   ∂L/∂A = −∂L/∂B Xᴴ in the triangle of A (Giles 2008, 2.3.1)."""

    def forward(self, a: Array, b: Array, upper: bool, unit: bool) -> Array:
        self.upper, self.unit = upper, unit
        x = column_major(substitute(a, b, upper, unit))
        self.save(a, x)
        return x

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        a, x = self.saved
        grad_b = SolveTriangular.on(H(a), grad, upper=not self.upper, unit=self.unit)
        if not self.needs[0]:
            return None, grad_b
        grad_a = -(grad_b @ H(x))
        k = 1 if self.unit else 0
        return np.triu(grad_a, k) if self.upper else np.tril(grad_a, -k), grad_b


@takes_exact_out
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B, or X A = B if not ``left``, where A is triangular: only that triangle is read.

    A (*, n, n), B (*, n, k), or (*, k, n) if not left; batches broadcast. unitriangular: the diagonal is taken to be 1.
    A zero on the diagonal gives infinities, not an error. Raises RuntimeError if the shapes do not fit.

    >>> import metagrad
    >>> A, B = metagrad.tensor([[2.0, 0.0], [1.0, 1.0]]), metagrad.tensor([[2.0], [3.0]])
    >>> metagrad.linalg.solve_triangular(A, B, upper=False)
    tensor([[1.],
            [2.]])
    """
    check_square("linalg.solve_triangular", A)
    check("linalg.solve_triangular", A, B)
    n, rows = A.array.shape[-1], B.array.shape[-2 if left else -1]
    if rows != n:
        raise unfit("linalg.solve_triangular", A.array.shape, B.array.shape, left)
    if left:
        return SolveTriangular.apply(A, B, upper=upper, unit=unitriangular)
    return in_columns(SolveTriangular.apply(A.mT, B.mT, upper=not upper, unit=unitriangular).mT)


@takes_exact_out
def triangular_solve(
    b: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> results.triangular_solve:
    """(X with A X = b, a copy of A); with ``transpose``, Aᵀ X = b. The older form of ``linalg.solve_triangular``.

    Raises RuntimeError if the shapes do not fit.

    >>> import metagrad
    >>> metagrad.triangular_solve(metagrad.tensor([[4.0], [1.0]]), metagrad.tensor([[2.0, 2.0], [0.0, 1.0]])).solution
    tensor([[1.],
            [1.]])
    """
    warn_once(
        "metagrad.triangular_solve is deprecated in favor of metagrad.linalg.solve_triangular, which takes (A, B)"
    )
    check_square("triangular_solve", A)
    check("triangular_solve", A, b)
    matrix, is_upper = (A.mT, not upper) if transpose else (A, upper)
    x = solve_triangular(matrix, b, upper=is_upper, unitriangular=unitriangular)
    return results.triangular_solve((x, in_columns(A.expand(*x.shape[:-2], *A.shape[-2:]).clone())))


def inverse_of_triangle(a: Array, upper: bool) -> Array:
    """A⁻¹ of triangular A.

    >>> inverse_of_triangle(np.array([[2.0, 0.0], [1.0, 1.0]]), upper=False)
    array([[ 0.5,  0. ],
           [-0.5,  1. ]])
    """
    return SolveTriangular.on(a, eye(a.shape[-1], a), upper=upper, unit=False)
