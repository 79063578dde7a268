"""``Size``: the shape of a tensor."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from operator import index
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from metagrad.base.naming import public

unchecked = tuple.__new__  # ``unchecked(Size, shape)``: of what is known to be whole numbers

if TYPE_CHECKING:
    Ints = tuple[int, ...]
else:
    Ints = tuple  # no generic class: libraries that check types could not tell what it is a kind of


class Size(Ints):
    """A tensor's shape: a tuple that knows its product.

    >>> Size((2, 3)).numel()
    6
    """

    __slots__ = ()

    def __new__(cls, extents: Iterable[SupportsIndex] = ()) -> Size:
        """Of whole numbers, tensors of one number among them; TypeError for anything else."""
        return unchecked(cls, map(_extent, count(), extents))

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for extent in self:
            n *= extent
        return n

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> int: ...
    @overload
    def __getitem__(self, index: slice, /) -> Size: ...
    def __getitem__(self, index: Any, /) -> Any:
        found = tuple.__getitem__(self, index)
        return unchecked(Size, found) if index.__class__ is slice else found

    def __add__(self, other: Any, /) -> Any:
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: tuple[int, ...]) -> Size:
        return unchecked(Size, other + tuple(self))

    def __mul__(self, times: SupportsIndex, /) -> Size:
        return unchecked(Size, tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"{public('Size')}({list(self)})"


def _extent(position: int, number: SupportsIndex) -> int:
    try:
        return index(number)
    except TypeError:
        kind = type(number).__name__
        raise TypeError(f"{public('Size')}() takes an iterable of 'int' (item {position} is '{kind}')") from None
