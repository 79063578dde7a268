"""The ops that programs use every day: arithmetic, comparison, reduction, products, shapes, picking, creation.

Extents differ from each other where they can, so that a mistake with dimensions shows; one extent at a time is replaced by 0
in a derived case.
"""

from tests.ops.rows import Dtype, at, call, error, mask, pos, row, x

UNARY = (call(x(3, 4)),)
POSITIVE = (call(pos(3, 4)),)
BINARY = (
    call(x(3, 4), x(3, 4)),
    call(x(3, 4), x(4)),
    call(x(3, 1), x(2, 1, 4)),
    call(x(3, 4), x()),
    call(x(3, 4), 2),
    call(x(3, 4), -1.5),
    call(x(3, 4), True),
)
MISFIT = error(RuntimeError, x(3, 4), x(3, 2))
DIVISION = (
    call(x(3, 4), pos(3, 4)),
    call(x(3, 4), pos(4)),
    call(x(2, 1), pos(5)),
    call(x(3, 4), 2),
    call(x(3, 4), -1.5),
)
REDUCE = (
    call(x(2, 3, 4)),
    call(x(2, 3, 4), 1),
    call(x(2, 3, 4), -1, keepdim=True),
    call(x(2, 3, 4), dim=(0, 2)),
    call(x(2, 3, 4), (0, -1), True),
    call(x(2, 3, 4), axis=0, keepdims=True),
)
BAD_DIM = (
    error(IndexError, x(3, 4), 2),
    error(IndexError, x(3, 4), -3),
)
REPEATED_DIM = error(RuntimeError, x(3, 4), (0, 0))
ONE_DIM = (
    call(x(2, 3, 4), 1),
    call(x(2, 3, 4), -1, keepdim=True),
    call(x(5), 0),
)
NEW = dict(grad=False)
FLOATS = ("float32", "float64")
SIGNED = ("float32", "float64", "int64")

ARITHMETIC = [
    row("add __add__ __radd__", *BINARY, call(x(3, 4), x(4), alpha=3), call(x(3, 4), 0.1, alpha=3), call(x(3, 4), at(4, below=9), alpha=0.1), MISFIT),
    row("sub subtract __sub__", *BINARY[:6], call(x(3, 4), x(4), alpha=3), MISFIT, error(RuntimeError, x(3), True)),
    row("rsub __rsub__", *BINARY[:6], call(x(3, 4), x(4), alpha=3), MISFIT, error(RuntimeError, x(3), True)),
    row("mul multiply __mul__ __rmul__", *BINARY, MISFIT),
    row("div divide true_divide __truediv__", *DIVISION, call(x(3, 4), pos(4), rounding_mode="floor"),
        call(x(3, 4), pos(4), rounding_mode="trunc"), call(x(3, 4), 2, rounding_mode="trunc"), MISFIT,
        error(RuntimeError, x(3, 4), 2, rounding_mode="up"), without=("special gradients",)),
    row("__rtruediv__ __rdiv__", call(pos(3, 4), 2), call(pos(3, 4), 1.5)),
    row("floor_divide __floordiv__", *DIVISION, MISFIT),
    row("__rfloordiv__", call(pos(3, 4), 7), call(pos(3, 4), -7.5)),
    row("remainder __mod__", *DIVISION, MISFIT),
    row("__rmod__", call(pos(3, 4), 7), call(pos(3, 4), -7.5)),
    row("fmod", *DIVISION, MISFIT),
    row("pow __pow__", call(pos(3, 4), x(3, 4)), call(pos(3, 1), pos(4)), call(x(3, 4), 2), call(x(3, 4), 3),
        call(x(3, 4), 0), call(x(3, 4), 1), call(pos(3, 4), -1.5), MISFIT, error(RuntimeError, at(3, below=3), -1)),
    row("pow", call(pos(3, 4), 0.5), call(pos(3, 4), -0.5), without=("special",)),
    row("__rpow__", call(x(3, 4), 2), call(x(3, 4), 2.5), call(pos(3, 4), 0)),
    row("neg negative __neg__", *UNARY),
    row("positive __pos__", *UNARY),
    row("square", *UNARY),
    row("addcmul", call(x(3, 4), x(3, 4), x(3, 4)), call(x(3, 4), x(4), x(3, 1), value=2), error(RuntimeError, x(3), x(2), x(1))),
    row("addcmul", call(x(3, 4), x(4), x(3, 1), value=0.1), dtypes=FLOATS),
    row("addcdiv", call(x(3, 4), x(3, 4), pos(3, 4)), call(x(3, 4), x(4), pos(3, 1), value=-0.5),
        error(RuntimeError, x(3), at(3, below=3), at(3, below=3)), without=("special",)),
    row("lerp", call(x(3, 4), x(3, 4), 0.25), call(x(3, 4), x(4), x(3, 1)), call(x(3, 4), x(4), x()), error(RuntimeError, x(3), x(2), 0.5),
        error(RuntimeError, x(3), at(3, below=3), 0.5), dtypes=FLOATS),
]  # fmt: skip

