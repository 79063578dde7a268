"""Layers that find out their input's width when they first see an input, and become ordinary layers then."""

from __future__ import annotations

from typing import Any, ClassVar

from metagrad.base import dtypes
from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.nn.modules import batchnorm, conv
from metagrad.nn.modules.linear import Linear
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from metagrad.ops.create.creation import empty
from metagrad.tensors.tensor import Tensor

__all__ = [
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
    "LazyLinear",
    "LazyModuleMixin",
    "UninitializedParameter",
]  # fmt: skip


class LazyModuleMixin:
    """What makes a layer lazy: its first call gives the input to ``initialize_parameters``, and turns it into
    ``cls_to_become``. A dry run must come before anything counts or copies the parameters.
    """

    cls_to_become: ClassVar[Any] = None

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        layer: Any = self
        object.__setattr__(self, "_initialize_hook", layer.register_forward_pre_hook(_first_call, with_kwargs=True))

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or a buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters their shapes and initial values: every lazy layer writes its own."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")


def _first_call(layer: Any, args: Any, kwargs: Any) -> None:
    layer.initialize_parameters(*args, **kwargs)
    if layer.has_uninitialized_params():
        raise RuntimeError(f"{type(layer).__name__}.initialize_parameters() left parameters or buffers without a shape")
    object.__getattribute__(layer, "_initialize_hook").remove()
    del layer.__dict__["_initialize_hook"]
    if layer.cls_to_become is not None:
        layer.__class__ = layer.cls_to_become


class LazyLinear(LazyModuleMixin, Linear):
    """``Linear`` whose ``in_features`` is that of its first input.

    >>> import metagrad
    >>> from metagrad import nn
    >>> layer = nn.LazyLinear(2)
    >>> _ = layer(metagrad.zeros(5, 3))
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: DeviceLike = None, dtype: DTypeLike = None
    ) -> None:
        super().__init__(0, 0, False)
        self.out_features = out_features
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new initial values, if the shapes are known."""
        if not self.has_uninitialized_params() and self.in_features:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """The weight gets as many columns as the input's last dimension has elements."""
        fresh, self.in_features = self.has_uninitialized_params(), input.shape[-1]
        _materialize(self.weight, (self.out_features, self.in_features))
        _materialize(self.bias, (self.out_features,))
        if fresh:  # otherwise a loaded state brought the shapes, and values
            self.reset_parameters()


def _materialize(parameter: Any, shape: tuple[int, ...]) -> None:
    if is_lazy(parameter):
        parameter.materialize(shape)


