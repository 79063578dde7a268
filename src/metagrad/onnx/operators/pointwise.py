"""Operators that work element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.nn import functional as F
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import dtype_of, numbers, operator, scalar, simple, tensor

_FUNCTIONS: dict[str, Any] = {
    "Abs": mg.abs, "Acos": mg.acos, "Acosh": mg.acosh, "Asin": mg.asin, "Asinh": mg.asinh, "Atan": mg.atan, "Atanh": mg.atanh,
    "Ceil": mg.ceil, "Cos": mg.cos, "Cosh": mg.cosh, "Erf": mg.erf, "Exp": mg.exp, "Floor": mg.floor, "IsNaN": mg.isnan,
    "Log": mg.log, "Neg": lambda x: -x, "Not": mg.logical_not, "Reciprocal": mg.reciprocal, "Relu": mg.relu, "Round": mg.round,
    "Sigmoid": mg.sigmoid, "Sign": mg.sign, "Sin": mg.sin, "Sinh": mg.sinh, "Sqrt": mg.sqrt, "Tan": mg.tan, "Tanh": mg.tanh,
    "Softplus": lambda x: mg.logaddexp(x, mg.zeros_like(x)), "Softsign": F.softsign, "Mish": F.mish, "HardSwish": F.hardswish,
    "Identity": lambda x: x, "MatMul": mg.matmul, "Det": mg.det,
}  # fmt: skip
for _name, _compute in _FUNCTIONS.items():
    simple(_name, _compute)


def _arithmetic(name: str, compute: Any) -> None:
    @operator(name)
    def run(call: Any, x: Any, y: Any, axis: Any = None, broadcast: int = 0) -> Any:
        if broadcast and axis is not None and y.ndim:  # opset 6: y's dimensions stand from ``axis`` on
            y = y.reshape(*y.shape, *[1] * (x.ndim - axis - y.ndim))
        return compute(x, y)


def _divided(x: Any, y: Any) -> Any:
    return x / y if x.is_floating_point() or x.is_complex() else mg.div(x, y, rounding_mode="trunc")


for _name, _compute in {
    "Add": mg.add, "Sub": mg.sub, "Mul": mg.mul, "Div": _divided, "Greater": mg.gt, "GreaterOrEqual": mg.ge, "Less": mg.lt,
    "LessOrEqual": mg.le, "And": mg.logical_and, "Or": mg.logical_or, "Xor": mg.logical_xor,
    "BitwiseAnd": mg.bitwise_and, "BitwiseOr": mg.bitwise_or, "BitwiseXor": mg.bitwise_xor,
}.items():  # fmt: skip
    _arithmetic(_name, _compute)


def _equal(x: Any, y: Any) -> Any:
    return tensor(np.asarray(x) == np.asarray(y)) if isinstance(x, np.ndarray) else mg.eq(x, y)


_arithmetic("Equal", _equal)
simple("BitwiseNot", mg.bitwise_not)


@operator("Pow")
def power(call: Any, x: Any, y: Any, **_: Any) -> Any:
    """In the dtype of the base."""
    if x.is_floating_point():
        return mg.pow(x, y.to(x.dtype)).to(x.dtype)
    with np.errstate(all="ignore"):
        return tensor(np.power(numbers(x).astype(np.float64) if y.is_floating_point() else numbers(x), numbers(y))).to(
            x.dtype
        )


@operator("Mod")
def mod(call: Any, x: Any, y: Any, fmod: int = 0) -> Any:
    return mg.fmod(x, y) if fmod else mg.remainder(x, y)


@operator("BitShift")
def bit_shift(call: Any, x: Any, y: Any, direction: str) -> Any:
    a, b = numbers(x), numbers(y)
    return tensor((np.left_shift(a, b) if direction == "LEFT" else np.right_shift(a, b)).astype(a.dtype))


@operator("BitCast")
def bit_cast(call: Any, x: Any, to: int) -> Any:
    return tensor(np.ascontiguousarray(numbers(x)).view(dtype_of(to).dtype)).reshape(tuple(x.shape))


@operator("Max", "Min", "Sum", "Mean")
def several(call: Any, first: Any, *others: Any, **_: Any) -> Any:
    combine = {"Max": mg.maximum, "Min": mg.minimum}.get(call.kind, mg.add)
    found = first
    for x in others:
        found = combine(found, x)
    return found / (len(others) + 1) if call.kind == "Mean" else found


@operator("Clip")
def clip(call: Any, x: Any, low: Any = None, high: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (min if low is None else low), (max if high is None else high)
    for bound, limit in ((low, mg.maximum), (high, mg.minimum)):
        if bound is not None:
            x = limit(x, mg.tensor(bound, dtype=x.dtype) if isinstance(bound, (int, float)) else bound)
    return x


@operator("Where")
def where(call: Any, condition: Any, x: Any, y: Any) -> Any:
    return mg.where(condition, x, y)


@operator("IsInf")
def is_inf(call: Any, x: Any, detect_negative: int = 1, detect_positive: int = 1) -> Any:
    found = mg.isinf(x)
    if not detect_negative:
        found = mg.logical_and(found, x > 0)
    return found if detect_positive else mg.logical_and(found, x < 0)


@operator("Cast")
def cast(call: Any, x: Any, to: int, saturate: int = 1, round_mode: str = "up") -> Any:
    if isinstance(x, np.ndarray):  # strings
        return tensor(np.array([float(v) for v in np.asarray(x).reshape(-1)]).reshape(np.shape(x))).to(dtype_of(to))
    with np.errstate(all="ignore"):
        return x.to(dtype_of(to))


@operator("CastLike")
def cast_like(call: Any, x: Any, like: Any, **_: Any) -> Any:
    if isinstance(x, np.ndarray) or isinstance(like, np.ndarray):
        raise NotImplementedError("CastLike of strings")
    with np.errstate(all="ignore"):
        return x.to(like.dtype)


@operator("Elu")
def elu(call: Any, x: Any, alpha: float = 1.0) -> Any:
    return F.elu(x, alpha)


@operator("Celu")
def celu(call: Any, x: Any, alpha: float = 1.0) -> Any:
    return F.celu(x, alpha)


@operator("Selu")
def selu(call: Any, x: Any, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Any:
    return gamma * mg.where(x > 0, x, alpha * mg.expm1(mg.minimum(x, mg.zeros_like(x))))


@operator("LeakyRelu")
def leaky_relu(call: Any, x: Any, alpha: float = 0.01) -> Any:
    return F.leaky_relu(x, alpha)


@operator("ThresholdedRelu")
def thresholded_relu(call: Any, x: Any, alpha: float = 1.0) -> Any:
    return mg.where(x > alpha, x, mg.zeros_like(x))


@operator("PRelu")
def prelu(call: Any, x: Any, slope: Any) -> Any:
    if slope.ndim == 1 and slope.shape[0] != 1 and x.ndim > 1 and x.shape[-1] != slope.shape[0]:
        slope = slope.reshape(-1, *[1] * (x.ndim - 2))  # one for each channel
    return mg.where(x < 0, x * slope, x)


@operator("HardSigmoid")
def hard_sigmoid(call: Any, x: Any, alpha: float = 0.2, beta: float = 0.5) -> Any:
    return (x * alpha + beta).clamp(0, 1)


@operator("Hardmax")
def hardmax(call: Any, x: Any, axis: Any = None) -> Any:
    if call.opset < 13:
        return _over_rows(x, 1 if axis is None else axis, lambda v: _one_largest(v, 1))
    return _one_largest(x, -1 if axis is None else axis)


def _one_largest(x: Any, axis: int) -> Any:
    return mg.zeros_like(x).scatter(axis, x.argmax(axis, keepdim=True), 1.0)


def _over_rows(x: Any, axis: int, compute: Any) -> Any:
    """What opsets below 13 do: all dimensions from ``axis`` on as one."""
    axis %= max(x.ndim, 1)
    rows = math.prod(x.shape[:axis])
    return compute(x.reshape(rows, x.numel() // max(rows, 1))).reshape(tuple(x.shape))


@operator("Softmax", "LogSoftmax")
def softmax(call: Any, x: Any, axis: Any = None) -> Any:
    compute = mg.softmax if call.kind == "Softmax" else mg.log_softmax
    if call.opset < 13:
        return _over_rows(x, 1 if axis is None else axis, lambda v: compute(v, 1))
    return compute(x, -1 if axis is None else axis)


@operator("Gelu")
def gelu(call: Any, x: Any, approximate: str = "none") -> Any:
    return F.gelu(x, approximate=approximate)


@operator("Swish")
def swish(call: Any, x: Any, alpha: float = 1.0) -> Any:
    return x * mg.sigmoid(x * alpha)


@operator("Shrink")
def shrink(call: Any, x: Any, bias: float = 0.0, lambd: float = 0.5) -> Any:
    below, above = x < -lambd, x > lambd
    return mg.where(below, (x + bias).to(x.dtype), mg.where(above, (x - bias).to(x.dtype), mg.zeros_like(x)))


@operator("Dropout")
def dropout(call: Any, x: Any, ratio: Any = None, training: Any = None, **attributes: Any) -> Any:
    """The identity, as all of a file is run in inference; or, if the file says so, dropout."""
    share = 0.5 if ratio is None else float(scalar(ratio))
    if training is not None and bool(scalar(training)) and share:
        draw = (
            np.random.RandomState(attributes["seed"]).uniform
            if "seed" in attributes
            else np.random.default_rng().uniform
        )
        mask = tensor(draw(0, 1, tuple(x.shape)) >= share)
        return x * mask.to(x.dtype) / (1 - share), mask
    return x, mg.ones(tuple(x.shape), dtype=mg.bool)


@operator("CumSum", "CumProd")
def running(call: Any, x: Any, axis: Any, exclusive: int = 0, reverse: int = 0) -> Any:
    along = int(scalar(axis)) % x.ndim
    found = x.flip(along) if reverse else x
    total = found.cumsum(along) if call.kind == "CumSum" else found.cumprod(along)
    total = total.to(x.dtype)
    if exclusive:
        first = mg.full_like(total.narrow(along, 0, 1), 0 if call.kind == "CumSum" else 1)
        total = mg.cat([first, total.narrow(along, 0, total.shape[along] - 1)], along)
    return total.flip(along) if reverse else total