ONE_ELEMENT = [
    *(row(name, *UNARY) for name in ("exp", "expm1", "sin", "cos", "tan", "tanh", "sigmoid", "relu", "reciprocal")),
    *(row(name, *POSITIVE) for name in ("log", "log2", "log10", "log1p", "sqrt", "rsqrt")),
    *(row(name, *UNARY) for name in ("floor", "ceil", "trunc fix", "frac", "sign")),
    row("round", *UNARY, call(x(3, 4), decimals=1), call(x(3, 4), decimals=-1)),
    row("abs absolute __abs__", *UNARY),
    row("clamp clip", call(x(3, 4), -1, 1), call(x(3, 4), min=0), call(x(3, 4), max=0.5), call(x(3, 4), 1, -1),
        call(x(3, 4), x(3, 4), x(3, 4)), call(x(3, 4), x(4), x(3, 1)), call(x(3, 4), max=x(3, 4)),
        error(RuntimeError, x(3)), error(TypeError, x(3), "a")),
    row("clamp_min", call(x(3, 4), 0), call(x(3, 4), x(4))),
    row("clamp_max", call(x(3, 4), 0), call(x(3, 4), x(4))),
    row("maximum", call(x(3, 4), x(3, 4)), call(x(3, 1), x(4)), MISFIT),
    row("minimum", call(x(3, 4), x(3, 4)), call(x(3, 1), x(4)), MISFIT),
    row("where", call(mask(3, 4), x(3, 4), x(3, 4)), call(mask(4), x(3, 1), x(4)), call(mask(3, 4), x(3, 4), 2),
        call(mask(3, 4), 1.5, x(3, 4)), call(mask(3, 4), 1, 2), call(mask(3, 4)),
        error(RuntimeError, mask(3), x(3), x(2))),
    row("real", *UNARY),
    row("nn.functional.dropout", call(x(3, 4), 0.0, True), call(x(3, 4), 0.5, False), call(x(3, 4), 1.0, True),
        error(ValueError, x(3), 1.5, True)),
]  # fmt: skip

COMPARISON = [
    row("eq __eq__", *BINARY, MISFIT, **NEW),
    row("ne not_equal __ne__", *BINARY, MISFIT, **NEW),
    row("lt less __lt__", *BINARY, MISFIT, **NEW),
    row("le less_equal __le__", *BINARY, MISFIT, **NEW),
    row("gt greater __gt__", *BINARY, MISFIT, **NEW),
    row("ge greater_equal __ge__", *BINARY, MISFIT, **NEW),
    row("logical_not", *UNARY, **NEW),
    *(row(f"logical_{name}", *BINARY[:4], MISFIT, **NEW) for name in ("and", "or", "xor")),
    *(row(f"bitwise_{name} __{name}__ __r{name}__", *BINARY[:5], BINARY[6], error(RuntimeError, at(3, below=2), at(2, below=2)),
          dtypes=("int64", "bool", "uint8"), **NEW) for name in ("and", "or", "xor")),
    row("bitwise_not __invert__", call(x(3, 4)), dtypes=("int64", "bool", "uint8"), **NEW),
    row("isnan", *UNARY, **NEW),
    row("isinf", *UNARY, **NEW),
    row("isfinite", *UNARY, **NEW),
    row("isclose", call(x(3, 4), x(3, 4)), call(x(3, 4), x(4), rtol=0.5, atol=0.5), call(x(3, 4), x(3, 4), 0.0, 1.0, True),
        MISFIT, **NEW),
    row("allclose", call(x(3, 4), x(3, 4)), call(x(3, 4), x(4), rtol=9.0, atol=9.0), MISFIT, **NEW),
    row("equal", call(x(3, 4), x(3, 4)), call(x(3, 4), x(4)), **NEW),
    row("is_floating_point", *UNARY, **NEW),
    row("is_complex", *UNARY, **NEW),
    row("is_tensor", call(x(3)), call(3.0), **NEW),
    row("is_conj", call(x(3)), **NEW),
    row("is_neg", call(x(3)), **NEW),
    row("is_inference", call(x(3)), **NEW),
    row("is_nonzero", call(x(1)), call(x()), error(RuntimeError, x(2)), **NEW),
    row("numel nelement", call(x(3, 4)), call(x()), **NEW),
    row("result_type", call(x(3), x(3)), call(x(3), at(3, below=2)), call(x(3), 2), call(x(3), 2.5), call(x(), at(2, below=2)),
        **NEW),
]  # fmt: skip

