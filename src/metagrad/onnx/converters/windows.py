"""Convolution, pooling, padding and resizing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.onnx.converters.registry import composite, function
from metagrad.onnx.merging import Extent


def _paddings(windows: Any) -> list[Any]:
    return [*[w.low for w in windows], *[w.high for w in windows]]


def _cut(g: Any, name: str, windows: Any, rank: int) -> tuple[str, list[int]]:
    """x with what negative paddings cut off gone, and the paddings that are left."""
    pads = _paddings(windows)
    if min(pads) >= 0:
        return name, pads
    count = len(windows)
    cuts = [min(p, 0) for p in pads]
    lead = [0] * (rank - count)
    name = g.op("Pad", name, g.ints([*lead, *cuts[:count], *lead, *cuts[count:]]))
    return name, [max(p, 0) for p in pads]


@function("Convolve")
def convolve(g: Any, step: Any, x: Any, w: Any, b: Any, windows: Any, groups: int) -> Any:
    name, pads = _cut(g, g.tensor(x), windows, len(windows) + 2)
    return g.op(
        "Conv", name, g.tensor(w), None if b is None else g.tensor(b), strides=[v.stride for v in windows], pads=pads,
        dilations=[v.dilation for v in windows], kernel_shape=[v.size for v in windows], group=groups,
    )  # fmt: skip


@function("InputGradient")
def transposed(g: Any, step: Any, x: Any, w: Any, windows: Any, groups: int) -> Any:
    return _transposed(g, g.tensor(x), g.tensor(w), windows, groups)


def _transposed(g: Any, x: str, w: str, windows: Any, groups: int) -> str:
    extra = []
    for v in windows:
        left = v.extent - ((v.count - 1) * v.stride - v.low - v.high + v.dilation * (v.size - 1) + 1)
        extra.append(g.static(left, "what is added to the extent of a transposed convolution"))
    return str(
        g.op(
            "ConvTranspose", x, w, strides=[v.stride for v in windows], pads=_paddings(windows), group=groups,
            dilations=[v.dilation for v in windows], kernel_shape=[v.size for v in windows], output_padding=extra,
        )
    )  # fmt: skip


def _picking(channels: int, windows: Any, dtype: Any) -> Any:
    """Filters each of which sees one element of a window of one channel: (C·K, 1, *k)."""
    size = [v.size for v in windows]
    count = math.prod(size)
    return np.tile(np.eye(count, dtype=dtype).reshape(count, 1, *size), (channels, *[1] * (len(size) + 1)))


@function("Unfold")
def unfold(g: Any, node: Any, /, x: Any, windows: Any = None, axis: int = 0, size: int = 0, step: int = 1) -> Any:
    if windows is None:
        return _unfolded(g, node, x, axis, size, step)
    channels = g.static(x.shape[1], "the number of channels")
    kernel = _picking(channels, windows, x.dtype)
    name, pads = _cut(g, g.tensor(x), windows, len(windows) + 2)
    found = g.op(
        "Conv", name, g.constant(kernel), strides=[v.stride for v in windows], pads=pads, group=channels,
        dilations=[v.dilation for v in windows], kernel_shape=[v.size for v in windows],
    )  # fmt: skip
    return g.reshape(found, node.outputs[0].shape)


@function("Fold")
def fold(g: Any, step: Any, y: Any, windows: Any) -> Any:
    channels = g.static(step.outputs[0].shape[1], "the number of channels")
    kernel = _picking(channels, windows, y.dtype)
    name = g.reshape(g.tensor(y), [y.shape[0], y.shape[1], *[v.count for v in windows]])
    high = [(v.count - 1) * v.stride + v.dilation * (v.size - 1) + 1 - v.low - v.extent for v in windows]
    fixed = [g.static(h, "the padding behind") for h in high]
    windows = [v._replace(high=max(h, 0)) for v, h in zip(windows, fixed, strict=True)]
    return _transposed(g, name, g.constant(kernel), windows, channels)


def _unfolded(g: Any, step: Any, x: Any, axis: int, size: int, by: int) -> str:
    """Windows of one dimension, side by side in a new last one."""
    rank = len(x.shape)
    if not rank:
        return str(g.reshape(g.tensor(x), step.outputs[0].shape))
    axis %= rank
    first = g.op("Mul", g.range(step.outputs[0].shape[axis]), np.array(by, np.int64))
    index = g.op("Add", g.op("Unsqueeze", first, g.ints([1])), g.constant(np.arange(size)))
    found = g.op("Gather", g.tensor(x), index, axis=axis)
    order = [*range(axis + 1), *range(axis + 2, rank + 1), axis + 1]
    return str(g.op("Transpose", found, perm=order))


# ------------------------------------------------ pooling


def _with_batch(g: Any, x: Any, axes: int) -> tuple[str, bool]:
    """x (N, C, *L), and whether the batch was added."""
    added = len(x.shape) == axes + 1
    return (g.op("Unsqueeze", g.tensor(x), g.ints([0])) if added else g.tensor(x)), added


def _settings(g: Any, windows: Any) -> dict[str, Any]:
    """Attributes of a pooling operator; also for windows that end outside (ceil_mode)."""
    high, ceil = [], 0
    for v in windows:
        fitting = (v.extent + v.low + v.high - (v.dilation * (v.size - 1) + 1)) // v.stride + 1
        more = v.count - fitting
        if more != 0:
            reach = (v.count - 1) * v.stride + v.dilation * (v.size - 1) + 1 - v.extent - v.low
            ceil = 0 if isinstance(reach, int) else 1
            high.append(reach if isinstance(reach, int) else v.high)
        else:
            high.append(v.high)
    return {
        "kernel_shape": [v.size for v in windows], "strides": [v.stride for v in windows],
        "pads": [*[v.low for v in windows], *high], "ceil_mode": ceil,
    }  # fmt: skip


def _uneven(windows: Any) -> bool:
    return not all(hasattr(v, "stride") for v in windows)


def _by_parts(g: Any, x: Any, windows: Any, reduction: str) -> str:
    """Windows of different sizes: each is reduced by itself, one axis after the other."""
    name, rank = g.tensor(x), len(x.shape)
    for d, v in enumerate(windows):
        axis = rank - len(windows) + d
        if isinstance(v.extent, Extent):
            raise g.refusal("windows of different sizes over an extent that may vary: leave it out of dynamic_axes")
        if hasattr(v, "stride"):
            bounds = [(o * v.stride, o * v.stride + v.size) for o in range(v.count)]
        else:
            bounds = [(o * v.extent // v.count, -(-(o + 1) * v.extent // v.count)) for o in range(v.count)]
        parts = [g.reduce(reduction, g.slice(name, [a], [b], [axis]), [axis], True) for a, b in bounds]
        name = parts[0] if len(parts) == 1 else g.op("Concat", *parts, axis=axis)
    return str(name)


def _global(windows: Any) -> bool:
    return all(v.count == 1 and v.extent == v.size for v in windows)


@function("SumPool")
def sum_pool(g: Any, step: Any, x: Any, axes: Any) -> Any:
    last = list(range(-len(axes), 0))
    if all(v.count == 1 for v in axes) and (_uneven(axes) or _global(axes)):
        return g.reduce("ReduceSum", g.tensor(x), last, True)
    if _uneven(axes):
        return _by_parts(g, x, axes, "ReduceSum")
    kind = step.outputs[0].dtype
    name, added = _with_batch(g, x, len(axes))
    wide = kind if kind.kind == "f" else np.dtype(np.float64)
    mean = g.op("AveragePool", g.cast(name, wide, kind), count_include_pad=1, **_settings(g, axes))
    found = g.op("Mul", mean, g.scalar(math.prod(v.size for v in axes), wide))
    found = found if wide == kind else g.cast(g.op("Round", found), kind, wide)
    return g.op("Squeeze", found, g.ints([0])) if added else found


@composite(
    "_avg_pool",
    when=lambda opset, axes, input, size, stride, padding, ceil, count, divisor: not ceil and divisor is None,
)
def average_pool(
    g: Any, step: Any, axes: int, x: Any, size: Any, stride: Any, padding: Any, ceil: bool, count: bool, divisor: Any
) -> Any:
    def each(value: Any) -> list[int]:
        return (
            [int(value)] * axes
            if isinstance(value, int)
            else [int(v) for v in value] * (axes if len(value) == 1 else 1)
        )

    kind = step.outputs[0].dtype
    if kind.kind != "f":
        raise g.refusal("the mean of integers")
    name, added = _with_batch(g, x, axes)
    size, padding = each(size), each(padding)
    stride = size if stride is None or stride in ((), []) else each(stride)
    found = g.op("AveragePool", name, kernel_shape=size, strides=stride, pads=padding * 2, count_include_pad=int(count))
    return g.op("Squeeze", found, g.ints([0])) if added else found


@function("MaxPool")
def max_pool(g: Any, step: Any, x: Any, axes: Any, positions: bool) -> Any:
    last = list(range(-len(axes), 0))
    if all(v.count == 1 for v in axes) and (_uneven(axes) or _global(axes)) and not positions:
        return g.reduce("ReduceMax", g.tensor(x), last, True)
    if _uneven(axes):
        if positions:
            raise g.refusal("the positions of the largest of windows of different sizes")
        return _by_parts(g, x, axes, "ReduceMax")
    kind = step.outputs[0].dtype
    name, added = _with_batch(g, x, len(axes))
    wide = kind if kind.kind == "f" else np.dtype(np.float64)
    settings = {**_settings(g, axes), "dilations": [v.dilation for v in axes]}
    found = g.op("MaxPool", g.cast(name, wide, kind), outputs=2 if positions else 1, **settings)
    results = found if positions else [found]
    results[0] = g.cast(results[0], kind, wide)
    if positions:
        plane: Any = 1
        for v in axes:
            plane = v.extent * plane
        results[1] = g.op("Mod", results[1], g.tensor(plane, np.int64))
    return [g.op("Squeeze", r, g.ints([0])) for r in results] if added else results


# ------------------------------------------------ padding and resizing


@function("Pad")
def pad(g: Any, step: Any, x: Any, widths: Any, value: Any) -> Any:
    kind = step.outputs[0].dtype
    wide = np.dtype(np.int32) if kind.kind == "b" else kind
    name = g.cast(g.tensor(x), wide, kind) if wide != kind else g.tensor(x)
    pads = g.ints([*[a for a, _ in widths], *[b for _, b in widths]])
    return g.cast(g.op("Pad", name, pads, g.scalar(value, wide)), kind, wide)


MODES = {
    "nearest": "nearest",
    "nearest-exact": "nearest",
    "linear": "linear",
    "bilinear": "linear",
    "trilinear": "linear",
    "bicubic": "cubic",
}


def _can_resize(
    opset: int, input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None, antialias: bool = False,
) -> bool:  # fmt: skip
    return mode in MODES and not antialias and input.array.dtype.kind == "f" and opset >= 18


@composite("interpolate", when=_can_resize)
def interpolate(
    g: Any, step: Any, x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None, antialias: bool = False,
) -> Any:  # fmt: skip
    axes = list(range(2, len(x.shape)))
    out = step.outputs[0].shape
    if mode == "nearest":
        where, rounding = "asymmetric", "floor"
    else:
        where, rounding = ("align_corners" if align_corners else "half_pixel"), "round_prefer_ceil"
    sizes = scales = None
    if scale_factor is None or recompute_scale_factor or align_corners:
        sizes = g.ints([out[a] for a in axes])
    else:
        each = scale_factor if isinstance(scale_factor, (tuple, list)) else [scale_factor] * len(axes)
        scales = g.constant(np.array(each, np.float32))
    return g.op(
        "Resize", g.tensor(x), None, scales, sizes, mode=MODES[mode], coordinate_transformation_mode=where, axes=axes,
        nearest_mode=rounding if MODES[mode] == "nearest" else None, cubic_coeff_a=-0.75 if mode == "bicubic" else None,
    )  # fmt: skip
