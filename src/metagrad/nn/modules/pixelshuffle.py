"""Layers that rearrange channels and pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.nn import functional as F
from metagrad.nn.modules.module import Module

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Module):
    """r² channels become the pixels of an r × r square (Shi et al. 2016): (*, C·r², H, W) to (*, C, H·r, W·r).

    >>> import metagrad
    >>> metagrad.nn.PixelShuffle(2)(metagrad.zeros(1, 12, 4, 4)).shape
    metagrad.Size([1, 3, 8, 8])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """More pixels, fewer channels."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """The reverse of ``PixelShuffle``: (*, C, H·r, W·r) to (*, C·r², H, W)."""

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """More channels, fewer pixels."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """The channels dealt out anew, the first of each group first (Zhang et al. 2018)."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """The channels in another order."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"groups={self.groups}"
