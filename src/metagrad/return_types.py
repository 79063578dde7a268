"""Results with several parts, by the name of the function that returns them: tuples whose parts have names.

>>> import metagrad
>>> found = metagrad.max(metagrad.tensor([1, 3, 2]), dim=0)
>>> found
metagrad.return_types.max(
values=tensor(3),
indices=tensor(1))
>>> values, indices = found
>>> found.indices is indices
True
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, ClassVar

Part = Any  # a tensor, or for ``histogramdd`` a tuple of them


class Results(tuple[Part, ...]):
    """A tuple whose parts have names; made, as a tuple is, from one iterable."""

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        names = tuple(name for name, value in vars(cls).items() if isinstance(value, property))
        cls.__match_args__ = cls.__match_args__ + names  # type: ignore[misc]

    def __new__(cls, parts: Any) -> Results:
        """The parts in their order."""
        made = super().__new__(cls, parts)
        if len(made) != len(cls.__match_args__):
            raise TypeError(f"{cls.__name__}() takes a sequence of {len(cls.__match_args__)} parts, got {len(made)}")
        return made

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={part!r}" for name, part in zip(self.__match_args__, self, strict=True))
        return f"metagrad.return_types.{type(self).__name__}(\n{parts})"


class _Chosen(Results):
    __slots__ = ()
    values, indices = property(itemgetter(0)), property(itemgetter(1))


class max(_Chosen):
    """The largest elements along a dimension, and where they are."""


class min(_Chosen):
    """The smallest elements along a dimension, and where they are."""


class median(_Chosen):
    """The medians along a dimension, and where they are."""


class nanmedian(_Chosen):
    """The medians of what is not nan along a dimension, and where they are."""


class mode(_Chosen):
    """The most frequent elements along a dimension, and where they are."""


class kthvalue(_Chosen):
    """The k-th smallest elements along a dimension, and where they are."""


class sort(_Chosen):
    """The elements in order, and where each was."""


class topk(_Chosen):
    """The k largest or smallest elements, and where each was."""


class cummax(_Chosen):
    """The largest of the first i elements, and where it is."""


class cummin(_Chosen):
    """The smallest of the first i elements, and where it is."""


class aminmax(Results):
    """The smallest and the largest element."""

    __slots__ = ()
    min, max = property(itemgetter(0)), property(itemgetter(1))


class histogram(Results):
    """How many elements fall between neighbouring edges, and the edges."""

    __slots__ = ()
    hist, bin_edges = property(itemgetter(0)), property(itemgetter(1))


class histogramdd(histogram):
    """How many points fall into each cell of a grid, and the edges of the grid in each dimension."""
