"""Pooling by maxima: the largest of each window that slides over one, two or three axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import Function
from metagrad.base.channels_last import laid_out_as, pooled_as
from metagrad.base.typing import Array
from metagrad.kernels import pooling as kernel
from metagrad.kernels.windows import counts, extents
from metagrad.nn.functional.tuples import Setting
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import refuse, unsupported

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor
from metagrad.nn.functional.pooling_windows import Axes, planes, windows_of

__all__ = [
    "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d",
    "max_pool3d_with_indices",
]  # fmt: skip


class MaxPool(Function):
    """y = the largest element of each window;   ∂L/∂x adds up the ∂L/∂y of the windows in which an element is the largest."""

    flat_in = (0,)

    def forward(self, x: Array, axes: Axes, positions: bool) -> Any:
        self.axes, shape = axes, (*x.shape[: x.ndim - len(axes)], *counts(axes))
        if not positions and not any(self.needs):
            return laid_out_as(kernel.largest(planes(x, axes), axes).reshape(shape), x)
        y, self.winners = kernel.max_pool(planes(x, axes), axes)
        lay = pooled_as if len(axes) == 1 else laid_out_as
        if not positions:
            return lay(y.reshape(shape), x)
        return lay(y.reshape(shape), x), lay(kernel.positions(self.winners, axes).reshape(shape), x)

    def backward(self, grad: Array, *_: Array) -> Array:
        return ToWinners.on(grad, winners=self.winners, axes=self.axes)


class ToWinners(Function):
    """x = zeros, with each g added at the position its window's largest element had;   ∂L/∂g = ∂L/∂x there."""

    def forward(self, g: Array, winners: list[Array], axes: Axes) -> Array:
        self.winners, self.axes = winners, axes
        x = kernel.to_winners(planes(g, axes), winners, axes)
        return laid_out_as(x.reshape((*g.shape[: g.ndim - len(axes)], *extents(axes))), g)

    def backward(self, grad: Array) -> Array:
        return FromWinners.on(grad, winners=self.winners, axes=self.axes)


class FromWinners(Function):
    """y = the element at the position of each window's largest: the transpose of ``ToWinners``."""

    def forward(self, x: Array, winners: list[Array], axes: Axes) -> Array:
        self.winners, self.axes = winners, axes
        y = kernel.from_winners(planes(x, axes), winners, axes)
        return y.reshape((*x.shape[: x.ndim - len(axes)], *counts(axes)))

    def backward(self, grad: Array) -> Array:
        return ToWinners.on(grad, winners=self.winners, axes=self.axes)


@guarding("input", results=(1,))
def pooled_max(function: str, input: Tensor, axes: Axes, return_indices: bool) -> Any:
    """The largest of each window, and where they were found if asked.

    Raises RuntimeError for dtypes that have no order.
    """
    if input.array.dtype.kind not in "fiuV":
        raise unsupported(function.replace("max_pool1d", "max_pool1d_impl"), input.dtype)
    return MaxPool.apply(input, axes=axes, positions=return_indices)


def max_pool(
    axes: int,
    input: Tensor,
    size: Setting,
    stride: Setting | None,
    padding: Setting,
    dilation: Setting,
    ceil_mode: bool,
    return_indices: bool,
) -> Tensor | tuple[Tensor, Tensor]:
    """``max_pool1d`` over so many axes."""
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
    return max_pool(
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
    return max_pool(
        2, input, kernel_size, stride, padding, dilation, ceil_mode=ceil_mode, return_indices=return_indices
    )


def max_pool3d(
    input: Tensor, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0, dilation: Setting = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """``max_pool1d`` over three axes: input (N, C, D, H, W) or (C, D, H, W)."""
    return max_pool(
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
