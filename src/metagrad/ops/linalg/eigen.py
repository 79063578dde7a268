"""Eigenvalues and eigenvectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import recording, wrap
from metagrad.base import results
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array
from metagrad.ops.arguments import takes_exact_out, takes_out
from metagrad.ops.linalg.matrices import (
    H,
    check_square,
    column_major,
    diagonal,
    eye,
    require_phase_free,
    with_diagonal,
)
from metagrad.ops.linalg.singular import decomposed
from metagrad.ops.linalg.solving import Solve

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def differences(l: Array) -> Array:
    """Eᵢⱼ = lⱼ − lᵢ, and 1 on the diagonal.

    >>> differences(np.array([1.0, 4.0]))
    array([[ 1.,  3.],
           [-3.,  1.]])
    """
    return l[..., None, :] - l[..., :, None] + eye(l.shape[-1], l)


class Eigh(Function):
    """A = V diag(L) Vᴴ for Hermitian A, V unitary.   ∂L/∂A = V (L̄ + (Vᴴ V̄) / E) Vᴴ,   Eᵢⱼ = lⱼ − lᵢ.

    L̄, on the diagonal, and V̄, off it, are the gradients of the two (Giles 2008, 3.1). V̄ must not depend on the phases
    of the vectors, nor matter where eigenvalues are equal: there it is infinite.
    """

    fills_in_zeros = False

    def forward(self, a: Array, triangle: str) -> tuple[Array, Array]:
        l, v = decomposed("linalg.eigh", np.linalg.eigh, a, triangle)
        l, v = in_order(l), column_major(v)
        self.save(l, v)
        return l, v

    def backward(self, grad_l: Array | None, grad_v: Array | None) -> Array:
        l, v = self.saved
        if grad_v is None and grad_l is not None:
            return (v * grad_l[..., None, :]) @ H(v)
        turn = H(v) @ grad_v
        require_phase_free("linalg.eigh", diagonal(turn))
        turn = (turn - H(turn)) * 0.5  # V may only turn: what is left of the rest would not be Hermitian
        return v @ with_diagonal(np.zeros_like(l) if grad_l is None else grad_l, turn / differences(l)) @ H(v)


class Eig(Function):
    """A V = V diag(L), the columns of V of length 1.   ∂L/∂A = V⁻ᴴ (L̄ + (W − Vᴴ V diag(Re W)) / E*) Vᴴ,   W = Vᴴ V̄.

    Eᵢⱼ = lⱼ − lᵢ; L̄ is on the diagonal, the rest off it (Giles 2008, 3.1; Boeddeker et al. 2017, arXiv:1701.00392, for
    vectors of fixed length).
    """

    fills_in_zeros = False

    def forward(self, a: Array) -> tuple[Array, Array]:
        _require_finite("linalg.eig", a)
        l, v = decomposed("linalg.eig", np.linalg.eig, a)
        kind = np.result_type(a.dtype, np.complex64)
        l, v = in_order(l.astype(kind, copy=False)), column_major(v.astype(kind, copy=False))
        self.save(l, v)
        return l, v

    def backward(self, grad_l: Array | None, grad_v: Array | None) -> Array:
        l, v = self.saved
        if grad_v is None:
            middle = with_diagonal(grad_l)
        else:
            turn = H(v) @ grad_v
            along = diagonal(turn)
            require_phase_free("linalg.eig", along)
            turn = turn - (H(v) @ v) * along.real[..., None, :]
            middle = with_diagonal(np.zeros_like(l) if grad_l is None else grad_l, turn / np.conjugate(differences(l)))
        return Solve.on(H(v), middle @ H(v), name="linalg.eig")


def _require_finite(name: str, a: Array) -> None:
    if not bool(np.isfinite(a).all()):
        raise RuntimeError(f"{name}: input tensor should not contain infs or NaNs.")


def _triangle(name: str, UPLO: str) -> str:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"{name}: Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper()


@takes_exact_out
def eigh(A: Tensor, UPLO: str = "L", *, out: tuple[Tensor, ...] | None = None) -> results.linalg_eigh:
    """Eigenvalues (*, n), real and ascending, and orthonormal eigenvectors (*, n, n), as columns, of Hermitian matrices.

    A (*, n, n), of which only the lower (UPLO "L") or upper ("U") triangle is read. The vectors are unique only up to
    sign (or phase); their gradients are infinite where eigenvalues are equal. Raises LinAlgError where it does not
    converge, RuntimeError for matrices that are not square.

    >>> import metagrad
    >>> metagrad.linalg.eigh(metagrad.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1., 3.])
    """
    check_square("linalg.eigh", A)
    return results.linalg_eigh(Eigh.apply_many(A, triangle=_triangle("linalg.eigh", UPLO)))


@takes_exact_out
def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues (*, n) of Hermitian matrices, real and ascending. Their gradient always exists.

    A (*, n, n), read as by ``eigh``. Raises LinAlgError where it does not converge.

    >>> import metagrad
    >>> metagrad.linalg.eigvalsh(metagrad.tensor([[2.0, 1.0], [1.0, 2.0]]))
    tensor([1., 3.])
    """
    check_square("linalg.eigh", A)
    triangle = _triangle("linalg.eigh", UPLO)
    if recording(A):
        return Eigh.apply_many(A, triangle=triangle)[0]
    return wrap(in_order(decomposed("linalg.eigh", np.linalg.eigvalsh, A.array, triangle)))


@takes_out
def eig(A: Tensor, *, out: tuple[Tensor, ...] | None = None) -> results.linalg_eig:
    """Eigenvalues (*, n) and eigenvectors (*, n, n), as columns of length 1, of square matrices: always complex.

    The order of the eigenvalues is not defined, the vectors are unique only up to phase. Gradients exist where the
    eigenvalues are distinct. Raises RuntimeError for matrices that are not square or not finite, LinAlgError where it
    does not converge.

    >>> import metagrad
    >>> metagrad.linalg.eig(metagrad.tensor([[0.0, -1.0], [1.0, 0.0]])).eigenvalues
    tensor([0.+1.j, 0.-1.j])
    """
    check_square("linalg.eig", A)
    return results.linalg_eig(Eig.apply_many(A))


@takes_out
def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues (*, n) of square matrices, complex, in no particular order.

    A (*, n, n). Raises RuntimeError for matrices that are not square or not finite.

    >>> import metagrad
    >>> metagrad.linalg.eigvals(metagrad.tensor([[2.0, 0.0], [0.0, 3.0]]))
    tensor([2.+0.j, 3.+0.j])
    """
    check_square("linalg.eigvals", A)
    if recording(A):
        return Eig.apply_many(A)[0]
    _require_finite("linalg.eigvals", A.array)
    found = in_order(decomposed("linalg.eigvals", np.linalg.eigvals, A.array))
    return wrap(found.astype(np.result_type(A.array.dtype, np.complex64), copy=False))
