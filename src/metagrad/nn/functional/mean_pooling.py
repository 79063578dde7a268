"""Pooling by means and norms: those of each window that slides over one, two or three axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from metagrad.autograd.composites import composite, guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.channels_last import laid_out_as, pooled_as
from metagrad.base.typing import Array, Operand
from metagrad.kernels import pooling as kernel
from metagrad.kernels.windows import Windows, counts, extents
from metagrad.nn.functional.max_pooling import max_pool
from metagrad.nn.functional.pooling_windows import Axes, planes, windows_of
from metagrad.nn.functional.tuples import Setting, each
from metagrad.ops.arguments import asks_for_tensors, takes_exact_out
from metagrad.ops.dtype_checks import refuse, unsupported
from metagrad.ops.operands import cast_to
from metagrad.ops.pointwise.activation import relu
from metagrad.ops.pointwise.signs import abs as absolute
from metagrad.ops.pointwise.signs import sign

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d"]


class SumPool(Function):
    """y = the sum of each window;   ∂L/∂x adds up the ∂L/∂y of the windows an element is in."""

    flat_in = (0,)

    def forward(self, x: Array, axes: Axes) -> Array:
        self.axes = axes
        y = kernel.sum_pool(planes(x, axes), axes).reshape((*x.shape[: x.ndim - len(axes)], *counts(axes)))
        return y if len(axes) == 3 else pooled_as(y, x) if len(axes) == 1 else laid_out_as(y, x)  # as PyTorch

    def backward(self, grad: Array) -> Array:
        return Spread.on(grad, axes=self.axes)


class Spread(Function):
    """x = for each element, the sum of the g of the windows it is in: the transpose of ``SumPool``."""

    def forward(self, g: Array, axes: Axes) -> Array:
        self.axes = axes
        x = kernel.spread(planes(g, axes), axes)
        return laid_out_as(x.reshape((*g.shape[: g.ndim - len(axes)], *extents(axes))), g)

    def backward(self, grad: Array) -> Array:
        return SumPool.on(grad, axes=self.axes)


def mean_over(input: Tensor, axes: Axes, divisor: int | list[Array]) -> Tensor:
    """Sums of windows, divided by a number or by the size each window has along each axis.

    Raises RuntimeError for integers other than int64.
    """
    kind = input.dtype
    if kind.dtype.kind not in "fiV" or kind.dtype.kind == "i" and kind is not dtypes.int64:
        raise unsupported(f"avg_pool{max(2, len(axes))}d", kind)
    x = cast_to(input, dtypes.float32) if kind in (dtypes.float16, dtypes.bfloat16) else input
    total = SumPool.apply(x, axes=axes)
    by = _combined(divisor, x) if isinstance(divisor, list) else divisor
    mean = total.div(by, rounding_mode="trunc") if kind is dtypes.int64 else total / by
    return cast("Tensor", cast_to(mean, kind))


def _combined(sizes: list[Array], like: Tensor) -> Operand:
    """The sizes along each axis multiplied, one for each window; a single number if they are all the same."""
    product = np.ones((), np.int64)
    for along in sizes:
        product = product[..., None] * np.asarray(along)
    if not product.size:
        return 1
    if (product == product.flat[0]).all():
        return int(product.flat[0])
    return wrap(product.astype(like.array.dtype)).to(like.device)


@composite
def _avg_pool(
    axes: int,
    input: Tensor,
    size: Setting,
    stride: Setting | None,
    padding: Setting,
    ceil_mode: bool,
    count_pad: bool,
    divisor: int | None,
) -> Tensor:
    if axes == 3:
        refuse("avg_pool3d", input, "e")
    windows = windows_of(f"avg_pool{axes}d", input, size, stride, padding, 1, ceil_mode, axes)
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    return mean_over(input, windows, [_sizes(w, count_pad) for w in windows] if divisor is None else divisor)


def _sizes(windows: Windows, count_pad: bool) -> Array:
    """How many elements each window along an axis has, with those of the padding or without."""
    starts = np.arange(windows.count) * windows.stride - windows.low
    if count_pad:
        return np.minimum(starts + windows.size, windows.extent + windows.high) - starts
    return np.minimum(starts + windows.size, windows.extent) - np.maximum(starts, 0)


@asks_for_tensors
@guarding("input")
def avg_pool1d(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """The mean of each window: y[n, c, o] = 1/K · Σ_k x[n, c, o·stride − padding + k].

    input (N, C, L) or (C, L). count_include_pad: whether the zeros of the padding count in the mean.

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.avg_pool1d(metagrad.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@takes_exact_out
@known_as("AvgPool2D")
@guarding("input")
def avg_pool2d(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, *, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """``avg_pool1d`` over two axes: input (N, C, H, W) or (C, H, W). divisor_override: divide the sums by this instead.

    >>> import metagrad
    >>> metagrad.nn.functional.avg_pool2d(metagrad.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@takes_exact_out
@known_as("AvgPool3D")
@guarding("input")
def avg_pool3d(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None, *, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """``avg_pool1d`` over three axes: input (N, C, D, H, W) or (C, D, H, W)."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(
    axes: int, input: Tensor, norm_type: float, size: Setting, stride: Setting | None, ceil_mode: bool
) -> Tensor:
    """The p-norm of each window; that of infinity is the largest absolute value."""
    if norm_type == math.inf:
        return cast("Tensor", max_pool(axes, absolute(input), size, stride, 0, 1, ceil_mode, False))
    mean = _avg_pool(axes, input**norm_type, size, stride, 0, ceil_mode, True, None)
    count = math.prod(each(size, axes, f"lp_pool{axes}d", "kernel_size"))
    return (sign(mean) * relu(absolute(mean)) * count) ** (1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Setting, stride: Setting | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of each window, (Σ xᵖ)^(1/p) with p = norm_type; input (N, C, L) or (C, L).

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.lp_pool1d(metagrad.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Setting, stride: Setting | None = None, ceil_mode: bool = False
) -> Tensor:
    """``lp_pool1d`` over two axes: input (N, C, H, W) or (C, H, W)."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Setting, stride: Setting | None = None, ceil_mode: bool = False
) -> Tensor:
    """``lp_pool1d`` over three axes: input (N, C, D, H, W) or (C, D, H, W)."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
