"""The decomposition P A Pᵀ = L D Lᴴ of Hermitian or symmetric matrices that need not be positive-definite: by LAPACK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import wrap
from metagrad.base import results
from metagrad.base.optional import need
from metagrad.base.typing import Array
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.linalg.matrices import check, check_info, check_square, column_major
from metagrad.ops.pointwise.arithmetic import conj

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


@takes_exact_out
def ldl_factor(
    A: Tensor, *, hermitian: bool = False, out: tuple[Tensor, ...] | None = None
) -> results.linalg_ldl_factor:
    """The Bunch-Kaufman decomposition in LAPACK's packed form, for ``ldl_solve``: (LD, pivots), without gradients.

    A (*, n, n), Hermitian with ``hermitian`` and else symmetric, of which only the lower triangle is read. LD (*, n, n);
    pivots (*, n), int32: negative where D has a 2 × 2 block. LinAlgError where D is singular. Needs SciPy.

    >>> import metagrad
    >>> metagrad.linalg.ldl_factor(metagrad.tensor([[4.0, 2.0], [2.0, 3.0]])).LD
    tensor([[4.0000, 0.0000],
            [0.5000, 2.0000]])
    """
    factors, pivots, info = ldl_factor_ex(A, hermitian=hermitian)
    check_info("linalg.ldl_factor", info.array, "is singular: D has 0 at position {} of its diagonal")
    return results.linalg_ldl_factor((factors, pivots))


@takes_exact_out
def ldl_factor_ex(
    A: Tensor, *, hermitian: bool = False, check_errors: bool = False, out: tuple[Tensor, ...] | None = None
) -> results.linalg_ldl_factor_ex:
    """``ldl_factor`` that does not raise: ``info`` is 0 for each matrix, or the position of the first zero on D's diagonal.

    >>> import metagrad
    >>> metagrad.linalg.ldl_factor_ex(metagrad.zeros(2, 2)).info
    tensor(1, dtype=metagrad.int32)
    """
    check_square("linalg.ldl_factor_ex", A)
    a = A.array
    factors, pivots = np.zeros_like(a), np.zeros(a.shape[:-1], np.int32)
    info = np.zeros(a.shape[:-2], np.int32)
    for index in np.ndindex(a.shape[:-2]) if a.size else ():
        packed, pivots[index], info[index] = _lapack("trf", a, hermitian)(a[index], lower=1)
        factors[index] = np.tril(packed)
    if check_errors:
        check_info("linalg.ldl_factor_ex", info, "is singular: D has 0 at position {} of its diagonal")
    return results.linalg_ldl_factor_ex((wrap(column_major(factors)), wrap(pivots), wrap(info)))


class LDLSolve(Function):
    """A X = B with A given by LAPACK's factors F.   ∂L/∂B = A⁻ᴴ ∂L/∂X; A⁻ᴴ G is A⁻¹ G or, for symmetric A, (A⁻¹ G*)*."""

    def forward(self, f: Array, pivots: Array, b: Array, hermitian: bool) -> Array:
        self.factors, self.hermitian = (f, pivots), hermitian
        batch = np.broadcast_shapes(f.shape[:-2], b.shape[:-2])
        b = np.broadcast_to(b, batch + b.shape[-2:])
        f, pivots = np.broadcast_to(f, batch + f.shape[-2:]), np.broadcast_to(pivots, batch + pivots.shape[-1:])
        x = np.zeros_like(b)
        for index in np.ndindex(batch) if b.size else ():
            x[index] = _lapack("trs", f, hermitian)(f[index], pivots[index], b[index], lower=1)[0]
        return column_major(x)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        if self.hermitian:
            return None, None, LDLSolve.on(*self.factors, grad, hermitian=True)
        return None, None, conj(LDLSolve.on(*self.factors, conj(grad), hermitian=False))


@takes_exact_out
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False, out: Tensor | None = None) -> Tensor:
    """X with A X = B for A given by ``ldl_factor``; differentiable in B. LD (*, n, n), B (*, n, k). Needs SciPy.

    Raises RuntimeError if the shapes do not fit.

    >>> import metagrad
    >>> A = metagrad.tensor([[4.0, 2.0], [2.0, 3.0]])
    >>> metagrad.linalg.ldl_solve(*metagrad.linalg.ldl_factor(A), A @ metagrad.tensor([[1.0], [2.0]]))
    tensor([[1.],
            [2.]])
    """
    check_square("linalg.ldl_solve", LD)
    check("linalg.ldl_solve", LD, B)
    if B.array.shape[-2] != LD.array.shape[-1] or pivots.array.shape != LD.array.shape[:-1]:
        raise RuntimeError(
            f"linalg.ldl_solve: LD {tuple(LD.shape)}, pivots {tuple(pivots.shape)} and B {tuple(B.shape)} do not fit"
        )
    if pivots.array.dtype.kind not in "iu":
        raise RuntimeError(f"linalg.ldl_solve: pivots must be integers, as ldl_factor returns them, got {pivots.dtype}")
    return LDLSolve.apply(LD.detach(), pivots, B, hermitian=hermitian)


def _lapack(step: str, a: Array, hermitian: bool) -> Any:
    """LAPACK's routine for complex Hermitian (he…) or for symmetric matrices (sy…), in the precision of ``a``."""
    if not isinstance(a, np.ndarray):
        raise RuntimeError("the LDL decomposition is computed on the CPU only: use .cpu() first")
    lapack = need("scipy.linalg.lapack", extra="scipy")
    kind = "he" if hermitian and a.dtype.kind == "c" else "sy"
    return lapack.get_lapack_funcs((kind + step,), (a,))[0]
