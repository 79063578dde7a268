"""The names from before ``metagrad.linalg``: the same functions with other arguments, and some with other results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metagrad.base import results
from metagrad.base.typing import Dims, DTypeLike
from metagrad.base.warning import warn_once
from metagrad.ops.arguments import takes_exact_out, takes_out, takes_out_by
from metagrad.ops.linalg import determinant, elimination, orthogonal, singular, vectors
from metagrad.ops.linalg.definite import factored
from metagrad.ops.linalg.matrices import H, check
from metagrad.ops.linalg.norms import matrix_norm
from metagrad.ops.linalg.pseudoinverse import pinv
from metagrad.ops.linalg.solving import inv
from metagrad.ops.operands import in_single
from metagrad.ops.reduce.norms import vector_norm
from metagrad.ops.shape.flipping import flip

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


@takes_out
def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``linalg.inv``: the inverse of square matrices (*, n, n).

    Raises LinAlgError if one is singular.

    >>> import metagrad
    >>> metagrad.inverse(metagrad.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return inv(input)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """``linalg.pinv`` with singular values up to rcond · the largest taken to be 0.

    >>> import metagrad
    >>> metagrad.pinverse(metagrad.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return pinv(input, rtol=rcond)


@takes_exact_out
def slogdet(input: Tensor, *, out: tuple[Tensor, ...] | None = None) -> results.slogdet:
    """``linalg.slogdet``: the sign and ln |det A| of square matrices (*, n, n).

    >>> import metagrad
    >>> metagrad.slogdet(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]])).logabsdet
    tensor(0.6931)
    """
    return results.slogdet(determinant.slogdet(input))


@takes_out
def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """``linalg.cholesky``: L, lower triangular, with A = L Lᴴ; with ``upper``, Lᴴ.

    Raises LinAlgError if A is not positive-definite.

    >>> import metagrad
    >>> metagrad.cholesky(metagrad.tensor([[4.0, 2.0], [2.0, 5.0]]), upper=True)
    tensor([[2., 1.],
            [0., 2.]])
    """
    warn_once("metagrad.cholesky is deprecated in favor of metagrad.linalg.cholesky: upper=True becomes .mH")
    return factored("cholesky", input, upper)


@takes_exact_out
def qr(input: Tensor, some: bool = True, *, out: tuple[Tensor, ...] | None = None) -> results.qr:
    """``linalg.qr``, reduced, or complete if not ``some``.

    >>> import metagrad
    >>> Q, R = metagrad.qr(metagrad.ones(4, 2))
    >>> Q.shape, R.shape
    (metagrad.Size([4, 2]), metagrad.Size([2, 2]))
    """
    warn_once("metagrad.qr is deprecated in favor of metagrad.linalg.qr: some=False becomes mode='complete'")
    return results.qr(orthogonal.qr(input, "reduced" if some else "complete"))


@takes_exact_out
def svd(
    input: Tensor, some: bool = True, compute_uv: bool = True, *, out: tuple[Tensor, ...] | None = None
) -> results.svd:
    """(U, S, V) with A = U diag(S) Vᴴ: V, not its conjugate transpose, which ``linalg.svd`` gives.

    A (*, m, n), k = min(m, n): U (*, m, k), S (*, k), V (*, n, k); U (*, m, m), V (*, n, n) if not ``some``, and both
    zeros, with no gradient, if not ``compute_uv``. Raises LinAlgError where it does not converge.

    >>> import metagrad
    >>> U, S, V = metagrad.svd(metagrad.ones(4, 2))
    >>> U.shape, S.shape, V.shape
    (metagrad.Size([4, 2]), metagrad.Size([2]), metagrad.Size([2, 2]))
    """
    check("svd", input)
    if compute_uv:
        U, S, Vh = singular.svd(input, full_matrices=not some)
        return results.svd((U, S, H(Vh)))
    *batch, m, n = input.shape
    return results.svd((input.new_zeros((*batch, m, m)), singular.svdvals(input), input.new_zeros((*batch, n, n))))


@takes_out
def lu(A: Tensor, pivot: bool = True, get_infos: bool = False, *, out: Tensor | None = None) -> Any:
    """``linalg.lu_factor``, (LU, pivots), that lets singular matrices pass; with ``get_infos``, (LU, pivots, infos).

    >>> import metagrad
    >>> LU, pivots = metagrad.lu(metagrad.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> LU
    tensor([[4.0000, 4.0000],
            [0.2500, 1.0000]])
    """
    warn_once(
        "metagrad.lu is deprecated in favor of metagrad.linalg.lu_factor, and lu_factor_ex where infos are asked for"
    )
    found = elimination.lu_factor_ex(A, pivot=pivot)
    return found if get_infos else found[:2]


@takes_exact_out
def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """``linalg.lu_solve`` with the right side first: X with A X = b, b (*, n, k).

    >>> import metagrad
    >>> A = metagrad.tensor([[1.0, 2.0], [4.0, 4.0]])
    >>> metagrad.lu_solve(A @ metagrad.tensor([[1.0], [2.0]]), *metagrad.lu(A))
    tensor([[1.],
            [2.]])
    """
    warn_once("metagrad.lu_solve is deprecated in favor of metagrad.linalg.lu_solve, which takes (LU, pivots, B)")
    return elimination.lu_solve(LU_data, LU_pivots, b)


@takes_out_by(exactly=True, apart=True)
def cross(input: Tensor, other: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """``linalg.cross`` along the first dimension of extent 3, unless ``dim`` says which.

    Raises RuntimeError if no dimension has extent 3.

    >>> import metagrad
    >>> metagrad.cross(metagrad.tensor([1, 0, 0]), metagrad.tensor([0, 1, 0]), dim=0)
    tensor([0, 0, 1])
    """
    if dim is None:
        warn_once(
            "Using cross without specifying the dim arg is deprecated: it takes the first of 3 elements, linalg.cross the last "
            "dimension",
            UserWarning,
        )
        shape = tuple(input.array.shape)
        if 3 not in shape:
            raise RuntimeError(f"no dimension of size 3 in input: got a tensor of shape {shape}")
        dim = shape.index(3)
    return vectors.cross(input, other, dim=dim)


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers N − 1 to 0 of numbers (n), as a matrix (n, N), or 0 to N − 1 if ``increasing``; N is n by default.

    Raises RuntimeError unless x is a vector and N not negative.

    >>> import metagrad
    >>> metagrad.vander(metagrad.tensor([2, 3]), N=3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    if x.array.ndim != 1:
        raise RuntimeError(f"vander: x must be a one-dimensional tensor. Got shape {tuple(x.shape)}")
    count = x.array.shape[0] if N is None else N
    if count < 0:
        raise RuntimeError(f"vander: N must be non-negative. Got {count}")
    found = vectors.powers(x, count)
    return found if increasing else flip(found, -1)


@takes_exact_out
@in_single
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    dtype: DTypeLike = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """``linalg.vector_norm`` with p a number or "fro" (2), or the sum of a matrix's singular values for p = "nuc".

    >>> import metagrad
    >>> metagrad.norm(metagrad.tensor([3.0, 4.0]))
    tensor(5.)
    """
    few = dim is None or isinstance(dim, int) or len(dim) <= 2
    if not isinstance(p, str) or p == "fro" and few:
        return vector_norm(input, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype)
    over = tuple(range(input.array.ndim)) if dim is None else (dim,) if isinstance(dim, int) else dim
    return matrix_norm(input, p, over, keepdim, dtype=dtype)
