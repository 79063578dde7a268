"""Methods that multiply matrices, decompose them, invert them and solve with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from metagrad.base.later import LaterModule, later_modules
from metagrad.ops.linalg import matmul, misfits
from metagrad.tensors.methods.base import OpMethods, in_place

if not TYPE_CHECKING:
    addmms, contraction, definite, determinant, older, orthogonal, powers, triangular = later_modules(
        "metagrad.ops.linalg", "addmm contraction definite determinant older orthogonal powers triangular"
    )
    spectrograms = LaterModule("metagrad.ops.signal.spectrograms")
else:
    from metagrad.ops.linalg import addmm as addmms
    from metagrad.ops.linalg import contraction, definite, determinant, older, orthogonal, powers, triangular
    from metagrad.ops.signal import spectrograms

products = matmul  # in the class below, matmul is the method


class LinalgMethods(OpMethods):
    """Methods that multiply matrices, decompose them, invert them and solve with them."""

    __slots__ = ()

    # products
    matmul = products.matmul
    mm = products.mm
    mv = products.mv
    dot = products.dot
    bmm = products.bmm
    outer = ger = products.outer
    addmm = addmms.addmm
    baddbmm = addmms.baddbmm
    addbmm = addmms.addbmm
    addmv = addmms.addmv
    addr = addmms.addr
    inner = contraction.inner
    kron = contraction.kron
    trace = contraction.trace
    vdot = contraction.vdot
    cross = older.cross

    def eig(self, *args: object, **kwargs: object) -> NoReturn:
        """Removed: ``linalg.eig``."""
        raise misfits.removed("eig")

    def lstsq(self, *args: object, **kwargs: object) -> NoReturn:
        """Removed: ``linalg.lstsq``."""
        raise misfits.removed("lstsq")

    def solve(self, *args: object, **kwargs: object) -> NoReturn:
        """Removed: ``linalg.solve``."""
        raise misfits.removed("solve")

    def symeig(self, *args: object, **kwargs: object) -> NoReturn:
        """Removed: ``linalg.eigh``."""
        raise misfits.removed("symeig")

    # decompositions, inverses, systems of equations
    cholesky = older.cholesky
    cholesky_inverse = definite.cholesky_inverse
    cholesky_solve = definite.cholesky_solve
    det = determinant.det
    slogdet = older.slogdet
    logdet = determinant.logdet
    geqrf = orthogonal.geqrf
    inverse = older.inverse
    lu = older.lu
    lu_solve = older.lu_solve
    matrix_exp = powers.matrix_exp
    matrix_power = powers.matrix_power
    orgqr = orthogonal.householder_product
    ormqr = orthogonal.ormqr
    pinverse = older.pinverse
    qr = older.qr
    svd = older.svd
    triangular_solve = triangular.triangular_solve

    # the Fourier transform of each stretch of a signal
    stft = spectrograms.stft
    istft = spectrograms.istft

    # in place
    addmm_ = in_place(addmms.addmm)
    baddbmm_ = in_place(addmms.baddbmm)
    addbmm_ = in_place(addmms.addbmm)
    addmv_ = in_place(addmms.addmv)
    addr_ = in_place(addmms.addr)
