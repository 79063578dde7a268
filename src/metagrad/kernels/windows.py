"""Windows that slide along one axis: which elements a kernel of a convolution or a pooling sees.

Element j of window o is x[o · stride − low + j · dilation], where that lies inside; in front of the axis and behind it are
``low`` and ``high`` elements of padding. A negative padding cuts elements off.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple


class Windows(NamedTuple):
    """``count`` windows of ``size`` elements along an axis of ``extent``."""

    extent: int
    size: int
    stride: int
    low: int
    high: int
    dilation: int
    count: int  # type: ignore[assignment]  # a tuple has a method of this name; these are not searched

    @property
    def reach(self) -> int:
        """The distance from the first element of a window to the position after its last."""
        return self.dilation * (self.size - 1) + 1

    @property
    def disjoint(self) -> bool:
        """Whether no element is in two windows."""
        return self.stride >= self.reach or self.count == 1

    @property
    def partition(self) -> bool:
        """Whether every element is in exactly one window."""
        return self.stride == self.reach == self.size and self.low == 0 and self.count * self.size == self.extent

    @property
    def are_inside(self) -> bool:
        """Whether no window sees padding."""
        return self.low <= 0 and (self.count - 1) * self.stride - self.low + self.reach <= self.extent

    def part(self, j: int) -> tuple[slice, slice]:
        """The windows whose element j lies inside the axis, and those elements."""
        offset = j * self.dilation - self.low
        first = max(0, -(offset // self.stride))
        last = max(first, min(self.count, (self.extent - 1 - offset) // self.stride + 1))
        start = first * self.stride + offset
        return slice(first, last), slice(start, max(start, start + (last - first - 1) * self.stride + 1), self.stride)

    def parts(self) -> list[tuple[slice, slice]]:
        """``part`` for every j."""
        return _parts_of(self)


@functools.lru_cache(maxsize=256)  # the layers of a model ask for the same ones again and again
def _parts_of(w: Windows) -> list[tuple[slice, slice]]:
    return [w.part(j) for j in range(w.size)]


def sliding(
    extent: int, size: int, stride: int = 1, low: int = 0, high: int | None = None, dilation: int = 1
) -> Windows:
    """As many windows as fit into an axis with its padding.

    >>> sliding(5, 3, stride=2, low=1).count
    3
    """
    high = low if high is None else high
    count = (extent + low + high - dilation * (size - 1) - 1) // stride + 1
    return Windows(extent, size, stride, low, high, dilation, count)


def mirrored(w: Windows) -> Windows:
    """The windows over the results of ``w``, of stride 1, that see the results an element went into."""
    low = w.reach - 1 - w.low
    return Windows(w.count, w.size, 1, low, w.extent + w.reach - 1 - w.count - low, w.dilation, w.extent)


class Phase(NamedTuple):
    """Every stride-th element of an axis, the elements of windows that see those, and the windows over results that they are in."""

    elements: slice
    seeing: slice
    over: Windows


@functools.lru_cache(maxsize=256)
def phases(w: Windows) -> list[Phase]:
    """For windows without gaps, one phase for each remainder by the stride: in it the transpose is a convolution of stride 1.

    >>> [p.seeing for p in phases(sliding(8, 3, stride=2, low=1))]
    [slice(0, 3, 2), slice(1, 3, 2)]
    """
    found = []
    for r in range(w.stride):
        first = (r - w.low) % w.stride
        size, count = len(range(r, w.size, w.stride)), len(range(first, w.extent, w.stride))
        low = size - 1 - (first + w.low - r) // w.stride
        over = Windows(w.count, size, 1, low, count + size - 1 - low - w.count, 1, count)
        found.append(Phase(slice(first, w.extent, w.stride), slice(r, w.size, w.stride), over))
    return found


def counts(windows: Sequence[Windows | Uneven]) -> tuple[int, ...]:
    """The extents of a result with one element for each window."""
    return tuple([w.count for w in windows])


def extents(windows: Sequence[Windows | Uneven]) -> tuple[int, ...]:
    """The extents of what the windows slide over."""
    return tuple([w.extent for w in windows])


def sizes(windows: Sequence[Windows | Uneven]) -> tuple[int, ...]:
    """The extents of one window."""
    return tuple([w.size for w in windows])


class Uneven(NamedTuple):
    """Windows of different sizes that together cover an axis: window o goes from ⌊o · extent / count⌋ to
    ⌈(o + 1) · extent / count⌉."""

    extent: int
    count: int  # type: ignore[assignment]

    @property
    def starts(self) -> list[int]:
        """Where each window begins."""
        return [o * self.extent // self.count for o in range(self.count)]

    @property
    def lengths(self) -> list[int]:
        """How many elements each window has."""
        return [-(-(o + 1) * self.extent // self.count) - start for o, start in enumerate(self.starts)]

    @property
    def size(self) -> int:
        """How many elements the longest window has."""
        return max(self.lengths, default=0)

    @property
    def disjoint(self) -> bool:
        """Whether no element is known to be in two windows."""
        return False

    @property
    def partition(self) -> bool:
        """Whether every element is known to be in exactly one window."""
        return False

    def parts(self) -> list[tuple[list[int], list[int]]]:
        """For every j, the windows that have an element j, and those elements."""
        starts, found = self.starts, []
        for j in range(self.size):
            having = [o for o, n in enumerate(self.lengths) if n > j]
            found.append((having, [starts[o] + j for o in having]))
        return found


def evenly(extent: int, count: int) -> Windows | Uneven:
    """``count`` windows that cover an axis, of one size if it can be."""
    if count and extent and extent % count == 0:
        return sliding(extent, extent // count, extent // count)
    return Uneven(extent, count)


def starts_of(w: Windows | Uneven) -> tuple[list[int], int]:
    """Where each window begins, maybe in the padding, and the distance between its elements."""
    if isinstance(w, Uneven):
        return w.starts, 1
    return [o * w.stride - w.low for o in range(w.count)], w.dilation
