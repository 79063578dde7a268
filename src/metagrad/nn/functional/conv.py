"""Convolution over one, two or three axes, and its transpose.

x (N, C, *L) are images, w (M, C/G, *K) the filters, each seeing the channels of one of G groups, y (N, M, *O) what they see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.nn.functional.conv_maps import Convolve, InputGradient
from metagrad.nn.functional.conv_windows import Arguments, windows_of, windows_of_transpose
from metagrad.nn.functional.tuples import Setting, batched
from metagrad.ops.arguments import asks_for_tensors

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
]  # fmt: skip


def _conv(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Setting,
    padding: str | Setting,
    dilation: Setting,
    groups: int,
) -> Tensor:
    windows = windows_of(axes, Arguments.of(input, weight, bias), stride, padding, dilation, groups)
    if input.array.ndim == axes + 2:
        return Convolve.apply(input, weight, bias, windows=windows, groups=groups)
    return Convolve.apply(input.unsqueeze(0), weight, bias, windows=windows, groups=groups).squeeze(0)


@asks_for_tensors
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Setting = 1,
    padding: str | Setting = 0,
    dilation: Setting = 1,
    groups: int = 1,
) -> Tensor:
    """Filters slid along one axis: y[n, m, o] = b[m] + Σ_c Σ_k w[m, c, k] · x[n, c, o·stride − padding + k·dilation].

    input (N, C, L) or (C, L), weight (M, C/groups, K), bias (M): result (N, M, O) or (M, O), with
    O = ⌊(L + 2·padding − dilation·(K − 1) − 1) / stride⌋ + 1. padding: zeros on both sides, or "valid" (none), or "same"
    (as many as keep L).

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.conv1d(metagrad.tensor([[1.0, 2.0, 3.0, 4.0]]), metagrad.tensor([[[1.0, -1.0]]]))
    tensor([[-1., -1., -1.]])
    """
    return _conv(1, input, weight, bias, stride, padding, dilation, groups)


@asks_for_tensors
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Setting = 1,
    padding: str | Setting = 0,
    dilation: Setting = 1,
    groups: int = 1,
) -> Tensor:
    """``conv1d`` over two axes: input (N, C, H, W) or (C, H, W), weight (M, C/groups, KH, KW) (LeCun et al. 1989).

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.conv2d(metagrad.ones(1, 3, 8, 8), metagrad.ones(5, 3, 3, 3), stride=2, padding=1).shape
    metagrad.Size([1, 5, 4, 4])
    """
    return _conv(2, input, weight, bias, stride, padding, dilation, groups)


@asks_for_tensors
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Setting = 1,
    padding: str | Setting = 0,
    dilation: Setting = 1,
    groups: int = 1,
) -> Tensor:
    """``conv1d`` over three axes: input (N, C, D, H, W) or (C, D, H, W), weight (M, C/groups, KD, KH, KW)."""
    return _conv(3, input, weight, bias, stride, padding, dilation, groups)


def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """``conv1d`` with time in front: input (T, B, C), weight (K, C, M), bias (M): result (T', B, M)."""
    if input.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.ndim != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if input.shape[2] != weight.shape[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if tuple(bias.shape) != tuple(weight.shape[2:]):
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad).permute(2, 0, 1)


def _conv_transpose(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Setting,
    padding: Setting,
    output_padding: Setting,
    groups: int,
    dilation: Setting,
) -> Tensor:
    given = Arguments.of(input, weight, bias)
    windows = windows_of_transpose(axes, given, stride, padding, output_padding, groups, dilation)
    x, had_batch = batched(input, axes, f"conv_transpose{axes}d")
    y = InputGradient.apply(x, weight, windows=windows, groups=groups)
    y = y if bias is None else y + bias.reshape((-1, *[1] * axes))
    return y if had_batch else y.squeeze(0)


@asks_for_tensors
def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Setting = 1, padding: Setting = 0,
    output_padding: Setting = 0, groups: int = 1, dilation: Setting = 1,
) -> Tensor:  # fmt: skip
    """The transpose of ``conv1d``: y[n, m, o·stride − padding + k·dilation] adds up w[c, m, k] · x[n, c, o] (+ b[m]).

    input (N, C, L) or (C, L), weight (C, M/groups, K), bias (M): result (N, M, O) or (M, O), with
    O = (L − 1)·stride − 2·padding + dilation·(K − 1) + output_padding + 1 (Zeiler et al. 2010).

    >>> import metagrad
    >>> from metagrad.nn import functional as F
    >>> F.conv_transpose1d(metagrad.tensor([[1.0, 2.0]]), metagrad.tensor([[[1.0, 10.0]]]), stride=2)
    tensor([[ 1., 10.,  2., 20.]])
    """
    return _conv_transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@asks_for_tensors
def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Setting = 1, padding: Setting = 0,
    output_padding: Setting = 0, groups: int = 1, dilation: Setting = 1,
) -> Tensor:  # fmt: skip
    """``conv_transpose1d`` over two axes: input (N, C, H, W) or (C, H, W), weight (C, M/groups, KH, KW)."""
    return _conv_transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@asks_for_tensors
def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Setting = 1, padding: Setting = 0,
    output_padding: Setting = 0, groups: int = 1, dilation: Setting = 1,
) -> Tensor:  # fmt: skip
    """``conv_transpose1d`` over three axes: input (N, C, D, H, W) or (C, D, H, W), weight (C, M/groups, KD, KH, KW)."""
    return _conv_transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)
