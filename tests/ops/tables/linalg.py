"""Linear algebra: rows for what takes any numbers, and cases, for ``test_linalg.py``, of what takes matrices of a kind."""

from tests.ops.rows import call, error, row, x

FLOATS = ("float32", "float64", "complex128")
WITHOUT = ("tied", "special", "empty")

ROWS = [
    row("linalg.cross", call(x(2, 3), x(2, 3)), call(x(3, 2), x(3, 2), dim=0), call(x(1, 3), x(4, 3)), error(RuntimeError, x(2, 2), x(2, 2)), dtypes=(*FLOATS, "int64")),
    row("cross", call(x(2, 3), x(2, 3)), call(x(3, 2), x(3, 2), 0), dtypes=(*FLOATS, "int64"), without=("0-d", "empty")),
    row("linalg.vecdot", call(x(2, 3), x(2, 3)), call(x(3, 2), x(3, 1), dim=0), dtypes=FLOATS),
    row("linalg.vander", call(x(3)), call(x(2, 3), N=4), dtypes=(*FLOATS, "int64"), without=("special", "empty")),
    row("vander", call(x(3)), call(x(3), 2, True), dtypes=("int64",), without=("special",)),
    row("linalg.diagonal", call(x(3, 4)), call(x(2, 3, 4), offset=1, dim1=0, dim2=2)),
    row("linalg.matrix_norm", *(call(x(3, 4), p) for p in ("fro", "nuc", 2, -2, 1, -1, float("inf"), -float("inf"))), call(x(2, 3, 4), "fro", (0, 2), True), dtypes=FLOATS, without=WITHOUT),
    row("linalg.norm", call(x(3, 4)), call(x(3, 4), 2), call(x(4), 3), call(x(2, 3), dim=1), dtypes=FLOATS, without=WITHOUT),
    row("linalg.multi_dot", call([x(2, 3), x(3, 4), x(4, 2)]), call([x(3), x(3, 4)]), dtypes=FLOATS, without=("special", "0-d")),
    row("chain_matmul", call(x(2, 3), x(3, 4), x(4, 2)), dtypes=FLOATS, without=("special", "0-d")),
    row("matrix_power linalg.matrix_power", call(x(3, 3), 0), call(x(3, 3), 1), call(x(2, 3, 3), 3), dtypes=FLOATS, without=("special", "0-d")),
    row("matrix_exp linalg.matrix_exp", call(x(3, 3)), call(x(2, 3, 3)), error(RuntimeError, x(2, 3)), dtypes=FLOATS, without=("special", "0-d", "tied")),
    row("det linalg.det", call(x(3, 3)), call(x(2, 3, 3)), error(RuntimeError, x(2, 3)), dtypes=FLOATS, without=("special", "0-d", "tied")),
    row("linalg.matrix_rank", call(x(3, 4)), call(x(2, 3, 3)), dtypes=FLOATS, grad=False, without=WITHOUT),
]  # fmt: skip


def eye(lib, a):
    return lib.eye(a.shape[-1], dtype=a.dtype)


def positive(lib, a):
    """A positive-definite matrix."""
    return a @ a.mH + eye(lib, a)


def hermitian(a):
    return a + a.mH


def regular(lib, a):
    """A matrix well away from singular ones."""
    return a + 3 * eye(lib, a)


def unitary(factor):
    """|factor|², which no phase of its columns changes."""
    return factor.abs() ** 2


def of_packed(lib, a, use):
    """What ``use`` makes of the LU factors of a matrix."""
    return use(*lib.linalg.lu_factor(regular(lib, a)))


