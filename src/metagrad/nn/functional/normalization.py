"""Normalization: numbers moved and scaled so that groups of them have mean 0 and variance 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import composite
from metagrad.autograd.function import Function
from metagrad.autograd.mode import no_grad
from metagrad.autograd.node_names import known_as
from metagrad.autograd.transforms import not_transforming
from metagrad.autograd.variable import Variable, recording, wrap
from metagrad.base import dtypes
from metagrad.base.channels_last import suggested
from metagrad.base.layouts import in_order, inverse
from metagrad.base.typing import Array, Dims
from metagrad.kernels import column_norms as columns
from metagrad.kernels import normalization as kernels
from metagrad.kernels.libraries import gpu_rows, is_on_gpu
from metagrad.nn.fast_normalization import (
    ChannelNorm,
    ColumnNorm,
    RMSNorm,
    RunningNorm,
    joined,
    serves,
    serves_channels,
)
from metagrad.ops.arguments import asks_for_tensors, takes_out
from metagrad.ops.dtype_checks import refuse, unsupported
from metagrad.ops.operands import cast_to, in_single
from metagrad.ops.reduce.norms import vector_norm
from metagrad.ops.shape.copying import contiguous, formatted_as
from metagrad.ops.shape.padding import constant_pad_nd
from metagrad.ops.shape.views import shaped

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm"]


class Standardize(Function):
    """y = (x − μ) r, r = (σ² + ε)^−½, μ and σ² over some axes;   ∂L/∂x = r (g − mean(g) − y mean(g y)), g = ∂L/∂y."""

    def forward(self, x: Array, axis: tuple[int, ...], eps: float) -> Array:
        self.axis, self.eps = axis, eps
        self.save(x)
        return self.formula(x)[0]

    def formula(self, x: Array) -> tuple[Any, Any]:
        """y and r."""
        d = x - x.mean(axis=self.axis, keepdims=True)
        r = ((d * d).mean(axis=self.axis, keepdims=True) + self.eps) ** -0.5
        return d * r, r

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        y, r = self.formula(x)
        centred = grad - grad.mean(axis=self.axis, keepdims=True)
        return r * (centred - y * (grad * y).mean(axis=self.axis, keepdims=True))


class LayerNorm(Function):
    """z = w (x − μ) r + b of rows x (N, M), w and b (M), r = (σ² + ε)^−½;   with y = (x − μ) r and g = w ∂L/∂z:

    ∂L/∂x = r (g − mean(g) − y mean(g y)),   ∂L/∂w = Σ y ∂L/∂z,   ∂L/∂b = Σ ∂L/∂z.
    """

    guards = (2,)

    def forward(self, x: Array, w: Array | None, b: Array | None, eps: float) -> Array:
        self.save(x, w)
        self.eps = eps
        if is_on_gpu(x) and gpu_rows().serve(x, w, b):
            z, self.kept = gpu_rows().layer_norm(x, w, b, eps, keep=any(self.needs))
            return z
        z, self.kept = kernels.layer_norm(x, w, b, eps, keep=any(self.needs))
        return in_order(z)

    def backward(self, grad: Array) -> Any:
        x, w = self.saved
        if isinstance(grad, np.ndarray):
            return kernels.layer_norm_backward(grad, w, self.kept, self.needs)
        if not isinstance(grad, Variable) and gpu_rows().serve(grad, w, *self.kept):
            return gpu_rows().layer_norm_backward(grad, w, self.kept, self.needs)
        d = x - x.mean(axis=1, keepdims=True)
        r = ((d * d).mean(axis=1, keepdims=True) + self.eps) ** -0.5
        y = d * r
        g = grad if w is None else grad * w
        grad_x = r * (g - g.mean(axis=1, keepdims=True) - y * (g * y).mean(axis=1, keepdims=True))
        return grad_x, (grad * y).sum(axis=0) if self.needs[1] else None, grad.sum(axis=0) if self.needs[2] else None


_layer_norm = in_single(LayerNorm.apply)


def _trailing(
    name: str, input: Tensor, normalized_shape: Sequence[int], **parameters: Tensor | None
) -> tuple[int, ...]:
    """The shape that the input must end with, and the parameters must have."""
    if hasattr(normalized_shape, "__index__"):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not {type(normalized_shape).__name__}"
        )
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = [] in {name}"
        )
    if tuple(input.shape)[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], but got "
            f"input of size{list(input.shape)}"
        )
    for which, parameter in parameters.items():
        if parameter is not None and tuple(parameter.shape) != shape:
            raise RuntimeError(
                f"Expected {which} to be of same shape as normalized_shape, but got {which} of shape "
                f"{list(parameter.shape)} and normalized_shape = {list(shape)}"
            )
    return shape


def _check_parameters(name: str, input: Tensor, *parameters: Tensor | None) -> None:
    """RuntimeError unless weights, biases and running values have the input's dtype; float32 may stand beside narrower ones."""
    kinds = {p.dtype for p in parameters if p is not None}
    if kinds and kinds != {input.dtype} and not (input.dtype.itemsize == 2 and kinds == {dtypes.float32}):
        got = " and ".join(sorted(kind.name for kind in kinds))
        raise RuntimeError(
            f"{name}: expected parameters of the input's dtype, {input.dtype.name}, or beside one of 16 bits all of them float32, "
            f"got {got}: convert one side with .to()"
        )


