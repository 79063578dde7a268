"""The LU decomposition: Gaussian elimination, written down. In the formulas P A = L U is packed into one matrix F."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import free_all
from metagrad.autograd.function import Function
from metagrad.autograd.variable import unwrap, wrap
from metagrad.base import results
from metagrad.base.typing import Array
from metagrad.ops.arguments import takes_exact_out, takes_out
from metagrad.ops.linalg.matrices import H, check, check_square, column_major, diagonal, eye, in_columns
from metagrad.ops.linalg.misfits import unfit
from metagrad.ops.linalg.triangular import SolveTriangular, substitute
from metagrad.ops.shape.triangular import tril, triu

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def eliminate(a: Array, pivot: bool) -> tuple[Array, Array, Array]:
    """(F, order, pivots) of (b, m, n): rows ``order`` of A are L U, which F has below and from its diagonal on.

    By halves (Toledo 1997): eliminate the left columns, do the same to the right ones, eliminate what is left of those.
    Step i swaps row i with row ``pivots[i]``, which has the largest element of column i. A column of zeros stays.

    >>> factors, order, pivots = eliminate(np.array([[[1.0, 2.0], [4.0, 4.0]]]), pivot=True)
    >>> factors, order
    (array([[[4.  , 4.  ],
            [0.25, 1.  ]]]), array([[1, 0]]))
    """
    m, n = a.shape[-2:]
    order = np.broadcast_to(np.arange(m, like=a), a.shape[:-1])
    if m == 0 or n == 0:
        return a, order, order[:, :0]
    if n == 1:
        column = a[:, :, 0]
        size = np.abs(column.real) + np.abs(column.imag) if a.dtype.kind == "c" else np.abs(column)
        at = np.argmax(size, axis=1)[:, None] if pivot else order[:, :1]
        order = np.where(order == at, 0, order)
        order = np.concatenate((at, order[:, 1:]), axis=1)
        a = np.take_along_axis(a, order[:, :, None], axis=1)
        top = a[:, :1]
        return np.concatenate((top, a[:, 1:] / np.where(top == 0, 1, top)), axis=1), order, at
    k = min(m, n) // 2 or 1
    left, order, pivots = eliminate(a[:, :, :k], pivot)
    right = np.take_along_axis(a[:, :, k:], order[:, :, None], axis=1)
    above = substitute(left[:, :k], right[:, :k], upper=False, unit=True)
    rest, below, more = eliminate(right[:, k:] - left[:, k:] @ above, pivot)
    order = np.concatenate((order[:, :k], np.take_along_axis(order[:, k:], below, axis=1)), axis=1)
    left_below = np.take_along_axis(left[:, k:], below[:, :, None], axis=1)
    left = np.concatenate((left[:, :k], left_below), axis=1)
    factors = np.concatenate((left, np.concatenate((above, rest), axis=1)), axis=2)
    return factors, order, np.concatenate((pivots, more + k), axis=1)


class LUFactor(Function):
    """P A = L U with L unit lower, U upper triangular, k = min(m, n). With L̄, Ū the gradients of the two,

        n ≥ m:  ∂L/∂A = Pᵀ L⁻ᴴ [ (tril₋₁(Lᴴ L̄ − Ū₂ U₂ᴴ) + triu(Ū₁ U₁ᴴ)) U₁⁻ᴴ,  Ū₂ ],    U = [U₁ U₂]
        m > n:  ∂L/∂A = Pᵀ [ L₁⁻ᴴ (tril₋₁(L₁ᴴ L̄₁) + triu(Ū Uᴴ − L₂ᴴ L̄₂)) ; L̄₂ ] U⁻ᴴ,     L = [L₁ ; L₂]

    For what the elimination defines holds for the first k rows and columns, and the rest follows by substitution:
    L₂ = (P A)₂ U⁻¹ and U₂ = L⁻¹ (P A)₂.
    """

    release = free_all

    def forward(self, a: Array, pivot: bool) -> tuple[Array, ...]:
        m, n = a.shape[-2:]
        factors, _, pivots = eliminate(a.reshape(int(np.prod(a.shape[:-2])), m, n), pivot)
        self.pivots = (pivots + 1).astype(np.int32).reshape(*a.shape[:-2], min(m, n))
        factors = column_major(factors.reshape(a.shape))
        self.save(factors)
        return factors, self.pivots, zero_pivot(factors)

    def backward(self, grad: Array, *_: Array | None) -> Array:
        (f,) = self.saved
        m, n = f.shape[-2:]
        k = min(m, n)
        lower = np.tril(f[..., :k, :k], -1) + eye(k, f)
        upper = np.triu(f[..., :k, :k])
        g = grad[..., :k, :k]
        for_lower, for_upper = H(lower) @ np.tril(g, -1), np.triu(g) @ H(upper)
        if n > m:
            for_lower = for_lower - grad[..., :, k:] @ H(f[..., :, k:])
        if m > n:
            for_upper = for_upper - H(f[..., k:, :]) @ grad[..., k:, :]
        middle = np.tril(for_lower, -1) + np.triu(for_upper)
        if m > n:
            top = SolveTriangular.on(H(lower), middle, upper=True, unit=True)
            rows = np.concatenate((top, grad[..., k:, :]), axis=-2)
            result = H(SolveTriangular.on(upper, H(rows), upper=True, unit=False))
        else:
            result = H(SolveTriangular.on(upper, H(middle), upper=True, unit=False))
            if n > m:
                result = np.concatenate((result, grad[..., :, k:]), axis=-1)
            result = SolveTriangular.on(H(lower), result, upper=True, unit=True)
        return permutation(self.pivots, m, unwrap(f)) @ result


@takes_out
def lu(A: Tensor, *, pivot: bool = True, out: tuple[Tensor, ...] | None = None) -> results.linalg_lu:
    """The LU decomposition A = P L U: P a permutation, L unit lower triangular, U upper triangular.

    A (*, m, n): P (*, m, m), L (*, m, k), U (*, k, n), k = min(m, n). With ``pivot=False`` nothing is permuted: P is
    empty, (0), and the decomposition may not exist. Raises RuntimeError for anything but matrices of floating-point
    numbers.

    >>> import metagrad
    >>> P, L, U = metagrad.linalg.lu(metagrad.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> P @ L @ U
    tensor([[1., 2.],
            [4., 4.]])
    """
    check("linalg.lu", A)
    factors, pivots, _ = LUFactor.apply_many(A, pivot=pivot)
    return results.linalg_lu(lu_unpack(factors, pivots, unpack_pivots=pivot))


@takes_exact_out
def lu_factor(A: Tensor, *, pivot: bool = True, out: tuple[Tensor, ...] | None = None) -> results.linalg_lu_factor:
    """The LU decomposition with partial pivoting in packed form: for ``lu_solve`` and ``lu_unpack``.

    A (*, m, n): LU (*, m, n) has U from the diagonal on and L, whose diagonal is 1, below; pivots (*, min(m, n)), int32:
    step i swapped rows i and pivots[i], counted from 1. Raises RuntimeError if U has a zero on its diagonal.

    >>> import metagrad
    >>> metagrad.linalg.lu_factor(metagrad.tensor([[1.0, 2.0], [4.0, 4.0]]))
    metagrad.return_types.linalg_lu_factor(
    LU=tensor([[4.0000, 4.0000],
            [0.2500, 1.0000]]),
    pivots=tensor([2, 2], dtype=metagrad.int32))
    """
    check("linalg.lu_factor", A)
    factors, pivots, info = LUFactor.apply_many(A, pivot=pivot)
    _check_pivots("linalg.lu_factor", info.array)
    return results.linalg_lu_factor((factors, pivots))


@takes_exact_out
def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: tuple[Tensor, ...] | None = None
) -> results.linalg_lu_factor_ex:
    """``lu_factor`` that does not raise: ``info`` is 0 for each matrix, or the position of the first zero on U's diagonal.

    >>> import metagrad
    >>> metagrad.linalg.lu_factor_ex(metagrad.tensor([[1.0, 2.0], [2.0, 4.0]])).info
    tensor(2, dtype=metagrad.int32)
    """
    check("linalg.lu_factor_ex", A)
    found = results.linalg_lu_factor_ex(LUFactor.apply_many(A, pivot=pivot))
    if check_errors:
        _check_pivots("linalg.lu_factor_ex", found.info.array)
    return found


def _check_pivots(name: str, info: Array) -> None:
    """PyTorch's error here is an ordinary one, for the factors exist; it is solving with them that does not work."""
    if info.any():
        flat = info.reshape(info.size)
        at = int(np.nonzero(flat)[0][0])
        where, i = f"(Batch element {at}): " if info.ndim else "", int(flat[at])
        raise RuntimeError(
            f"{name}: {where}U[{i},{i}] is zero and using it on lu_solve would result in a division by zero. If you still "
            "want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )


@takes_out
def lu_unpack(
    LU_data: Tensor,
    LU_pivots: Tensor,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
    *,
    out: tuple[Tensor, ...] | None = None,
) -> results.lu_unpack:
    """P, L, U with A = P L U from the packed form of ``lu_factor``. What is not to be unpacked is empty, (0).

    LU (*, m, n): P (*, m, m), L (*, m, k), U (*, k, n), k = min(m, n). Raises RuntimeError for pivots that are not
    int32.

    >>> import metagrad
    >>> P, L, U = metagrad.lu_unpack(*metagrad.linalg.lu_factor(metagrad.tensor([[1.0, 2.0], [4.0, 4.0]])))
    >>> L, U
    (tensor([[1.0000, 0.0000],
            [0.2500, 1.0000]]), tensor([[4., 4.],
            [0., 1.]]))
    """
    if LU_pivots.array.dtype != np.int32 and unpack_pivots:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype, as lu_factor returns it, "
            f"got {LU_pivots.dtype.name}"
        )
    if LU_data.array.ndim < 2:
        raise RuntimeError(
            f"torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: {list(LU_data.shape)} instead"
        )
    m, n = LU_data.array.shape[-2:]
    if unpack_pivots and LU_pivots.array.size and not 1 <= LU_pivots.array.min() <= LU_pivots.array.max() <= m:
        raise RuntimeError(
            "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result of "
            "lu_factor?"
        )
    k = min(m, n)
    P = LU_data.new_zeros(0)
    L = U = P
    if unpack_data:
        L = tril(LU_data[..., :k], -1) + wrap(eye(m, LU_data, k))
        U = triu(LU_data[..., :k, :])
    if unpack_pivots:
        P = wrap(permutation(LU_pivots.array, m, LU_data.array))
    return results.lu_unpack((P, L, U))


@takes_exact_out
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False, out: Tensor | None = None
) -> Tensor:
    """X with A X = B, A given by ``lu_factor``; X A = B if not ``left``, Aᴴ X = B (or X Aᴴ = B) with ``adjoint``.

    LU (*, n, n), B (*, n, k) or, if not left, (*, k, n). Batches broadcast. Raises RuntimeError if the shapes do not
    fit.

    >>> import metagrad
    >>> A = metagrad.tensor([[1.0, 2.0], [4.0, 4.0]])
    >>> metagrad.linalg.lu_solve(*metagrad.linalg.lu_factor(A), A @ metagrad.tensor([[1.0], [2.0]]))
    tensor([[1.],
            [2.]])
    """
    check_square("linalg.lu_solve", LU)
    check("linalg.lu_solve", LU, B, called=("The input tensor LU", "The input tensor B"))
    if pivots.array.dtype != np.int32:
        raise RuntimeError(
            f"linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32, got {pivots.dtype.name}"
        )
    if B.array.shape[-2 if left else -1] != LU.array.shape[-1]:
        raise unfit("linalg.lu_solve", LU.array.shape, B.array.shape, left)
    if pivots.array.shape != LU.array.shape[:-1]:
        raise RuntimeError(
            "linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix, got "
            f"{tuple(pivots.shape)} for {tuple(LU.shape)}"
        )
    if not left:
        return H(lu_solve(LU, pivots, H(B), adjoint=not adjoint))
    P = wrap(permutation(pivots.array, LU.array.shape[-1], LU.array))
    if adjoint:
        y = SolveTriangular.apply(H(LU), B, upper=False, unit=False)
        return in_columns(P @ SolveTriangular.apply(H(LU), y, upper=True, unit=True))
    y = SolveTriangular.apply(LU, P.mT @ B, upper=False, unit=True)
    return SolveTriangular.apply(LU, y, upper=True, unit=False)


