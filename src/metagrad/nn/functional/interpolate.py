"""Images in another size: each result is a weighted sum of a few inputs, one axis after the other."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.base import dtypes
from metagrad.base.channels_last import channels_behind
from metagrad.base.device import move, of_array
from metagrad.base.layouts import inverse
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, spread
from metagrad.kernels.compiled import resampling
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.copying import assign
from metagrad.kernels.matmul import multiply_along
from metagrad.kernels.threads import get_num_threads
from metagrad.nn.functional.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from metagrad.nn.functional.interpolation_taps import ANTIALIASED, TAPS, Block, Taps, below, in_whole_numbers
from metagrad.nn.functional.tuples import Ratio
from metagrad.ops.dtype_checks import unsupported

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_MULTIPLICATION = 0.02  # nanoseconds that one takes, about

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]


def _as_matrix(x: Array) -> bool:
    """Whether to multiply by the matrix: zeros in it would carry nan to neighbours from an infinite number."""
    return isinstance(x, np.ndarray) and x.dtype.char in "fd" and bool(np.isfinite(x).all())


def _multiply(blocks: Sequence[Block], x: Array, axis: int) -> Array:
    """A matrix, given by its parts, times every vector along an axis of x."""
    count, outer, after = blocks[-1][0].stop, math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    y = np.empty((*x.shape[:axis], count, *x.shape[axis + 1 :]), x.dtype)
    given, result = x.reshape(outer, x.shape[axis], after), y.reshape(outer, count, after)

    def work(some: slice) -> None:
        multiply_along(blocks, given[some], result[some])

    cost = max(part.shape[1] for _, _, part in blocks) * count * after  # multiplications for each of the outer ones
    if cost * outer <= tuning.BLAS_STARTS_THREADS:
        work(slice(None))
    else:
        map_chunks(work, even_chunks(outer, outer, get_num_threads(), cost * _MULTIPLICATION), blas=True)
    return y


def _repeated(x: Array, times: int, axis: int) -> Array:
    """Every element along an axis so often, one after the other."""
    y = np.empty((*x.shape[: axis + 1], times, *x.shape[axis + 1 :]), x.dtype)
    for j in range(times):
        assign(y[(slice(None),) * (axis + 1) + (j,)], x)
    return y.reshape(*x.shape[:axis], x.shape[axis] * times, *x.shape[axis + 1 :])


def _along(weights: Array, x: Array, axis: int) -> Array:
    """Weights of an axis as an array that broadcasts with x, on its device and of its dtype."""
    return move(weights.astype(x.dtype).reshape((-1, *[1] * (x.ndim - axis - 1))), of_array(x))


class Resample(Function):
    """y[o] = Σ_t w[t, o] · x[i[t, o]] along an axis;   ∂L/∂x adds each ∂L/∂y to what it was made of."""

    def forward(self, x: Array, taps: Taps, axis: int) -> Array:
        self.taps, self.axis = taps, axis
        order = channels_behind(x)
        return self._along_axis(x.transpose(order), taps, order.index(axis)).transpose(inverse(order))

    def _along_axis(self, x: Array, taps: Taps, axis: int) -> Array:
        if x.__class__ is np.ndarray and (times := taps.repeats):
            return _repeated(x, times, axis)
        if x.__class__ is np.ndarray and taps.picks:
            return np.take(x, taps.index[0], axis)
        if _as_matrix(x):
            return _multiply(taps.blocks(x.dtype), x, axis)
        terms = [
            np.take(x, move(i, of_array(x)), axis) * _along(w, x, axis)
            for i, w in zip(taps.index, taps.weights, strict=True)
        ]
        return sum(terms[1:], start=terms[0])

    def backward(self, grad: Array) -> Array:
        return Unsample.on(grad, taps=self.taps, axis=self.axis)


class Unsample(Function):
    """x[j] = Σ w[t, o] · g[o] over all t and o with i[t, o] = j: the transpose of ``Resample``."""

    def forward(self, g: Array, taps: Taps, axis: int) -> Array:
        self.taps, self.axis = taps, axis
        order = channels_behind(g)
        return self._along_axis(g.transpose(order), taps, order.index(axis)).transpose(inverse(order))

    def _along_axis(self, g: Array, taps: Taps, axis: int) -> Array:
        if g.__class__ is np.ndarray and (times := taps.repeats):
            parts = g.reshape(*g.shape[:axis], taps.extent, times, *g.shape[axis + 1 :])
            if g.dtype.char == "e":  # added up in float32, rounded once
                return parts.sum(axis + 1, dtype=np.float32).astype(g.dtype)
            return functools.reduce(np.add, [parts[(slice(None),) * (axis + 1) + (j,)] for j in range(times)])
        if _as_matrix(g):
            return _multiply(taps.blocks(g.dtype, transposed=True), g, axis)
        x = np.zeros((*g.shape[:axis], taps.extent, *g.shape[axis + 1 :]), g.dtype, like=g)
        before: tuple[Any, ...] = (slice(None),) * axis
        for i, w in zip(taps.index, taps.weights, strict=True):
            edges = [0, *np.flatnonzero(np.diff(i)) + 1, len(i)]
            weighted = g * _along(w, g, axis)
            for start, stop in zip(edges, edges[1:], strict=False):
                x[(*before, int(i[start]))] += weighted[(*before, slice(int(start), int(stop)))].sum(axis)
        return x

    def backward(self, grad: Array) -> Array:
        return Resample.on(grad, taps=self.taps, axis=self.axis)


class ResampleImages(Function):
    """``Resample`` along the last two axes at once, of large images (*, H, W), in order in memory, by a compiled loop."""

    def forward(self, x: Array, rows: Taps, columns: Taps) -> Array:
        self.taps = {"rows": rows, "columns": columns}
        return _by_loop(resampling.resampled, x, (rows.index.shape[1], columns.index.shape[1]), rows, columns)

    def backward(self, grad: Array) -> Array:
        return UnsampleImages.on(grad, **self.taps)


class UnsampleImages(Function):
    """The transpose of ``ResampleImages``."""

    def forward(self, g: Array, rows: Taps, columns: Taps) -> Array:
        self.taps = {"rows": rows, "columns": columns}
        return _by_loop(resampling.resampled_backward, g, (rows.extent, columns.extent), rows, columns)

    def backward(self, grad: Array) -> Array:
        return ResampleImages.on(grad, **self.taps)


def _fits(x: Array) -> bool:
    """Whether a loop serves images: there are some for each thread."""
    usual = use_compiled(x) and x.flags.carray and channels_behind(x) == tuple(range(x.ndim))
    return usual and x.ndim == 4 and x.shape[0] * x.shape[1] >= 2 * get_num_threads()


def _by_loop(loop: Callable[..., None], x: Array, extents: tuple[int, int], rows: Taps, columns: Taps) -> Array:
    y = np.zeros((*x.shape[:-2], *extents), x.dtype)
    images, results = (a.reshape(-1, *a.shape[-2:]) for a in (np.require(x, None, ["C", "A", "W"]), y))
    lines = np.empty((len(images), columns.extent), x.dtype)
    whole = [a for taps in (rows, columns) for a in (taps.index.astype(np.uint64), taps.weights.astype(x.dtype))]
    spread(loop, [images, results, lines], [np.ascontiguousarray(a) for a in whole], elements=max(x.size, y.size))
    return y


_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "lanczos": 2, "trilinear": 3}
_AREA: dict[int, Callable[[Any, Any], Any]] = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def _sizes(
    extents: Sequence[int],
    size: int | Sequence[int] | None,
    scale: Ratio,
    recompute: bool | None,
) -> tuple[list[int], list[float | None]]:
    """The extents of the result, and the factors that positions are computed with (none: the ratio of the extents)."""
    if size is None and scale is None:
        raise ValueError("interpolate: either size or scale_factor should be defined")
    if size is not None and scale is not None:
        raise ValueError("interpolate: only one of size or scale_factor should be defined")
    given, name = (size, "size") if size is not None else (scale, "scale_factor")
    each: list[Any] = list(given) if isinstance(given, (tuple, list)) else [given] * len(extents)
    if len(each) != len(extents):
        raise ValueError(
            f"interpolate: Input and {name} must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {list(extents)} and {name} {given}; the input is (N, C, d1, d2, …)"
        )
    if size is not None:
        if recompute:
            raise ValueError("interpolate: recompute_scale_factor is not meaningful with an explicit size.")
        if any(isinstance(n, bool) or not hasattr(n, "__index__") for n in each):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with types "
                f"{[type(n) for n in each]}"
            )
        return [int(n) for n in each], [None] * len(each)
    if not all(isinstance(s, (int, float)) for s in each):
        raise TypeError(f"interpolate: expected scale_factor to be a number or a tuple of numbers, got {scale!r}")
    sizes = [math.floor(float(n) * s) for n, s in zip(extents, each, strict=True)]
    return sizes, [None] * len(each) if recompute else [float(s) for s in each]


def _named(extents: Sequence[int]) -> str:
    """Extents with the names of their dimensions."""
    return "(" + " ".join(f"{name}: {n}" for name, n in zip("DHW"[-len(extents) :], extents, strict=True)) + ")"


@composite
def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: Ratio = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input made larger or smaller: (N, C, *L) to (N, C, *size), or L·scale_factor rounded down.

    mode: "nearest" or "nearest-exact"; "linear", "bilinear" or "trilinear" for 3-D, 4-D or 5-D input; "bicubic" for 4-D
    (Keys 1981); "area", means. align_corners: the centres of the corner pixels stay on each other, rather than the corners.
    recompute_scale_factor: use the ratio of the extents, not the given factor. antialias: filters wide enough that nothing
    is left out ("bilinear", "bicubic", "lanczos"). Raises NotImplementedError for a mode or number of axes that is not
    among these, ValueError for settings that exclude each other, and RuntimeError for empty inputs and integers.

    >>> import metagrad
    >>> metagrad.nn.functional.interpolate(metagrad.tensor([[[0.0, 4.0]]]), size=4, mode="linear")
    tensor([[[0., 1., 3., 4.]]])
    """
    axes = input.array.ndim - 2
    for name, given in (("size", size), ("scale_factor", scale_factor)):
        if isinstance(given, (tuple, list)) and len(given) != axes:
            raise ValueError(
                f"interpolate: Input and {'output' if name == 'size' else name} must have the same number of spatial dimensions, "
                f"but got input with spatial dimensions of {list(input.array.shape[2:])} and "
                f"{'output size' if name == 'size' else 'scale_factor of shape'} {tuple(given)}"
            )
    if mode in ("nearest", "nearest-exact", "area"):
        if align_corners is not None:
            raise ValueError(
                "interpolate: align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic "
                "| trilinear"
            )
    if axes not in (1, 2, 3) or mode not in (*TAPS, *ANTIALIASED, "area") or mode == "bicubic" and axes != 2:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {axes + 2}D) for the modes: nearest | linear | "
            f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        )
    sizes, scales = _sizes(input.array.shape[2:], size, scale_factor, recompute_scale_factor)
    if antialias and (mode not in ANTIALIASED or axes != 2) or mode == "lanczos" and not antialias:
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input; lanczos "
            f"needs it: got {mode} and {axes + 2}-D"
        )
    if mode == "area":
        return cast("Tensor", _AREA[axes](input, sizes))
    if mode in _AXES and _AXES[mode] != axes:
        raise NotImplementedError(f"interpolate: Got {axes + 2}D input, but {mode} mode needs {_AXES[mode] + 2}D input")
    if input.array.shape[1] == 0:
        raise RuntimeError(
            f"interpolate: Non-empty {axes + 2}D data tensor expected but got a tensor with sizes {list(input.shape)}"
        )
    if min(*sizes, *input.array.shape[2:]) <= 0:
        raise RuntimeError(
            f"interpolate: Input and output sizes should be greater than 0, but got input {_named(input.shape[2:])} and output "
            f"{_named(sizes)}"
        )
    kind = input.dtype
    if kind.category != 2 and (kind is not dtypes.uint8 or mode in ("linear", "trilinear")):
        raise unsupported("interpolate", kind)
    exact = kind.category == 2 and kind not in (dtypes.float16, dtypes.bfloat16) or mode.startswith("nearest")
    whole = kind is dtypes.uint8 and not exact
    real = np.float64 if kind is dtypes.float64 or whole else np.float32
    x = input if exact else input.double() if whole else input.float()
    name = f"Upsample{mode.title().replace('-', '')}{axes}D{'Aa' if antialias else ''}"
    taps = below if mode == "nearest" and axes != 2 else (ANTIALIASED if antialias else TAPS)[mode]
    if axes == 2 and exact and _fits(x.array):
        each = zip(input.array.shape[2:], sizes, scales, strict=True)
        rows, columns = (taps(n, o, scale, bool(align_corners), real) for n, o, scale in each)
        return cast("Tensor", named(ResampleImages.apply(x, rows=rows, columns=columns), name))
    for d, (n, o, scale) in reversed([*enumerate(zip(input.array.shape[2:], sizes, scales, strict=True))]):
        along = taps(n, o, scale, bool(align_corners), real)
        if whole:
            along, unit = in_whole_numbers(along)
        x = Resample.apply(x, taps=along, axis=d + 2)
        if whole:  # bytes between the axes too, as in PyTorch
            x = (x / unit + 0.5).floor().clamp(0, 255)  # halves upward
    return cast("Tensor", named(x.to(kind), name))


_OLDER = "`nn.functional.{}` is deprecated. Use `nn.functional.interpolate` instead."


def upsample(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: Ratio = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """``interpolate``, under its old name."""
    warn(_OLDER.format("upsample"))
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: int | Sequence[int] | None = None, scale_factor: Ratio = None) -> Tensor:
    """``interpolate`` to the nearest, under its old name."""
    warn(_OLDER.format("upsample_nearest"))
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: int | Sequence[int] | None = None, scale_factor: Ratio = None) -> Tensor:
    """``interpolate`` in mode "bilinear" with aligned corners, under its old name."""
    warn(_OLDER.format("upsample_bilinear"))
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
