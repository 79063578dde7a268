"""Ops that arrange elements anew: strides, diagonals, triangles, stacking, splitting, turning, grids."""

from tests.ops.rows import Dtype, at, call, error, row, x

NEW = dict(grad=False)

STRIDED = [
    row("unfold", call(x(7), 0, 3, 2), call(x(3, 5), 1, 2, 1), call(x(5, 3), -2, 2, 3), call(x(2, 6, 3), 1, 6, 1), call(x(4), 0, 1, 1),
        call(x(4), 0, 0, 1), error(RuntimeError, x(3), 0, 4, 1), error(RuntimeError, x(3), 0, -1, 1), error(RuntimeError, x(3), 0, 2, 0),
        error(IndexError, x(3), 1, 2, 1)),
    row("as_strided", call(x(12), (2, 3), (1, 2)), call(x(3, 4), (2, 2), (5, 2), 1), call(x(3, 4), (3,), (0,), 2), call(x(3, 4), (), ()),
        call(x(3, 4), (0, 5), (1, 7)), error(RuntimeError, x(3, 4), (3, 2), (5, 2)), error(RuntimeError, x(3), (2, 2), (1,)),
        error(RuntimeError, x(3), (2,), (-1,)), error(RuntimeError, x(3), (2,), (1,), -1), without=("derivative",)),
    row("sum_to_size", call(x(2, 3, 4), 3, 1), call(x(2, 3, 4), (1, 3, 4)), call(x(2, 3, 4), 2, 3, 4), call(x(3, 4), 1),
        error(RuntimeError, x(3, 4), 2), error(RuntimeError, x(4), 3, 4), error(TypeError, x(3))),
    row("is_same_size", call(x(3, 4), x(3, 4)), call(x(3, 4), x(4, 3)), **NEW),
    row("is_signed", call(x(3, 4)), dtypes=("float32", "int64", "uint8", "bool"), **NEW),
    row("get_device", call(x(3, 4)), **NEW),
    row("adjoint", call(x(3, 4)), call(x(2, 3, 4)), error(RuntimeError, x(3))),
    row("swapaxes", call(x(2, 3, 4), 0, 2), call(x(3, 4), axis0=-1, axis1=0), error(IndexError, x(3), 0, 1)),
    row("reshape", call(x(3, 4), shape=(2, 6)), error(TypeError, x(3, 4), 2, shape=(2, 6))),
    row("permute", call(x(2, 3, 4), dims=(2, 0, 1)), error(TypeError, x(3), sizes=(0,))),
    row("tile", call(x(3), dims=(2,))),
    row("view", call(x(3, 4), Dtype("int16")), call(x(3, 4), Dtype("uint8")), call(x(2, 8), dtype=Dtype("complex128")), error(RuntimeError, x(3), Dtype("complex128")),
        dtypes=("int64", "int32"), without=("empty",), **NEW),  # there PyTorch's from_numpy makes strides of 0
    row("narrow_copy", call(x(3, 4), 1, 1, 2), error(RuntimeError, x(3, 4), 0, 2, 2)),
]  # fmt: skip

DIAGONALS = [
    row("diag", call(x(4)), call(x(4), 2), call(x(4), diagonal=-1), call(x(3, 4)), call(x(3, 4), 1), call(x(3, 4), -2), call(x(3, 4), 9),
        error(RuntimeError, x()), error(RuntimeError, x(2, 2, 2))),
    row("diag_embed", call(x(3)), call(x(2, 3), 1), call(x(2, 3), -2, 0, 2), call(x(2, 3), 0, dim1=-1, dim2=0), call(x(2, 3), 2, 1, 0),
        error(RuntimeError, x(3), 0, 1, 1), error(IndexError, x(3), 0, 0, 2), error(IndexError, x())),
    row("diagflat", call(x(4)), call(x(2, 3), 1), call(x(), -1)),
    row("tril_indices", call(3, 4), call(4, 3, -1), call(2, 2, 1, dtype=Dtype("int32")), call(0, 3), call(3, 3, -5),
        error(RuntimeError, -1, 2), error(RuntimeError, 2, 2, dtype=Dtype("float32")), **NEW),
    row("triu_indices", call(3, 4), call(4, 3, -1), call(2, 2, 1, dtype=Dtype("int32")), call(0, 3), call(3, 3, 5),
        error(RuntimeError, 2, -1), error(RuntimeError, 2, 2, dtype=Dtype("uint8")), **NEW),
]  # fmt: skip

STACKING = [
    *(row(f"atleast_{n}d", call(x()), call(x(3)), call(x(3, 4)), call(x(2, 3, 4)), call(x(), x(3)), call([x(3, 4), x()])) for n in (1, 2, 3)),
    row("hstack", call([x(3), x(4)]), call((x(3, 4), x(3, 2))), call([x(), x(3)]), call([x(3), at(2, below=5)]),
        error(RuntimeError, [x(3, 4), x(2, 4)]), error(RuntimeError, [])),
    row("vstack row_stack", call([x(3), x(3)]), call((x(3, 4), x(2, 4))), call([x(4), x(3, 4)]), call([x(), x()]),
        error(RuntimeError, [x(3), x(4)]), error(RuntimeError, [])),
    row("dstack", call([x(3), x(3)]), call((x(3, 4), x(3, 4, 2))), call([x(), x()]), error(RuntimeError, [x(3), x(4)]), error(RuntimeError, [])),
    row("column_stack", call([x(3), x(3)]), call((x(3), x(3, 2))), call([x(), x()]), error(RuntimeError, [x(3), x(4)]), error(RuntimeError, [])),
    row("block_diag", call(x(2, 3), x(4), x()), call(x(2, 2)), call(x(3, 2), at(2, below=5)), error(RuntimeError, x(2, 2, 2)), without=("empty",)),
]  # fmt: skip

