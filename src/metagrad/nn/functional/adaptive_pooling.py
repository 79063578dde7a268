"""Pooling to a given size, at random positions, and its reversal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metagrad.autograd.composites import guard, guarding
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import wrap
from metagrad.base.device import move, of_array
from metagrad.base.dtypes import scalar_name
from metagrad.base.typing import Array
from metagrad.kernels.libraries import is_outside
from metagrad.kernels.windows import Uneven, evenly
from metagrad.nn.functional.max_pooling import pooled_max
from metagrad.nn.functional.mean_pooling import mean_over
from metagrad.nn.functional.pooling_windows import check_input
from metagrad.nn.functional.tuples import OutputSize, Ratio, Setting, each
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.create.sampling import rand
from metagrad.ops.dtype_checks import refuse, unsupported
from metagrad.ops.index.gathering import gather, scatter
from metagrad.ops.reduce.reduction import mean
from metagrad.ops.shape.copying import formatted_as

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices", "fractional_max_pool2d", "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d", "fractional_max_pool3d_with_indices", "max_unpool1d", "max_unpool2d", "max_unpool3d",
]  # fmt: skip


def _windows(function: str, input: Tensor, output_size: OutputSize, axes: int) -> tuple[Any, ...]:
    """Windows that cover the last axes; an output size of None keeps the extent."""
    if axes > 1 and input.array.ndim <= axes and isinstance(output_size, (tuple, list)):
        raise ValueError(
            f"{function}: Input dimension should be at least {axes + 1}, but got input of size: {list(input.shape)}"
        )
    if input.array.ndim not in (axes + 1, axes + 2):
        check_input(function, input, axes)
    extents = input.array.shape[-axes:]
    wanted = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * axes
    if axes > 1 and len(wanted) != axes:
        raise RuntimeError(f"{function}: output_size must be {axes} numbers, or one for all axes. Got {wanted}")
    filled = [n if o is None else o for o, n in zip(wanted, extents, strict=False)]
    wanted = each(filled if len(wanted) == axes else output_size, axes, function, "output_size")
    if min(wanted) < 0:
        received = ", ".join(map(str, wanted))
        raise RuntimeError(
            f"{function}: elements of output_size must be greater than or equal to 0 but received {{{received}}}: "
            f"Trying to create tensor with negative dimension {min(wanted)}: {[*input.shape[:-axes], *wanted]}"
        )
    room = math.prod((*input.array.shape[:-axes], *wanted)) * input.array.itemsize
    if room >= 1 << 63:
        raise RuntimeError(f"{function}: Storage size calculation overflowed with output_size={wanted}")
    if 0 in extents and max(wanted) != 1 or "max" in function and 0 in input.array.shape[-axes - 1 :]:
        raise RuntimeError(
            f"{function}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {list(input.shape)} "
            f"with dimension {tuple(input.shape).index(0, input.ndim - axes - 1)} being empty"
        )
    return tuple(evenly(n, o) for n, o in zip(extents, wanted, strict=True))


def _adaptive_avg(axes: int, input: Tensor, output_size: OutputSize) -> Tensor:
    function = f"adaptive_avg_pool{axes}d"
    windows = _windows(function, input, output_size, axes)
    if input.array.dtype.kind not in "fV":
        raise unsupported(function, input.dtype)
    if all(w.count == 1 for w in windows):
        return mean(input, tuple(range(-axes, 0)), keepdim=True)
    lengths = [w.lengths if isinstance(w, Uneven) else [w.size] * w.count for w in windows]
    y = mean_over(input, windows, [np.asarray(n, np.int64) for n in lengths])
    guard(y._grad_fn, input)
    return y


def _adaptive_max(
    axes: int, input: Tensor, output_size: OutputSize, return_indices: bool
) -> Tensor | tuple[Tensor, Tensor]:
    function = f"adaptive_max_pool{axes}d"
    if input.array.dtype.kind not in "fV":
        raise unsupported(function, input.dtype)
    return pooled_max(function, input, _windows(function, input, output_size, axes), return_indices)


@asks_for_tensors
def adaptive_avg_pool1d(input: Tensor, output_size: OutputSize) -> Tensor:
    """Means of as many windows as are wanted: window o goes from ⌊o·L/O⌋ to ⌈(o + 1)·L/O⌉.

    input (N, C, L) or (C, L): result (N, C, O) or (C, O), O = output_size.

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.adaptive_avg_pool1d(metagrad.tensor([[1.0, 2.0, 3.0]]), 2)
    tensor([[1.5000, 2.5000]])
    """
    return _adaptive_avg(1, input, output_size)


@asks_for_tensors
@known_as("AdaptiveAvgPool2D")
def adaptive_avg_pool2d(input: Tensor, output_size: OutputSize) -> Tensor:
    """``adaptive_avg_pool1d`` over two axes; None in output_size keeps that axis."""
    return _adaptive_avg(2, input, output_size)


@asks_for_tensors
@known_as("AdaptiveAvgPool3D")
def adaptive_avg_pool3d(input: Tensor, output_size: OutputSize) -> Tensor:
    """``adaptive_avg_pool1d`` over three axes; None in output_size keeps that axis."""
    return _adaptive_avg(3, input, output_size)


@asks_for_tensors
def adaptive_max_pool1d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest of each of as many windows as are wanted, those of ``adaptive_avg_pool1d``.

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.adaptive_max_pool1d(metagrad.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[3., 3.]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """``adaptive_max_pool1d`` over two axes; None in output_size keeps that axis."""
    return _adaptive_max(2, input, output_size, return_indices)


@asks_for_tensors
def adaptive_max_pool3d(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """``adaptive_max_pool1d`` over three axes; None in output_size keeps that axis."""
    return _adaptive_max(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """``adaptive_max_pool1d``, and where each maximum was found."""
    return cast("tuple[Tensor, Tensor]", _adaptive_max(1, input, output_size, True))


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """``adaptive_max_pool2d``, and where each maximum was found."""
    return cast("tuple[Tensor, Tensor]", _adaptive_max(2, input, output_size, True))


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: OutputSize, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """``adaptive_max_pool3d``, and where each maximum was found."""
    return cast("tuple[Tensor, Tensor]", _adaptive_max(3, input, output_size, True))


def _random_starts(samples: Array, extent: int, count: int, size: int) -> Array:
    """Where windows begin along an axis, for each sample u in [0, 1): ⌊(o + u)·α⌋ − ⌊u·α⌋, and the last at the end."""
    starts = np.full((*samples.shape, count), extent - size, np.int64)
    if count > 1:
        alpha = np.asarray((extent - size) / (count - 1), samples.dtype)
        o = np.arange(count - 1, dtype=samples.dtype)
        u = samples[..., None]
        starts[..., :-1] = ((o + u) * alpha).astype(np.int64) - (u * alpha).astype(np.int64)
    return starts


def _check_samples(samples: Tensor, input: Tensor, shape: tuple[int, ...]) -> None:
    """Raise RuntimeError unless there is one sample for each plane and axis, in the input's dtype."""
    if samples.array.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {samples.array.ndim}")
    if samples.dtype is not input.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    for d, (found, wanted) in enumerate(zip(samples.shape, shape, strict=True)):
        if found < wanted or d > 0 and found > wanted:
            what = (
                "no less then input batch size",
                "equals to input channel size",
                f"equals to {wanted}; got {found}",
            )[d]
            raise RuntimeError(f"Expect _random_samples.size({d}) {what}.")


