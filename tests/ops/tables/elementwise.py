"""Elementwise ops beyond everyday arithmetic: inverse and hyperbolic functions, how numbers are made, bits, complex numbers."""

from tests.ops.rows import at, call, error, mask, pos, row, x

UNARY = (call(x(3, 4)),)
INSIDE = (call(x(3, 4, low=-0.9, high=0.9)),)
BINARY = (call(x(3, 4), x(3, 4)), call(x(3, 4), x(4)), call(x(3, 1), x(2, 1, 4)), call(x(3, 4), x()))
MISFIT = error(RuntimeError, x(3, 4), x(3, 2))
NEW = dict(grad=False)
FLOATS = ("float32", "float64")
COMPLEX = (*FLOATS, "complex64", "complex128", "int64", "bool")
WHOLE = ("int64", "int32", "uint8")

HYPERBOLIC = [
    *(row(names, *INSIDE, dtypes=COMPLEX) for names in ("asin arcsin", "acos arccos", "atanh arctanh")),
    *(row(names, *UNARY, dtypes=COMPLEX) for names in ("atan arctan", "asinh arcsinh", "sinh", "cosh")),
    row("acosh arccosh", call(x(3, 4, low=1.2, high=3)), dtypes=COMPLEX),
    row("atan2 arctan2", *BINARY, MISFIT),
]

NUMBERS = [
    row("exp2", *UNARY, dtypes=COMPLEX),
    row("deg2rad", *UNARY),
    row("rad2deg", *UNARY),
    row("sinc", *UNARY),
    row("copysign", *BINARY, call(x(3, 4), -2), call(x(3, 4), 0.0), MISFIT),
    row("float_power", call(pos(3, 4), x(3, 4)), call(pos(3, 1), pos(4)), call(x(3, 4), 2), call(pos(3, 4), 0.5), without=("special",)),
    row("fmax", *BINARY, MISFIT),
    row("fmin", *BINARY, MISFIT),
    row("frexp", *UNARY, dtypes=FLOATS),
    row("ldexp", call(x(3, 4), at(3, 4, below=5)), call(x(3, 4), at(4, below=5))),
    row("hypot", *BINARY, MISFIT, dtypes=FLOATS),
    row("logaddexp", *BINARY, MISFIT, dtypes=FLOATS),
    row("logaddexp2", *BINARY, MISFIT, dtypes=FLOATS),
    row("nan_to_num", *UNARY, call(x(3, 4), 1.0), call(x(3, 4), nan=2.0, posinf=7.0, neginf=-7.0)),
    row("gcd", *BINARY, MISFIT, dtypes=("int64", "int32", "uint8"), **NEW),
    row("lcm", *BINARY, MISFIT, dtypes=("int64", "int32", "uint8"), **NEW),
    row("heaviside", *BINARY, MISFIT, **NEW),
    row("nextafter", *BINARY, MISFIT, dtypes=FLOATS, without=("tied", "special gradients", "derivative")),
    row("signbit", *UNARY, **NEW),
    row("bitwise_left_shift __lshift__", call(at(3, 4, below=9), at(3, 4, below=4)), call(at(3, 4, below=9), at(4, below=4)), call(at(3, 4, below=9), 2), dtypes=("int64",), **NEW),
    row("bitwise_right_shift __rshift__", call(at(3, 4, below=99), at(3, 4, below=4)), call(at(3, 4, below=99), at(4, below=4)), call(at(3, 4, below=99), 2), dtypes=("int64",), **NEW),
]  # fmt: skip

COMPLEXES = [
    row("imag", *UNARY, error(RuntimeError, mask(3)), dtypes=("complex64", "complex128")),
    row("conj", *UNARY, dtypes=COMPLEX),
    row("conj_physical", *UNARY, dtypes=COMPLEX),
    row("resolve_conj", *UNARY, dtypes=COMPLEX),
    row("resolve_neg", *UNARY, dtypes=COMPLEX),
    row(
        "complex",
        call(x(3, 4), x(3, 4)),
        call(x(3, 4), x(4)),
        error(RuntimeError, at(3, below=2), at(3, below=2)),
        dtypes=FLOATS,
    ),
    row("polar", call(pos(3, 4), x(3, 4)), call(pos(3, 4), x(4)), dtypes=FLOATS, without=("special",)),
    row("view_as_real", *UNARY, dtypes=("complex64", "complex128"), without=("empty", "0-d")),
    row("view_as_complex", call(x(3, 2)), call(x(4, 3, 2)), error(RuntimeError, x(3, 4)), dtypes=FLOATS),
    row("angle", *UNARY, dtypes=COMPLEX),
    row("sgn", *UNARY, dtypes=COMPLEX),
    row("isreal", *UNARY, dtypes=COMPLEX, **NEW),
    row("isposinf", *UNARY, **NEW),
    row("isneginf", *UNARY, **NEW),
]

ROWS = [*HYPERBOLIC, *NUMBERS, *COMPLEXES]