REDUCTION = [
    row("sum", *REDUCE, call(x(3, 4), 1, dtype=Dtype("float64")), *BAD_DIM, REPEATED_DIM),
    row("mean", *REDUCE, call(x(3, 4), dtype=Dtype("float64")), *BAD_DIM, REPEATED_DIM),
    row("var", *REDUCE, call(x(3, 4), 1, False), call(x(3, 4), False), call(x(3, 4), 1, correction=0), *BAD_DIM),
    row("std", *REDUCE, call(x(3, 4), 1, False), call(x(3, 4), False), call(x(3, 4), 1, correction=2), *BAD_DIM, without=("special",)),
    row("prod", call(x(2, 3, 4)), *ONE_DIM, call(x(3, 4), 1, dtype=Dtype("float64")), *BAD_DIM, without=("special gradients",)),
    row("amax", *REDUCE, *BAD_DIM, REPEATED_DIM),
    row("amin", *REDUCE, *BAD_DIM, REPEATED_DIM),
    row("max", call(x(2, 3, 4)), *ONE_DIM, call(x(3, 4), x(4)), *BAD_DIM),
    row("min", call(x(2, 3, 4)), *ONE_DIM, call(x(3, 4), x(4)), *BAD_DIM),
    row("argmax", call(x(2, 3, 4)), *ONE_DIM, *BAD_DIM, **NEW),
    row("argmin", call(x(2, 3, 4)), *ONE_DIM, *BAD_DIM, **NEW),
    row("all", *REDUCE, *BAD_DIM, **NEW),
    row("any", *REDUCE, *BAD_DIM, **NEW),
    row("count_nonzero", call(x(2, 3, 4)), call(x(2, 3, 4), 1), call(x(2, 3, 4), (0, 2)), *BAD_DIM, **NEW),
    row("cumsum", call(x(2, 3, 4), 1), call(x(5), -1), call(x(3, 4), 0, dtype=Dtype("float64")), *BAD_DIM),
    row("norm", call(x(2, 3, 4)), call(x(3, 4), 1), call(x(3, 4), 3, 1), call(x(3, 4), 2, (0, 1), True),
        call(x(3, 4), float("inf"), 0), call(x(3, 4), float("-inf")), call(x(3, 4), 0, 1), call(x(3, 4), "fro"),
        call(x(3, 4), 2, 1, dtype=Dtype("float64")), error(IndexError, x(3, 4), 2, 2),
        dtypes=FLOATS),
    row("softmax", call(x(2, 3, 4), 1), call(x(5), dim=0), call(x(3, 4), -1, dtype=Dtype("float64")), *BAD_DIM, dtypes=FLOATS),
    row("log_softmax", call(x(2, 3, 4), 1), call(x(5), dim=0), call(x(3, 4), -1, dtype=Dtype("float64")), *BAD_DIM, dtypes=FLOATS),
    row("logsumexp", call(x(2, 3, 4), 1), call(x(2, 3, 4), (0, 2), keepdim=True), call(x(5), 0), *BAD_DIM, without=("special gradients",)),
    row("sort", call(x(3, 4)), call(x(3, 4), 0, True), call(x(5), descending=True, stable=True), *BAD_DIM,
        without=("tied",)),
    row("argsort", call(x(3, 4)), call(x(3, 4), 0, True), *BAD_DIM, without=("tied",), **NEW),
    row("topk", call(x(3, 4), 2), call(x(3, 4), 2, 0, False), call(x(5), 5), call(x(), 1), error(RuntimeError, x(3, 4), 5),
        error(IndexError, x(3, 4), 1, 2), without=("tied",)),
    row("unique", call(x(3, 4)), call(x(3, 4), True, True, True), call(x(3, 4), return_counts=True),
        call(x(3, 2), dim=0), call(x(3, 2), True, True, True, 1), error(IndexError, x(3, 4), dim=2), without=("special",), **NEW),
]  # fmt: skip