SQUARE, TALL, WIDE, RIGHT = (3, 3), (4, 3), (3, 4), (3, 2)
CASES = {
    "inv": (lambda lib, a: lib.linalg.inv(regular(lib, a)), SQUARE),
    "inverse": (lambda lib, a: lib.inverse(regular(lib, a)), SQUARE),
    "inv_ex": (lambda lib, a: lib.linalg.inv_ex(regular(lib, a)).inverse, SQUARE),
    "solve": (lambda lib, a, b: lib.linalg.solve(regular(lib, a), b), SQUARE, RIGHT),
    "solve from the right": (lambda lib, a, b: lib.linalg.solve(regular(lib, a), b.mT, left=False), SQUARE, RIGHT),
    "solve_ex": (lambda lib, a, b: lib.linalg.solve_ex(regular(lib, a), b).result, SQUARE, RIGHT),
    "solve_triangular": (lambda lib, a, b: lib.linalg.solve_triangular(regular(lib, a), b, upper=True), SQUARE, RIGHT),
    "solve_triangular unit": (
        lambda lib, a, b: lib.linalg.solve_triangular(a, b, upper=False, unitriangular=True), SQUARE, RIGHT,
    ),
    "triangular_solve": (lambda lib, a, b: lib.triangular_solve(b, regular(lib, a)).solution, SQUARE, RIGHT),
    "slogdet": (lambda lib, a: (lib.linalg.slogdet(a).logabsdet, lib.slogdet(a).sign.abs()), SQUARE),
    "logdet": (lambda lib, a: lib.logdet(positive(lib, a)), SQUARE),
    "cholesky": (lambda lib, a: lib.linalg.cholesky(positive(lib, a)), SQUARE),
    "cholesky upper": (lambda lib, a: lib.cholesky(positive(lib, a), upper=True), SQUARE),
    "cholesky_ex": (lambda lib, a: lib.linalg.cholesky_ex(positive(lib, a)).L, SQUARE),
    "cholesky_solve": (lambda lib, a, b: lib.cholesky_solve(b, lib.linalg.cholesky(positive(lib, a))), SQUARE, RIGHT),
    "cholesky_inverse": (lambda lib, a: lib.cholesky_inverse(lib.linalg.cholesky(positive(lib, a))), SQUARE),
    "eigh": (lambda lib, a: (lib.linalg.eigh(hermitian(a))[0], unitary(lib.linalg.eigh(hermitian(a))[1])), SQUARE),
    "eigvalsh": (lambda lib, a: lib.linalg.eigvalsh(hermitian(a)), SQUARE),
    "eig": (lambda lib, a: (lib.linalg.eig(a)[0].abs().sort().values, unitary(lib.linalg.eig(a)[1]).sum(-1)), SQUARE),
    "eigvals": (lambda lib, a: lib.linalg.eigvals(a).abs().sort().values, SQUARE),
    "svd": (lambda lib, a: (lib.linalg.svd(a, False).S, unitary(lib.linalg.svd(a, False).U), unitary(lib.linalg.svd(a, False).Vh)), TALL),
    "svd wide": (lambda lib, a: (unitary(lib.svd(a).U), lib.svd(a).S, unitary(lib.svd(a).V)), WIDE),
    "svdvals": (lambda lib, a: lib.linalg.svdvals(a), WIDE),
    "qr": (lambda lib, a: (unitary(lib.linalg.qr(a).Q), unitary(lib.linalg.qr(a).R)), TALL),
    "qr of older name": (lambda lib, a: (unitary(lib.qr(a).Q), unitary(lib.qr(a).R)), TALL),
    "qr r": (lambda lib, a: unitary(lib.linalg.qr(a.detach(), "r").R), TALL),
    "qr complete": (lambda lib, a: unitary(lib.linalg.qr(a.detach(), "complete").Q), TALL),
    "householder_product": (lambda lib, a, t: lib.linalg.householder_product(a, t), TALL, (3,)),
    "orgqr of geqrf": (lambda lib, a: unitary(lib.orgqr(*lib.geqrf(a.detach()))), TALL),
    "ormqr": (lambda lib, a, t, b: lib.ormqr(a, t, b), SQUARE, (3,), RIGHT),
    "lu": (lambda lib, a: lib.linalg.lu(a)[1:], SQUARE),
    "lu tall": (lambda lib, a: lib.linalg.lu(a)[1:], TALL),
    "lu wide": (lambda lib, a: lib.linalg.lu(a)[1:], WIDE),
    "lu permutation": (lambda lib, a: lib.linalg.lu(a).P, SQUARE),
    "lu_factor": (lambda lib, a: lib.linalg.lu_factor(a).LU, SQUARE),
    "lu of older name": (lambda lib, a: lib.lu(a)[0], SQUARE),
    "lu_unpack": (lambda lib, a: of_packed(lib, a, lib.lu_unpack)[1:], SQUARE),
    "lu_solve": (lambda lib, a, b: of_packed(lib, a, lambda lu, p: lib.linalg.lu_solve(lu, p, b)), SQUARE, RIGHT),
    "lu_solve adjoint": (
        lambda lib, a, b: of_packed(lib, a, lambda lu, p: lib.linalg.lu_solve(lu, p, b, adjoint=True)), SQUARE, RIGHT,
    ),
    "lu_solve of older name": (lambda lib, a, b: of_packed(lib, a, lambda lu, p: lib.lu_solve(b, lu, p)), SQUARE, RIGHT),
    "ldl_factor": (lambda lib, a: lib.linalg.ldl_factor(positive(lib, a).detach(), hermitian=True).LD.tril(), SQUARE),
    "ldl_solve": (
        lambda lib, a, b: lib.linalg.ldl_solve(
            *lib.linalg.ldl_factor(positive(lib, a).detach(), hermitian=True), b.detach(), hermitian=True
        ), SQUARE, RIGHT,
    ),
    "pinv": (lambda lib, a: lib.linalg.pinv(a), TALL),
    "pinv wide": (lambda lib, a: lib.linalg.pinv(a), WIDE),
    "pinv hermitian": (lambda lib, a: lib.linalg.pinv(hermitian(a), hermitian=True), SQUARE),
    "pinverse": (lambda lib, a: lib.pinverse(a), TALL),
    "lstsq": (lambda lib, a, b: lib.linalg.lstsq(a, b).solution, TALL, (4, 2)),
    "lstsq gels": (lambda lib, a, b: lib.linalg.lstsq(a, b, driver="gels").solution, TALL, (4, 2)),
    "lstsq wide": (lambda lib, a, b: lib.linalg.lstsq(a, b).solution, WIDE, RIGHT),
    "cond": (lambda lib, a: lib.linalg.cond(regular(lib, a)), SQUARE),
    "matrix_power negative": (lambda lib, a: lib.linalg.matrix_power(regular(lib, a), -2), SQUARE),
    "tensorinv, unbatched": (lambda lib, a: lib.linalg.tensorinv(regular(lib, a).reshape(2, 3, 6), 2), (6, 6)),
    "tensorsolve, unbatched": (lambda lib, a, b: lib.linalg.tensorsolve(regular(lib, a).reshape(2, 3, 6), b), (6, 6), (2, 3)),
    "lobpcg, unbatched": (lambda lib, a: lib.lobpcg(positive(lib, a).detach(), 1, niter=60)[0], (9, 9)),
    "svd_lowrank": (lambda lib, a: lib.svd_lowrank(a, 3)[1], (5, 3)),
    "pca_lowrank": (lambda lib, a: lib.pca_lowrank(a, 3)[1], (5, 3)),
}  # fmt: skip

EXEMPT = {
    "cholesky", "cholesky_inverse", "cholesky_solve", "geqrf", "inverse", "lobpcg", "logdet", "lu", "lu_solve",
    "lu_unpack", "orgqr", "ormqr", "pca_lowrank", "pinverse", "qr", "slogdet", "svd", "svd_lowrank", "triangular_solve",
}  # fmt: skip # in test_linalg.py
