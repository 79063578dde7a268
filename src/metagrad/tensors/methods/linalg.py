"""Methods that decompose matrices, invert them and solve with them."""

from __future__ import annotations

from metagrad.ops.linalg import definite, determinant, older, orthogonal, powers, triangular
from metagrad.tensors.methods.base import OpMethods


class LinearAlgebra(OpMethods):
    """Methods that decompose matrices, invert them and solve with them."""

    __slots__ = ()

    cholesky = older.cholesky
    cholesky_inverse = definite.cholesky_inverse
    cholesky_solve = definite.cholesky_solve
    cross = older.cross
    det = determinant.det
    slogdet = determinant.slogdet
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
