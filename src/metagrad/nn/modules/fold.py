"""Layers that rearrange elements: patches and columns, channels and pixels."""

from __future__ import annotations

from metagrad.nn import functional as F
from metagrad.nn.functional.tuples import Setting
from metagrad.nn.modules.module import Module
from metagrad.tensors.tensor import Tensor

__all__ = ["Fold", "Unfold"]


class Unfold(Module):
    """Every patch that a window sees as a column: (N, C, H, W) to (N, C·KH·KW, P).

    >>> import metagrad
    >>> metagrad.nn.Unfold(2)(metagrad.zeros(1, 3, 4, 5)).shape
    metagrad.Size([1, 12, 12])
    """

    def __init__(self, kernel_size: Setting, dilation: Setting = 1, padding: Setting = 0, stride: Setting = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """The columns."""
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns put back as patches, added where they overlap: (N, C·KH·KW, P) to (N, C, *output_size)."""

    def __init__(
        self,
        output_size: Setting,
        kernel_size: Setting,
        dilation: Setting = 1,
        padding: Setting = 0,
        stride: Setting = 1,
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """The image."""
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
