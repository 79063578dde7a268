"""NumPy's ufuncs that are operators: arithmetic, comparisons, logic, choices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import NUMPY, numpy_call

SAME = {
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin",
    "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh", "arcsinh": "Asinh",
    "arccosh": "Acosh", "arctanh": "Atanh", "reciprocal": "Reciprocal", "floor": "Floor", "ceil": "Ceil", "rint": "Round",
    "negative": "Neg", "absolute": "Abs", "fabs": "Abs", "sign": "Sign",
}  # fmt: skip
BINARY = {"add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "power": "Pow", "float_power": "Pow"}
COMPARE = {
    "equal": "Equal",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
}
LOGICAL = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
BITWISE = {
    "bitwise_and": ("BitwiseAnd", "And"),
    "bitwise_or": ("BitwiseOr", "Or"),
    "bitwise_xor": ("BitwiseXor", "Xor"),
}


def kind_of(g: Any, *xs: Any) -> Any:
    """The dtype NumPy computes in."""
    return np.result_type(*[g.dtype_of(x) for x in xs])


def _unary(name: str) -> Any:
    def convert(g: Any, step: Any, x: Any, **_: Any) -> Any:
        kind = step.outputs[0].dtype
        if kind.kind in "iu" and name in ("floor", "ceil", "rint", "trunc"):
            return g.op("Identity", g.tensor(x, kind))
        return g.op(SAME[name], g.tensor(x, kind))

    return convert


def _binary(name: str) -> Any:
    def convert(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
        kind = step.outputs[0].dtype
        if kind.kind == "b":  # + and * of bools
            return g.op({"add": "Or", "multiply": "And"}[name], g.tensor(x, kind), g.tensor(y, kind))
        return g.op(BINARY[name], g.tensor(x, kind), g.tensor(y, kind))

    return convert


def _compare(name: str) -> Any:
    def convert(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
        kind = kind_of(g, x, y)
        if kind.kind == "b" and name != "equal":
            kind = np.dtype(np.int32)
        return g.op(COMPARE[name], g.tensor(x, kind), g.tensor(y, kind))

    return convert


def _logical(name: str) -> Any:
    def convert(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
        return g.op(LOGICAL[name], truth(g, x), truth(g, y))

    return convert


def _bitwise(name: str) -> Any:
    def convert(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
        kind = step.outputs[0].dtype
        return g.op(BITWISE[name][kind.kind == "b"], g.tensor(x, kind), g.tensor(y, kind))

    return convert


for _name in SAME:
    NUMPY[_name] = _unary(_name)
for _name in BINARY:
    NUMPY[_name] = _binary(_name)
for _name in COMPARE:
    NUMPY[_name] = _compare(_name)
for _name in LOGICAL:
    NUMPY[_name] = _logical(_name)
for _name in BITWISE:
    NUMPY[_name] = _bitwise(_name)
NUMPY["true_divide"] = NUMPY["divide"]


def truth(g: Any, x: Any) -> str:
    """Whether each element is not 0."""
    kind = np.result_type(g.dtype_of(x))
    return str(
        g.tensor(x, bool) if kind.kind == "b" else g.op("Not", g.op("Equal", g.tensor(x, kind), g.scalar(0, kind)))
    )


@numpy_call("not_equal")
def not_equal(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = kind_of(g, x, y)
    return g.op("Not", g.op("Equal", g.tensor(x, kind), g.tensor(y, kind)))


@numpy_call("logical_not")
def logical_not(g: Any, step: Any, x: Any, **_: Any) -> Any:
    return g.op("Not", truth(g, x))


@numpy_call("invert")
def invert(g: Any, step: Any, x: Any, **_: Any) -> Any:
    return g.op("Not" if step.outputs[0].dtype.kind == "b" else "BitwiseNot", g.tensor(x))


@numpy_call(
    "positive",
    "conjugate",
    "identity",
    "real",
    "ascontiguousarray",
    "copy",
    "asarray",
    "array",
    "real_if_close",
    "atleast_1d",
)
def identity(g: Any, step: Any, x: Any, *_: Any, **__: Any) -> Any:
    found = g.tensor(x, step.outputs[0].dtype)
    if len(g.shape_of(x)) != len(step.outputs[0].shape):
        return g.reshape(found, step.outputs[0].shape)
    return g.op("Identity", found)


@numpy_call("square")
def square(g: Any, step: Any, x: Any, **_: Any) -> Any:
    x = g.tensor(x, step.outputs[0].dtype)
    return g.op("Mul", x, x)


def _extreme(name: str) -> Any:
    def convert(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
        kind = step.outputs[0].dtype
        if kind.kind == "b":
            return g.op("Or" if name == "Max" else "And", g.tensor(x, kind), g.tensor(y, kind))
        return g.op(name, g.tensor(x, kind), g.tensor(y, kind))

    return convert


NUMPY["maximum"], NUMPY["minimum"] = _extreme("Max"), _extreme("Min")


@numpy_call("fmax", "fmin")
def number_extreme(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    """The larger or smaller, the one that is not nan."""
    kind = step.outputs[0].dtype
    a, b = g.tensor(x, kind), g.tensor(y, kind)
    found = g.op("Max" if step.op == "fmax" else "Min", a, b)
    if kind.kind != "f":
        return found
    return g.op("Where", g.op("IsNaN", a), b, g.op("Where", g.op("IsNaN", b), a, found))


@numpy_call("floor_divide")
def floor_divide(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    a, b = g.tensor(x, kind), g.tensor(y, kind)
    if kind.kind == "f":
        return g.op("Floor", g.op("Div", a, b))
    return g.op("Div", g.op("Sub", a, g.op("Mod", a, b)), b)


@numpy_call("remainder", "mod")
def remainder(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    """With the sign of the divisor: ONNX has it for integers, for floats only with that of the dividend."""
    kind = step.outputs[0].dtype
    a, b = g.tensor(x, kind), g.tensor(y, kind)
    if kind.kind != "f":
        return g.op("Mod", a, b)
    rest = g.op("Mod", a, b, fmod=1)
    other_sign = g.op("Less", g.op("Mul", g.op("Sign", rest), g.op("Sign", b)), g.scalar(0, kind))
    return g.op("Where", other_sign, g.op("Add", rest, b), rest)


@numpy_call("fmod")
def fmod(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    return g.op("Mod", g.tensor(x, kind), g.tensor(y, kind), fmod=1)


@numpy_call("divmod")
def divmod_(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    return [floor_divide(g, step, x, y), remainder(g, step, x, y)]


@numpy_call("where")
def where(g: Any, step: Any, condition: Any, *choices: Any) -> Any:
    if not choices:
        from metagrad.onnx.converters.indexing import nonzero

        return nonzero(g, step, condition)
    kind = step.outputs[0].dtype
    return g.op("Where", truth(g, condition), *[g.tensor(x, kind) for x in choices])


@numpy_call("clip")
def clip(
    g: Any, step: Any, x: Any, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None, **_: Any
) -> Any:
    kind = step.outputs[0].dtype
    found = g.tensor(x, kind)
    low, high = min if low is None else low, max if high is None else high
    for bound, op in ((low, "Max"), (high, "Min")):
        if bound is not None and not (isinstance(bound, float) and math.isinf(bound)):
            found = g.op(op, found, g.tensor(bound, kind))
    return found if found != g.tensor(x, kind) else g.op("Identity", found)


@numpy_call("isclose")
def isclose(g: Any, step: Any, x: Any, y: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    kind = kind_of(g, x, y, 1.0)
    a, b = g.tensor(x, kind), g.tensor(y, kind)
    limit = g.op("Add", g.op("Mul", g.op("Abs", b), g.scalar(rtol, kind)), g.scalar(atol, kind))
    near = g.op("And", g.op("LessOrEqual", g.op("Abs", g.op("Sub", a, b)), limit), g.op("Not", g.op("IsInf", b)))
    found = g.op("Or", near, g.op("Equal", a, b))
    return g.op("Or", found, g.op("And", g.op("IsNaN", a), g.op("IsNaN", b))) if equal_nan else found


@numpy_call("matmul", "dot")
def matmul(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    return g.op("MatMul", g.tensor(x, kind), g.tensor(y, kind))


@numpy_call("vecdot")
def vecdot(g: Any, step: Any, x: Any, y: Any, axis: int = -1, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    return g.reduce("ReduceSum", g.op("Mul", g.tensor(x, kind), g.tensor(y, kind)), [axis], False)


@numpy_call("astype")
def astype(g: Any, step: Any, x: Any, dtype: Any) -> Any:
    name = g.tensor(x)
    if np.dtype(g.dtype_of(x)) == dtype:
        return g.op("Identity", name)
    return (
        g.op("Not", g.op("Equal", name, g.scalar(0, g.dtype_of(x))))
        if np.dtype(dtype).kind == "b"
        else g.cast(name, dtype)
    )


@numpy_call("linalg.det", "linalg.norm", "linalg.inv")
def by_linear_algebra(g: Any, step: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    kind = step.outputs[0].dtype
    if step.op == "linalg.det":
        return g.op("Det", g.tensor(x, kind))
    raise g.refusal("ONNX has no operator for it")
