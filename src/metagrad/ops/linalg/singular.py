"""The singular value decomposition A = U diag(S) Vᴴ, whole or only its largest values by projecting on a random subspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import recording, unwrap, wrap
from metagrad.base import results
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.create.sampling import randn
from metagrad.ops.linalg.matrices import (
    H,
    LinAlgError,
    check,
    column_major,
    diagonal,
    eye,
    require_phase_free,
    with_diagonal,
)
from metagrad.ops.linalg.orthogonal import qr

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def decomposed(name: str, function: Callable[..., Any], *args: Array, **settings: Any) -> Any:
    """One of NumPy's iterative decompositions; LinAlgError where it does not converge.

    >>> decomposed("linalg.svd", np.linalg.svd, np.diag([2.0, 1.0]), compute_uv=False)
    array([2., 1.])
    """
    try:
        return function(*args, **settings)
    except np.linalg.LinAlgError as error:
        finite = bool(np.isfinite(args[0]).all())
        reason = f"is ill-conditioned ({error})" if finite else "contained non-finite values."
        raise LinAlgError(f"{name}: The algorithm failed to converge because the input matrix {reason}") from None


class SVD(Function):
    """A = U S Vᴴ with k singular values on the diagonal of S. With Ū, S̄, V̄ their gradients and skew(X) = X − Xᴴ,

        ∂L/∂A = U [ (skew(Uᴴ Ū) S + S skew(Vᴴ V̄)) / E + S̄ + D ] Vᴴ + (1 − U Uᴴ) Ū S⁻¹ Vᴴ + U S⁻¹ V̄ᴴ (1 − V Vᴴ)

    Eᵢⱼ = sⱼ² − sᵢ² off the diagonal, where the bracket is only S̄ and, for complex A, D = diag(skew(Uᴴ Ū)) / 2S.
    (Townsend 2016; Wan & Zhang 2019, arXiv:1909.02659, for complex A.) Singular vectors are defined up to a phase that U
    and V share, and for equal singular values up to a rotation: there the gradients of U and V do not exist.
    """

    fills_in_zeros = False

    def forward(self, a: Array, full_matrices: bool) -> tuple[Array, Array, Array]:
        u, s, vh = decomposed("linalg.svd", np.linalg.svd, a, full_matrices)
        u, s, vh = column_major(u), in_order(s), column_major(vh)
        self.save(u, s, vh)
        return u, s, vh

    def backward(self, grad_u: Array | None, grad_s: Array | None, grad_vh: Array | None) -> Array:
        u, s, vh = self.saved
        m, n, k = u.shape[-2], vh.shape[-1], s.shape[-1]
        u, vh = u[..., :k], vh[..., :k, :]
        if grad_u is None and grad_vh is None and grad_s is not None:
            return (u * grad_s[..., None, :]) @ vh
        row, column = s[..., None, :], s[..., :, None]
        inner: Array = 0
        d = np.zeros_like(s) if grad_s is None else grad_s
        phases: Array = 0
        if grad_u is not None:
            grad_u = grad_u[..., :k]
            turn = H(u) @ grad_u
            turn = turn - H(turn)
            inner, phases = inner + turn * row, diagonal(turn)
            if unwrap(u).dtype.kind == "c":
                d = d + phases / (2 * s)
        if grad_vh is not None:
            grad_vh = grad_vh[..., :k, :]
            turn = vh @ H(grad_vh)
            turn = turn - H(turn)
            inner, phases = inner + column * turn, phases + diagonal(turn)
        require_phase_free("linalg.svd", phases)
        square = with_diagonal(d, inner / ((row - column) * (row + column) + eye(k, s)))
        result = u @ square @ vh
        if grad_u is not None and m > k:
            out = grad_u / row
            result = result + (out - u @ (H(u) @ out)) @ vh
        if grad_vh is not None and n > k:
            out = grad_vh / column
            result = result + u @ (out - (out @ H(vh)) @ vh)
        return result


@takes_exact_out
def svd(
    A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: tuple[Tensor, ...] | None = None
) -> results.linalg_svd:
    """U, S, Vh with A = U diag(S) Vh: U and Vh unitary, S ≥ 0 in descending order, real.

    A (*, m, n): U (*, m, m), S (*, k), Vh (*, n, n), k = min(m, n); without ``full_matrices``, U (*, m, k) and Vh (*,
    k, n). The vectors are unique only up to sign (or phase); their gradients are infinite where singular values are
    equal. driver: only None; it is for GPUs. Raises LinAlgError where it does not converge, RuntimeError for a driver.

    >>> import metagrad
    >>> metagrad.linalg.svd(metagrad.tensor([[0.0, 2.0], [1.0, 0.0]])).S
    tensor([2., 1.])
    """
    check("linalg.svd", A)
    _check_driver("linalg.svd", driver)
    return results.linalg_svd(SVD.apply_many(A, full_matrices=full_matrices))


@takes_exact_out
def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values (*, k) of matrices (*, m, n), in descending order. Their gradient always exists.

    Raises LinAlgError where they do not converge, RuntimeError for a driver.

    >>> import metagrad
    >>> metagrad.linalg.svdvals(metagrad.tensor([[0.0, 2.0], [1.0, 0.0]]))
    tensor([2., 1.])
    """
    check("linalg.svd", A)
    _check_driver("linalg.svd", driver)
    if recording(A):
        return SVD.apply_many(A, full_matrices=False)[1]
    return wrap(in_order(decomposed("linalg.svd", np.linalg.svd, unwrap(A), compute_uv=False)))