def permutation(pivots: Array, m: int, like: Array) -> Array:
    """P with A = P (L U): the row swaps of the elimination, as a matrix of ones and zeros.

    >>> permutation(np.array([2, 2]), 2, np.zeros(1))
    array([[0., 1.],
           [1., 0.]])
    """
    swaps = pivots.reshape(int(np.prod(pivots.shape[:-1])), pivots.shape[-1])
    order = np.arange(m, like=pivots) + np.zeros((len(swaps), 1), np.int64, like=pivots)
    every = np.arange(len(swaps), like=pivots)
    for i in range(swaps.shape[1]):
        j = swaps[:, i] - 1
        row, other = order[:, i].copy(), order[every, j]
        order[:, i] = other
        order[every, j] = row
    order = order.reshape(*pivots.shape[:-1], m)
    return (order[..., None, :] == np.arange(m, like=pivots)[:, None]).astype(like.dtype)


def zero_pivot(factors: Array) -> Array:
    """For each matrix 0, or the first position on the diagonal of U, counted from 1, that is zero.

    >>> zero_pivot(np.array([[2.0, 1.0], [0.5, 0.0]]))
    array(2, dtype=int32)
    """
    d = diagonal(factors)
    if not d.shape[-1]:
        return np.zeros(d.shape[:-1], np.int32, like=factors)
    zero = d == 0
    return np.where(zero.any(axis=-1), np.argmax(zero, axis=-1) + 1, 0).astype(np.int32)


def singular_at(a: Array, given: Array) -> Array:
    """For each matrix 0, or the first zero pivot of its elimination; the last, where only LAPACK's of ``given`` comes upon a 0.

    >>> singular_at(np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[1.0, 2.0], [2.0, 4.0]]))
    array(2, dtype=int32)
    """
    m, n = a.shape[-2:]
    found = zero_pivot(eliminate(a.reshape(-1, m, n) if a.size else a.reshape(0, m, n), True)[0]).reshape(a.shape[:-2])
    return np.where((found == 0) & (np.linalg.slogdet(given)[0] == 0), np.int32(n), found)
