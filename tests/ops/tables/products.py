"""Products of matrices and vectors, and sums of products in any arrangement."""

from tests.ops.rows import at, call, error, row, x

KINDS = ("float32", "float64", "int64", "complex128")
WITHOUT = ("special", "0-d")

ROWS = [
    row("addbmm", call(x(3, 5), x(2, 3, 4), x(2, 4, 5)), call(x(3, 5), x(2, 3, 4), x(2, 4, 5), beta=2, alpha=3), call(x(3, 5), x(2, 3, 4), x(2, 4, 5), beta=0), dtypes=KINDS, without=WITHOUT),
    row("addmv", call(x(3), x(3, 4), x(4)), call(x(1), x(3, 4), x(4), beta=2, alpha=3), error(RuntimeError, x(3), x(3, 4), x(3)), dtypes=KINDS, without=(*WITHOUT, "empty")),
    row("addr", call(x(3, 4), x(3), x(4)), call(x(4), x(3), x(4), beta=2, alpha=3), dtypes=KINDS, without=WITHOUT),
    row("inner", call(x(3, 4), x(2, 4)), call(x(4), x(4)), call(x(), x(3, 4)), error(RuntimeError, x(3), x(4)), dtypes=KINDS, without=("special",)),
    row("kron", call(x(2, 3), x(4, 5)), call(x(3), x(4)), dtypes=KINDS),
    row("vdot", call(x(4), x(4)), error(RuntimeError, x(2, 2), x(2, 2)), dtypes=KINDS, without=WITHOUT),
    row("trace", call(x(3, 4)), error(RuntimeError, x(3)), dtypes=KINDS, without=WITHOUT),
    row("tensordot", call(x(2, 3, 4), x(3, 4, 5)), call(x(2, 3), x(4, 5), 0), call(x(2, 3, 4), x(4, 2), ([0, 2], [1, 0])), call(x(2, 3), x(3), 1), dtypes=KINDS, without=WITHOUT),
    row("einsum",
        *(call("ij,jk->ik", x(2, 3), x(3, 4)) for _ in range(1)),
        call("ij,jk", x(2, 3), x(3, 4)), call("ji", x(2, 3)), call("ii->i", x(3, 3)), call("ii", x(3, 3)), call("ij->", x(2, 3)),
        call("bij,bjk->bik", x(2, 3, 4), x(2, 4, 5)), call("...ij,...jk->...ik", x(2, 1, 3, 4), x(5, 4, 2)), call("i,j,k->kij", x(2), x(3), x(4)),
        call("ij,ij->i", x(2, 3), x(2, 3)), call("ab,bc,cd->ad", x(2, 3), x(3, 4), x(4, 2)), call("bn,anm,bm->ba", x(2, 3), x(5, 3, 4), x(2, 4)),
        call("i...->...", x(2, 3, 4)), call("iij->ij", x(3, 3, 2)), call("ij,j->ij", x(2, 3), x(1)),
        error(RuntimeError, "ij,jk", x(2, 3)), error(RuntimeError, "ij->ik", x(2, 3)), error(RuntimeError, "i", x(2, 3)), error(RuntimeError, "ij,jk", x(2, 3), x(4, 5)), error(RuntimeError, "ij->ii", x(2, 3)),
        dtypes=KINDS, without=WITHOUT),
    row("einsum", call(x(2, 3), [0, 1], x(3, 4), [1, 2], [0, 2]), call(x(2, 3), [..., 1], [1, ...]), without=WITHOUT),
    row("outer ger", call(x(3), x(4)), error(RuntimeError, x(2, 2), x(2)), dtypes=KINDS, without=("0-d",)),
    row("bmm", call(x(2, 3, 4), x(2, 4, 2)), call(at(2, 3, 4, below=5), at(2, 4, 2, below=5)), dtypes=KINDS, without=WITHOUT),
]  # fmt: skip
