"""Ops that take elements by their number, and copies of which a part is replaced."""

from tests.ops.rows import at, call, error, mask, row, x

NEW = dict(grad=False)
PLAIN = ("int64", "bool")

TAKING = [
    row("take", call(x(3, 4), at(5, below=12)), call(x(3, 4), at(2, 2, below=12)), call(x(3, 4), at(below=12)), call(x(5), at(0, below=5)),
        error(IndexError, x(3), at(9, below=40)), error(RuntimeError, x(3), mask(2)), without=("empty",)),
    row("take_along_dim", call(x(3, 4), at(3, 2, below=4), 1), call(x(3, 4), at(1, 4, below=3), 0), call(x(1, 4), at(3, 2, below=4), -1),
        call(x(12), at(5, below=12)), error(RuntimeError, x(3, 4), at(3, below=2), 1),
        error(RuntimeError, x(3), mask(2), 0), error(RuntimeError, x(3, 4), at(2, 4, below=4), 1), without=("0-d", "empty")),
    row("repeat_interleave", call(x(3, 4), 2), call(x(3, 4), 3, 1), call(x(3, 4), at(3, below=4), 0), call(x(3, 4), at(1, below=4), dim=-1),
        call(x(5), at(5, below=3)), call(x(3, 4), 2, dim=1, output_size=8), call(x(3, 4), 0, 1),
        error(RuntimeError, x(3, 4), at(2, below=3), 0), error(RuntimeError, x(3), -1), error(RuntimeError, x(3), 2, output_size=5),
        error(IndexError, x(3), 2, 1), without=("0-d", "empty")),
    row("repeat_interleave", call(at(5, below=4)), **NEW),
    row("nonzero_static", call(x(3, 4), size=5), call(x(3, 4), size=20, fill_value=7), call(x(3), size=0), error(RuntimeError, x(3), size=-1), **NEW),
    row("unravel_index", call(at(5, below=12), (3, 4)), call(at(2, 2, below=24), (2, 3, 4)), call(at(below=5), 5), error(TypeError, x(3), (2, 3)), **NEW),
]  # fmt: skip

SCATTERING = [
    row("select_scatter", call(x(3, 4), x(4), 0, 1), call(x(3, 4), x(3), -1, -2), error(RuntimeError, x(3, 4), x(3), 0, 1),
        error(IndexError, x(3, 4), x(4), 0, 3), error(IndexError, x(3, 4), x(4), 2, 0)),
    row("slice_scatter", call(x(5, 4), x(2, 4), 0, 1, 3), call(x(3, 4), x(3, 2), 1, 0, 9, 2), call(x(3, 4), x(3, 1), -1, -1), call(x(3, 4), x(3, 4)),
        error(RuntimeError, x(3, 4), x(4), 0, 1, 2), error(RuntimeError, x(3, 4), x(3, 4), 0, 0, 3, 0), error(IndexError, x(3), x(3), 1)),
    row("diagonal_scatter", call(x(3, 4), x(3)), call(x(3, 4), x(3), 1), call(x(2, 3, 4), x(3, 2), 0, 0, 2), call(x(2, 3, 4), x(2, 2), -1, dim1=-2, dim2=-1),
        error(RuntimeError, x(3, 4), x(4)), error(RuntimeError, x(3, 4), x(3), 0, 1, 1), error(IndexError, x(3), x(3))),
    row("as_strided_scatter", call(x(3, 4), x(2, 2), (2, 2), (1, 4)), call(x(3, 4), x(2, 2), (2, 2), (1, 2), 3), error(RuntimeError, x(3, 4), x(2), (2, 2), (1, 4)),
        error(RuntimeError, x(3), x(5), (5,), (1,)), dtypes=PLAIN, without=("tied",)),
    row("index_fill", call(x(3, 4), 0, at(2, below=3), 1.5), call(x(3, 4), -1, at(5, below=4), x()), call(x(3, 4), 1, at(below=4), 2),
        error(IndexError, x(3), 0, at(9, below=40), 1), error(IndexError, x(3, 4), 2, at(2, below=2), 1), error(RuntimeError, x(3), 0, at(2, 2, below=3), 1),
        error(IndexError, x(3), 0, mask(2), 1), error(RuntimeError, x(3), 0, at(2, below=3), x(2)), without=("empty",)),
    row("index_copy", call(x(3, 4), 0, at(2, below=3, dim=0), x(2, 4)), call(x(3, 4), -1, at(4, below=4, dim=0), x(3, 4)), call(x(5), 0, at(1, below=5), x(1)),
        error(IndexError, x(3), 0, at(9, below=40), x(9)), error(IndexError, x(3, 4), 0, at(1, below=2), x(2, 4)), error(IndexError, x(3, 4), 0, at(1, below=2), x(4)),
        error(RuntimeError, x(3), 0, at(2, below=2), at(2, below=2)), error(IndexError, x(3), 1, at(2, below=2), x(2)), without=("empty",)),
    row("index_add", call(x(3, 4), 0, at(5, below=3), x(5, 4)), call(x(3, 4), -1, at(2, below=4), x(3, 2), alpha=3), call(x(5), 0, at(9, below=5), x(9)),
        error(IndexError, x(3), 0, at(9, below=40), x(9)), error(RuntimeError, x(3, 4), 0, at(1, below=2), x(2, 4)), error(RuntimeError, x(3, 4), 0, at(1, below=2), x(4)),
        error(RuntimeError, x(3), 0, at(2, below=2), at(2, below=2)), error(IndexError, x(3), 1, at(2, below=2), x(2)), without=("empty",)),
    row("put", call(x(3, 4), at(5, below=12, dim=0), x(5)), call(x(3, 4), at(2, 3, below=12), x(6), True), call(x(5), at(0, below=5), x(0)),
        error(IndexError, x(3), at(9, below=40), x(9)), error(IndexError, x(3), at(2, below=3), x(3)), error(RuntimeError, x(3), at(2, below=3), at(2, below=3)),
        error(RuntimeError, x(3), mask(2), x(2)), without=("empty",)),
    row("masked_scatter", call(x(3, 4), mask(3, 4), x(12)), call(x(3, 4), mask(4), x(3, 4)), call(x(4), mask(3, 4), x(3, 4)),
        error(RuntimeError, x(9), mask(9), x(1)), error(RuntimeError, x(3), at(3, below=2), x(3)), error(RuntimeError, x(3), mask(3), at(3, below=3)),
        error(RuntimeError, x(3), mask(2), x(3)), without=("empty",)),
]  # fmt: skip

ROWS = [*TAKING, *SCATTERING]
