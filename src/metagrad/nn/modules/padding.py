"""Padding layers; what they do is in ``metagrad.nn.functional.pad``."""

from __future__ import annotations

from typing import Any, ClassVar

from metagrad.nn import functional as F
from metagrad.nn.functional.tuples import Setting
from metagrad.nn.modules.module import Module
from metagrad.tensors.tensor import Tensor

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "ReflectionPad1d",
    "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "ZeroPad1d", "ZeroPad2d",
    "ZeroPad3d",
]  # fmt: skip


class _Pad(Module):
    """Widths in front of and behind each axis, the last axis first; one number stands for all of them."""

    axes: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: Setting) -> None:
        super().__init__()
        self.padding: tuple[Any, ...] = (
            tuple(padding) if isinstance(padding, (tuple, list)) else (padding,) * (2 * self.axes)
        )

    def forward(self, input: Tensor) -> Tensor:
        """The padded input."""
        if self.mode == "circular" and input.ndim not in (self.axes + 1, self.axes + 2):
            raise ValueError(f"expected {self.axes + 1}D or {self.axes + 2}D input (got {input.ndim}D input)")
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    mode = "constant"
    value: float

    def __init__(self, padding: Setting, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The padded input."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """One number on both sides of the last axis.

    >>> import metagrad
    >>> metagrad.nn.ConstantPad1d((1, 2), 7.0)(metagrad.zeros(1, 2))
    tensor([[7., 0., 0., 7., 7.]])
    """

    axes = 1


class ConstantPad2d(_ConstantPadNd):
    """One number around the last two axes: (left, right, top, bottom)."""

    axes = 2


class ConstantPad3d(_ConstantPadNd):
    """One number around the last three axes: (left, right, top, bottom, front, back)."""

    axes = 3


class ZeroPad1d(ConstantPad1d):
    """Zeros on both sides of the last axis."""

    def __init__(self, padding: Setting) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad2d(ConstantPad2d):
    """Zeros around the last two axes: (left, right, top, bottom).

    >>> import metagrad
    >>> metagrad.nn.ZeroPad2d((1, 0, 0, 1))(metagrad.tensor([[[1, 2]]]))
    tensor([[[0, 1, 2],
             [0, 0, 0]]])
    """

    def __init__(self, padding: Setting) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad3d(ConstantPad3d):
    """Zeros around the last three axes: (left, right, top, bottom, front, back)."""

    def __init__(self, padding: Setting) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ReflectionPad1d(_Pad):
    """The last axis mirrored at its ends, without the ends: (N, C, L) or (C, L).

    >>> import metagrad
    >>> metagrad.nn.ReflectionPad1d(2)(metagrad.tensor([[1, 2, 3]]))
    tensor([[3, 2, 1, 2, 3, 2, 1]])
    """

    axes, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """The last two axes mirrored at their ends, without the ends: (left, right, top, bottom)."""

    axes, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """The last three axes mirrored at their ends, without the ends: (left, right, top, bottom, front, back)."""

    axes, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The ends of the last axis repeated: (N, C, L) or (C, L)."""

    axes, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The ends of the last two axes repeated: (left, right, top, bottom)."""

    axes, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The ends of the last three axes repeated: (left, right, top, bottom, front, back)."""

    axes, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """The last axis going on at its other end: (N, C, L) or (C, L)."""

    axes, mode = 1, "circular"


class CircularPad2d(_Pad):
    """The last two axes going on at their other ends: (left, right, top, bottom)."""

    axes, mode = 2, "circular"


class CircularPad3d(_Pad):
    """The last three axes going on at their other ends: (left, right, top, bottom, front, back)."""

    axes, mode = 3, "circular"
