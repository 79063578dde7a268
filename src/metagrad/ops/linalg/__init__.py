"""Linear algebra: products, and one file for each family of decompositions.

====================  ==========================================================
``misfits.py``        what to raise where factors do not fit each other
``matmul.py``         products of matrices and vectors, linear
``addmm.py``          products added to something
``contraction.py``    einsum, tensordot, inner, kron, trace
``vectors.py``        cross products, inner products, Vandermonde matrices
``matrices.py``       what the others share: checks, LinAlgError, small formulas
``triangular.py``     systems with triangular matrices, by substitution
``elimination.py``    LU decomposition, by Gaussian elimination
``solving.py``        inverses, systems with square matrices
``determinant.py``    determinants and their logarithms
``definite.py``       Cholesky decomposition of positive-definite matrices
``ldl.py``            LDL decomposition of Hermitian matrices
``orthogonal.py``     QR decomposition, and products of reflections
``eigen.py``          eigenvalues and eigenvectors
``extreme.py``        lobpcg: a few eigenvalues, by search
``singular.py``       singular values and vectors, all or the largest
``pseudoinverse.py``  rank, pseudoinverse, least squares
``norms.py``          norms of matrices, condition numbers
``powers.py``         powers, the exponential, long products
``older.py``          names from before ``metagrad.linalg``
====================  ==========================================================

``metagrad.linalg`` has what belongs there; the names imported here are those of ``metagrad`` itself.
"""

from typing import TYPE_CHECKING

from metagrad.base import later

if TYPE_CHECKING:
    from metagrad.ops.linalg.definite import cholesky_inverse, cholesky_solve
    from metagrad.ops.linalg.determinant import det, logdet
    from metagrad.ops.linalg.elimination import lu_unpack
    from metagrad.ops.linalg.extreme import lobpcg
    from metagrad.ops.linalg.older import (
        cholesky,
        cross,
        inverse,
        lu,
        lu_solve,
        norm,
        pinverse,
        qr,
        slogdet,
        svd,
        vander,
    )
    from metagrad.ops.linalg.orthogonal import geqrf, ormqr
    from metagrad.ops.linalg.orthogonal import householder_product as orgqr
    from metagrad.ops.linalg.powers import chain_matmul, matrix_exp, matrix_power
    from metagrad.ops.linalg.singular import pca_lowrank, svd_lowrank
    from metagrad.ops.linalg.triangular import triangular_solve

__all__ = [
    "chain_matmul", "cholesky", "cholesky_inverse", "cholesky_solve", "cross", "det", "geqrf", "inverse", "lobpcg",
    "logdet", "lu", "lu_solve", "lu_unpack", "matrix_exp", "matrix_power", "norm", "orgqr", "ormqr", "pca_lowrank", "pinverse",
    "qr", "slogdet", "svd", "svd_lowrank", "triangular_solve", "vander",
]  # fmt: skip

__getattr__ = later.names(
    __name__,
    {
        "definite": "cholesky_inverse cholesky_solve",
        "determinant": "det logdet",
        "elimination": "lu_unpack",
        "extreme": "lobpcg",
        "older": "cholesky cross inverse lu lu_solve norm pinverse qr slogdet svd vander",
        "orthogonal": "geqrf ormqr householder_product=orgqr",
        "powers": "chain_matmul matrix_exp matrix_power",
        "singular": "pca_lowrank svd_lowrank",
        "triangular": "triangular_solve",
    },
)
