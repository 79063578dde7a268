"""Random numbers that are drawn until one is accepted: gamma, Poisson and binomial ones, one element after the other.

How many words of the generator an element takes depends on what is drawn, so that the order is part of the result. All is
computed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from metagrad.base.typing import Array

_BLOCK = 1024  # words that are drawn at a time
_FROM_TEN = 10  # from this mean on numbers are proposed and accepted, below it they are counted out


class Source(Protocol):
    """What elements are drawn from."""

    def uniform(self) -> float:
        """A uniform number in [0, 1)."""

    def normal(self) -> float:
        """A normal number."""


class OneByOne:
    """Numbers of a twister one at a time, and the twister left where the last of them came from. A context manager."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._bits = stream, stream.bit_generator

    def __enter__(self) -> OneByOne:
        self._state, self._used = self._bits.state, 0
        self._words = self._drawn()
        return self

    def __exit__(self, *_: object) -> None:
        self._bits.state = self._state
        self._bits.random_raw(self._used, output=False)

    def _drawn(self) -> Iterator[float]:
        while True:
            for u in self._stream.random(_BLOCK).tolist():
                self._used += 2
                yield u

    def uniform(self) -> float:
        """A uniform number in [0, 1), of two words."""
        return next(self._words)

    def normal(self) -> float:
        """A normal number, one of a pair (Box and Muller 1958); the other is kept for the next call."""
        stream = self._stream
        if stream.held_back is not None:
            held_back: float = stream.held_back
            stream.held_back = None
            return held_back
        turn, u = self.uniform(), self.uniform()
        length, angle = math.sqrt(-2 * math.log1p(-u)), 2 * math.pi * turn
        stream.held_back = length * math.sin(angle)
        return length * math.cos(angle)


def each(draw: Callable[..., float], source: Source, *parameters: Any) -> Array:
    """``draw`` for each element of the parameters, which broadcast (…): float64."""
    given = np.broadcast_arrays(*[np.asarray(p, np.float64) for p in parameters])
    rows = zip(*[p.reshape(-1).tolist() for p in given], strict=True)
    return np.array([draw(source, *row) for row in rows], np.float64).reshape(given[0].shape)


def gamma(source: Source, shape: float) -> float:
    """A gamma variable of rate 1: the cube of a shifted normal number, accepted as Marsaglia and Tsang (2000) have it."""
    scale = 1.0
    if shape < 1:  # x · u^(1 / shape) with x of shape + 1
        if shape == 0:
            return 0.0
        scale, shape = (1 - source.uniform()) ** (1 / shape), shape + 1
    d = shape - 1 / 3
    c = 1 / math.sqrt(9 * d)
    while True:
        x = source.normal()
        while 1 + c * x <= 0:
            x = source.normal()
        v, u = (1 + c * x) ** 3, 1 - source.uniform()
        if u < 1 - 0.0331 * x**4 or math.log(u) < 0.5 * x**2 + d * (1 - v + math.log(v)):
            return scale * d * v


def poisson(source: Source, rate: float) -> float:
    """How many events happened: counted out for few, else the transformed rejection of Hörmann (1993), his method PTRS."""
    if rate >= _FROM_TEN:
        return _proposed(
            source,
            math.sqrt(rate),
            (0.931, 2.53, -0.059, 0.02483, 0.0),
            rate + 0.43,
            math.inf,
            lambda b: (1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)),
            lambda k: k * math.log(rate) - rate - math.lgamma(k + 1),
        )
    if rate == 0:
        return 0.0
    least, product, count = math.exp(-rate), source.uniform(), 0
    while product > least:
        product *= source.uniform()
        count += 1
    return float(count)


def binomial(source: Source, count: float, chance: float) -> float:
    """How many trials succeed: the gaps between successes added up for few, else Hörmann's method BTRS (1993)."""
    if count <= 0 or chance <= 0:
        return 0.0
    if chance >= 1:
        return count
    if chance > 0.5:
        return count - binomial(source, count, 1 - chance)
    if math.isnan(count) or math.isnan(chance):
        return math.nan
    if count * chance < _FROM_TEN:
        return _by_gaps(source, count, chance)
    spread, odds, m = math.sqrt(count * chance * (1 - chance)), chance / (1 - chance), (count + 1) * chance // 1
    most = math.lgamma(m + 1) + math.lgamma(count - m + 1)
    return _proposed(
        source,
        spread,
        (1.15, 2.53, -0.0873, 0.0248, 0.01 * chance),
        count * chance + 0.5,
        count,
        lambda b: ((2.83 + 5.1 / b) * spread, 0.92 - 4.2 / b),
        lambda k: most - math.lgamma(k + 1) - math.lgamma(count - k + 1) + (k - m) * math.log(odds),
    )


def _by_gaps(source: Source, count: float, chance: float) -> float:
    """The successes until the gaps between them, geometric numbers, are more than the trials."""
    total, found = 0.0, 0
    while True:
        u = source.uniform()
        total += math.ceil(math.log(u) / math.log1p(-chance)) if u > 0 else math.inf
        if total > count:
            return float(found)
        found += 1


def _proposed(
    source: Source,
    spread: float,
    constants: tuple[float, ...],
    centre: float,
    highest: float,
    of_b: Callable[[float], tuple[float, float]],
    log_chance: Callable[[float], float],
) -> float:
    """Transformed rejection with a squeeze: k = ⌊(2a / (½ − |u|) + b) u + centre⌋ until it is accepted.

    of_b: the scale 1/α and the bound of the squeeze, from b. log_chance: the logarithm of k's probability, up to what α has.
    """
    b_0, b_1, a_0, a_1, a_2 = constants
    b = b_0 + b_1 * spread
    a, (scale, bound) = a_0 + a_1 * b + a_2, of_b(b)
    while True:
        u, v = source.uniform() - 0.5, source.uniform()
        s = 0.5 - abs(u)
        if s == 0:
            continue
        k = math.floor((2 * a / s + b) * u + centre)
        if s >= 0.07 and v <= bound:
            return float(k)
        if k < 0 or k > highest or (s < 0.013 and v > s):
            continue
        if math.log(v * scale / (a / (s * s) + b)) <= log_chance(k) if v > 0 else True:
            return float(k)
