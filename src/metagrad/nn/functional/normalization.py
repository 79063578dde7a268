"""Normalization of channels: moved and scaled to mean 0 and variance 1 over a batch, an image, or a group of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.function import Function
from metagrad.autograd.mode import no_grad
from metagrad.autograd.node_names import known_as
from metagrad.autograd.transforms import not_transforming
from metagrad.autograd.variable import recording, wrap
from metagrad.base import dtypes
from metagrad.base.channels_last import suggested
from metagrad.base.layouts import inverse
from metagrad.base.typing import Array
from metagrad.kernels import column_norms as columns
from metagrad.kernels import normalization as kernels
from metagrad.kernels.compiled.normalization import NEAR
from metagrad.kernels.libraries import gpu_rows, is_on_gpu
from metagrad.nn.fast_normalization import (
    ChannelNorm,
    ColumnNorm,
    RunningNorm,
    joined,
    serves,
    serves_channels,
)
from metagrad.nn.functional.layer_norm import check_parameters
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import refuse, unsupported
from metagrad.ops.operands import cast_to, in_single
from metagrad.ops.shape.copying import contiguous, formatted_as
from metagrad.ops.shape.padding import constant_pad_nd

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "local_response_norm"]


class Standardize(Function):
    """y = (x − μ) r, r = (σ² + ε)^−½, μ and σ² over some axes;   ∂L/∂x = r (g − mean(g) − y mean(g y)), g = ∂L/∂y."""

    def forward(self, x: Array, axis: tuple[int, ...], eps: float) -> Array:
        self.axis, self.eps = axis, eps
        self.save(x)
        return self.formula(x)[0]

    def formula(self, x: Array) -> tuple[Any, Any]:
        """y and r."""
        mean = x.mean(axis=self.axis, keepdims=True)
        d = x - mean
        variance = (d * d).mean(axis=self.axis, keepdims=True)
        if d.__class__ is np.ndarray and (variance < mean * mean * NEAR).any():  # the mean's rounding would be seen
            d -= d.mean(axis=self.axis, keepdims=True)
            variance = (d * d).mean(axis=self.axis, keepdims=True)
        r = (variance + self.eps) ** -0.5
        return d * r, r

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        y, r = self.formula(x)
        centred = grad - grad.mean(axis=self.axis, keepdims=True)
        return r * (centred - y * (grad * y).mean(axis=self.axis, keepdims=True))


def _check_channels(name: str, input: Tensor, **parameters: Tensor | None) -> None:
    """``check_parameters``, and that there is one number for each channel. NotImplementedError for integers."""
    if input.array.dtype.kind not in "fV":
        raise unsupported("batch_norm", input.dtype)
    channels = input.array.shape[1]
    for which, parameter in parameters.items():
        if parameter is not None and parameter.array.shape != (channels,):
            raise RuntimeError(
                f"{which} should contain {channels} elements not {parameter.array.size}: {name} needs one for each channel of an "
                f"input of shape {tuple(input.shape)}, got shape {tuple(parameter.shape)}"
            )
    check_parameters(name, input, *parameters.values())


def _per_channel(x: Tensor, parameter: Tensor) -> Tensor:
    return parameter.reshape((-1,) + (1,) * (x.array.ndim - 2))


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * _per_channel(x, weight)
    return x if bias is None else x + _per_channel(x, bias)


@in_single
def _standardized(x: Tensor, weight: Tensor | None, bias: Tensor | None, axis: tuple[int, ...], eps: float) -> Tensor:
    return _affine(Standardize.apply(x, axis=axis, eps=eps), weight, bias)


def _in_one_op(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    shape: tuple[int, ...],
    axis: int,
    eps: float,
    moments: Any = None,
) -> Tensor:
    """The same over rows, the channels of each element, as in ``ChannelNorm``."""
    rows = x.reshape(*x.array.shape[:2], -1)
    return ChannelNorm.apply(rows, weight, bias, shape=shape, axis=axis, eps=eps, moments=moments).reshape(
        tuple(x.shape)
    )


@in_single
def _by_running(x: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    return _affine((x - _per_channel(x, mean)) * _per_channel(x, (var + eps).rsqrt()), weight, bias)


@no_grad()
def _update(mean: Tensor | None, var: Tensor | None, x: Tensor, axes: tuple[int, ...], momentum: float) -> None:
    """Move the running values towards those of the batch, over ``axes``, and for instances over the batch too."""
    x = cast_to(x, dtypes.float32) if x.dtype.itemsize == 2 else x
    for running, statistic in ((mean, x.mean), (var, x.var)):
        if running is not None:
            value = statistic(axes)
            _move(running, value if 0 in axes else value.mean(0), momentum)


@no_grad()
def _move(running: Tensor | None, value: Tensor, momentum: float) -> None:
    """A running value moved towards another, where there is one."""
    if running is not None:
        with not_transforming():  # a function that is differentiated may move a layer's running values
            running.copy_(cast_to(running, value.dtype) * (1 - momentum) + value * momentum)


def _move_both(
    running_mean: Tensor | None, running_var: Tensor | None, mean: Array, variance: Array, momentum: float
) -> None:
    _move(running_mean, wrap(mean), momentum)
    _move(running_var, wrap(variance), momentum)


def _check_both(running_mean: Tensor | None, running_var: Tensor | None) -> None:
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")


@asks_for_tensors
@composite
@known_as("NativeBatchNorm")
def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """w (x − μ) / √(σ² + ε) + b for each channel, dimension 1 (Ioffe & Szegedy 2015).

    While training μ and σ² are those of the batch, and the running ones move towards them (σ² unbiased) by ``momentum``;
    otherwise they are the running ones. Raises ValueError for an input without channels, or with a single number in
    each while training, and RuntimeError without running values when not training.

    >>> import metagrad
    >>> x = metagrad.tensor([[1.0, 10.0], [3.0, 30.0]])
    >>> metagrad.nn.functional.batch_norm(x, None, None, training=True)
    tensor([[-1.0000, -1.0000],
            [ 1.0000,  1.0000]])
    """
    if input.array.ndim < 2:
        if not input.array.size:
            return input.clone()
        raise ValueError(f"batch_norm: expected an input (N, C, *), got shape {tuple(input.shape)}")
    if training and eps <= 0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    _check_channels("batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    wanted = suggested(input.array)
    if wanted is not None and training:  # rows of channels
        behind = input.permute(wanted.order)
        settings = (running_mean, running_var, weight, bias, training, momentum, eps)
        y = batch_norm(behind.reshape(-1, input.array.shape[1]), *settings)
        return y.reshape(tuple(behind.shape)).permute(inverse(wanted.order))
    input = input if wanted is not None else contiguous(input)
    axes = (0, *range(2, input.array.ndim))
    count = math.prod(input.array.shape[d] for d in axes)
    if not training:
        if running_mean is None or running_var is None:
            which = "running_mean" if running_mean is None else "running_var"
            raise RuntimeError(f"{which} must be defined in evaluation mode")
        if wanted is None and serves_channels(input.array) and not recording(running_mean, running_var):
            rows, given = input.reshape(*input.array.shape[:2], -1), (running_mean.array, running_var.array)
            return RunningNorm.apply(rows, weight, bias, mean=given[0], variance=given[1], eps=eps).reshape(
                tuple(input.shape)
            )
        return _by_running(input, running_mean, running_var, weight, bias, eps)
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {input.shape}")
    if not count:
        return _affine(input * 1, weight, bias)
    _check_both(running_mean, running_var)
    if is_on_gpu(input.array) and gpu_rows().serve(*[None if t is None else t.array for t in (input, weight, bias)]):
        from metagrad.nn import gpu_normalization

        return gpu_normalization.batch_norm(input, running_mean, running_var, weight, bias, momentum, eps, count)
    if serves_channels(input.array):
        shape = tuple(input.array.shape[:2])
        moments = kernels.moments(np.require(input.array.reshape(shape[0] * shape[1], -1), None, ["C", "W"]))
        mean, variance = joined(*moments, shape, 0, count // shape[0])
        _move_both(running_mean, running_var, mean.reshape(-1), variance.reshape(-1) * (count / (count - 1)), momentum)
        return _in_one_op(input, weight, bias, shape, 0, eps, moments)
    if serves(input.array) and input.array.ndim == 2 and input.array.flags.writeable:
        moments = columns.moments(input.array)
        _move_both(running_mean, running_var, moments[0], moments[1] / (count - 1), momentum)
        return ColumnNorm.apply(input, weight, bias, moments=moments, eps=eps)
    _update(running_mean, running_var, input, axes, momentum)
    return _standardized(input, weight, bias, axes, eps)


@asks_for_tensors
@composite
def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """w (x − μ) / √(σ² + ε) + b for each channel of each element of the batch (Ulyanov et al. 2017).

    Raises ValueError for a single number in each channel.
    """
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    axes = tuple(range(2, input.array.ndim))
    if math.prod(input.array.shape[d] for d in axes) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    _check_channels(
        "instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not input.array.size:
        return _affine(input * 1, weight, bias)
    _check_both(running_mean, running_var)
    _update(running_mean, running_var, input, axes, momentum)
    if serves_channels(input.array):
        return _in_one_op(input, weight, bias, (*input.array.shape[:2], 1), 2, eps)
    return _standardized(contiguous(input), weight, bias, axes, eps)


@asks_for_tensors
@composite
@known_as("NativeGroupNorm")
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """w (x − μ) / √(σ² + ε) + b, μ and σ² over groups of channels and all positions (Wu & He 2018). input (N, C, *).

    Raises RuntimeError unless num_groups divides the channels.

    >>> import metagrad
    >>> metagrad.nn.functional.group_norm(metagrad.tensor([[1.0, 3.0, 10.0, 30.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    if input.array.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.array.ndim}")
    channels = input.array.shape[1]
    refuse("GroupNormKernelImpl", input, "biuc")
    if num_groups < 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(input.shape)} "
            f"and num_groups={num_groups}"
        )
    for which, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.array.shape != (channels,):
            raise RuntimeError(
                f"Expected {which} to be a vector of size equal to the number of channels in input, but got {which} of shape "
                f"{list(parameter.shape)} and input of shape {list(input.shape)}"
            )
    check_parameters("group_norm", input, weight, bias)
    if input.array.size == num_groups:  # PyTorch's rule, though each sample has values of its own
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(input.shape)}")
    if serves_channels(input.array):
        shape = (input.array.shape[0], num_groups, channels // num_groups)
        return formatted_as(_in_one_op(input, weight, bias, shape, 2, eps), input)
    return formatted_as(contiguous(_group_norm(input, num_groups, weight, bias, eps)), input)


@in_single
def _group_norm(x: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    rows = x.array.shape[0] * num_groups
    grouped = x.reshape(rows, x.array.size // rows) if x.array.size else x.reshape(0, 1)  # of which NumPy has a mean
    return _affine(Standardize.apply(grouped, axis=(1,), eps=eps).reshape(tuple(x.shape)), weight, bias)


@in_single
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x / (k + α/n Σ x²)^β, the sum over the n = ``size`` channels around each (Krizhevsky et al. 2012).

    Raises ValueError for fewer than three dimensions.
    """
    if input.array.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.array.ndim} dimensions)")
    if size <= 0:
        axes = "T" * (input.array.ndim > 3) + "HW"
        raise RuntimeError(
            f"kernel size should be greater than zero, but got {' '.join(f'k{a}: {size if a == axes[0] else 1}' for a in axes)}"
        )
    if not input.array.size:
        return input
    squares = input.square().transpose(1, -1)
    sums = constant_pad_nd(squares, (size // 2, (size - 1) // 2)).unfold(-1, size, 1).mean(-1).transpose(1, -1)
    return input / (sums * alpha + k) ** beta