@guarding("input")
def _fractional_max(
    axes: int,
    input: Tensor,
    kernel_size: Setting,
    output_size: OutputSize,
    output_ratio: Ratio,
    samples: Tensor | None,
    return_indices: bool,
) -> Tensor | tuple[Tensor, Tensor]:
    function = f"fractional_max_pool{axes}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{function} requires specifying either an output_size or an output_ratio")
    check_input(function, input, axes)
    refuse(function, input, "c")
    extents = input.array.shape[-axes:]
    if output_size is None:
        if not isinstance(output_ratio, (tuple, list)):
            raise TypeError(
                f"object of type '{type(output_ratio).__name__}' has no len(): a ratio is wanted for each axis"
            )
        if len(output_ratio) != axes:
            raise ValueError(f"{function} requires output_ratio to have a number for each of {axes} axes")
        output_size = tuple(int(n * r) for n, r in zip(extents, output_ratio, strict=True))
    count = each(output_size, axes, function, "output_size")
    size = each(kernel_size, axes, function, "kernel_size")
    for axis, n, o, k in zip(("time", "height", "width")[-axes:], extents, count, size, strict=True):
        if o + k - 1 > n:
            raise RuntimeError(f"{function}(): pool {axis} {k} too large relative to input {axis} {n} for {o} windows")
        if o < 0 or k < 1:
            raise RuntimeError(f"{function}: pool size {k} and output size {o} do not fit an input of extent {n}")
    x = input if input.array.ndim == axes + 2 else input.unsqueeze(0)
    lead = tuple(x.shape)[:2]
    if samples is None:
        samples = rand(*lead, axes, dtype=input.dtype, device=input.device)
    _check_samples(samples, input, (*lead, axes))
    if 0 in count:
        y = x.new_zeros((*lead, *count)[x is not input :])
        return (y, y.long()) if return_indices else y
    drawn = samples.detach().cpu().numpy()[: lead[0]]
    order = range(axes) if axes == 3 else reversed(range(axes))  # which sample is for which axis, as in PyTorch
    index: Any = np.zeros((*lead, 1, 1), np.int64)  # (N, C, windows so far, elements of a window so far)
    for n, o, k, i in zip(extents, count, size, order, strict=True):
        starts = _random_starts(drawn[..., i], n, o, k)
        along = starts[..., :, None] + np.arange(k)
        index = (index[..., :, None, :, None] * n + along[..., None, :, None, :]).reshape(
            (*lead, index.shape[-2] * o, index.shape[-1] * k)
        )
    index = move(index, of_array(x.array))
    values = gather(x.detach().flatten(2), 2, wrap(index.reshape((*lead, index.shape[-2] * index.shape[-1]))))
    backwards = values.array.reshape(index.shape)[..., ::-1]
    last_nan = backwards.shape[-1] - 1 - np.argmax(np.isnan(backwards), -1)
    best = np.where(np.isnan(backwards).any(-1), last_nan, np.argmax(backwards[..., ::-1], -1))
    found = wrap(np.take_along_axis(index, best[..., None], -1)[..., 0])
    y = gather(x.flatten(2), 2, found)
    if y._grad_fn is not None:
        y._grad_fn.flat_in = (0,)
    shape = (*lead, *count) if x is input else (lead[1], *count)
    return (y.reshape(shape), found.reshape(shape)) if return_indices else y.reshape(shape)


