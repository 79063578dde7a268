"""Channels rearranged into pixels, pixels into channels, and channels among themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.shape.copying import formatted_as

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _checked(function: str, input: Tensor, factor: int, name: str) -> tuple[int, ...]:
    """The input's shape, (*, C, H, W). Raises RuntimeError if it has fewer dimensions, or the factor is not positive."""
    if input.ndim < 3:
        raise RuntimeError(
            f"{function} expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{function} expects a positive {name}, but got {factor}")
    return tuple(input.shape)


@asks_for_tensors
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """r² channels become the pixels of an r × r square (Shi et al. 2016): (*, C·r², H, W) to (*, C, H·r, W·r).

    Raises RuntimeError for fewer than three dimensions, or channels that r² does not divide.

    >>> import metagrad
    >>> metagrad.nn.functional.pixel_shuffle(metagrad.arange(4).reshape(4, 1, 1), 2)
    tensor([[[0, 1],
             [2, 3]]])
    """
    shape, r = _checked("pixel_shuffle", input, upscale_factor, "upscale_factor"), upscale_factor
    *lead, channels, height, width = shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {r * r}"
        )
    d = len(lead)
    apart = input.reshape((*lead, channels // (r * r), r, r, height, width))
    mixed = apart.permute((*range(d), d, d + 3, d + 1, d + 4, d + 2))
    rearranged = mixed.reshape((*lead, channels // (r * r), height * r, width * r))
    return formatted_as(rearranged.contiguous() if rearranged._view is None else rearranged.clone(), input)


@asks_for_tensors
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The reverse of ``pixel_shuffle``: (*, C, H·r, W·r) to (*, C·r², H, W).

    Raises RuntimeError for fewer than three dimensions, or a height or width that r does not divide.

    >>> import metagrad
    >>> metagrad.nn.functional.pixel_unshuffle(metagrad.arange(4).reshape(1, 2, 2), 2).flatten()
    tensor([0, 1, 2, 3])
    """
    shape, r = _checked("pixel_unshuffle", input, downscale_factor, "downscale_factor"), downscale_factor
    *lead, channels, height, width = shape
    if height % r or width % r:
        raise RuntimeError(
            f"pixel_unshuffle expects {'height' if height % r else 'width'} to be divisible by downscale_factor, but "
            f"input.size({-2 if height % r else -1})={height if height % r else width} is not divisible by {r}"
        )
    d = len(lead)
    apart = input.reshape((*lead, channels, height // r, r, width // r, r))
    mixed = apart.permute((*range(d), d, d + 2, d + 4, d + 1, d + 3))
    rearranged = mixed.reshape((*lead, channels * r * r, height // r, width // r))
    return formatted_as(rearranged.contiguous() if rearranged._view is None else rearranged.clone(), input)


@asks_for_tensors
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels dealt out anew, the first of each group first (Zhang et al. 2018): (N, G·C, *) with its G and C swapped.

    Raises RuntimeError for fewer than three dimensions, or channels that ``groups`` does not divide.

    >>> import metagrad
    >>> metagrad.nn.functional.channel_shuffle(metagrad.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    shape = tuple(input.shape)
    if len(shape) < 3:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        )
    apart = input.reshape((shape[0], groups, shape[1] // groups, *shape[2:]))
    return formatted_as(apart.transpose(1, 2).reshape(shape).contiguous(), input)


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """``channel_shuffle`` by another name."""
    return channel_shuffle(input, groups)
