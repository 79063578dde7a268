"""Pooling layers; the formulas are in ``metagrad.nn.functional``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from metagrad.nn import functional as F
from metagrad.nn.functional.tuples import OutputSize, Ratio, Setting
from metagrad.nn.modules.module import Module
from metagrad.tensors.tensor import Tensor

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d", "FractionalMaxPool2d", "FractionalMaxPool3d", "LPPool1d",
    "LPPool2d", "LPPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d",
]  # fmt: skip


def _tuple(value: Any, count: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * count


class _Pool(Module):
    """A pooling of some number of axes, with settings that are printed."""

    axes: ClassVar[int]
    pool: ClassVar[Callable[..., Any]]
    _settings: tuple[str, ...] = ()

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._settings)


class _MaxPoolNd(_Pool):
    _settings = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self,
        kernel_size: Setting,
        stride: Setting | None = None,
        padding: Setting = 0,
        dilation: Setting = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """The largest of each window, and where they were found if ``return_indices``."""
        pool = type(self).pool
        return pool(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool1d(_MaxPoolNd):
    """The largest of each window along one axis, (N, C, L) to (N, C, O): ``functional.max_pool1d``."""

    pool = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """The largest of each window over two axes, (N, C, H, W) to (N, C, OH, OW): ``functional.max_pool2d``.

    >>> import metagrad
    >>> metagrad.nn.MaxPool2d(2)(metagrad.zeros(1, 3, 8, 8)).shape
    metagrad.Size([1, 3, 4, 4])
    """

    pool = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """The largest of each window over three axes: ``functional.max_pool3d``."""

    pool = staticmethod(F.max_pool3d)


class _MaxUnpoolNd(_Pool):
    _settings = ("kernel_size", "stride", "padding")

    def __init__(self, kernel_size: Setting, stride: Setting | None = None, padding: Setting = 0) -> None:
        super().__init__()
        self.kernel_size = _tuple(kernel_size, self.axes)
        self.stride = self.kernel_size if stride is None else _tuple(stride, self.axes)
        self.padding = _tuple(padding, self.axes)

    def forward(self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The maxima put back where they were found, zeros elsewhere."""
        pool = type(self).pool
        return pool(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(_MaxUnpoolNd):
    """Maxima put back where ``MaxPool1d`` found them, zeros elsewhere."""

    axes, pool = 1, staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """Maxima put back where ``MaxPool2d`` found them, zeros elsewhere.

    >>> import metagrad
    >>> pool, unpool = metagrad.nn.MaxPool2d(2, return_indices=True), metagrad.nn.MaxUnpool2d(2)
    >>> unpool(*pool(metagrad.tensor([[[1.0, 2.0], [3.0, 0.0]]])))
    tensor([[[0., 0.],
             [3., 0.]]])
    """

    axes, pool = 2, staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """Maxima put back where ``MaxPool3d`` found them, zeros elsewhere."""

    axes, pool = 3, staticmethod(F.max_unpool3d)


class AvgPool1d(_Pool):
    """The mean of each window along one axis, (N, C, L) to (N, C, O): ``functional.avg_pool1d``."""

    _settings = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Setting,
        stride: Setting | None = None,
        padding: Setting = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = _tuple(kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _tuple(stride, 1)
        self.padding, self.ceil_mode, self.count_include_pad = _tuple(padding, 1), ceil_mode, count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each window."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class _AvgPoolNd(_Pool):
    _settings = ("kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Setting,
        stride: Setting | None = None,
        padding: Setting = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """The mean of each window."""
        pool = type(self).pool
        return pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool2d(_AvgPoolNd):
    """The mean of each window over two axes, (N, C, H, W) to (N, C, OH, OW): ``functional.avg_pool2d``.

    >>> import metagrad
    >>> metagrad.nn.AvgPool2d(2)(metagrad.zeros(1, 3, 8, 8)).shape
    metagrad.Size([1, 3, 4, 4])
    """

    pool = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """The mean of each window over three axes: ``functional.avg_pool3d``."""

    pool = staticmethod(F.avg_pool3d)


class _LPPoolNd(_Pool):
    _settings = ("norm_type", "kernel_size", "stride", "ceil_mode")

    def __init__(
        self, norm_type: float, kernel_size: Setting, stride: Setting | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """The norm of each window."""
        pool = type(self).pool
        return pool(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool1d(_LPPoolNd):
    """The p-norm of each window along one axis: ``functional.lp_pool1d``."""

    pool = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """The p-norm of each window over two axes: ``functional.lp_pool2d``."""

    pool = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """The p-norm of each window over three axes: ``functional.lp_pool3d``."""

    pool = staticmethod(F.lp_pool3d)


class _AdaptiveAvgPoolNd(_Pool):
    _settings = ("output_size",)

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """Means, as many as are wanted."""
        pool = type(self).pool
        return pool(input, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Means of as many windows as are wanted, (N, C, L) to (N, C, output_size)."""

    pool = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Means of as many windows as are wanted, (N, C, H, W) to (N, C, *output_size); None keeps an axis.

    >>> import metagrad
    >>> metagrad.nn.AdaptiveAvgPool2d((None, 2))(metagrad.zeros(1, 3, 5, 7)).shape
    metagrad.Size([1, 3, 5, 2])
    """

    pool = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Means of as many windows as are wanted, (N, C, D, H, W) to (N, C, *output_size); None keeps an axis."""

    pool = staticmethod(F.adaptive_avg_pool3d)


class _AdaptiveMaxPoolNd(_Pool):
    _settings = ("output_size",)

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Maxima, as many as are wanted."""
        pool = type(self).pool
        return pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The largest of each of as many windows as are wanted, (N, C, L) to (N, C, output_size)."""

    pool = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The largest of each of as many windows as are wanted, (N, C, H, W) to (N, C, *output_size); None keeps an axis."""

    pool = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The largest of each of as many windows as are wanted, (N, C, D, H, W) to (N, C, *output_size)."""

    pool = staticmethod(F.adaptive_max_pool3d)


class _FractionalMaxPoolNd(_Pool):
    def __init__(
        self, kernel_size: Setting, output_size: OutputSize = None, output_ratio: Ratio = None, return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        name = type(self).__name__
        self.kernel_size = _tuple(kernel_size, self.axes)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else _tuple(output_size, self.axes)
        self.output_ratio = None if output_ratio is None else _tuple(output_ratio, self.axes)
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """The largest of windows at random positions."""
        pool = type(self).pool
        return pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """The largest of windows at random positions (Graham 2014): ``functional.fractional_max_pool2d``."""

    axes, pool = 2, staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """The largest of windows at random positions (Graham 2014): ``functional.fractional_max_pool3d``."""

    axes, pool = 3, staticmethod(F.fractional_max_pool3d)
