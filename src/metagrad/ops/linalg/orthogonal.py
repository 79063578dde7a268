"""The QR decomposition, and the products of reflections in which LAPACK keeps its Q."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import results
from metagrad.base.dtypes import scalar_name
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array
from metagrad.ops.arguments import takes_exact_out, takes_out
from metagrad.ops.linalg.matrices import H, check, column_major, eye, in_columns, lower_half, with_diagonal
from metagrad.ops.linalg.triangular import SolveTriangular
from metagrad.ops.shape.triangular import tril

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


class QR(Function):
    """A = Q R, Q with orthonormal columns, R upper triangular. With Q̄, R̄ their gradients and M = R R̄ᴴ − Q̄ᴴ Q,

        m ≥ n:  ∂L/∂A = (Q̄ + Q (P + Pᴴ)) R⁻ᴴ,  P = Φ(M), the lower triangle with its diagonal halved
        m < n:  A = [X Y] = Q [R₁ R₂]: X has the gradient above for R̄₁ and Q̄ + Y R̄₂ᴴ, and Y has Q R̄₂

    (Walter & Lehmann 2018, arXiv:1001.1654; Roberts & Roberts 2020, arXiv:2009.10071, for m < n.)
    """

    fills_in_zeros = False

    def forward(self, a: Array, mode: str) -> tuple[Array, Array]:
        self.mode = mode
        if mode == "r":
            q, r = np.zeros((0,), a.dtype, like=a), column_major(np.linalg.qr(a, "r"))
        else:
            q, r = (column_major(x) for x in np.linalg.qr(a, mode))  # type: ignore[call-overload]
        self.save(q, r)
        return q, r

    def backward(self, grad_q: Array | None, grad_r: Array | None) -> Array:
        q, r = self.saved
        n, k = r.shape[-1], r.shape[-2]
        if self.mode == "r" or self.mode == "complete" and k > n:
            raise RuntimeError(
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Use mode='reduced'"
                if self.mode == "r"
                else "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. Use mode='reduced'"
            )
        if n <= k:
            return self.of_tall(q, r, grad_q, grad_r)
        if grad_r is None:
            return np.concatenate((self.of_tall(q, r[..., :k], grad_q, None), np.zeros_like(r[..., k:])), axis=-1)
        for_left, for_right = grad_r[..., :k], grad_r[..., k:]
        for_q = q @ (r[..., k:] @ H(for_right))
        for_q = for_q if grad_q is None else grad_q + for_q
        return np.concatenate((self.of_tall(q, r[..., :k], for_q, for_left), q @ for_right), axis=-1)

    @staticmethod
    def of_tall(q: Array, r: Array, grad_q: Array | None, grad_r: Array | None) -> Array:
        """∂L/∂A for m ≥ n."""
        m: Array = 0
        if grad_r is not None:
            m = m + r @ H(np.triu(grad_r))
        if grad_q is not None:
            m = m - H(grad_q) @ q
        p = lower_half(m)
        total = q @ (p + H(p))
        if grad_q is not None:
            total = total + grad_q
        return H(SolveTriangular.on(r, H(total), upper=True, unit=False))


@takes_exact_out
def qr(A: Tensor, mode: str = "reduced", *, out: tuple[Tensor, ...] | None = None) -> results.linalg_qr:
    """Q, R with A = Q R: Q has orthonormal columns, R is upper triangular.

    A (*, m, n), k = min(m, n). mode "reduced": Q (*, m, k), R (*, k, n); "complete": Q (*, m, m), R (*, m, n), which
    has no gradient if m > n; "r": R alone, Q is empty and there is no gradient. Raises RuntimeError for another mode.

    >>> import metagrad
    >>> Q, R = metagrad.linalg.qr(metagrad.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> Q @ R
    tensor([[3.0000, 1.0000],
            [4.0000, 2.0000]])
    """
    check("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode {mode!r} but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return results.linalg_qr(QR.apply_many(A, mode=mode))


@takes_out
def geqrf(input: Tensor, *, out: tuple[Tensor, ...] | None = None) -> results.geqrf:
    """The QR decomposition as LAPACK leaves it: (a, tau), R in the upper triangle of a, below it the reflections.

    Q is the product of 1 − tauᵢ vᵢ vᵢᴴ, vᵢ being column i of a below the diagonal, with 1 on it:
    ``householder_product`` computes Q, ``ormqr`` multiplies by it. a (*, m, n), tau (*, min(m, n)). No gradient. Raises
    RuntimeError for anything but matrices of floating-point numbers.

    >>> import metagrad
    >>> a, tau = metagrad.geqrf(metagrad.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> a.triu()
    tensor([[-5.0000, -2.2000],
            [ 0.0000,  0.4000]])
    """
    check("geqrf", input, called=("input",))
    transposed, tau = np.linalg.qr(input.array, "raw")
    return results.geqrf((wrap(column_major(np.swapaxes(transposed, -1, -2))), wrap(in_order(tau))))


def _compact(A: Tensor, tau: Tensor) -> tuple[Tensor, Tensor]:
    """V, T with H₁ H₂ … = 1 − V T Vᴴ, the reflections Hᵢ = 1 − τᵢ vᵢ vᵢᴴ multiplied out.

    T = (1 + D S)⁻¹ D, D = diag(τ), S the part of Vᴴ V above the diagonal (Schreiber & Van Loan 1989).
    """
    k = tau.array.shape[-1]
    V = tril(A[..., :k], -1) + wrap(eye(A.array.shape[-2], A, k))
    D = with_diagonal(tau)
    return V, SolveTriangular.apply(D @ np.triu(H(V) @ V, 1), D, upper=True, unit=True)


def _check_reflections(name: str, A: Tensor, tau: Tensor, tall: bool) -> None:
    check(name, A, called=("input",))
    if isinstance(tau, Variable) and tau.dtype is not A.dtype:
        raise RuntimeError(
            f"{name}: tau dtype {scalar_name(tau.dtype)} does not match input dtype {scalar_name(A.dtype)}"
        )
    check(name, A, tau, ndim=1, called=("input", "tau"))
    m, n = A.array.shape[-2:]
    k = tau.array.shape[-1]
    if tau.array.ndim != A.array.ndim - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.array.ndim} and "
            f"input.ndim is equal to {A.array.ndim}"
        )
    if tau.array.shape[:-1] != A.array.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape[:-1])}"
        )
    if tall and m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1], got {m} and {n}")
    if k > min(m, n):
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1], got {tuple(A.shape)} and {k}"
        )


@takes_out
def householder_product(A: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first n columns of H₁ H₂ … H_k, Hᵢ = 1 − tauᵢ vᵢ vᵢᴴ: the Q of a QR decomposition given by ``geqrf``.

    A (*, m, n), vᵢ is its column i below the diagonal, with 1 on it; tau (*, k), m ≥ n ≥ k. Result (*, m, n). Raises
    RuntimeError if the shapes do not fit.

    >>> import metagrad
    >>> metagrad.linalg.householder_product(*metagrad.geqrf(metagrad.tensor([[3.0, 1.0], [4.0, 2.0]])))
    tensor([[-0.6000, -0.8000],
            [-0.8000,  0.6000]])
    """
    _check_reflections("linalg.householder_product", A, tau, tall=True)
    m, n = A.array.shape[-2:]
    V, T = _compact(A, tau)
    return in_columns(wrap(eye(m, A, n)) - V @ (T @ H(V[..., :n, :])))


@takes_exact_out
def ormqr(
    input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Q C, where Q (*, m, m) is the whole product of reflections given by ``geqrf`` and C is ``other``.

    With ``transpose``, Qᴴ C; if not ``left``, C Q or C Qᴴ. input (*, m, j), tau (*, k), other (*, m, n) or (*, n, m).
    Raises RuntimeError if the shapes do not fit.

    >>> import metagrad
    >>> A = metagrad.tensor([[3.0, 1.0], [4.0, 2.0]])
    >>> metagrad.ormqr(*metagrad.geqrf(A), A, transpose=True).round(decimals=4).abs()
    tensor([[5.0000, 2.2000],
            [0.0000, 0.4000]])
    """
    _check_reflections("ormqr", input, tau, tall=False)
    check("ormqr", input, other, called=("input", "other"))
    side = -2 if left else -1
    if other.array.shape[side] != input.array.shape[-2]:
        raise RuntimeError(
            f"ormqr: other.shape[{side}] must be equal to input.shape[-2], got {tuple(other.shape)} and {tuple(input.shape)}"
        )
    if other.array.shape[:-2] != input.array.shape[:-2]:
        raise RuntimeError(
            f"ormqr: Expected batch dimensions of other to be equal to input.shape[:-2], but got {list(other.shape[:-2])}"
        )
    V, T = _compact(input, tau)
    T = H(T) if transpose else T
    return in_columns(other - (V @ (T @ (H(V) @ other)) if left else ((other @ V) @ T) @ H(V)))