PRODUCTS = [
    row("matmul __matmul__", call(x(3, 4), x(4, 2)), call(x(4), x(4)), call(x(3, 4), x(4)), call(x(4), x(4, 2)),
        call(x(5, 3, 4), x(4, 2)), call(x(3, 4), x(5, 4, 2)), call(x(2, 1, 3, 4), x(5, 4, 2)), call(x(5, 3, 4), x(4)),
        call(x(4), x(5, 4, 2)), error(RuntimeError, x(3, 4), x(3, 4)), error(RuntimeError, x(3), x()),
        error(RuntimeError, x(2, 3, 4), x(3, 4, 5)), error(RuntimeError, x(3, 4), at(4, 2, below=3)), without=("special",)),
    row("mm", call(x(3, 4), x(4, 2)), error(RuntimeError, x(3, 4), x(3, 4)), error(RuntimeError, x(3), x(3, 4))),
    row("mv", call(x(3, 4), x(4)), error(RuntimeError, x(3, 4), x(3)), error(RuntimeError, x(3), x(3)), dtypes=SIGNED, without=("0-d",)),
    row("dot", call(x(4), x(4)), error(RuntimeError, x(4), x(3)), error(RuntimeError, x(2, 2), x(2))),
    row("bmm", call(x(5, 3, 4), x(5, 4, 2)), error(RuntimeError, x(5, 3, 4), x(2, 4, 2)), error(RuntimeError, x(3, 4), x(4, 2)), dtypes=SIGNED, without=("special gradients",)),
    row("outer", call(x(3), x(4)), error(RuntimeError, x(3, 4), x(4))),
    row("addmm", call(x(3, 2), x(3, 4), x(4, 2)), call(x(2), x(3, 4), x(4, 2), beta=2, alpha=3),
        call(x(3, 1), x(3, 4), x(4, 2), beta=0), error(RuntimeError, x(4), x(3, 4), x(4, 2)), dtypes=SIGNED),
    row("baddbmm", call(x(5, 3, 2), x(5, 3, 4), x(5, 4, 2)), call(x(3, 2), x(5, 3, 4), x(5, 4, 2), beta=2, alpha=3),
        call(x(2), x(5, 3, 4), x(5, 4, 2), beta=0), dtypes=SIGNED, without=("0-d", "special gradients")),
    row("nn.functional.linear", call(x(3, 4), x(2, 4), x(2)), call(x(4), x(2, 4)), call(x(5, 3, 4), x(2, 4), x(2)), call(x(3, 4), x(4)),
        call(x(4), x(2, 4), x()), error(RuntimeError, x(3, 4), x(2, 3)),
        error(RuntimeError, x(3, 4), x(2, 4), x(3)), dtypes=SIGNED),
]  # fmt: skip

