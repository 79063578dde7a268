"""Random numbers for many examples, each its own: drawn at once, as numbers with one more dimension in front."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.func.batched import BatchedArray, NoRule, batched, unbatched


class ManyStreams:
    """A stream whose numbers are arrays of many examples.

    >>> ManyStreams(np.random.default_rng(0), 0, 5).random((2, 3)).examples.shape
    (5, 2, 3)
    """

    def __init__(self, stream: Any, level: int, count: int) -> None:
        self._stream, self._level, self._count = stream, level, count

    def _many(self, size: Any) -> tuple[int, ...]:
        return (self._count, *((size,) if isinstance(size, int | np.integer) else size or ()))

    def _wrapped(self, drawn: Any) -> BatchedArray:
        return batched(self._level, drawn)

    def _parameter(self, x: Any) -> Any:
        """The parameters of all examples (count, …)."""
        examples = unbatched(self._level, x)
        if isinstance(examples, BatchedArray):
            raise NoRule("parameters of several levels")
        return np.broadcast_to(x, (self._count, *np.shape(x))) if examples is None else examples

    def random(self, size: Any = (), dtype: Any = np.float64) -> Any:
        """Uniform numbers."""
        return self._wrapped(self._stream.random(self._many(size), dtype))

    def standard_normal(self, size: Any = (), dtype: Any = np.float64) -> Any:
        """Normal numbers."""
        return self._wrapped(self._stream.standard_normal(self._many(size), dtype))

    def half_uniform(self, shape: Any, steps: float) -> Any:
        """Uniform numbers for a dtype of half precision."""
        return self._wrapped(self._stream.half_uniform(self._many(shape), steps))

    def half_normal(self, shape: Any) -> Any:
        """Normal numbers for half precision."""
        return self._wrapped(self._stream.half_normal(self._many(shape)))

    def normal_in_pairs(self, shape: Any) -> Any:
        """Normal numbers pair by pair."""
        return self._wrapped(self._stream.normal_in_pairs(self._many(shape)))

    def scaled(self, numbers: Any, factor: float, offset: float) -> Any:
        """numbers · factor + offset."""
        return numbers * factor + offset

    def positive_int32(self, shape: Any) -> Any:
        """Integers of int32."""
        return self._wrapped(self._stream.positive_int32(self._many(shape)))

    def integers(
        self, low: Any, high: Any = None, size: Any = (), dtype: Any = np.int64, endpoint: bool = False
    ) -> Any:
        """Integers."""
        return self._wrapped(self._stream.integers(low, high, self._many(size), dtype, endpoint))

    def exponential(self, scale: Any = 1.0, size: Any = ()) -> Any:
        """Exponential numbers."""
        return self._wrapped(self._stream.exponential(1.0, self._many(size))) * scale

    def standard_cauchy(self, size: Any = ()) -> Any:
        """Cauchy numbers."""
        return self._wrapped(self._stream.standard_cauchy(self._many(size)))

    def bernoulli(self, chance: Any, size: Any = ()) -> Any:
        """True with this chance."""
        if isinstance(chance, np.ndarray | BatchedArray):
            return self._wrapped(
                self._stream.bernoulli(np.ascontiguousarray(self._parameter(chance)), self._many(size))
            )
        return self._wrapped(self._stream.bernoulli(chance, self._many(size)))

    def kept(self, shape: Any, p: float) -> Any:
        """What dropout keeps."""
        return self._wrapped(self._stream.kept(self._many(shape), p))

    def permutation(self, n: int) -> Any:
        """An order for each."""
        return self._wrapped(np.stack([self._stream.permutation(n) for _ in range(self._count)]))

    def poisson(self, lam: Any = 1.0) -> Any:
        """Poisson numbers."""
        return self._wrapped(self._stream.poisson(self._parameter(lam)))

    def binomial(self, n: Any, p: Any) -> Any:
        """How many trials succeed."""
        return self._wrapped(self._stream.binomial(self._parameter(n), self._parameter(p)))

    def standard_gamma(self, shape: Any) -> Any:
        """Gamma numbers."""
        return self._wrapped(self._stream.standard_gamma(self._parameter(shape)))
