"""An average of weights over the steps of a training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from metagrad.autograd.writing import bump

Array = Any

__all__ = ["ExponentialAverage"]


class ExponentialAverage:
    """A running average of parameters: a ← a + (1 − d) (p − a) after each step (Polyak and Juditsky 1992, in its exponential form).

    The average of the last steps lies nearer to a minimum than any of them, which jump about it. Early on, the decay d is
    (1 + n)/(10 + n) after n updates if that is less, so that the first values do not linger. Raises ValueError for a
    decay outside [0, 1).

    >>> import metagrad
    >>> p = metagrad.nn.Parameter(metagrad.zeros(1))
    >>> average = ExponentialAverage([p], decay=0.5)
    >>> p.data.fill_(4.0)
    tensor([4.])
    >>> average.update()
    >>> with average.in_place():
    ...     inside = p.tolist()
    >>> [round(x, 3) for x in inside], p.tolist()
    ([3.273], [4.0])
    """

    def __init__(self, parameters: Iterable[Any], decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"the decay of an average must be at least 0 and below 1, got {decay}")
        self.parameters, self.decay, self.updates = list(parameters), decay, 0
        self.arrays: list[Array] = [p.array.copy() for p in self.parameters]
        self.followed: Sequence[int] = range(len(self.parameters))  # those that ``update`` averages

    def update(self) -> None:
        """Move the average towards the parameters as they are now."""
        self.updates += 1
        step = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        for i in self.followed:
            a = self.arrays[i]
            d = np.subtract(self.parameters[i].array, a)
            d *= step
            a += d

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the parameters have their averaged values."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for i, (a, p) in enumerate(zip(self.arrays, self.parameters, strict=True)):
            self.arrays[i] = p.array.copy()
            p.array[...] = a
            bump(p)
