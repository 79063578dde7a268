"""Matrices without an inverse: rank, pseudoinverse, least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.mode import no_grad
from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.base import results
from metagrad.base.dtypes import cpp_name
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Operand
from metagrad.ops.arguments import takes_out
from metagrad.ops.linalg.eigen import eigvalsh
from metagrad.ops.linalg.elimination import zero_pivot
from metagrad.ops.linalg.matrices import H, check, check_info, check_square, in_columns, is_vector
from metagrad.ops.linalg.orthogonal import qr
from metagrad.ops.linalg.singular import decomposed, svdvals
from metagrad.ops.linalg.triangular import solve_triangular

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def threshold(a: Array, largest: Array, atol: Operand | None, rtol: Operand | None) -> Array:
    """What counts as zero: max(atol, rtol · largest). rtol is by default max(m, n) ε, or 0 where a positive atol is given.

    >>> float(threshold(np.zeros((2, 2)), np.array(10.0), atol=None, rtol=0.5))
    5.0
    """
    for name, given in (("atol", atol), ("rtol", rtol)):
        if isinstance(given, Variable) and given.dtype.is_complex:
            raise RuntimeError(f"{name} tensor of complex type is not supported. Got {cpp_name(given.dtype)}")
    absolute = 0.0 if atol is None else unwrap(atol)
    if rtol is None:
        smallest = float(max(a.shape[-2:]) * np.finfo(a.dtype).eps)
        relative = np.where(absolute > 0, 0.0, smallest) if hasattr(absolute, "ndim") else 0.0 if absolute else smallest
    else:
        relative = unwrap(rtol)
    return np.maximum(absolute, relative * largest).astype(largest.dtype)


def largest_of(values: Array) -> Array:
    """The largest along the last dimension; 0 for no elements.

    >>> largest_of(np.array([[3.0, 1.0], [5.0, 2.0]]))
    array([3., 5.])
    """
    return values.max(axis=-1) if values.shape[-1] else values.sum(axis=-1)


class PseudoInverse(Function):
    """P = A⁺.   ∂L/∂A = −Pᴴ G Pᴴ + (1 − A P) Gᴴ P Pᴴ + Pᴴ P Gᴴ (1 − P A),   G = ∂L/∂P   (Golub & Pereyra 1973).

    Holds while the rank is constant; no singular vectors in it, so equal singular values do no harm.
    """

    def forward(self, a: Array, atol: Any, rtol: Any, hermitian: bool) -> Array:
        if hermitian:
            l, v = decomposed("linalg.pinv", np.linalg.eigh, a)
            size, u, vh = np.abs(l), v, H(v)
        else:
            u, l, vh = decomposed("linalg.pinv", np.linalg.svd, a, full_matrices=False)
            size = l
        kept = size > threshold(a, largest_of(size), atol, rtol)[..., None]
        l = np.where(kept, 1 / np.where(kept, l, 1), 0)
        p = in_order((H(vh) * l[..., None, :]) @ H(u))
        self.save(a, p)
        return p

    def backward(self, grad: Array) -> Array:
        a, p = self.saved
        g, ph = H(grad), H(p)
        return (g @ p - a @ (p @ (g @ p))) @ ph + ph @ (p @ g - (p @ g) @ p @ a) - ph @ grad @ ph


@takes_out
def pinv(
    A: Tensor,
    rcond: Operand | None = None,
    hermitian: bool = False,
    *,
    atol: Operand | None = None,
    rtol: Operand | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The Moore-Penrose pseudoinverse A⁺ (*, n, m) of matrices (*, m, n).

    Singular values up to max(atol, rtol · the largest) count as zero; atol is 0 by default, rtol max(m, n) ε, or 0 if
    atol was given. Both may be tensors, one number for each matrix. hermitian: A is, and only its lower triangle is
    read. rcond: an older name of rtol. Raises LinAlgError where the singular values do not converge.

    >>> import metagrad
    >>> metagrad.linalg.pinv(metagrad.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    (check_square if hermitian else check)("linalg.pinv", A)
    return PseudoInverse.apply(A, atol=atol, rtol=rtol if rcond is None else rcond, hermitian=hermitian)


@takes_out
def matrix_rank(
    A: Tensor,
    tol: Operand | None = None,
    hermitian: bool = False,
    *,
    atol: Operand | None = None,
    rtol: Operand | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The number of singular values (of eigenvalues, if hermitian) above max(atol, rtol · the largest): int64, (*).

    A (*, m, n). The thresholds are those of ``pinv``; ``tol`` is an older name of atol, which stands in for rtol, too.
    Raises RuntimeError for a complex threshold.

    >>> import metagrad
    >>> metagrad.linalg.matrix_rank(metagrad.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    (check_square if hermitian else check)("linalg.matrix_rank", A)
    with no_grad():
        size = np.abs(unwrap(eigvalsh(A))) if hermitian else unwrap(svdvals(A))
    if tol is not None:
        atol, rtol = tol, 0.0
    return wrap((size > threshold(A.array, largest_of(size), atol, rtol)[..., None]).sum(axis=-1))


@takes_out
def lstsq(
    A: Tensor,
    B: Tensor,
    rcond: float | None = None,
    *,
    driver: str | None = None,
    out: tuple[Tensor, ...] | None = None,
) -> results.linalg_lstsq:
    """X with the least ‖A X − B‖², and of those the least ‖X‖: X = A⁺ B.

    A (*, m, n), B (*, m, k), or vectors (*, m): solution (*, n, k) or (*, n). driver, named as in LAPACK:

    "gelsy"  the default; rank (*), int64: how many singular values exceed rcond · the largest (rcond is max(m, n) ε)
    "gelsd", "gelss"  also singular_values (*, min(m, n)), and residuals ‖A X − B‖² (*, k) if m > n and A has full rank
    "gels"   for matrices of full rank: by QR, and residuals if m > n; LinAlgError if R has 0 on its diagonal

    What a driver does not compute is empty, (0). Raises RuntimeError for another driver, or if the shapes do not fit.

    >>> import metagrad
    >>> A = metagrad.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> metagrad.linalg.lstsq(A, metagrad.tensor([1.0, 2.0, 3.0])).solution
    tensor([1.0000, 1.0000])
    """
    check("linalg.lstsq", A)
    check("linalg.lstsq", A, B, ndim=1)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver!r}"
        )
    m, n = A.array.shape[-2:]
    vector = is_vector(A, B)
    right = B.unsqueeze(-1) if vector else B
    if right.array.shape[-2] != m or right.array.ndim != A.array.ndim:
        raise RuntimeError(f"linalg.lstsq: A {tuple(A.shape)} and B {tuple(B.shape)} do not fit the equation A X = B")
    empty = A.flatten()[:0]
    if driver == "gels":
        X, rank, values, full = _of_full_rank(A, right), empty.detach().long(), empty, True
    else:
        rtol = max(m, n) * np.finfo(A.array.dtype).eps if rcond is None else rcond
        X = pinv(A, rtol=rtol) @ right
        with no_grad():
            values, rank = svdvals(A), matrix_rank(A, rtol=rtol)
        full = driver != "gelsy" and driver is not None and bool((rank.array == n).all())
    X = in_columns(X)
    residuals = abs(A @ X - right).square().sum(-2) if m > n and full else empty.real
    values = values if driver in ("gelsd", "gelss") else empty.detach().real
    return results.linalg_lstsq((X.squeeze(-1) if vector else X, residuals, rank, values))


def _of_full_rank(A: Tensor, B: Tensor) -> Tensor:
    """X = R⁻¹ Qᴴ B for a tall A = Q R, and for a wide one, Aᴴ = Q R, X = Q R⁻ᴴ B."""
    tall = A.array.shape[-2] >= A.array.shape[-1]
    Q, R = qr(A if tall else H(A))
    check_info(
        "linalg.lstsq", zero_pivot(R.array), "has no full rank (position {} of R's diagonal is 0): use driver='gelsd'"
    )
    if tall:
        return solve_triangular(R, H(Q) @ B, upper=True)
    return Q @ solve_triangular(H(R), B, upper=False)