SHAPES = [
    row("reshape", call(x(3, 4), (2, 6)), call(x(3, 4), (-1,)), call(x(3, 4), (4, -1)), call(x(3, 4), (3, 1, 4)), call(x(2, 3, 4), (6, 4)),
        error(RuntimeError, x(3, 4), (5, -1)), error(RuntimeError, x(3, 4), (-1, -1)), error(RuntimeError, x(3, 4), (-2, 6))),
    row("view", call(x(3, 4), 2, 6), call(x(3, 4), -1), call(x(3, 4), (3, 2, 2)), call(x(2, 3, 4), 2, 3, 2, 2),
        error(RuntimeError, x(3, 4), 5)),
    row("view_as", call(x(3, 4), x(2, 6)), error(RuntimeError, x(3, 4), x(5))),
    row("reshape_as", call(x(3, 4), x(2, 6)), error(RuntimeError, x(3, 4), x(5))),
    row("flatten", call(x(2, 3, 4)), call(x(2, 3, 4), 1), call(x(2, 3, 4), 0, 1), call(x(2, 3, 4), -2, -1), call(x(5)),
        error(RuntimeError, x(2, 3, 4), 2, 1), error(IndexError, x(3, 4), 2)),
    row("unflatten", call(x(3, 4), 1, (2, 2)), call(x(3, 4), -2, (3, -1)), error(RuntimeError, x(3, 4), 1, (3, 2))),
    row("ravel", call(x(3, 4)), call(x(5))),
    row("permute", call(x(2, 3, 4), (2, 0, 1)), call(x(3, 4), (-1, 0)), error(RuntimeError, x(3, 4), (0,)),
        error(RuntimeError, x(3, 4), (0, 0)), error(IndexError, x(3, 4), (0, 2))),
    row("transpose swapdims", call(x(2, 3, 4), 0, 2), call(x(3, 4), -1, -2), call(x(3, 4), 1, 1),
        error(IndexError, x(3, 4), 0, 2)),
    row("t", call(x(3, 4)), call(x(5)), error(RuntimeError, x(2, 3, 4))),
    row("movedim moveaxis", call(x(2, 3, 4), 0, -1), call(x(2, 3, 4), (0, 1), (1, 2)), error(RuntimeError, x(3, 4), (0, 1), (0,)),
        error(IndexError, x(3, 4), 0, 2)),
    row("squeeze", call(x(1, 3, 1)), call(x(1, 3, 1), 0), call(x(1, 3, 1), 1), call(x(1, 3, 1), (0, -1)), error(IndexError, x(3, 4), 2)),
    row("unsqueeze", call(x(3, 4), 0), call(x(3, 4), -1), call(x(3, 4), 1), error(IndexError, x(3, 4), 3), error(IndexError, x(3, 4), -4)),
    row("expand", call(x(3, 1), 3, 4), call(x(3, 1), 2, -1, 4), call(x(4), (3, 4)), call(x(), 3), error(RuntimeError, x(3, 4), 3, 5),
        error(RuntimeError, x(3, 4), 4), error(RuntimeError, x(3), -1, 3)),
    row("expand_as", call(x(4), x(3, 4)), error(RuntimeError, x(3), x(4))),
    row("broadcast_to", call(x(3, 1), (2, 3, 4)), error(RuntimeError, x(3), (4,))),
    row("broadcast_tensors", call(x(3, 1), x(4)), call(x(), x(2, 1, 4), x(3, 1)), error(RuntimeError, x(3), x(2))),
    row("broadcast_shapes", call((3, 1), (4,)), call((2,), ()), error(RuntimeError, (3,), (2,)), **NEW),
    row("diagonal", call(x(3, 4)), call(x(3, 4), 1), call(x(3, 4), -1), call(x(2, 3, 4), 0, 0, 2), call(x(2, 3, 4), 1, dim1=-2, dim2=-1),
        error(RuntimeError, x(3, 4), 0, 1, 1), error(IndexError, x(3, 4), 0, 0, 2), error(IndexError, x(3))),
    row("detach", call(x(3, 4)), grad=False),
    row("select", call(x(3, 4), 0, 1), call(x(3, 4), -1, -2), error(IndexError, x(3, 4), 0, 3), error(IndexError, x(3, 4), 2, 0),
        error(IndexError, x(), 0, 0)),
    row("narrow", call(x(3, 4), 1, 1, 2), call(x(3, 4), 0, -2, 2), call(x(3, 4), 0, 3, 0), error(RuntimeError, x(3, 4), 0, 2, 2),
        error(RuntimeError, x(3, 4), 0, 0, -1), error(IndexError, x(3, 4), 0, 4, 0)),
    row("__getitem__", call(x(3, 4), 1), call(x(3, 4), (slice(None), slice(1, 3))), call(x(3, 4), at(5, below=3)),
        call(x(3, 4), mask(3, 4))),
]  # fmt: skip

