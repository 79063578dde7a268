"""Settings with one number for each axis, which may be given as one number for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def _ntuple(count: int) -> Callable[[Any], tuple[Any, ...]]:
    """A function that gives what it is given as a tuple: a single value ``count`` times, as many as there are else.

    >>> _ntuple(2)(3), _ntuple(2)([1, 2])
    ((3, 3), (1, 2))
    """
    return lambda value: tuple(value) if isinstance(value, Iterable) else (value,) * count


_single, _pair, _triple, _quadruple = (_ntuple(count) for count in (1, 2, 3, 4))