def _check_channels(name: str, input: Tensor, **parameters: Tensor | None) -> None:
    """``_check_parameters``, and that there is one number for each channel. NotImplementedError for integers."""
    if input.array.dtype.kind not in "fV":
        raise unsupported(name, input.dtype)
    channels = input.array.shape[1]
    for which, parameter in parameters.items():
        if parameter is not None and parameter.array.shape != (channels,):
            raise RuntimeError(
                f"{which} should contain {channels} elements not {parameter.array.size}: {name} needs one for each channel of an "
                f"input of shape {tuple(input.shape)}, got shape {tuple(parameter.shape)}"
            )
    _check_parameters(name, input, *parameters.values())


@asks_for_tensors
@composite
@known_as("NativeLayerNorm")
def layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """w (x − μ) / √(σ² + ε) + b, μ and σ² over the last dimensions, of shape ``normalized_shape`` (Ba et al. 2016).

    input (*, normalized_shape), weight and bias (normalized_shape). Raises RuntimeError for integers, or an input that
    does not end with normalized_shape.

    >>> import metagrad
    >>> metagrad.nn.functional.layer_norm(metagrad.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    shape = _trailing("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    if input.array.dtype.kind not in "fV":
        raise unsupported("layer_norm", input.dtype)
    _check_parameters("layer_norm", input, weight, bias)
    columns = math.prod(shape)
    rows = shaped(input, (input.array.size // columns if columns else 0, columns))
    w, b = (None if p is None else shaped(p, (columns,)) for p in (weight, bias))
    return shaped(_layer_norm(rows, w, b, eps=eps), input.array.shape)


@asks_for_tensors
@composite
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """w x / √(mean(x²) + ε), the mean over the last dimensions (Zhang & Sennrich 2019). eps: the dtype's, if None.

    Raises RuntimeError for an input that does not end with normalized_shape.

    >>> import metagrad
    >>> metagrad.nn.functional.rms_norm(metagrad.tensor([[3.0, 4.0]]), (2,))
    tensor([[0.8485, 1.1314]])
    """
    shape = _trailing("rms_norm", input, normalized_shape, weight=weight)
    if serves(input.array) and (weight is None or weight.dtype == input.dtype):
        columns = math.prod(shape)
        rows = shaped(input, (input.array.size // columns, columns))
        w = None if weight is None else shaped(weight, (columns,))
        y = RMSNorm.apply(rows, w, eps=_epsilon(input.dtype) if eps is None else eps)
        return shaped(y, input.array.shape)
    dims = tuple(range(-len(shape), 0))
    epsilon = _epsilon(input.dtype) if eps is None else eps
    return cast_to(_rms_norm(input, dims, weight, epsilon), input.dtype)


def _epsilon(kind: dtypes.dtype) -> float:
    if kind.category < 2:
        raise unsupported("rms_norm", kind)
    return dtypes.finfo(dtypes.float32 if kind.itemsize == 2 else kind).eps


@in_single
def _rms_norm(x: Tensor, dims: tuple[int, ...], weight: Tensor | None, eps: float) -> Tensor:
    y = x * (x.square().mean(dims, keepdim=True) + eps).rsqrt()
    return y if weight is None else y * weight


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
    refuse("group_norm", input, "biuc")
    if num_groups <= 0 or channels % num_groups:
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
    _check_parameters("group_norm", input, weight, bias)
    if input.array.size == num_groups:  # PyTorch's rule, though each sample has values of its own
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(input.shape)}")
    if serves_channels(input.array):
        shape = (input.array.shape[0], num_groups, channels // num_groups)
        return formatted_as(_in_one_op(input, weight, bias, shape, 2, eps), input)
    return formatted_as(_group_norm(input, num_groups, weight, bias, eps), input)


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
    if not input.array.size:
        return input
    squares = input.square().transpose(1, -1)
    sums = constant_pad_nd(squares, (size // 2, (size - 1) // 2)).unfold(-1, size, 1).mean(-1).transpose(1, -1)
    return input / (sums * alpha + k) ** beta


@takes_out
@in_single
def normalize(input: Tensor, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """x / max(‖x‖ₚ, ε), the norm along ``dim``.

    >>> import metagrad
    >>> metagrad.nn.functional.normalize(metagrad.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    norm: Tensor = vector_norm(input, p, dim, keepdim=True)
    return input / norm.clamp_min(eps)