@asks_for_tensors
def fractional_max_pool2d(
    input: Tensor, kernel_size: Setting, output_size: OutputSize = None, output_ratio: Ratio = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """The largest of windows that begin at random positions, 1 to 2 steps apart for a result more than half as large (Graham 2014).

    input (N, C, H, W) or (C, H, W); either output_size, or output_ratio of the input's extents, one for each.

    >>> import metagrad
    >>> metagrad.nn.functional.fractional_max_pool2d(metagrad.rand(1, 2, 9, 9), 2, output_ratio=(0.7, 0.7)).shape
    metagrad.Size([1, 2, 6, 6])
    """
    return _fractional_max(2, input, kernel_size, output_size, output_ratio, _random_samples, return_indices)


def fractional_max_pool3d(
    input: Tensor, kernel_size: Setting, output_size: OutputSize = None, output_ratio: Ratio = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:  # fmt: skip
    """``fractional_max_pool2d`` over three axes: input (N, C, D, H, W) or (C, D, H, W)."""
    return _fractional_max(3, input, kernel_size, output_size, output_ratio, _random_samples, return_indices)


def fractional_max_pool2d_with_indices(
    input: Tensor, kernel_size: Setting, output_size: OutputSize = None, output_ratio: Ratio = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``fractional_max_pool2d``, and where each maximum was found."""
    found = _fractional_max(2, input, kernel_size, output_size, output_ratio, _random_samples, True)
    return cast("tuple[Tensor, Tensor]", found)


def fractional_max_pool3d_with_indices(
    input: Tensor, kernel_size: Setting, output_size: OutputSize = None, output_ratio: Ratio = None, return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """``fractional_max_pool3d``, and where each maximum was found."""
    found = _fractional_max(3, input, kernel_size, output_size, output_ratio, _random_samples, True)
    return cast("tuple[Tensor, Tensor]", found)


def _unpooled_size(
    function: str,
    extents: tuple[int, ...],
    size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    given: Sequence[int] | None,
) -> tuple[int, ...]:
    usual = tuple((n - 1) * s - 2 * p + k for n, s, p, k in zip(extents, stride, padding, size, strict=True))
    if given is None:
        return usual
    given = tuple(given)
    if len(given) == len(usual) + 2:
        given = given[2:]
    if len(given) != len(usual):
        raise ValueError(
            f"{function}: output_size should be a sequence containing {len(usual)} or {len(usual) + 2} elements, but it has "
            f"a length of '{len(given)}'"
        )
    for d, (n, o, s) in enumerate(zip(usual, given, stride, strict=True)):
        if not n - s < o < n + s:
            raise ValueError(f'invalid output_size "{given}" (dim {d} must be between {n - s} and {n + s})')
    return tuple(map(int, given))


@guarding("indices")
def _max_unpool(
    axes: int,
    input: Tensor,
    indices: Tensor,
    size: Setting,
    stride: Setting | None,
    padding: Setting,
    output_size: Sequence[int] | None,
) -> Tensor:
    function = f"max_unpool{axes}d"
    refuse(function, input, "biuc")
    size = each(size, axes, function, "kernel_size")
    stride = size if stride is None else each(stride, axes, function, "stride")
    padding = each(padding, axes, function, "padding")
    if min(stride) <= 0:
        raise RuntimeError(f"{function}: strides should be greater than zero, but got stride: {list(stride)}")
    if indices.array.dtype != np.int64:
        raise RuntimeError(
            f"{function}: elements in indices should be type int64 but got: {scalar_name(indices.dtype)}"
        )
    check_input(function, input, axes)
    if tuple(indices.shape) != tuple(input.shape):
        raise RuntimeError(
            f"{function}: Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got "
            f"indices tensor with shape: {list(indices.shape)}"
        )
    lead = tuple(input.shape)[:-axes]
    extents = _unpooled_size(function, tuple(input.shape)[-axes:], size, stride, padding, output_size)
    room, positions = math.prod(extents), indices.array
    if is_outside(positions, 0, room):
        raise RuntimeError(
            f"{function}: Found an invalid max index: {positions.max() if positions.max() >= room else positions.min()} "
            f"(output volumes are of size {'x'.join(map(str, extents))}{'x1' * (axes == 1)})"
        )
    zeros = input.new_zeros((*lead, room))
    flat = (*lead, math.prod(input.shape[-axes:]))
    y = scatter(zeros, len(lead), indices.reshape(flat), input.reshape(flat)).reshape((*lead, *extents))
    return formatted_as(y, input)


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Setting,
    stride: Setting | None = None,
    padding: Setting = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Maxima put back where ``max_pool1d`` found them, zeros elsewhere.

    output_size: the extent that was pooled, where several have the same result.

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.max_unpool1d(*F.max_pool1d(metagrad.tensor([[1.0, 3.0, 2.0, 0.0]]), 2, return_indices=True), 2)
    tensor([[0., 3., 2., 0.]])
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@asks_for_tensors
@known_as("MaxUnpool2D")
def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Setting,
    stride: Setting | None = None,
    padding: Setting = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Maxima put back where ``max_pool2d`` found them, zeros elsewhere."""
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@asks_for_tensors
@known_as("MaxUnpool3D")
def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Setting,
    stride: Setting | None = None,
    padding: Setting = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Maxima put back where ``max_pool3d`` found them, zeros elsewhere."""
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
