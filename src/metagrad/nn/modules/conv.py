"""Convolutions and transposed convolutions as layers; the formulas are in ``metagrad.nn.functional``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from metagrad.base.typing import DeviceLike, DTypeLike
from metagrad.nn import functional as F
from metagrad.nn import init
from metagrad.nn.functional.tuples import Setting
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.ops.create.creation import empty
from metagrad.tensors.tensor import Tensor

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def _tuple(value: Any, count: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * count


class _ConvNd(Module):
    """What convolutions over any number of axes share: parameters, their checks, and how they are printed."""

    axes: ClassVar[int]
    convolve: ClassVar[Callable[..., Tensor]]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Setting, stride: Setting, padding: str | Setting, dilation: Setting,
        transposed: bool, output_padding: Setting, groups: int, bias: bool, padding_mode: str, device: DeviceLike, dtype: DTypeLike,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError(f"groups must be a positive integer, got {groups}")
        if in_channels % groups:
            raise ValueError(f"in_channels must be divisible by groups, got {in_channels} and {groups}")
        if out_channels % groups:
            raise ValueError(f"out_channels must be divisible by groups, got {out_channels} and {groups}")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_PADDING_MODES)}, but got padding_mode={padding_mode!r}"
            )
        n = self.axes
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride, self.dilation = _tuple(kernel_size, n), _tuple(stride, n), _tuple(dilation, n)
        self.padding: Any = padding if isinstance(padding, str) and not transposed else _tuple(padding, n)
        self.transposed, self.output_padding, self.padding_mode = transposed, _tuple(output_padding, n), padding_mode
        if isinstance(self.padding, str):
            if self.padding not in ("valid", "same"):
                raise ValueError(f"Invalid padding string {self.padding!r}, should be one of 'valid' and 'same'")
            if self.padding == "same" and any(s != 1 for s in self.stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        first, second = (in_channels, out_channels) if transposed else (out_channels, in_channels)
        self.weight = Parameter(empty((first, second // groups, *self.kernel_size), device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new initial values: uniform in ±1/√(weights of a filter)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        inputs = math.prod(self.weight.shape[1:])
        if self.bias is not None and inputs:
            init.uniform_(self.bias, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * len(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """A convolution: padded first, if by other than zeros."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Setting,
        stride: Setting = 1,
        padding: str | Setting = 0,
        dilation: Setting = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike = None,
        dtype: DTypeLike = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, False, 0, groups, bias, padding_mode, device,
            dtype,
        )  # fmt: skip

    def _widths(self) -> list[int]:
        """The padding as ``functional.pad`` takes it."""
        if self.padding == "valid":
            return [0] * (2 * self.axes)
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return [p for total in reversed(totals) for p in (total // 2, total - total // 2)]
        return [p for p in reversed(self.padding) for _ in range(2)]

    @property
    def _reversed_padding_repeated_twice(self) -> Sequence[int]:
        """The same by PyTorch's name, for which subclasses with a ``_conv_forward`` of their own ask."""
        return self._widths() if isinstance(self.padding, str) else tuple(self._widths())

    def forward(self, input: Tensor) -> Tensor:
        """The filters' answers to the input."""
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The same for other filters: what a subclass calls that computes its weights."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._widths(), self.padding_mode), 0
        convolve = type(self).convolve
        return convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """Filters slid along one axis, y[n, m, o] = b[m] + Σ_c Σ_k w[m, c, k] · x[n, c, o·stride − padding + k·dilation].

    x (N, in_channels, L) or (in_channels, L), w ``weight`` (out_channels, in_channels/groups, K), b ``bias`` (out_channels),
    y (N, out_channels, O). Both start uniform in ±1/√(in_channels/groups · K). padding: a number, "same" or "valid";
    padding_mode: "zeros", "reflect", "replicate" or "circular".

    >>> import metagrad
    >>> metagrad.nn.Conv1d(3, 8, kernel_size=5, padding="same")(metagrad.zeros(2, 3, 10)).shape
    metagrad.Size([2, 8, 10])
    """

    axes = 1
    convolve = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """``Conv1d`` over two axes: x (N, in_channels, H, W), weight (out_channels, in_channels/groups, KH, KW).

    >>> import metagrad
    >>> metagrad.nn.Conv2d(3, 8, 3, stride=2, padding=1)
    Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    """

    axes = 2
    convolve = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """``Conv1d`` over three axes: x (N, in_channels, D, H, W), weight (out_channels, in_channels/groups, KD, KH, KW)."""

    axes = 3
    convolve = staticmethod(F.conv3d)


class _ConvTranspose(_ConvNd):
    """A transposed convolution, whose result may be asked to have one of the sizes that would have the input's."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Setting, stride: Setting = 1, padding: Setting = 0,
        output_padding: Setting = 0, groups: int = 1, bias: bool = True, dilation: Setting = 1, padding_mode: str = "zeros",
        device: DeviceLike = None, dtype: DTypeLike = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}, got {padding_mode!r}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, True, output_padding, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def _output_padding(self, input: Tensor, output_size: Sequence[int] | None, *settings: Any) -> tuple[int, ...]:
        """What must be added behind for the wanted size."""
        if output_size is None:
            return self.output_padding
        n = self.axes
        batched = input.array.ndim == n + 2
        wanted = tuple(output_size)
        wanted = wanted[len(wanted) - n :] if len(wanted) == n + 1 + batched else wanted
        if len(wanted) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.array.ndim}D input, output_size must have {n} or {n + 1 + batched} elements "
                f"(got {len(wanted)})"
            )
        least = [
            (extent - 1) * s - 2 * p + d * (k - 1) + 1
            for extent, s, p, d, k in zip(
                input.array.shape[-n:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        if any(not low <= o < low + s for o, low, s in zip(wanted, least, self.stride, strict=True)):
            raise ValueError(
                f"requested an output size of {list(wanted)}, but valid sizes range from {least} to "
                f"{[low + s - 1 for low, s in zip(least, self.stride, strict=True)]} (for an input of "
                f"{input.shape[-n:]})"
            )
        return tuple(o - low for o, low in zip(wanted, least, strict=True))

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The input spread out by the filters; output_size: the extents, where several would do."""
        extra, convolve = self._output_padding(input, output_size), type(self).convolve
        return convolve(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)


class ConvTranspose1d(_ConvTranspose):
    """The transpose of ``Conv1d``: y[n, m, o·stride − padding + k·dilation] adds up w[c, m, k] · x[n, c, o] (+ b[m]).

    x (N, in_channels, L) or (in_channels, L), w ``weight`` (in_channels, out_channels/groups, K), b ``bias`` (out_channels).
    Both start uniform in ±1/√(out_channels/groups · K).

    >>> import metagrad
    >>> metagrad.nn.ConvTranspose1d(3, 8, kernel_size=4, stride=2, padding=1)(metagrad.zeros(2, 3, 10)).shape
    metagrad.Size([2, 8, 20])
    """

    axes = 1
    convolve = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """``ConvTranspose1d`` over two axes: x (N, in_channels, H, W), weight (in_channels, out_channels/groups, KH, KW)."""

    axes = 2
    convolve = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """``ConvTranspose1d`` over three axes: x (N, in_channels, D, H, W)."""

    axes = 3
    convolve = staticmethod(F.conv_transpose3d)
