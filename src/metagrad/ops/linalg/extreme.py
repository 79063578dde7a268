"""A few extreme eigenvalues of a large symmetric matrix, from products with it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import recording, unwrap, wrap
from metagrad.base.typing import Array
from metagrad.ops.create.sampling import randn
from metagrad.ops.linalg.definite import cholesky
from metagrad.ops.linalg.eigen import eigh
from metagrad.ops.linalg.matrices import H, check_square, eye
from metagrad.ops.linalg.triangular import solve_triangular
from metagrad.ops.shape.flipping import flip

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def _orthonormal(s: Array, b: Array) -> Array:
    """A basis Q of the columns' space with Qᴴ B Q = 1; directions that are nearly dependent are left away."""
    for _ in range(2):  # the second time for the digits that the first one lost
        s = s / np.maximum(np.linalg.norm(s, axis=0), np.finfo(s.dtype).tiny)
        l, v = np.linalg.eigh(H(s) @ (b @ s))
        kept = l > 10 * len(l) * np.finfo(s.dtype).eps * l[-1]
        s = (s @ v[:, kept]) / np.sqrt(l[kept])
    return s


def search(a: Array, b: Array, x: Array, ik: Array, k: int, steps: int, tol: float) -> tuple[Array, Array]:
    """(eigenvalues, vectors) of a x = λ b x, the k largest of ``x.shape[1]`` sought.

    Each step is best possible in the space spanned by the vectors X, their residuals R = A X − B X Λ, preconditioned, and
    the directions P in which the last step moved them.

    >>> a, one = np.diag(np.arange(9.0)), np.eye(9)
    >>> search(a, one, np.ones((9, 1)) + one[:, :1], one, k=1, steps=100, tol=1e-6)[0].round(3)
    array([8.])
    """
    size_a, size_b = np.linalg.norm(a), np.linalg.norm(b)
    x = _orthonormal(x, b)
    directions = x[:, :0]
    residual = a @ x
    step = 0
    while True:
        q = _orthonormal(np.concatenate((x, ik @ residual, directions), axis=1), b)
        l, z = np.linalg.eigh(H(q) @ (a @ q))
        found = q @ z[:, ::-1][:, : x.shape[1]]
        l = l[::-1][: x.shape[1]]
        directions = found - x @ (H(x) @ (b @ found))
        x = found
        residual = a @ x - (b @ x) * l
        scale = np.linalg.norm(x, axis=0) * (size_a + np.abs(l) * size_b)
        step += 1
        if step == steps or bool((np.linalg.norm(residual, axis=0)[:k] <= tol * scale[:k]).all()):
            return l[:k], x[:, :k]


def _whole(A: Tensor, B: Tensor | None, k: int, largest: bool) -> tuple[Tensor, Tensor]:
    """The same from the whole decomposition, recorded: for B = C Cᴴ, the eigenvectors of C⁻¹ A C⁻ᴴ times C⁻ᴴ."""
    A = (A + H(A)) / 2
    if B is None:
        E, X = eigh(A)
    else:
        C = cholesky((B + H(B)) / 2)
        half = solve_triangular(C, A, upper=False)
        E, X = eigh(solve_triangular(C, H(half), upper=False))
        X = solve_triangular(H(C), X, upper=True)
    return (flip(E, -1)[..., :k], flip(X, -1)[..., :k]) if largest else (E[..., :k], X[..., :k])


def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: object = None,
    ortho_iparams: object = None,
    ortho_fparams: object = None,
    ortho_bparams: object = None,
) -> tuple[Tensor, Tensor]:
    """The k largest (by default), or smallest, eigenvalues (*, k) and vectors (*, m, k) of A x = λ B x: (E, X).

    A (*, m, m) symmetric; B (*, m, m) positive-definite, 1 by default. X (*, m, n): where to start, n ≥ k random
    vectors by default, 3 n ≤ m; iK (*, m, m): a preconditioner, near A⁻¹. The search ends when the residuals are within
    ``tol``, √ε by default, or after ``niter`` steps, 1000 by default, −1 for no limit. Gradients, if asked for, are
    those of the whole decomposition. What comes after ``largest`` chooses among PyTorch's variants, and does nothing
    here. (Knyazev 2001, "Toward the optimal preconditioned eigensolver".) Raises ValueError unless 1 ≤ k ≤ n and 3 n ≤
    m.

    >>> import metagrad
    >>> metagrad.lobpcg(metagrad.eye(9) * metagrad.arange(9), k=2)[0].round()
    tensor([8., 7.])
    """
    check_square("lobpcg", A)
    m = A.array.shape[-1]
    start = 1 if k is None else k
    width = X.shape[-1] if X is not None else start if n is None else n
    k = (width if X is not None else 1) if k is None else k
    if not 1 <= k <= width or m < 3 * width:
        raise ValueError(f"lobpcg: 1 ≤ k ≤ n and 3 n ≤ m must hold, got k={k}, n={width} and A {tuple(A.shape)}")
    best = largest is None or largest
    if recording(A, B):
        return _whole(A, B, k, best)
    sign = 1 if best else -1
    tol = float(np.finfo(A.array.dtype).eps) ** 0.5 if tol is None else tol
    X = randn(*A.shape[:-1], width, dtype=A.dtype, device=A.device) if X is None else X
    one = eye(m, A)
    batch = A.array.shape[:-2]
    every = [
        np.broadcast_to(one if g is None else unwrap(g), (*batch, m, g_columns))
        for g, g_columns in ((A, m), (B, m), (X, width), (iK, m))
    ]
    values, vectors = [], []
    for index in np.ndindex(batch):
        a, b, x, ik = (g[index] for g in every)
        e, v = search(sign * a, b, x, ik, k, 1000 if niter is None else niter, tol)
        values.append(sign * e)
        vectors.append(v)
    return (
        wrap(np.stack(values).reshape(*batch, k)),
        wrap(np.stack(vectors).reshape(*batch, m, k)),
    )