JOINING = [
    row("cat concat concatenate", call([x(3, 4), x(2, 4)]), call((x(3, 4), x(3, 2), x(3, 4)), 1), call([x(3, 4)], -1), call([x(0), x(3, 4)], 1),
        call([x(3), at(2, below=5)]), error(RuntimeError, [x(3, 4), x(3, 2)]), error(RuntimeError, [x(3), x()]),
        error(IndexError, [x(3), x(3)], 1), error(RuntimeError, [x(3, 4), x(3)])),
    row("stack", call([x(3, 4), x(3, 4)]), call((x(3, 4), x(3, 4)), 1), call([x(3, 4), x(3, 4)], dim=-1), call([x(), x()]),
        error(RuntimeError, [x(3), x(2)]), error(IndexError, [x(3), x(3)], 2)),
    row("split", call(x(5, 4), 2), call(x(3, 4), [1, 3], 1), call(x(3, 4), 9, -1), error(RuntimeError, x(3, 4), [1, 1]),
        error(RuntimeError, x(3, 4), -1), error(IndexError, x(3, 4), 1, 2)),
    row("chunk", call(x(5, 4), 2), call(x(3, 4), 3, 1), call(x(3, 4), 7), error(RuntimeError, x(3, 4), 0)),
    row("unbind", call(x(3, 4)), call(x(3, 4), -1), error(IndexError, x(3, 4), 2)),
    row("flip", call(x(2, 3, 4), (0,)), call(x(2, 3, 4), (1, -1)), call(x(3, 4), ()), error(IndexError, x(3, 4), (2,)),
        error(RuntimeError, x(3, 4), (0, 0))),
    row("roll", call(x(3, 4), 1), call(x(3, 4), 1, 0), call(x(3, 4), (1, -2), (0, 1)), error(RuntimeError, x(3, 4), (1, 2), (0,)),
        error(IndexError, x(3, 4), 1, 2)),
    row("repeat", call(x(3, 4), 2, 1), call(x(4), 3, 2), call(x(3, 4), (2, 0)), call(x(), 3), error(RuntimeError, x(3, 4), 2)),
    row("tile", call(x(3, 4), (2,)), call(x(3, 4), (2, 1, 3)), call(x(3, 4), (2, 2))),
    row("clone", call(x(3, 4))),
    row("contiguous", call(x(3, 4))),
    row("tril", call(x(3, 4)), call(x(2, 4, 3), 1), call(x(3, 3), -1)),
    row("triu", call(x(3, 4)), call(x(2, 4, 3), 1), call(x(3, 3), -1)),
]  # fmt: skip

