"""Images resized and sampled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.nn import functional as F
from metagrad.onnx.operators import ops as mg
from metagrad.onnx.operators.registry import axes_of, ints, numbers, operator, tensor
from metagrad.onnx.operators.shapes import sound


def _cubic(distance: float, a: float) -> list[float]:
    s = [1 + distance, distance, 1 - distance, 2 - distance]
    near = [((a + 2) * v - (a + 3)) * v * v + 1 for v in s[1:3]]
    far = [((a * v - 5 * a) * v + 8 * a) * v - 4 * a for v in (s[0], s[3])]
    return [far[0], near[0], near[1], far[1]]


class _Axis:
    """How an axis is resized: for every result a row of weights over the input, (O, N)."""

    def __init__(self, n: int, o: int, scale: float, how: dict[str, Any], roi: tuple[float, float]) -> None:
        self.n, self.o, self.scale, self.how, self.roi = n, o, scale, how, roi
        self.matrix = np.zeros((o, n))
        self.outside = np.zeros(o, bool)
        for i in range(o):
            self._fill(i, self._place(i))

    def _place(self, i: int) -> float:
        n, scale, mode = self.n, self.scale, self.how["coordinate_transformation_mode"]
        whole = scale * n
        if mode == "asymmetric":
            return i / scale
        if mode == "align_corners":
            return 0.0 if whole == 1 else i * (n - 1) / (whole - 1)
        if mode == "tf_crop_and_resize":
            a, b = self.roi
            at = a * (n - 1) + i * (b - a) * (n - 1) / (self.o - 1) if self.o > 1 else 0.5 * (a + b) * (n - 1)
            self.outside[i] = at < 0 or at > n - 1
            return at
        if mode == "pytorch_half_pixel":
            return (i + 0.5) / scale - 0.5 if self.o > 1 else -0.5
        if mode == "half_pixel_symmetric":
            adjustment = self.o / whole
            return n / 2 * (1 - adjustment) + (i + 0.5) / scale - 0.5
        return (i + 0.5) / scale - 0.5

    def _fill(self, i: int, at: float) -> None:
        mode = self.how["mode"]
        if mode == "nearest":
            self.matrix[i, min(max(self._nearest(at), 0), self.n - 1)] = 1
            return
        if self.how["antialias"] and self.scale < 1:
            self._antialiased(i, at)
            return
        low = math.floor(at)
        t = at - low
        weights = [1 - t, t] if mode == "linear" else _cubic(t, self.how["cubic_coeff_a"])
        first = low if mode == "linear" else low - 1
        self._add(i, [(first + k, w) for k, w in enumerate(weights)])

    def _antialiased(self, i: int, at: float) -> None:
        a, linear = self.how["cubic_coeff_a"], self.how["mode"] == "linear"
        support = (1 if linear else 2) / self.scale
        terms = []
        for j in range(math.floor(at - support) + 1, math.ceil(at + support)):
            d = abs((j - at) * self.scale)
            if linear:
                w = max(0.0, 1 - d)
            elif d <= 1:
                w = ((a + 2) * d - (a + 3)) * d * d + 1
            else:
                w = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a if d < 2 else 0.0
            terms.append((j, w))
        total = sum(w for _, w in terms)
        self._add(i, [(j, w / total) for j, w in terms], self.how["antialias"] and not self.how["exclude_outside"])

    def _add(self, i: int, terms: list[tuple[int, float]], clip: Any = True) -> None:
        if self.how["exclude_outside"]:
            inside = [(j, w) for j, w in terms if 0 <= j < self.n]
            total = sum(w for _, w in inside)
            terms = [(j, w / total) for j, w in inside]
        for j, w in terms:
            self.matrix[i, min(max(j, 0), self.n - 1)] += w

    def _nearest(self, at: float) -> int:
        rule = self.how["nearest_mode"]
        if rule == "floor":
            return math.floor(at)
        if rule == "ceil":
            return math.ceil(at)
        if rule == "round_prefer_ceil":
            return math.floor(at + 0.5)
        return math.ceil(at - 0.5)


@operator("Resize", "Upsample")
def resize(call: Any, x: Any, *given: Any, **attributes: Any) -> Any:
    """Each axis by itself: a product with a matrix of weights."""
    if call.kind == "Upsample" or call.opset < 11:
        roi, scales, sizes = None, given[0] if given else tensor(np.array(attributes["scales"])), None
        how: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        roi, scales, sizes = (*given, None, None, None)[:3]
        how = {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_floor"}
    how = {"mode": "nearest", "cubic_coeff_a": -0.75, "exclude_outside": 0, "antialias": 0, **how, **attributes}
    axes = axes_of(attributes["axes"], x.ndim) if attributes.get("axes") is not None else tuple(range(x.ndim))
    if sizes is not None and sizes.numel():
        out, factors = _to_sizes(x, ints(sizes), axes, attributes.get("keep_aspect_ratio_policy", "stretch"))
    else:
        factors = [float(v) for v in numbers(scales).reshape(-1)]
        out = [math.floor(x.shape[a] * f) for a, f in zip(axes, factors, strict=True)]
    sound([out[axes.index(d)] if d in axes else n for d, n in enumerate(x.shape)], "Resize")
    kind = x.dtype
    y = x if x.is_floating_point() else x.to(mg.float64)
    corners = np.zeros(2 * len(axes)) if roi is None or not roi.numel() else numbers(roi)
    barred = []
    for place, (axis, o, f) in enumerate(zip(axes, out, factors, strict=True)):
        crop = how["coordinate_transformation_mode"] == "tf_crop_and_resize"
        if o == x.shape[axis] and f == 1 and not crop:
            continue
        sound([o, x.shape[axis], 16], "Resize")
        rule = _Axis(x.shape[axis], o, f, how, (float(corners[place]), float(corners[len(axes) + place])))
        y = (y.transpose(axis, -1) @ tensor(rule.matrix.T.astype(numbers(y).dtype))).transpose(axis, -1)
        barred.append((axis, rule.outside))
    for axis, outside in barred:
        if outside.any():
            mask = tensor(outside.reshape([-1 if d == axis else 1 for d in range(x.ndim)]))
            y = mg.where(mask, mg.tensor(float(attributes.get("extrapolation_value", 0.0)), dtype=y.dtype), y)
    return y if kind == y.dtype else y.round().to(kind) if how["mode"] != "nearest" else y.to(kind)


def _to_sizes(x: Any, sizes: list[int], axes: tuple[int, ...], policy: str) -> tuple[list[int], list[float]]:
    factors = [o / x.shape[a] for o, a in zip(sizes, axes, strict=True)]
    if policy == "stretch":
        return sizes, factors
    one = min(factors) if policy == "not_larger" else max(factors)
    return [math.floor(one * x.shape[a] + 0.5) for a in axes], [one] * len(axes)


@operator("GridSample")
def grid_sample(
    call: Any, x: Any, grid: Any, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros"
) -> Any:
    names = {
        "linear": "bilinear",
        "bilinear": "bilinear",
        "cubic": "bicubic",
        "bicubic": "bicubic",
        "nearest": "nearest",
    }
    return F.grid_sample(x, grid, names[mode], padding_mode, bool(align_corners))


@operator("AffineGrid")
def affine_grid(call: Any, theta: Any, size: Any, align_corners: int = 0) -> Any:
    return F.affine_grid(theta, ints(size), bool(align_corners))


@operator("RoiAlign")
def roi_align(
    call: Any, x: Any, rois: Any, batch: Any, *, coordinate_transformation_mode: str = "half_pixel", mode: str = "avg",
    output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0, spatial_scale: float = 1.0,
) -> Any:  # fmt: skip
    """Means (or largest weighted corners) of samples in the cells of each region."""
    a, boxes, images = numbers(x), numbers(rois) * spatial_scale, ints(batch)
    half = coordinate_transformation_mode == "half_pixel"
    sound(
        [len(boxes), a.shape[1], output_height, output_width, max(1, sampling_ratio), max(1, sampling_ratio)],
        "RoiAlign",
    )
    found = np.zeros((len(boxes), a.shape[1], output_height, output_width), a.dtype)
    for r, ((x1, y1, x2, y2), image) in enumerate(zip(boxes - (0.5 if half else 0), images, strict=True)):
        w, h = x2 - x1, y2 - y1
        if not half:
            w, h = max(w, 1.0), max(h, 1.0)
        bw, bh = w / output_width, h / output_height
        nx = sampling_ratio or math.ceil(w / output_width)
        ny = sampling_ratio or math.ceil(h / output_height)
        for i, j in np.ndindex(output_height, output_width):
            samples = [
                _bilinear(a[image], y1 + i * bh + (p + 0.5) * bh / ny, x1 + j * bw + (q + 0.5) * bw / nx, mode == "max")
                for p in range(ny) for q in range(nx)
            ]  # fmt: skip
            found[r, :, i, j] = np.max(samples, 0) if mode == "max" else np.mean(samples, 0)
    return tensor(found)


def _bilinear(planes: Any, y: float, x: float, largest: bool) -> Any:
    height, width = planes.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(len(planes), planes.dtype)
    y, x = max(y, 0.0), max(x, 0.0)
    top, left = min(int(y), height - 1), min(int(x), width - 1)
    below, right = min(top + 1, height - 1), min(left + 1, width - 1)
    dy, dx = (y - top if top < height - 1 else 0.0), (x - left if left < width - 1 else 0.0)
    corners = [
        planes[:, top, left] * (1 - dy) * (1 - dx), planes[:, top, right] * (1 - dy) * dx,
        planes[:, below, left] * dy * (1 - dx), planes[:, below, right] * dy * dx,
    ]  # fmt: skip
    return np.max(corners, 0) if largest else np.sum(corners, 0)


# ------------------------------------------------ quantized numbers
