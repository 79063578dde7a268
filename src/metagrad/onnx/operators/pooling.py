"""Pooling: the largest, the mean or the norm of windows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.nn import functional as F
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.convolution import CONV, padded, windows_of
from metagrad.onnx.operators.registry import ints, numbers, operator, tensor

MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def _ceil_pads(extents: Any, kernel: Any, strides: Any, pads: list[int], dilations: Any, ceil: int) -> list[int]:
    """Paddings behind with which windows that begin inside also count."""
    axes = len(kernel)
    more = [0] * axes
    for a, n in enumerate(extents):
        if ceil:
            reach = dilations[a] * (kernel[a] - 1) + 1
            room = n + pads[a] + pads[axes + a] - reach
            count = -(-room // strides[a]) + 1
            if (count - 1) * strides[a] >= n + pads[a]:
                count -= 1
            more[a] = max(0, (count - 1) * strides[a] + reach - n - pads[a] - pads[axes + a])
    return more


@operator("MaxPool")
def max_pool(
    call: Any, x: Any, *, kernel_shape: Any, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: Any = None, pads: Any = None,
    storage_order: int = 0, strides: Any = None,
) -> Any:  # fmt: skip
    axes = len(kernel_shape)
    strides, pads, dilations = windows_of(x, kernel_shape, strides, pads, dilations, auto_pad)
    more = _ceil_pads(x.shape[2:], kernel_shape, strides, pads, dilations, ceil_mode)
    pads = pads[:axes] + [p + m for p, m in zip(pads[axes:], more, strict=True)]
    kind = x.dtype
    if not x.is_floating_point():
        x = x.to(mg.float64)
    wide = padded(x, pads, -math.inf)
    y, index = MAX_POOL[axes](wide, kernel_shape, strides, 0, dilations, return_indices=True)
    y = y.to(kind)
    if len(call.wanted) < 2:
        return y
    places = np.stack(np.unravel_index(numbers(index), tuple(wide.shape[2:])))
    for a in range(axes):
        places[a] -= pads[a]
    order = range(axes)[::-1] if storage_order else range(axes)
    extents = [x.shape[2 + a] for a in order]
    flat = np.zeros(index.shape, np.int64)
    for a, n in zip(order, extents, strict=True):
        flat = flat * n + places[a]
    plane = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *[1] * axes) * math.prod(x.shape[2:])
    return y, tensor(flat + plane)


@operator("AveragePool")
def average_pool(
    call: Any, x: Any, *, kernel_shape: Any, auto_pad: str = "NOTSET", ceil_mode: int = 0, count_include_pad: int = 0,
    dilations: Any = None, pads: Any = None, strides: Any = None,
) -> Any:  # fmt: skip
    total, count = _window_sums(x, kernel_shape, auto_pad, ceil_mode, count_include_pad, dilations, pads, strides)
    return (total / count.to(total.dtype)).to(x.dtype)


def _window_sums(
    x: Any, kernel: Any, auto_pad: str, ceil_mode: int, count_pad: int, dilations: Any, pads: Any, strides: Any
) -> Any:
    """The sum of each window, and how many elements count in it."""
    axes = len(kernel)
    strides, pads, dilations = windows_of(x, kernel, strides, pads, dilations, auto_pad)
    more = _ceil_pads(x.shape[2:], kernel, strides, pads, dilations, ceil_mode)
    ones = mg.ones(1, 1, *x.shape[2:], dtype=x.dtype)
    ones = padded(ones, pads, 1.0 if count_pad else 0.0)
    wide = padded(x, pads)
    beyond = [0] * axes + more
    wide, ones = padded(wide, beyond), padded(ones, beyond)
    filters = mg.ones(1, 1, *kernel, dtype=x.dtype)

    def summed(v: Any) -> Any:
        planes = v.reshape(math.prod(v.shape[:2]), 1, *v.shape[2:])
        y = CONV[axes](planes, filters, None, stride=strides, dilation=dilations)
        return y.reshape(*v.shape[:2], *y.shape[2:])

    return summed(wide), summed(ones)


@operator("LpPool")
def lp_pool(
    call: Any, x: Any, *, kernel_shape: Any, auto_pad: str = "NOTSET", ceil_mode: int = 0, dilations: Any = None, p: int = 2,
    pads: Any = None, strides: Any = None,
) -> Any:  # fmt: skip
    total, _ = _window_sums(x.abs() ** p, kernel_shape, auto_pad, ceil_mode, 1, dilations, pads, strides)
    return total ** (1 / p)


@operator("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(call: Any, x: Any, p: int = 2) -> Any:
    axes = tuple(range(2, x.ndim))
    if call.kind == "GlobalMaxPool":
        return mg.amax(x, axes, keepdim=True)
    return (
        x.mean(axes, keepdim=True)
        if call.kind == "GlobalAveragePool"
        else (x.abs() ** p).sum(axes, keepdim=True) ** (1 / p)
    )


@operator("MaxUnpool")
def max_unpool(
    call: Any, x: Any, index: Any, shape: Any = None, *, kernel_shape: Any, pads: Any = None, strides: Any = None
) -> Any:
    axes = len(kernel_shape)
    strides, pads = strides or [1] * axes, pads or [0] * 2 * axes
    extents = [
        (n - 1) * s + k - pads[a] - pads[axes + a]
        for a, (n, s, k) in enumerate(zip(x.shape[2:], strides, kernel_shape, strict=True))
    ]
    natural = [*x.shape[:2], *extents]
    i = numbers(index).reshape(-1)
    if shape is not None and ints(shape) != natural:
        i = np.ravel_multi_index(np.unravel_index(i, natural), ints(shape))
        natural = ints(shape)
    flat = mg.zeros(math.prod(natural), dtype=x.dtype)
    return flat.index_copy(0, tensor(i.astype(np.int64)), x.reshape(-1)).reshape(natural)


# ------------------------------------------------ normalization
