"""NumPy's ufuncs that are written as a formula of several operators, exact where a plain one would round off."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import NUMPY, numpy_call


@numpy_call("trunc")
def trunc(g: Any, step: Any, x: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    name = g.tensor(x, kind)
    if kind.kind != "f":
        return g.op("Identity", name)
    return g.op("Mul", g.op("Sign", name), g.op("Floor", g.op("Abs", name)))


@numpy_call("round", "around")
def round_(g: Any, step: Any, x: Any, decimals: int = 0, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    name = g.tensor(x, kind)
    if kind.kind != "f":
        if decimals < 0:
            raise g.refusal("rounding integers to tens")
        return g.op("Identity", name)
    if not decimals:
        return g.op("Round", name)
    factor = g.scalar(10.0 ** abs(decimals), kind)
    apart, back = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    return g.op(back, g.op("Round", g.op(apart, name, factor)), factor)


@numpy_call("exp2")
def exp2(g: Any, step: Any, x: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    return g.op("Pow", g.scalar(2, kind), g.tensor(x, kind))


@numpy_call("expm1")
def expm1(g: Any, step: Any, x: Any, **_: Any) -> Any:
    """tanh(x/2) (eˣ + 1), which is exact near 0; eˣ − 1 where that is infinite."""
    kind = step.outputs[0].dtype
    name, one = g.tensor(x, kind), g.scalar(1, kind)
    e = g.op("Exp", name)
    near = g.op("Less", g.op("Abs", name), one)
    exact = g.op("Mul", g.op("Tanh", g.op("Mul", name, g.scalar(0.5, kind))), g.op("Add", e, one))
    return g.op("Where", near, exact, g.op("Sub", e, one))


@numpy_call("log1p")
def log1p(g: Any, step: Any, x: Any, **_: Any) -> Any:
    """ln(1 + x) · x / ((1 + x) − 1) makes good what 1 + x rounded off (Kahan); x itself where that is 0."""
    kind = step.outputs[0].dtype
    name, one = g.tensor(x, kind), g.scalar(1, kind)
    u = g.op("Add", name, one)
    d = g.op("Sub", u, one)
    small = g.op("And", g.op("Less", g.op("Abs", name), one), g.op("Not", g.op("Equal", d, g.scalar(0, kind))))
    log = g.op("Log", u)
    exact = g.op("Mul", log, g.op("Div", name, g.op("Where", small, d, one)))
    return g.op("Where", small, exact, g.op("Where", g.op("Equal", d, g.scalar(0, kind)), name, log))


def _log_base(base: float) -> Any:
    def convert(g: Any, step: Any, x: Any, **_: Any) -> Any:
        kind = step.outputs[0].dtype
        return g.op("Mul", g.op("Log", g.tensor(x, kind)), g.scalar(1 / math.log(base), kind))

    return convert


NUMPY["log2"], NUMPY["log10"] = _log_base(2), _log_base(10)


@numpy_call("arctan2")
def arctan2(g: Any, step: Any, y: Any, x: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    b, a = g.tensor(y, kind), g.tensor(x, kind)
    zero, pi = g.scalar(0, kind), g.scalar(math.pi, kind)
    turned = g.op("Where", _negative(g, b, kind), g.op("Neg", pi), pi)
    flat = g.op("Atan", g.op("Div", b, g.op("Where", g.op("Equal", a, zero), g.scalar(1, kind), a)))
    level = g.op("Where", _negative(g, a, kind), g.op("Add", flat, turned), flat)
    upright = g.op("Mul", g.op("Sign", b), g.scalar(math.pi / 2, kind))
    on_axis = g.op("Where", g.op("Equal", b, zero), g.op("Where", _negative(g, a, kind), turned, b), upright)
    return g.op("Where", g.op("Equal", a, zero), on_axis, level)


def _negative(g: Any, name: str, kind: Any) -> str:
    """Whether the sign bit is set: also that of −0."""
    zero = g.scalar(0, kind)
    minus = g.op("Less", name, zero)
    if kind.kind != "f":
        return str(minus)
    return str(g.op("Or", minus, g.op("Less", g.op("Div", g.scalar(1, kind), name), zero)))


@numpy_call("signbit")
def signbit(g: Any, step: Any, x: Any, **_: Any) -> Any:
    return _negative(g, g.tensor(x), np.dtype(g.dtype_of(x)))


@numpy_call("copysign")
def copysign(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    size = g.op("Abs", g.tensor(x, kind))
    return g.op("Where", _negative(g, g.tensor(y, kind), kind), g.op("Neg", size), size)


@numpy_call("hypot")
def hypot(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    a, b = g.op("Abs", g.tensor(x, kind)), g.op("Abs", g.tensor(y, kind))
    large, small = g.op("Max", a, b), g.op("Min", a, b)
    safe = g.op("Where", g.op("Equal", large, g.scalar(0, kind)), g.scalar(1, kind), large)
    ratio = g.op("Div", small, safe)
    found = g.op("Mul", large, g.op("Sqrt", g.op("Add", g.op("Mul", ratio, ratio), g.scalar(1, kind))))
    return g.op("Where", g.op("IsInf", large), large, found)


@numpy_call("isnan")
def isnan(g: Any, step: Any, x: Any, **_: Any) -> Any:
    if np.dtype(g.dtype_of(x)).kind != "f":
        return g.expand(g.constant(np.zeros((), bool)), step.outputs[0].shape)
    return g.op("IsNaN", g.tensor(x))


@numpy_call("isinf")
def isinf(g: Any, step: Any, x: Any, **_: Any) -> Any:
    if np.dtype(g.dtype_of(x)).kind != "f":
        return g.expand(g.constant(np.zeros((), bool)), step.outputs[0].shape)
    return g.op("IsInf", g.tensor(x))


@numpy_call("isposinf", "isneginf")
def signed_infinity(g: Any, step: Any, x: Any, **_: Any) -> Any:
    sign = step.op == "isposinf"
    return g.op("IsInf", g.tensor(x), detect_positive=int(sign), detect_negative=int(not sign))


@numpy_call("isfinite")
def isfinite(g: Any, step: Any, x: Any, **_: Any) -> Any:
    if np.dtype(g.dtype_of(x)).kind != "f":
        return g.expand(g.constant(np.ones((), bool)), step.outputs[0].shape)
    x = g.tensor(x)
    return g.op("Not", g.op("Or", g.op("IsNaN", x), g.op("IsInf", x)))


@numpy_call("imag")
def imag(g: Any, step: Any, x: Any, **_: Any) -> Any:
    """0: complex numbers are refused as such."""
    if np.dtype(g.dtype_of(x)).kind == "c":
        raise g.refusal("complex numbers: ONNX's operators do not take them")
    return g.expand(g.constant(np.zeros((), step.outputs[0].dtype)), step.outputs[0].shape)


@numpy_call("isreal", "isrealobj")
def isreal(g: Any, step: Any, x: Any, **_: Any) -> Any:
    return g.expand(g.constant(np.ones((), bool)), step.outputs[0].shape)


@numpy_call("logaddexp", "logaddexp2")
def logaddexp(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    base = math.log(2) if step.op == "logaddexp2" else 1.0
    a, b = g.tensor(x, kind), g.tensor(y, kind)
    if base != 1:
        a, b = g.op("Mul", a, g.scalar(base, kind)), g.op("Mul", b, g.scalar(base, kind))
    large = g.op("Max", a, b)
    away = g.op("Neg", g.op("Abs", g.op("Sub", a, b)))
    apart = g.op("Where", g.op("IsNaN", away), g.op("Where", g.op("IsInf", large), g.scalar(-np.inf, kind), away), away)
    found = g.op("Add", large, g.op("Log", g.op("Add", g.op("Exp", apart), g.scalar(1, kind))))
    return found if base == 1 else g.op("Div", found, g.scalar(base, kind))


@numpy_call("left_shift", "right_shift")
def shift(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    a, b = g.tensor(x, kind), g.tensor(y, kind)
    if kind.kind == "u":
        return g.op("BitShift", a, b, direction="LEFT" if step.op == "left_shift" else "RIGHT")
    power = g.op("Pow", g.scalar(2, kind), b)
    if step.op == "left_shift":
        return g.op("Mul", a, power)
    return g.op("Div", g.op("Sub", a, g.op("Mod", a, power)), power)


@numpy_call("ldexp")
def ldexp(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    return g.op("Mul", g.tensor(x, kind), g.op("Pow", g.scalar(2, kind), g.tensor(y, kind)))


@numpy_call("heaviside")
def heaviside(g: Any, step: Any, x: Any, y: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    a, zero = g.tensor(x, kind), g.scalar(0, kind)
    positive = g.cast(g.op("Greater", a, zero), kind, np.dtype(bool))
    return g.op("Where", g.op("Equal", a, zero), g.tensor(y, kind), positive)


@numpy_call("deg2rad", "rad2deg")
def angle(g: Any, step: Any, x: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    factor = math.pi / 180 if step.op == "deg2rad" else 180 / math.pi
    return g.op("Mul", g.tensor(x, kind), g.scalar(factor, kind))


@numpy_call("nan_to_num")
def nan_to_num(
    g: Any, step: Any, x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    kind = step.outputs[0].dtype
    name = g.tensor(x, kind)
    if kind.kind != "f":
        return g.op("Identity", name)
    limits = np.finfo(kind)
    for number, positive in (
        (limits.max if posinf is None else posinf, 1),
        (limits.min if neginf is None else neginf, 0),
    ):
        there = g.op("IsInf", name, detect_positive=positive, detect_negative=1 - positive)
        name = g.op("Where", there, g.scalar(number, kind), name)
    return g.op("Where", g.op("IsNaN", name), g.scalar(nan, kind), name)


@numpy_call("sinc")
def sinc(g: Any, step: Any, x: Any) -> Any:
    kind = step.outputs[0].dtype
    y = g.op("Mul", g.tensor(x, kind), g.scalar(math.pi, kind))
    zero, one = g.op("Equal", y, g.scalar(0, kind)), g.scalar(1, kind)
    return g.op("Where", zero, one, g.op("Div", g.op("Sin", y), g.op("Where", zero, one, y)))
