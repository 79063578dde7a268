"""Convolution, and its transpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.nn import functional as F
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import ints, numbers, operator, tensor
from metagrad.onnx.operators.shapes import sound

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def _same(extents: Any, kernel: Any, strides: Any, dilations: Any, upper: bool) -> list[int]:
    """Paddings with which there are ⌈extent / stride⌉ results."""
    low, high = [], []
    for n, k, s, d in zip(extents, kernel, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        small, large = total // 2, total - total // 2
        low.append(small if upper else large)
        high.append(large if upper else small)
    return low + high


def windows_of(x: Any, kernel: Any, strides: Any, pads: Any, dilations: Any, auto_pad: str) -> tuple[Any, Any, Any]:
    axes = len(kernel)
    strides, dilations = list(strides or [1] * axes), list(dilations or [1] * axes)
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same(x.shape[2:], kernel, strides, dilations, auto_pad == "SAME_UPPER")
    return strides, list(pads or [0] * 2 * axes), dilations


def padded(x: Any, pads: list[int], value: float = 0.0) -> Any:
    """x with its last axes padded: pads are all in front, then all behind."""
    axes = len(pads) // 2
    if not any(pads):
        return x
    sound([*x.shape[:-axes], *[n + pads[a] + pads[axes + a] for a, n in enumerate(x.shape[-axes:])]], "padding")
    flat = [w for a in range(axes - 1, -1, -1) for w in (pads[a], pads[axes + a])]
    return mg.constant_pad_nd(x, flat, value)


@operator("Conv")
def conv(
    call: Any, x: Any, w: Any, b: Any = None, *, auto_pad: str = "NOTSET", dilations: Any = None, group: int = 1,
    kernel_shape: Any = None, pads: Any = None, strides: Any = None,
) -> Any:  # fmt: skip
    axes = w.ndim - 2
    if axes not in CONV:
        raise NotImplementedError(f"Conv over {axes} axes")
    strides, pads, dilations = windows_of(x, list(w.shape[2:]), strides, pads, dilations, auto_pad)
    return CONV[axes](padded(x, pads), w, b, stride=strides, dilation=dilations, groups=group)


@operator("ConvTranspose")
def conv_transpose(
    call: Any, x: Any, w: Any, b: Any = None, *, auto_pad: str = "NOTSET", dilations: Any = None, group: int = 1,
    kernel_shape: Any = None, output_padding: Any = None, output_shape: Any = None, pads: Any = None, strides: Any = None,
) -> Any:  # fmt: skip
    axes, kernel = w.ndim - 2, list(w.shape[2:])
    strides, dilations = list(strides or [1] * axes), list(dilations or [1] * axes)
    extra = list(output_padding or [0] * axes)
    whole = [
        (n - 1) * s + d * (k - 1) + 1 + e
        for n, s, d, k, e in zip(x.shape[2:], strides, dilations, kernel, extra, strict=True)
    ]
    if output_shape is None and auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        output_shape = [n * s for n, s in zip(x.shape[2:], strides, strict=True)]
    if output_shape is not None:
        total = [n - o for n, o in zip(whole, list(output_shape)[-axes:], strict=True)]
        front = [t // 2 if auto_pad == "SAME_UPPER" else t - t // 2 for t in total]
        pads = front + [t - a for t, a in zip(total, front, strict=True)]
    pads = list(pads or [0] * 2 * axes)
    y = TRANSPOSED[axes](x, w, b, stride=strides, dilation=dilations, groups=group)
    if any(extra):
        fill = [w_ for e in reversed(extra) for w_ in (0, e)]
        grown = mg.constant_pad_nd(y if b is None else y - b.reshape(-1, *[1] * axes), fill)
        y = grown if b is None else grown + b.reshape(-1, *[1] * axes)
    return padded(y, [-p for p in pads])


@operator("Col2Im")
def col2im(
    call: Any, x: Any, image: Any, block: Any, *, dilations: Any = None, pads: Any = None, strides: Any = None
) -> Any:
    size, kernel = ints(image), ints(block)
    axes = len(size)
    strides, dilations, pads = strides or [1] * axes, dilations or [1] * axes, pads or [0] * 2 * axes
    counts = [
        (n + pads[a] + pads[axes + a] - dilations[a] * (kernel[a] - 1) - 1) // strides[a] + 1
        for a, n in enumerate(size)
    ]
    channels = x.shape[1] // math.prod(kernel)
    columns = numbers(x).reshape(x.shape[0], channels, *kernel, *counts)
    whole = np.zeros((x.shape[0], channels, *[n + pads[a] + pads[axes + a] for a, n in enumerate(size)]), columns.dtype)
    for k in np.ndindex(*kernel):
        where = [
            slice(k[a] * dilations[a], k[a] * dilations[a] + (counts[a] - 1) * strides[a] + 1, strides[a])
            for a in range(axes)
        ]
        whole[(slice(None), slice(None), *where)] += columns[(slice(None), slice(None), *k)]
    cut = [slice(pads[a], pads[a] + n) for a, n in enumerate(size)]
    return tensor(whole[(slice(None), slice(None), *cut)])


# ------------------------------------------------ pooling
