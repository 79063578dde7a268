"""metagrad's activations, softmax and linear maps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import FUNCTIONS, function


def _one(op: str, **settings: Any) -> Any:
    def convert(g: Any, step: Any, x: Any, **_: Any) -> Any:
        return g.op(op, g.tensor(x, step.outputs[0].dtype), **settings)

    return convert


FUNCTIONS.update({
    "Relu": _one("Relu"), "Sigmoid": _one("Sigmoid"), "Tanh": _one("Tanh"), "Mish": _one("Mish"),
    "Hardswish": _one("HardSwish"), "Erf": _one("Erf"), "Exp": _one("Exp"), "Log": _one("Log"), "Sqrt": _one("Sqrt"),
    "Reciprocal": _one("Reciprocal"), "Abs": _one("Abs"), "Det": _one("Det"), "Clone": _one("Identity"),
})  # fmt: skip


@function("Erfc")
def erfc(g: Any, step: Any, x: Any, **_: Any) -> Any:
    kind = step.outputs[0].dtype
    return g.op("Sub", g.scalar(1, kind), g.op("Erf", g.tensor(x, kind)))


@function("Elu")
def elu(g: Any, step: Any, x: Any, alpha: float, rate: float = 1.0) -> Any:
    name, kind = g.tensor(x), step.outputs[0].dtype
    if rate == 1.0:
        return g.op("Elu", name, alpha=float(alpha))
    below = g.op("Min", name, g.scalar(0, kind))
    low = g.op("Elu", g.op("Mul", below, g.scalar(abs(rate), kind)), alpha=1.0)
    if rate > 0:
        low = g.op("Mul", low, g.scalar(alpha, kind))
    else:  # e^−u − 1 is −(e^u − 1) / e^u
        low = g.op("Div", g.op("Mul", low, g.scalar(-alpha, kind)), g.op("Add", low, g.scalar(1, kind)))
    return g.op("Add", g.op("Max", name, g.scalar(0, kind)), low)


@function("LogSigmoid")
def log_sigmoid(g: Any, step: Any, x: Any) -> Any:
    return g.op("Neg", g.op("Softplus", g.op("Neg", g.tensor(x))))


@function("Gelu", "GeluTanh")
def gelu(g: Any, step: Any, x: Any) -> Any:
    tanh = step.name == "GeluTanh"
    name, kind = g.tensor(x), step.outputs[0].dtype
    if g.opset >= 20 and kind == np.float32:  # onnxruntime has it for no other
        return g.op("Gelu", name, approximate="tanh" if tanh else "none")
    half = g.op("Mul", name, g.scalar(0.5, kind))
    if tanh:
        cube = g.op("Mul", g.op("Mul", name, name), g.op("Mul", name, g.scalar(0.044715, kind)))
        inner = g.op("Tanh", g.op("Mul", g.op("Add", name, cube), g.scalar(math.sqrt(2 / math.pi), kind)))
    else:
        inner = g.op("Erf", g.op("Mul", name, g.scalar(1 / math.sqrt(2), kind)))
    return g.op("Mul", half, g.op("Add", inner, g.scalar(1, kind)))


@function("LeakyRelu")
def leaky_relu(g: Any, step: Any, x: Any, slope: float) -> Any:
    return g.op("LeakyRelu", g.tensor(x, step.outputs[0].dtype), alpha=slope)


@function("Hardtanh")
def hardtanh(g: Any, step: Any, x: Any, low: float, high: float) -> Any:
    kind = step.outputs[0].dtype
    return g.op("Clip", g.tensor(x, kind), g.scalar(low, kind), g.scalar(high, kind))


@function("Softmax", "LogSoftmax")
def softmax(g: Any, step: Any, x: Any, axis: int) -> Any:
    name = g.tensor(x, step.outputs[0].dtype)
    if not step.outputs[0].shape:
        name = g.op("Unsqueeze", name, g.ints([0]))
        return g.op("Squeeze", g.op(step.name, name, axis=0), g.ints([0]))
    return g.op(step.name, name, axis=axis)


@function("LogSumExp")
def logsumexp(g: Any, step: Any, x: Any, axis: tuple[int, ...], keepdim: bool) -> Any:
    name, kind = g.tensor(x, step.outputs[0].dtype), step.outputs[0].dtype
    if not axis:
        return g.op("Identity", name)
    largest = g.reduce("ReduceMax", name, axis, True)
    safe = g.op("Where", g.op("IsInf", largest), g.scalar(0, kind), largest)
    total = g.reduce("ReduceSum", g.op("Exp", g.op("Sub", name, safe)), axis, keepdim)
    return g.op("Add", g.op("Log", total), safe if keepdim else g.op("Squeeze", safe, g.ints(axis)))


@function("Linear")
def linear(g: Any, step: Any, x: Any, w: Any, b: Any) -> Any:
    if len(g.shape_of(x)) == 2 and len(g.shape_of(w)) == 2 and step.outputs[0].dtype.kind == "f":
        return g.op("Gemm", g.tensor(x), g.tensor(w), None if b is None else g.tensor(b), transB=1)
    name = g.tensor(w)
    if len(g.shape_of(w)) == 2:
        name = g.op("Transpose", name, perm=[1, 0])
    found = g.op("MatMul", g.tensor(x), name)
    return found if b is None else g.op("Add", found, g.tensor(b))


@function("Matmul")
def matmul(g: Any, step: Any, x: Any, y: Any) -> Any:
    kind = step.outputs[0].dtype
    return g.op("MatMul", g.tensor(x, kind), g.tensor(y, kind))


@function("Norm")
def norm(g: Any, step: Any, x: Any, p: float, axis: tuple[int, ...], keepdim: bool) -> Any:
    kind = step.outputs[0].dtype
    name = g.tensor(x, kind)
    if p in (1, 2) and axis:
        return g.reduce("ReduceL2" if p == 2 else "ReduceL1", name, axis, keepdim)
    size = g.op("Abs", name)
    if not axis:
        return size
    if math.isinf(p):
        return g.reduce("ReduceMax" if p > 0 else "ReduceMin", size, axis, keepdim)
    if p == 0:
        there = g.cast(g.op("Not", g.op("Equal", name, g.scalar(0, kind))), kind, np.dtype(bool))
        return g.reduce("ReduceSum", there, axis, keepdim)
    total = g.reduce("ReduceSum", g.op("Pow", size, g.scalar(p, kind)), axis, keepdim)
    return g.op("Pow", total, g.scalar(1 / p, kind))