class _LazyConv(LazyModuleMixin, Module):
    """What the lazy convolutions share; ``in_channels`` is found out from the first input."""

    weight: Any
    bias: Any

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        *args: Any,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: DTypeLike = None,
        **kwargs: Any,
    ) -> None:
        layer: Any = super()
        layer.__init__(0, 0, kernel_size, *args, bias=False, **kwargs)
        self.out_channels, self.in_channels = out_channels, 0
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new initial values, if the shapes are known."""
        if not self.has_uninitialized_params() and self.in_channels:
            type(self).cls_to_become.reset_parameters(self)

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """The filters get the input's number of channels."""
        layer: Any = self
        if input.ndim not in (layer.axes + 1, layer.axes + 2):
            raise RuntimeError(
                f"Expected {layer.axes + 1}D (unbatched) or {layer.axes + 2}D (batched) input to {type(self).__name__}, but "
                f"got input of size: {input.shape}"
            )
        fresh, self.in_channels = self.has_uninitialized_params(), input.shape[-layer.axes - 1]
        if self.in_channels % layer.groups:
            raise ValueError(f"in_channels must be divisible by groups, got {self.in_channels} and {layer.groups}")
        first, second = self.out_channels, self.in_channels
        if layer.transposed:
            first, second = second, first
        _materialize(self.weight, (first, second // layer.groups, *layer.kernel_size))
        _materialize(self.bias, (self.out_channels,))
        if fresh:
            type(self).cls_to_become.reset_parameters(self)


class LazyConv1d(_LazyConv, conv.Conv1d):
    """``Conv1d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = conv.Conv1d


class LazyConv2d(_LazyConv, conv.Conv2d):
    """``Conv2d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = conv.Conv2d


class LazyConv3d(_LazyConv, conv.Conv3d):
    """``Conv3d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = conv.Conv3d


class LazyConvTranspose1d(_LazyConv, conv.ConvTranspose1d):
    """``ConvTranspose1d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = conv.ConvTranspose1d


class LazyConvTranspose2d(_LazyConv, conv.ConvTranspose2d):
    """``ConvTranspose2d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = conv.ConvTranspose2d


class LazyConvTranspose3d(_LazyConv, conv.ConvTranspose3d):
    """``ConvTranspose3d`` whose ``in_channels`` is that of its first input."""

    cls_to_become = conv.ConvTranspose3d


class _LazyNorm(LazyModuleMixin, Module):
    """What the lazy norms share; ``num_features`` is found out from the first input, its dimension 1."""

    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any

    def __init__(
        self, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True, track_running_stats: bool = True,
        device: DeviceLike = None, dtype: DTypeLike = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        layer: Any = super()
        layer.__init__(0, eps, momentum, False, False, device, dtype)
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if track_running_stats:
            for name in ("running_mean", "running_var"):
                self.register_buffer(name, UninitializedBuffer(device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", empty((), dtype=dtypes.int64, device=device).zero_())

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no batch seen, if the shapes are known."""
        if not self.has_uninitialized_params() and self.num_features:
            type(self).cls_to_become.reset_parameters(self)

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Weight, bias and statistics get as many elements as the input has channels."""
        layer: Any = self
        layer._check_input_dim(input)
        count = input.shape[1 if input.ndim == layer._dims[-1] or "BatchNorm" in type(self).__name__ else 0]
        fresh, self.num_features = self.has_uninitialized_params(), count
        _materialize(self.weight, (count,))
        _materialize(self.bias, (count,))
        if self.track_running_stats:
            _materialize(self.running_mean, (count,))
            _materialize(self.running_var, (count,))
        if fresh:  # otherwise a loaded state brought the shapes, and values
            type(self).cls_to_become.reset_parameters(self)


class LazyBatchNorm1d(_LazyNorm, batchnorm._BatchNorm):
    """``BatchNorm1d`` whose ``num_features`` is that of its first input."""

    cls_to_become, _dims = batchnorm.BatchNorm1d, batchnorm.BatchNorm1d._dims


class LazyBatchNorm2d(_LazyNorm, batchnorm._BatchNorm):
    """``BatchNorm2d`` whose ``num_features`` is that of its first input."""

    cls_to_become, _dims = batchnorm.BatchNorm2d, batchnorm.BatchNorm2d._dims


class LazyBatchNorm3d(_LazyNorm, batchnorm._BatchNorm):
    """``BatchNorm3d`` whose ``num_features`` is that of its first input."""

    cls_to_become, _dims = batchnorm.BatchNorm3d, batchnorm.BatchNorm3d._dims


class LazyInstanceNorm1d(_LazyNorm, batchnorm._InstanceNorm):
    """``InstanceNorm1d`` whose ``num_features`` is that of its first input."""

    cls_to_become, _dims = batchnorm.InstanceNorm1d, batchnorm.InstanceNorm1d._dims


class LazyInstanceNorm2d(_LazyNorm, batchnorm._InstanceNorm):
    """``InstanceNorm2d`` whose ``num_features`` is that of its first input."""

    cls_to_become, _dims = batchnorm.InstanceNorm2d, batchnorm.InstanceNorm2d._dims


class LazyInstanceNorm3d(_LazyNorm, batchnorm._InstanceNorm):
    """``InstanceNorm3d`` whose ``num_features`` is that of its first input."""

    cls_to_become, _dims = batchnorm.InstanceNorm3d, batchnorm.InstanceNorm3d._dims
