"""Samplers: in which order a dataset is read. Random orders come from a ``Generator``, so a seed fixes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar, cast

from metagrad.base.dtypes import float64
from metagrad.ops.create.from_data import as_tensor
from metagrad.ops.create.parametric import multinomial
from metagrad.ops.create.random import Generator, numpy_generator
from metagrad.ops.create.sampling import randint, randperm
from metagrad.tensors.tensor import Tensor

T_co = TypeVar("T_co", covariant=True)

_DRAWN_AT_ONCE = 32


class Sampler(Generic[T_co]):
    """An order to read a dataset in: subclasses define ``__iter__``, over indices or over lists of indices.

    ``__len__`` is optional: with it, ``len`` of a ``DataLoader`` works.

    >>> class LongestFirst(Sampler[int]):
    ...     def __init__(self, words):
    ...         self.words = words
    ...     def __iter__(self):
    ...         return iter(sorted(range(len(self.words)), key=lambda i: -len(self.words[i])))
    >>> list(LongestFirst(["a", "abc", "ab"]))
    [1, 2, 0]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} needs an __iter__() over indices, or over lists of indices")


def drawn_seed(generator: Generator | None = None) -> int:
    """A seed from a generator's stream, the default one's if None, for a stream of its own.

    >>> drawn_seed(Generator().manual_seed(0)) == drawn_seed(Generator().manual_seed(0))
    True
    """
    return numpy_generator(generator, anywhere=True).drawn_seed()


def _require_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ValueError(f"{name} should be a positive integer value, but got {name}={value}")


class SequentialSampler(Sampler[int]):
    """The indices 0, 1, …, N − 1.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The N indices in random order; or, with replacement, any of them each time.

    num_samples: how many to draw, N if None; without replacement, more than N means another round. generator: where the
    order comes from. Without one, each pass takes one seed from the default generator, so whatever else draws random
    numbers during the pass does not change its order. ValueError if there is nothing to draw.

    >>> sorted(RandomSampler("abcd"))
    [0, 1, 2, 3]
    >>> len(list(RandomSampler("abcd", replacement=True, num_samples=10)))
    10
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            empty = ": the dataset is empty" if num_samples is None else ""
            raise ValueError(
                f"num_samples should be a positive integer value, but got num_samples={self.num_samples}{empty}"
            )

    @property
    def num_samples(self) -> int:
        """How many indices a pass draws; it follows a dataset that grows."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n = len(self.data_source)
        left = self.num_samples
        if n == 0:
            raise ValueError(f"cannot draw {left} samples: the dataset is empty")
        generator = Generator().manual_seed(drawn_seed()) if self.generator is None else self.generator
        at_once = _DRAWN_AT_ONCE if self.replacement else n
        # at the end nothing may be left: drawn all the same
        for count in itertools.chain(itertools.repeat(at_once, left // at_once), [left % at_once]):
            if self.replacement:
                yield from randint(n, (count,), generator=generator, device=generator.device).tolist()
            else:
                yield from randperm(n, generator=generator, device=generator.device)[:count].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order.

    >>> sorted(SubsetRandomSampler([2, 5, 7]))
    [2, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for i in randperm(
            len(self.indices), generator=self.generator, device=getattr(self.generator, "device", None)
        ).tolist():
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with probabilities in proportion to weights: P(i) = wᵢ / Σ w.

    weights (N): not negative; they need not sum to 1. num_samples: how many to draw. replacement: whether an index may
    come more than once; if not, num_samples is at most the number of weights above 0.

    >>> sorted(WeightedRandomSampler([0.5, 0.0, 2.0], 2, replacement=False))
    [0, 2]
    """

    weights: Tensor

    def __init__(
        self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None
    ) -> None:
        _require_count("num_samples", num_samples)
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = as_tensor(weights, dtype=float64)
        if len(self.weights.shape) != 1:
            raise ValueError(
                f"weights should be a 1d sequence but given weights have shape {tuple(self.weights.shape)}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        yield from multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator).tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Lists of ``batch_size`` indices, in another sampler's order.

    sampler: any iterable of indices. drop_last: leave out a last batch that is smaller.

    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    >>> list(BatchSampler(range(5), batch_size=2, drop_last=True))
    [[0, 1], [2, 3]]
    """

    def __init__(self, sampler: Iterable[Any], batch_size: int, drop_last: bool) -> None:
        _require_count("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(cast(Sized, self.sampler)), self.batch_size)
        return full + (rest > 0 and not self.drop_last)
