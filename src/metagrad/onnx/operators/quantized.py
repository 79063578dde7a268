"""Quantized numbers: integers with a scale and a zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.onnx.operators.registry import dtype_of, numbers, operator, tensor


def _along(v: Any, x: Any, axis: int, block: int = 0) -> Any:
    if v.ndim == 0 or v.size == 1:
        return v.reshape(())
    if block:
        return np.repeat(v, block, axis).take(np.arange(x.shape[axis]), axis)
    return v.reshape([-1 if d == axis % x.ndim else 1 for d in range(x.ndim)]) if v.ndim == 1 else v


@operator("QuantizeLinear")
def quantize(
    call: Any,
    x: Any,
    scale: Any,
    zero: Any = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    **_: Any,
) -> Any:
    a = numbers(x)
    kind = (
        numbers(zero).dtype
        if zero is not None
        else dtype_of(output_dtype).dtype
        if output_dtype
        else np.dtype(np.uint8)
    )
    if kind.kind not in "iu":
        raise NotImplementedError("QuantizeLinear to floats")
    s = _along(numbers(scale), a, axis, block_size)
    z = _along(numbers(zero), a, axis, block_size).astype(np.int64) if zero is not None else 0
    limits = np.iinfo(kind)
    return tensor(np.clip(np.rint(a / s).astype(np.float64) + z, limits.min, limits.max).astype(kind))


@operator("DequantizeLinear")
def dequantize(
    call: Any,
    x: Any,
    scale: Any,
    zero: Any = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    **_: Any,
) -> Any:
    a, s = numbers(x), numbers(scale)
    whole = a.astype(np.int64)
    if zero is not None:
        whole = whole - _along(numbers(zero), a, axis, block_size).astype(np.int64)
    kind = dtype_of(output_dtype).dtype if output_dtype else s.dtype
    return tensor((whole.astype(s.dtype) * _along(s, a, axis, block_size)).astype(kind))


@operator("DynamicQuantizeLinear")
def dynamic_quantize(call: Any, x: Any) -> Any:
    a = numbers(x)
    low, high = min(0.0, float(a.min())), max(0.0, float(a.max()))
    scale = np.float32((high - low) / 255)
    zero = np.clip(np.rint((0 - low) / scale), 0, 255).astype(np.uint8)
    y = np.clip(np.rint(a / scale) + zero, 0, 255).astype(np.uint8)
    return tensor(y), tensor(scale), tensor(zero)


@operator("QLinearMatMul")
def quantized_matmul(
    call: Any, a: Any, a_scale: Any, a_zero: Any, b: Any, b_scale: Any, b_zero: Any, y_scale: Any, y_zero: Any
) -> Any:
    x, w = (numbers(v).astype(np.int64) - numbers(z).astype(np.int64) for v, z in ((a, a_zero), (b, b_zero)))
    scale = numbers(a_scale).astype(np.float64) * numbers(b_scale) / numbers(y_scale)
    kind = numbers(y_zero).dtype
    limits = np.iinfo(kind)
    found = np.rint(np.matmul(x, w) * scale) + numbers(y_zero).astype(np.int64)
    return tensor(np.clip(found, limits.min, limits.max).astype(kind))


@operator("ConvInteger")
def conv_integer(call: Any, x: Any, w: Any, x_zero: Any = None, w_zero: Any = None, **settings: Any) -> Any:
    from metagrad.onnx.operators.convolution import conv

    values, filters = (
        tensor(
            numbers(v).astype(np.float64) - (0 if z is None else _along(numbers(z).astype(np.float64), numbers(v), 0))
        )
        for v, z in ((x, x_zero), (w, w_zero))
    )
    return tensor(np.rint(numbers(conv(call, values, filters, **settings))).astype(np.int32))


@operator("QLinearConv")
def quantized_conv(
    call: Any, x: Any, x_scale: Any, x_zero: Any, w: Any, w_scale: Any, w_zero: Any, y_scale: Any, y_zero: Any,
    b: Any = None, **settings: Any,
) -> Any:  # fmt: skip
    whole = numbers(conv_integer(call, x, w, x_zero, w_zero, **settings)).astype(np.int64)
    if b is not None:
        whole = whole + numbers(b).reshape(1, -1, *[1] * (whole.ndim - 2))
    scale = numbers(x_scale).astype(np.float64) * _along(numbers(w_scale), whole, 1) / numbers(y_scale)
    kind = numbers(y_zero).dtype
    limits = np.iinfo(kind)
    return tensor(
        np.clip(np.rint(whole * scale) + numbers(y_zero).astype(np.int64), limits.min, limits.max).astype(kind)
    )


# ------------------------------------------------ random numbers
