"""The Cholesky decomposition A = L Lᴴ of Hermitian positive-definite matrices, and what it solves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as, named
from metagrad.autograd.variable import wrap
from metagrad.base import results
from metagrad.base.typing import Array
from metagrad.ops.arguments import takes_exact_out, takes_out
from metagrad.ops.linalg.matrices import (
    SINGULAR,
    H,
    LinAlgError,
    check,
    check_info,
    check_square,
    column_major,
    diagonal,
    eye,
    in_columns,
    lower_half,
)
from metagrad.ops.linalg.misfits import unlike_systems
from metagrad.ops.linalg.triangular import SolveTriangular
from metagrad.ops.pointwise.selection import where

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class Cholesky(Function):
    """A = L Lᴴ.   ∂L/∂A = L⁻ᴴ ½ (P + Pᴴ) L⁻¹ with P = Φ(Lᴴ L̄), L̄ the gradient of L   (Murray 2016, arXiv:1602.07527)."""

    def forward(self, a: Array, name: str) -> Array:
        what = (
            "The factorization could not be completed because the input is not positive-definite (the leading minor of "
            "order {} is not positive-definite)."
        )
        try:
            l = column_major(np.linalg.cholesky(a))
        except np.linalg.LinAlgError:
            check_info(name, first_bad_minor(a), what)
            raise
        if np.isnan(diagonal(l)).any():  # which NumPy takes for positive
            check_info(name, first_bad_minor(a), what)
        self.save(l)
        return l

    def backward(self, grad: Array) -> Array:
        (l,) = self.saved
        p = lower_half(H(l) @ np.tril(grad))
        half = SolveTriangular.on(H(l), (p + H(p)) / 2, upper=True, unit=False)
        return H(SolveTriangular.on(H(l), H(half), upper=True, unit=False))


def first_bad_minor(a: Array) -> Array:
    """For each matrix 0, or the order of its first leading minor that is not positive-definite: found by bisection.

    >>> first_bad_minor(np.array([[4.0, 0.0], [0.0, -1.0]]))
    array(2, dtype=int32)
    """
    n = a.shape[-1]
    flat = a.reshape(int(np.prod(a.shape[:-2])), n, n)
    orders = np.zeros(len(flat), np.int32, like=a)
    for i, matrix in enumerate(flat):
        good, bad = 0, n + 1
        while bad - good > 1:
            k = (good + bad) // 2
            try:
                positive = not np.isnan(diagonal(np.linalg.cholesky(matrix[:k, :k]))).any()
            except np.linalg.LinAlgError:
                positive = False
            good, bad = (k, bad) if positive else (good, k)
        orders[i] = 0 if good == n else bad
    return orders.reshape(a.shape[:-2])


def factored(name: str, A: Tensor, upper: bool) -> Tensor:
    """The factor L, or Lᴴ, computed from one triangle of A.

    Raises LinAlgError if A is not positive-definite.

    >>> import metagrad
    >>> factored("cholesky", metagrad.tensor([[4.0, 2.0], [2.0, 5.0]]), upper=True)
    tensor([[2., 1.],
            [0., 2.]])
    """
    check_square(name, A)
    if upper:
        return named(in_columns(H(Cholesky.apply(H(A), name=name))), "LinalgCholeskyEx")
    return Cholesky.apply(A, name=name)


@takes_exact_out
def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """L, lower triangular with a positive diagonal, with A = L Lᴴ; with ``upper``, Lᴴ.

    A (*, n, n), Hermitian, of which only the lower (upper) triangle is read. Raises LinAlgError if A is not
    positive-definite.

    >>> import metagrad
    >>> metagrad.linalg.cholesky(metagrad.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return factored("linalg.cholesky", A, upper)


@takes_exact_out
def cholesky_ex(
    A: Tensor, *, upper: bool = False, check_errors: bool = False, out: tuple[Tensor, ...] | None = None
) -> results.linalg_cholesky_ex:
    """``cholesky`` that does not raise: ``info`` is 0 for each matrix, or the order of its first bad minor (its L is nan).

    >>> import metagrad
    >>> metagrad.linalg.cholesky_ex(metagrad.tensor([[4.0, 0.0], [0.0, -1.0]])).info
    tensor(2, dtype=metagrad.int32)
    """
    check_square("linalg.cholesky_ex", A)
    try:
        L = factored("linalg.cholesky_ex", A, upper)
        return results.linalg_cholesky_ex((L, wrap(np.zeros(A.array.shape[:-2], np.int32, like=A.array))))
    except LinAlgError as error:
        if check_errors:
            raise
        info = error.info
    bad = wrap((info != 0)[..., None, None])
    L = factored("linalg.cholesky_ex", where(bad, wrap(eye(A.array.shape[-1], A)), A), upper)
    return results.linalg_cholesky_ex((where(bad, math.nan, L), wrap(info)))


@takes_out
@known_as("CholeskySolve")
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """X with L Lᴴ X = B for a Cholesky factor L, or Lᴴ L X = B with ``upper``.

    B (*, n, k), L (*, n, n); batches broadcast. Raises RuntimeError unless B has as many rows as L.

    >>> import metagrad
    >>> A, B = metagrad.tensor([[4.0, 2.0], [2.0, 5.0]]), metagrad.tensor([[8.0], [12.0]])
    >>> metagrad.cholesky_solve(B, metagrad.linalg.cholesky(A))
    tensor([[1.],
            [2.]])
    """
    check_square("cholesky_solve", L)
    check("cholesky_solve", B, L, called=("b", "A"))
    if B.array.shape[-2] != L.array.shape[-1]:
        raise unlike_systems("cholesky_solve", L.array.shape, B.array.shape)
    first, second = (H(L), L) if upper else (L, H(L))
    y = SolveTriangular.apply(first, B, upper=False, unit=False)
    return SolveTriangular.apply(second, y, upper=True, unit=False)


@takes_out
@known_as("CholeskyInverse")
def cholesky_inverse(L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """(L Lᴴ)⁻¹ for a Cholesky factor L (*, n, n), or (Lᴴ L)⁻¹ with ``upper``. LinAlgError if L is singular.

    >>> import metagrad
    >>> metagrad.cholesky_inverse(metagrad.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[0.2500, 0.0000],
            [0.0000, 1.0000]])
    """
    check_square("cholesky_inverse", L)
    zero = diagonal(L.array) == 0
    if zero.any():
        check_info("cholesky_inverse", zero.any(axis=-1) * (zero.argmax(axis=-1) + 1), SINGULAR)
    return cholesky_solve(wrap(eye(L.array.shape[-1], L)), L, upper)
