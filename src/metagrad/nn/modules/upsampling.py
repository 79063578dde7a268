"""Layers that change the size of images; what they do is in ``metagrad.nn.functional.interpolate``."""

from __future__ import annotations

from metagrad.nn import functional as F
from metagrad.nn.functional.tuples import Ratio, Setting
from metagrad.nn.modules.module import Module
from metagrad.tensors.tensor import Tensor

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """(N, C, *L) in another size, given as ``size`` or by ``scale_factor``.

    >>> import metagrad
    >>> metagrad.nn.Upsample(scale_factor=2)(metagrad.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self, size: Setting | None = None, scale_factor: Ratio = None, mode: str = "nearest", align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, (tuple, list)):
            self.scale_factor: float | tuple[float, ...] | None = tuple(float(s) for s in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None  # type: ignore[arg-type]
        self.mode, self.align_corners, self.recompute_scale_factor = mode, align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The input in the other size."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        how = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """``Upsample`` of (N, C, H, W) to the nearest."""

    def __init__(self, size: Setting | None = None, scale_factor: Ratio = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """``Upsample`` of (N, C, H, W) in mode "bilinear" with aligned corners."""

    def __init__(self, size: Setting | None = None, scale_factor: Ratio = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