def _check_driver(name: str, driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(
            f"{name}: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


# ------------------------------------------------ only the largest singular values


def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> results.svd:
    """U, S, V with A − M ≈ U diag(S) Vᴴ, of rank q: by projecting on a subspace in which random vectors end up.

    A (*, m, n), M broadcasts to it; U (*, m, q), S (*, q), V (*, n, q). niter: how often the subspace is improved by
    multiplying with A Aᴴ. Take q somewhat larger than the rank. (Halko, Martinsson & Tropp 2009, arXiv:0909.4061,
    algorithms 4.4 and 5.1.) Raises RuntimeError for anything but matrices of floating-point numbers.

    >>> import metagrad
    >>> U, S, V = metagrad.svd_lowrank(metagrad.ones(4, 3), q=2)
    >>> metagrad.allclose((U * S) @ V.mT, metagrad.ones(4, 3))
    True
    """
    check("svd_lowrank", A)
    A = A if M is None else A - M
    q, steps = 6 if q is None else q, 2 if niter is None else niter
    if A.array.shape[-2] < A.array.shape[-1]:
        U, S, V = svd_lowrank(H(A), q, steps)
        return results.svd((V, S, U))
    Q = qr(A @ randn(A.array.shape[-1], q, dtype=A.dtype, device=A.device)).Q
    for _ in range(steps):
        Q = qr(A @ qr(H(A) @ Q).Q).Q
    U, S, Vh = svd(H(Q) @ A, full_matrices=False)
    return results.svd((Q @ U, S, H(Vh)))


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> results.svd:
    """Principal components of data (*, m, n), m samples of n features: ``svd_lowrank`` of A minus its mean sample.

    V (*, n, q) has the principal directions, S² / (m − 1) the variances along them, A V the coordinates. q is min(6, m,
    n) by default; ``center=False`` for data that is centred already. Raises ValueError unless 0 ≤ q ≤ min(m, n) and
    niter ≥ 0.

    >>> import metagrad
    >>> U, S, V = metagrad.pca_lowrank(metagrad.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), q=1)
    >>> S.round(decimals=4), V.abs().round(decimals=4).flatten()
    (tensor([2.]), tensor([0.7071, 0.7071]))
    """
    check("pca_lowrank", A)
    m, n = A.array.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
