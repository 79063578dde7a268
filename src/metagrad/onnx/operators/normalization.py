"""Normalization over the batch, over features, over groups."""

from __future__ import annotations

from typing import Any

from metagrad.nn import functional as F
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import operator


@operator("BatchNormalization")
def batch_normalization(
    call: Any, x: Any, scale: Any, b: Any, mean: Any, var: Any, epsilon: float = 1e-5, momentum: float = 0.9,
    training_mode: int = 0, **_: Any,
) -> Any:  # fmt: skip
    shape = (-1,) + (1,) * (x.ndim - 2)
    if not training_mode:
        return F.batch_norm(x, mean.to(x.dtype), var.to(x.dtype), scale.to(x.dtype), b.to(x.dtype), False, 0.0, epsilon)
    axes = (0, *range(2, x.ndim))
    own, spread = x.mean(axes), x.var(axes, correction=0)
    y = (x - own.reshape(shape)) * (spread.reshape(shape) + epsilon).rsqrt() * scale.reshape(shape) + b.reshape(shape)
    return y, mean * momentum + own * (1 - momentum), var * momentum + spread * (1 - momentum)


@operator("InstanceNormalization")
def instance_normalization(call: Any, x: Any, scale: Any, b: Any, epsilon: float = 1e-5, **_: Any) -> Any:
    axes, shape = tuple(range(2, x.ndim)), (-1,) + (1,) * (x.ndim - 2)
    centred = x - x.mean(axes, keepdim=True)
    y = centred * ((centred * centred).mean(axes, keepdim=True) + epsilon).rsqrt()
    return y * scale.reshape(shape) + b.reshape(shape)


@operator("GroupNormalization")
def group_normalization(
    call: Any, x: Any, scale: Any, b: Any, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    y = F.group_norm(x, num_groups, None, None, epsilon)
    shape = (-1,) + (1,) * (x.ndim - 2)
    if scale.numel() != x.shape[1]:  # opset 18: one for each group
        scale, b = (v.repeat_interleave(x.shape[1] // num_groups) for v in (scale, b))
    return y * scale.reshape(shape) + b.reshape(shape)


@operator("LayerNormalization")
def layer_normalization(
    call: Any, x: Any, scale: Any, b: Any = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    axis = axis % x.ndim
    shape = tuple(x.shape[axis:])
    if (
        len(call.wanted) < 2
        and tuple(scale.shape) == shape
        and (b is None or tuple(b.shape) == shape)
        and x.dtype == scale.dtype
    ):
        return F.layer_norm(x, shape, scale, b, epsilon)
    axes = tuple(range(axis, x.ndim))
    mean = x.mean(axes, keepdim=True)
    centred = x - mean
    inverse = ((centred * centred).mean(axes, keepdim=True) + epsilon).rsqrt()
    y = centred * inverse * scale
    return (y if b is None else y + b), mean, inverse


@operator("RMSNormalization")
def rms_normalization(
    call: Any, x: Any, scale: Any, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Any:
    axes = tuple(range(axis % x.ndim, x.ndim))
    return x * ((x * x).mean(axes, keepdim=True) + epsilon).rsqrt() * scale


@operator("LRN")
def lrn(call: Any, x: Any, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Any:
    low, high = (size - 1) // 2, size - 1 - (size - 1) // 2
    squares = x * x
    flat = [0, 0] * (x.ndim - 2) + [low, high]
    wide = mg.constant_pad_nd(squares, flat)
    total = wide.narrow(1, 0, x.shape[1])
    for i in range(1, size):
        total = total + wide.narrow(1, i, x.shape[1])
    return x / (total * (alpha / size) + bias) ** beta


@operator("MeanVarianceNormalization")
def mean_variance_normalization(call: Any, x: Any, axes: Any = (0, 2, 3)) -> Any:
    centred = x - x.mean(tuple(axes), keepdim=True)
    return centred / ((centred * centred).mean(tuple(axes), keepdim=True).sqrt() + 1e-9)


# ------------------------------------------------ recurrent layers
