"""The largest singular values only, by projecting on a random subspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.base import results
from metagrad.ops.create.sampling import randn
from metagrad.ops.linalg.matrices import H, check
from metagrad.ops.linalg.orthogonal import qr
from metagrad.ops.linalg.singular import svd

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> results.svd:
    """U, S, V with A − M ≈ U diag(S) Vᴴ, of rank q: by projecting on a subspace in which random vectors end up.

    A (*, m, n), M broadcasts to it; U (*, m, q), S (*, q), V (*, n, q). niter: how often the subspace is improved by
    multiplying with A Aᴴ. Take q somewhat larger than the rank. (Halko, Martinsson & Tropp 2009, arXiv:0909.4061,
    algorithms 4.4 and 5.1.)

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

    V (*, n, q) has the principal directions, S² / (m − 1) the variances along them, A V the coordinates. q is
    min(6, m, n) by default; ``center=False`` for data that is centred already.
    """
    check("pca_lowrank", A)
    m, n = A.array.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"pca_lowrank: q must be between 0 and min(m, n) = {min(m, n)}, got {q}")
    if niter < 0:
        raise ValueError(f"pca_lowrank: niter must not be negative, got {niter}")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
