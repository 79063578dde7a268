"""Linear algebra on batches of matrices, real and complex: decompositions, solvers, norms. Names and results are PyTorch's.

>>> import metagrad
>>> A = metagrad.tensor([[2.0, 1.0], [1.0, 3.0]])
>>> metagrad.linalg.solve(A, metagrad.tensor([3.0, 4.0]))
tensor([1., 1.])
"""

from metagrad.ops.linalg.definite import cholesky, cholesky_ex
from metagrad.ops.linalg.determinant import det, slogdet
from metagrad.ops.linalg.eigen import eig, eigh, eigvals, eigvalsh
from metagrad.ops.linalg.elimination import lu, lu_factor, lu_factor_ex, lu_solve
from metagrad.ops.linalg.ldl import ldl_factor, ldl_factor_ex, ldl_solve
from metagrad.ops.linalg.matmul import matmul
from metagrad.ops.linalg.matrices import LinAlgError
from metagrad.ops.linalg.norms import cond, matrix_norm, norm
from metagrad.ops.linalg.orthogonal import householder_product, qr
from metagrad.ops.linalg.powers import matrix_exp, matrix_power, multi_dot
from metagrad.ops.linalg.pseudoinverse import lstsq, matrix_rank, pinv
from metagrad.ops.linalg.singular import svd, svdvals
from metagrad.ops.linalg.solving import inv, inv_ex, solve, solve_ex, tensorinv, tensorsolve
from metagrad.ops.linalg.triangular import solve_triangular
from metagrad.ops.linalg.vectors import cross, diagonal, vander, vecdot
from metagrad.ops.reduce.norms import vector_norm

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm",
    "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve",
    "vander", "vecdot", "vector_norm",
]  # fmt: skip