SPLITTING = [
    row("split_with_sizes unsafe_split_with_sizes", call(x(5, 4), [2, 3]), call(x(3, 4), (1, 0, 3), 1), call(x(3, 4), [3], dim=-2),
        error(RuntimeError, x(3), [1, 1]), error(RuntimeError, x(3), [4, -1])),
    row("tensor_split", call(x(7, 4), 3), call(x(3, 4), 5, 1), call(x(7), (2, 5)), call(x(3, 4), (1,), -1), call(x(7), (-2,)),
        call(x(7), (5, 2)), call(x(7), (0, 9)), call(x(3, 4), at(2, below=3)), call(x(7), ()), error(RuntimeError, x(3), 0),
        error(RuntimeError, x(), 2), error(IndexError, x(3), 2, 1), without=("0-d",)),
    row("hsplit", call(x(6), 3), call(x(3, 4), 2), call(x(3, 4), (1, 3)), call(x(2, 6, 3), 3), error(RuntimeError, x(3, 4), 3),
        error(RuntimeError, x(), 1), without=("empty",)),
    row("vsplit", call(x(4, 3), 2), call(x(5, 4), (1, 3)), error(RuntimeError, x(3, 4), 2), error(RuntimeError, x(3), 1), error(RuntimeError, x(3, 4), 0),
        without=("empty",)),
    row("dsplit", call(x(2, 3, 4), 2), call(x(2, 3, 4), (1,)), error(RuntimeError, x(2, 3, 4), 3), error(RuntimeError, x(3, 4), 1),
        without=("empty",)),
    row("unsafe_split", call(x(5, 4), 2), call(x(5, 4), 3, 1), error(RuntimeError, x(3), -1)),
    row("unsafe_chunk", call(x(5, 4), 2), call(x(3, 4), 3, 1), error(RuntimeError, x(3), 0)),
]  # fmt: skip

TURNING = [
    row("fliplr", call(x(3, 4)), call(x(2, 3, 4)), error(RuntimeError, x(3))),
    row("flipud", call(x(3, 4)), call(x(3)), error(RuntimeError, x())),
    row("rot90", *(call(x(3, 4), k) for k in (0, 1, 2, 3, -1, 5)), call(x(2, 3, 4), 1, (1, 2)), call(x(2, 3, 4), 1, [-1, 0]), call(x(3, 4), k=1, dims=[1, 0]),
        error(RuntimeError, x(3)), error(RuntimeError, x(3, 4), 1, (0,)), error(RuntimeError, x(3, 4), 1, (1, 1)), error(IndexError, x(3, 4), 1, (0, 2))),
]  # fmt: skip

GRIDS = [
    row("meshgrid", call(x(3), x(4), indexing="ij"), call(x(3), x(4), indexing="xy"), call([x(3), x(4), x(2)], indexing="xy"), call(x(3), indexing="xy"),
        call(x(3), x(), indexing="ij"), error(RuntimeError, x(3), at(4, below=3), indexing="ij"), error(RuntimeError, x(3, 4), indexing="ij"),
        error(RuntimeError, x(3), indexing="ba")),
    row("meshgrid", error(RuntimeError), **NEW),
    row("cartesian_prod", call(x(3), x(4)), call(x(3), x(2), x(4)), call(x(3)), error(RuntimeError, x(3, 4), x(3)), error(RuntimeError, x(3), at(2, below=3)),
        error(RuntimeError)),
    row("combinations", call(x(5)), call(x(5), 3), call(x(4), 2, True), call(x(3), 4), call(x(3), r=1), error(RuntimeError, x(3, 4)), error(RuntimeError, x(3), -1)),
    row("combinations", call(x(3), 0), **NEW),
]  # fmt: skip

ROWS = [*STRIDED, *DIAGONALS, *STACKING, *SPLITTING, *TURNING, *GRIDS]

WRITES = [
    row("squeeze_", call(x(1, 3, 1)), call(x(1, 3, 1), 0), call(x(1, 3, 1), (0, 2)), error(IndexError, x(3), 1)),
    row("unsqueeze_", call(x(3, 4), 0), call(x(3, 4), -1), error(IndexError, x(3), 2)),
    row("transpose_ swapaxes_ swapdims_", call(x(2, 3, 4), 0, 2), call(x(3, 4), -1, 0), error(IndexError, x(3, 4), 0, 2)),
    row("t_", call(x(3, 4)), call(x(3)), error(RuntimeError, x(2, 2, 2))),
    row("as_strided_", call(x(12), (2, 3), (1, 2)), call(x(12), (2, 2), (5, 2), 1), error(RuntimeError, x(3), (5,), (1,)), without=("empty",)),
]  # fmt: skip

# They leave memory unfilled, or replace it: see test_reshaping.py.
EXEMPT = {"resize_", "resize_as_", "set_"}
