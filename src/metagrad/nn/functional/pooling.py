"""Pooling: the largest, the mean or the norm of each window that slides over one, two or three axes."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.function import Function
from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.channels_last import laid_out_as
from metagrad.base.typing import Array, Operand
from metagrad.kernels import pooling as kernel
from metagrad.kernels.windows import Windows, counts, extents
from metagrad.nn.functional.tuples import Setting, each
from metagrad.ops.arguments import asks_for_tensors, takes_exact_out
from metagrad.ops.dtype_checks import refuse, unsupported
from metagrad.ops.operands import cast_to
from metagrad.ops.pointwise.activation import relu
from metagrad.ops.pointwise.signs import abs as absolute
from metagrad.ops.pointwise.signs import sign

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d",
    "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices",
]  # fmt: skip

Axes = Sequence[Any]


def _planes(x: Array, axes: Axes) -> Array:
    """(*, *L) as (R, *L)."""
    lead = x.shape[: x.ndim - len(axes)]
    return x.reshape((math.prod(lead), *x.shape[x.ndim - len(axes) :]))


class MaxPool(Function):
    """y = the largest element of each window;   ∂L/∂x adds up the ∂L/∂y of the windows in which an element is the largest."""

    def forward(self, x: Array, axes: Axes, positions: bool) -> Any:
        self.axes, shape = axes, (*x.shape[: x.ndim - len(axes)], *counts(axes))
        if not positions and not any(self.needs):
            return laid_out_as(kernel.largest(_planes(x, axes), axes).reshape(shape), x)
        y, self.winners = kernel.max_pool(_planes(x, axes), axes)
        if not positions:
            return laid_out_as(y.reshape(shape), x)
        return laid_out_as(y.reshape(shape), x), laid_out_as(kernel.positions(self.winners, axes).reshape(shape), x)

    def backward(self, grad: Array, *_: Array) -> Array:
        return ToWinners.on(grad, winners=self.winners, axes=self.axes)


class ToWinners(Function):
    """x = zeros, with each g added at the position its window's largest element had;   ∂L/∂g = ∂L/∂x there."""

    def forward(self, g: Array, winners: list[Array], axes: Axes) -> Array:
        self.winners, self.axes = winners, axes
        x = kernel.to_winners(_planes(g, axes), winners, axes)
        return laid_out_as(x.reshape((*g.shape[: g.ndim - len(axes)], *extents(axes))), g)

    def backward(self, grad: Array) -> Array:
        return FromWinners.on(grad, winners=self.winners, axes=self.axes)


class FromWinners(Function):
    """y = the element at the position of each window's largest: the transpose of ``ToWinners``."""

    def forward(self, x: Array, winners: list[Array], axes: Axes) -> Array:
        self.winners, self.axes = winners, axes
        y = kernel.from_winners(_planes(x, axes), winners, axes)
        return y.reshape((*x.shape[: x.ndim - len(axes)], *counts(axes)))

    def backward(self, grad: Array) -> Array:
        return ToWinners.on(grad, winners=self.winners, axes=self.axes)


class SumPool(Function):
    """y = the sum of each window;   ∂L/∂x adds up the ∂L/∂y of the windows an element is in."""

    def forward(self, x: Array, axes: Axes) -> Array:
        self.axes = axes
        y = kernel.sum_pool(_planes(x, axes), axes).reshape((*x.shape[: x.ndim - len(axes)], *counts(axes)))
        return y if len(axes) == 3 else laid_out_as(y, x)  # as PyTorch

    def backward(self, grad: Array) -> Array:
        return Spread.on(grad, axes=self.axes)


class Spread(Function):
    """x = for each element, the sum of the g of the windows it is in: the transpose of ``SumPool``."""

    def forward(self, g: Array, axes: Axes) -> Array:
        self.axes = axes
        x = kernel.spread(_planes(g, axes), axes)
        return laid_out_as(x.reshape((*g.shape[: g.ndim - len(axes)], *extents(axes))), g)

    def backward(self, grad: Array) -> Array:
        return SumPool.on(grad, axes=self.axes)


def check_input(function: str, input: Tensor, axes: int) -> None:
    """Raise unless the input is (C, *L) or (N, C, *L), with only the batch allowed to be empty."""
    _check_shape(function, tuple(input.shape), axes)


def _check_shape(function: str, shape: tuple[int, ...], axes: int) -> None:
    kinds = f"{axes + 1}D or {axes + 2}D (batch mode) tensor"
    if len(shape) not in (axes + 1, axes + 2) and axes > 1:
        raise RuntimeError(f"{function}: non-empty {kinds} expected for input, but got: {list(shape)}")
    if len(shape) not in (axes + 1, axes + 2) or 0 in shape[-axes - 1 :]:
        if axes == 3:
            raise RuntimeError(
                f"{function}: Expected input's non-batch dimensions to have positive length, but got: {list(shape)}"
            )
        raise RuntimeError(
            f"{function}: Expected {kinds} with optional 0 dim batch size for input, but got:{list(shape)}"
        )


def windows_of(
    function: str,
    input: Tensor,
    size: Setting,
    stride: Setting | None,
    padding: Setting,
    dilation: Setting,
    ceil_mode: bool,
    axes: int,
) -> tuple[Windows, ...]:
    """The windows over the last axes; ``ceil_mode``: also those that begin inside and end outside.

    Raises RuntimeError for settings out of range, or an input too small for a window.
    """
    size = _each(size, axes, function, "kernel_size")
    missing = stride is None or (isinstance(stride, (tuple, list)) and not stride)
    stride = size if missing else _each(stride, axes, function, "stride")
    padding = _each(padding, axes, function, "padding")
    dilation = _each(dilation, axes, function, "dilation")
    return _windows(function, input.array.shape, size, stride, padding, dilation, bool(ceil_mode))