PICKING = [
    row("gather", call(x(3, 4), 1, at(3, 2, below=4)), call(x(3, 4), 0, at(5, 4, below=3)), call(x(3, 4), -1, at(2, 6, below=4)),
        call(x(5), 0, at(7, below=5)), error(RuntimeError, x(3, 4), 1, at(3, below=3)), error(RuntimeError, x(3, 4), 0, at(3, 4, below=9)),
        error(IndexError, x(3, 4), 2, at(3, 4, below=2)), error(RuntimeError, x(3, 4), 1, at(5, 4, below=2))),
    row("scatter", call(x(3, 4), 1, at(3, 2, below=4, dim=1), x(3, 2)), call(x(3, 4), 0, at(2, 4, below=3, dim=0), x(5, 4)),
        call(x(3, 4), 1, at(3, 2, below=4, dim=1), 1.5), call(x(3, 4), 1, at(3, 2, below=4, dim=1), value=2),
        call(x(3, 4), 1, at(3, 2, below=4), x(3, 2), reduce="add"),
        error(RuntimeError, x(3, 4), 0, at(2, 4, below=9), x(2, 4)), error(IndexError, x(3, 4), 2, at(3, 2, below=2), x(3, 2)),
        error(RuntimeError, x(3, 4), 0, at(2, 4, below=2, dim=0), at(2, 4, below=3)),
        error(RuntimeError, x(3, 4), 0, at(2, 4, below=2), x(1, 4))),
    row("scatter_add", call(x(3, 4), 1, at(3, 6, below=4), x(3, 6)), call(x(3, 4), 0, at(2, 3, below=3), x(5, 4)), call(x(5), 0, at(9, below=5), x(9)),
        error(RuntimeError, x(3, 4), 0, at(2, 4, below=9), x(2, 4)), error(RuntimeError, x(3, 4), 0, at(2, 4, below=2), x(1, 4))),
    row("index_select", call(x(3, 4), 0, at(5, below=3)), call(x(3, 4), -1, at(2, below=4)), call(x(3, 4), 1, at(below=4)),
        call(x(3, 0), 0, at(2, below=3)), call(x(3, 4), 0, at(0, below=3)),
        error(IndexError, x(3, 4), 0, at(2, 2, below=3)), error(IndexError, x(3, 4), 2, at(2, below=2)), without=("empty",)),
    row("masked_fill", call(x(3, 4), mask(3, 4), 1.5), call(x(3, 4), mask(4), 2), call(x(3, 4), mask(3, 1), x()), call(x(4), mask(3, 4), 0),
        error(RuntimeError, x(3), at(3, below=2), 0), error(RuntimeError, x(3), mask(3), x(3)), error(RuntimeError, x(3), mask(2), 0)),
    row("masked_select", call(x(3, 4), mask(3, 4)), call(x(3, 4), mask(4)), call(x(4), mask(3, 4)), error(RuntimeError, x(3), mask(2)),
        error(RuntimeError, x(3), at(3, below=2))),
    row("nonzero", call(x(3, 4)), call(x(2, 3, 4)), call(x(3, 4), as_tuple=True), **NEW),
    row("argwhere", call(x(3, 4)), call(x(5)), **NEW),
    row("nn.functional.embedding", call(at(2, 5, below=3), x(3, 4)), call(at(2, 5, below=3), x(3, 0)),
        error(IndexError, at(9, below=40), x(3, 4)),
        error(RuntimeError, at(2, below=3), x(3)), call(at(0, below=3), x(3, 4)),
        dtypes=FLOATS, without=("0-d", "empty")),
    row("nn.functional.embedding", call(at(7, below=3), x(3, 4), scale_grad_by_freq=True), call(at(7, below=3), x(3, 4), 1),
        dtypes=FLOATS, without=("0-d", "empty", "derivative")),
    row("nn.functional.one_hot", call(at(3, 4, below=5), 6), call(at(7, below=5)), error(RuntimeError, at(9, below=9), 2), **NEW),
    row("index_put", call(x(3, 4), (at(2, below=3, dim=0),), x(2, 4)), call(x(3, 4), (at(5, below=3), at(5, below=4)), x(5), True),
        call(x(3, 4), (mask(3, 4),), x()), error(IndexError, x(3, 4), (at(9, below=40),), x(4)),
        error(RuntimeError, x(3, 4), (at(2, below=3),), x(3)), without=("0-d",)),
]  # fmt: skip

CONVERSION = [
    row("to", call(x(3, 4), Dtype("float64")), call(x(3, 4), Dtype("float32")), call(x(3, 4), "cpu"), call(x(3, 4), "cpu", Dtype("float64")),
        call(x(3, 4), dtype=Dtype("float64"), copy=True), call(x(3, 4), x(2))),
    row("type", call(x(3, 4)), call(x(3, 4), Dtype("float64"))),
    row("type_as", call(x(3, 4), x(2)), call(x(3, 4), at(2, below=2))),
    *(row(name, call(x(3, 4)), dtypes=("float32", "float64", "int64", "bool", "uint8"),
          grad=name in ("half", "float", "double", "cfloat", "cdouble"))
      for name in ("float", "double", "half", "long", "int", "short", "char", "byte", "bool", "cfloat", "cdouble")),
    row("cpu", call(x(3, 4))),
    row("item", call(x()), call(x(1, 1)), error(RuntimeError, x(2)), **NEW),
    row("tolist", call(x(3, 4)), call(x()), **NEW),
]  # fmt: skip