def _each(value: Setting | None, axes: int, function: str, name: str) -> tuple[int, ...]:
    """``each``, in the words of pooling."""
    if axes > 1 and isinstance(value, (tuple, list)) and len(value) not in (1, axes):
        omitted = "omitted, " if name == "stride" else ""
        raise RuntimeError(
            f"{function}: {name} must either be {omitted}a single int, or a tuple of {('two', 'three')[axes - 2]} ints, got {value}"
        )
    return each(value, axes, function, name)


def _by(shape: tuple[int, ...]) -> str:
    """Extents as PyTorch's messages have them."""
    return f"({'x'.join(map(str, shape))})"


@functools.lru_cache(maxsize=256)  # the layers of a model ask for the same ones again and again
def _windows(
    function: str, shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...],
    dilation: tuple[int, ...], ceil_mode: bool,
) -> tuple[Windows, ...]:  # fmt: skip
    who = "max_pool1d()" if function == "max_pool1d" else f"{function}:"

    def too_small(name: str, got: tuple[int, ...]) -> RuntimeError:
        zero = "" if min(got) else f": {name.split('_')[0]} should not be zero"
        return RuntimeError(f"{who} {name} must be greater than zero, but got {min(got)}{zero}")

    if min(size) <= 0:
        raise too_small("kernel_size", size)
    if min(stride) <= 0:
        raise too_small("stride", stride)
    if min(dilation) <= 0:
        raise too_small("dilation", dilation)
    for k, p, d in zip(size, padding, dilation, strict=True):
        if p < 0 or p > (d * (k - 1) + 1) // 2:
            word = "padding" if function == "max_pool1d" else "pad"
            if p < 0:
                raise RuntimeError(f"{who} {word} must be non-negative, but got {p}")
            if function == "max_pool1d":
                raise RuntimeError(
                    f"{who} padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"
                )
            raise RuntimeError(
                f"{who} pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
    _check_shape(function, shape, len(size))
    found = []
    for n, k, s, p, d in zip(shape[-len(size) :], size, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        count = (n + 2 * p - reach + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        if count < 1:
            raise RuntimeError(
                f"{who} Invalid computed output size: {count}. Given input size: {_by(shape)}. Output size is too "
                f"small: input image ({n}) smaller than kernel size, kernel_size={k}, stride={s}, padding={p}, dilation={d}"
            )
        found.append(Windows(n, k, s, p, p, d, count))
    return tuple(found)


def pooled_max(function: str, input: Tensor, axes: Axes, return_indices: bool) -> Any:
    """The largest of each window, and where they were found if asked.

    Raises RuntimeError for dtypes that have no order.
    """
    if input.array.dtype.kind not in "fiuV":
        raise unsupported(function, input.dtype)
    return MaxPool.apply(input, axes=axes, positions=return_indices)


def _max_pool(
    axes: int,
    input: Tensor,
    size: Setting,
    stride: Setting | None,
    padding: Setting,
    dilation: Setting,
    ceil_mode: bool,
    return_indices: bool,
) -> Tensor | tuple[Tensor, Tensor]:
    function = f"max_pool{axes}d"
    if axes == 1 and not return_indices:
        refuse(function, input, "iu")
    windows = windows_of(function, input, size, stride, padding, dilation, ceil_mode, axes)
    return pooled_max(function, input, windows, return_indices)


@asks_for_tensors
def max_pool1d(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, dilation: Setting = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The largest of each window: y[n, c, o] = max_k x[n, c, o·stride − padding + k·dilation], padding never being it.

    input (N, C, L) or (C, L). ceil_mode: also windows that begin inside and end outside. return_indices: also where each
    was found. The gradient goes to the first of equal elements.

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.max_pool1d(metagrad.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    return _max_pool(
        1, input, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode, return_indices=return_indices
    )


@asks_for_tensors
def max_pool2d(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, dilation: Setting = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """``max_pool1d`` over two axes: input (N, C, H, W) or (C, H, W); indices count row by row, i·W + j.

    >>> import metagrad
    >>> metagrad.nn.functional.max_pool2d(metagrad.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(
        2, input, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode, return_indices=return_indices
    )


def max_pool3d(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, dilation: Setting = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """``max_pool1d`` over three axes: input (N, C, D, H, W) or (C, D, H, W)."""
    return _max_pool(
        3, input, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode, return_indices=return_indices
    )


def max_pool1d_with_indices(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, dilation: Setting = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``max_pool1d``, and where each maximum was found."""
    return cast("tuple[Tensor, Tensor]", max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True))


def max_pool2d_with_indices(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, dilation: Setting = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``max_pool2d``, and where each maximum was found."""
    return cast("tuple[Tensor, Tensor]", max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True))


def max_pool3d_with_indices(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, dilation: Setting = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``max_pool3d``, and where each maximum was found."""
    return cast("tuple[Tensor, Tensor]", max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True))


def mean_over(input: Tensor, axes: Axes, divisor: int | list[Array]) -> Tensor:
    """Sums of windows, divided by a number or by the size each window has along each axis.

    Raises RuntimeError for integers other than int64.
    """
    kind = input.dtype
    if kind.dtype.kind not in "fiV" or kind.dtype.kind == "i" and kind is not dtypes.int64:
        raise unsupported("avg_pool", kind)
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
        return cast("Tensor", _max_pool(axes, absolute(input), size, stride, 0, 1, ceil_mode, False))
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