CREATION = [
    row("zeros", call(3, 4), call((2, 0)), call(()), call(2, dtype=Dtype("int64")), error(RuntimeError, -1), **NEW),
    row("ones", call(3, 4), call((2, 0)), call(()), call(2, dtype=Dtype("bool")), error(RuntimeError, (2, -1)), **NEW),
    row("full", call((3, 4), 2.5), call((2,), 3), call((2,), True), call((), 1.5, dtype=Dtype("float64")), **NEW),
    row("eye", call(3), call(2, 4), call(0), call(2, dtype=Dtype("int64")), error(RuntimeError, -1), **NEW),
    row("arange", call(5), call(1, 7, 2), call(1, 2, 0.25), call(5.0), call(5, 0, -2), call(3, dtype=Dtype("float64")), call(0),
        error(RuntimeError, 0, 5, 0), error(RuntimeError, 0, 5, -1), **NEW),
    row("linspace", call(0, 1, 5), call(3, -2, 4), call(1, 2, 1), call(1, 2, 0), error(RuntimeError, 0, 1, -1), **NEW),
    row("scalar_tensor", call(2.5), call(3), call(3, dtype=Dtype("int64")), **NEW),
    row("tensor", call([[1, 2], [3, 4]]), call([1.5, 2]), call([True, False]), call(3), call([]), call([[], []]), call([1, True]),
        call([1, 2], dtype=Dtype("float64")), call(1 + 2j), error(ValueError, [[1, 2], [3]]), error(RuntimeError, [None]),
        error(TypeError, "a"), **NEW),
    row("as_tensor", call(x(3, 4)), call([1, 2]), call(x(3, 4), dtype=Dtype("int32"))),
    *(row(f"{name}_like", call(x(3, 4)), call(x(3, 4), dtype=Dtype("int64")), **NEW) for name in ("zeros", "ones")),
    row("full_like", call(x(3, 4), 2), call(x(3, 4), 2.5, dtype=Dtype("float64")), **NEW),
    *(row(f"new_{name}", call(x(3), 2, 4), call(x(3), (2, 4)), call(x(3), (), dtype=Dtype("int64")), **NEW) for name in ("zeros", "ones")),
    row("new_full", call(x(3), (2, 4), 3), call(x(3), (2,), 1.5, dtype=Dtype("float64")), **NEW),
    row("new_tensor", call(x(3), [[1, 2]]), call(x(3), 5), call(x(3), [1.5], dtype=Dtype("float64")), **NEW),
]  # fmt: skip

WRITES = [
    row("copy_", call(x(3, 4), x(3, 4)), call(x(3, 4), x(4)), call(x(3, 4), at(3, 1, below=3)), error(RuntimeError, x(3), x(2))),
    row("fill_", call(x(3, 4), 2), call(x(3, 4), 1.5), call(x(3, 4), x()), error(RuntimeError, x(3), x(3))),
    row("zero_", call(x(3, 4))),
    row("fill_diagonal_", call(x(3, 4), 2), call(x(4, 3), 1.5), call(x(5, 2), 3, True), call(x(3, 3, 3), 2), error(RuntimeError, x(3), 1)),
    row("index_put_", call(x(3, 4), (at(2, below=3, dim=0),), x(2, 4)), call(x(3, 4), (at(5, below=3), at(5, below=4)), x(5), True),
        call(x(3, 4), (mask(3, 4),), x()), error(IndexError, x(3, 4), (at(9, below=40),), x(4)), without=("0-d",)),
]  # fmt: skip

ROWS = [
    *ARITHMETIC, *ONE_ELEMENT, *COMPARISON, *REDUCTION, *PRODUCTS, *SHAPES, *JOINING, *PICKING, *CONVERSION, *CREATION,
]  # fmt: skip

# Random numbers, memory as it was found, other libraries' memory, devices: each has tests of its own.
EXEMPT = {
    "bernoulli", "bernoulli_", "exponential_", "multinomial", "normal", "normal_", "rand", "rand_like", "randint",
    "randint_like", "randn", "randn_like", "random_", "randperm", "uniform_",
    "empty", "empty_like", "new_empty",
    "from_dlpack", "from_numpy", "numpy",
    "segment_reduce",
    "cuda", "to_cpu", "to_gpu",
    "__setitem__",
}  # fmt: skip
