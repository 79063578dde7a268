"""Datasets: what holds the samples. Some are read by index, some as a stream; the rest are made from other datasets."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

from metagrad.base.typing import Index
from metagrad.base.warning import warn
from metagrad.ops.create.random import Generator, default_generator
from metagrad.ops.create.sampling import randperm
from metagrad.tensors.tensor import Tensor

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples that are read by index: subclasses define ``__getitem__`` and, for most uses, ``__len__``.

    A subclass may also define ``__getitems__(indices)``, which returns a list with the samples of a whole batch, where
    that is faster than one after the other. ``a + b`` is the two datasets one after the other.

    >>> class Squares(Dataset[int]):
    ...     def __getitem__(self, index):
    ...         return index**2
    ...     def __len__(self):
    ...         return 3
    >>> both = Squares() + Squares()
    >>> len(both), both[5]
    (6, 4)
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """Samples that come as a stream: subclasses define ``__iter__``. ``a + b`` is one stream after the other.

    With ``num_workers`` > 0 every worker of a ``DataLoader`` reads a stream of its own, from its own copy of the
    dataset. ``get_worker_info()`` tells them apart; without it, each sample comes once per worker.

    >>> from metagrad.utils.data import DataLoader, get_worker_info
    >>> class Count(IterableDataset[int]):
    ...     def __iter__(self):
    ...         info = get_worker_info()
    ...         return iter(range(6)) if info is None else iter(range(info.id, 6, info.num_workers))
    >>> list(DataLoader(Count(), batch_size=3))
    [tensor([0, 1, 2]), tensor([3, 4, 5])]
    >>> list(DataLoader(Count(), batch_size=3, num_workers=2))
    [tensor([0, 2, 4]), tensor([1, 3, 5])]
    """

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ChainDataset([self, other])


Samples: TypeAlias = Dataset[Any] | Sequence[Any]  # what a ``DataLoader`` reads: whatever has ``__getitem__``


def items_of(dataset: Samples, indices: Sequence[Any]) -> Sequence[Any]:
    """The samples at several indices: all at once if the dataset can do that, else one after the other.

    >>> items_of("abc", [2, 0])
    ['c', 'a']
    """
    together = getattr(dataset, "__getitems__", None)
    return together(indices) if together else [dataset[i] for i in indices]


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors side by side: sample i is ``(tensors[0][i], tensors[1][i], ...)``.

    tensors: each (N, *), with the same N; AssertionError otherwise.

    >>> import metagrad
    >>> data = TensorDataset(metagrad.tensor([[1, 2], [3, 4]]), metagrad.tensor([0, 1]))
    >>> len(data), data[1]
    (2, (tensor([3, 4]), tensor(1)))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        for i, t in enumerate(tensors):
            if not t.shape:
                raise IndexError(f"TensorDataset: tensor {i} has no dimensions; its first one must count the samples")
        counts = [t.shape[0] for t in tensors]
        if len(set(counts)) > 1:
            raise AssertionError(f"Size mismatch between tensors: their first dimensions must be equal, got {counts}")
        self.tensors = tensors

    def __getitem__(self, index: Index) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class StackDataset(Dataset[Any]):
    """Datasets side by side: sample i holds sample i of each, as a tuple, or as a dict if they come with names.

    All must have the same length; ValueError otherwise.

    >>> StackDataset([1, 2], "ab")[1]
    (2, 'b')
    >>> StackDataset(number=[1, 2], letter="ab")[1]
    {'number': 2, 'letter': 'b'}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Samples, **kwargs: Samples) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or``dict``- (via ``kwargs``) like input/output, but both types are "
                "given."
            )
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed")
        self.datasets = args or kwargs
        lengths = [len(d) for d in self._columns()]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: they must be equally long, got lengths {lengths}")
        self._length = lengths[0]

    def _columns(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _sample(self, parts: tuple[Any, ...]) -> tuple[Any, ...] | dict[str, Any]:
        return dict(zip(self.datasets, parts, strict=True)) if isinstance(self.datasets, dict) else parts

    def __getitem__(self, index: int) -> tuple[Any, ...] | dict[str, Any]:
        return self._sample(tuple(d[index] for d in self._columns()))

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        columns = [items_of(d, indices) for d in self._columns()]
        for i, column in enumerate(columns):
            if len(column) != len(indices):
                raise ValueError(
                    f"Nested dataset's output size mismatch: __getitems__ of dataset {i} was asked for {len(indices)} "
                    f"samples and returned {len(column)}"
                )
        return [self._sample(parts) for parts in zip(*columns, strict=True)]

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[T_co]):
    """Datasets one after the other, read by index; negative indices count from the end.

    >>> data = ConcatDataset(["ab", "cde"])
    >>> len(data), data[2], data[-1], data.cumulative_sizes
    (5, 'c', 'e', [2, 5])
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable: ConcatDataset needs at least one")
        for i, d in enumerate(self.datasets):
            if isinstance(d, IterableDataset):
                raise AssertionError(
                    f"ConcatDataset does not support IterableDataset, and dataset {i} is one ({type(d).__name__}): "
                    "use ChainDataset"
                )
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    @property
    def cummulative_sizes(self) -> list[int]:
        """``cumulative_sizes`` as it was once written, with a FutureWarning."""
        warn("`cummulative_sizes` attribute is renamed to `cumulative_sizes`", FutureWarning)
        return self.cumulative_sizes

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, idx: int) -> T_co:
        n = len(self)
        if idx < -n:
            raise ValueError(f"absolute value of index should not exceed dataset length: got {idx}, the length is {n}")
        if idx >= n:
            raise IndexError(f"index {idx} is out of range: the datasets hold {n} samples together")
        index = idx % n
        which = bisect.bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        sample: T_co = self.datasets[which][index - start]
        return sample


class ChainDataset(IterableDataset[T_co]):
    """Streams one after the other.

    >>> class Letters(IterableDataset[str]):
    ...     def __iter__(self):
    ...         return iter("ab")
    >>> list(ChainDataset([Letters(), Letters()]))
    ['a', 'b', 'a', 'b']
    """

    datasets: Iterable[Any]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def _streams(self) -> Iterator[Any]:
        for i, d in enumerate(self.datasets):
            if not isinstance(d, IterableDataset):
                raise AssertionError(
                    f"ChainDataset only supports IterableDataset, got {type(d).__name__} at {i}: use ConcatDataset"
                )
            yield d

    def __iter__(self) -> Iterator[T_co]:
        for d in self._streams():
            yield from d

    def __len__(self) -> int:
        return sum(len(d) for d in self._streams())


class Subset(Dataset[T_co]):
    """Some samples of a dataset: sample i is ``dataset[indices[i]]``.

    A subclass that overrides ``__getitem__`` must override ``__getitems__`` as well, which a ``DataLoader`` calls for
    whole batches; NotImplementedError otherwise.

    >>> part = Subset("abcdef", [5, 0])
    >>> len(part), part[0]
    (2, 'f')
    """

    dataset: Any
    indices: Sequence[Any]

    def __init__(self, dataset: Samples, indices: Sequence[Any]) -> None:
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ of Subset, but not __getitems__, which a DataLoader calls. "
                "Add: def __getitems__(self, indices): return [self[i] for i in indices]"
            )
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, idx: int | list[int]) -> T_co:
        index: Any = [self.indices[i] for i in idx] if isinstance(idx, list) else self.indices[idx]
        sample: T_co = self.dataset[index]
        return sample

    def __getitems__(self, indices: Sequence[Any]) -> Sequence[Any]:
        return items_of(self.dataset, [self.indices[i] for i in indices])

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[int | float], generator: Generator | None = default_generator
) -> list[Subset[Any]]:
    """Split a dataset at random into parts that do not overlap and leave nothing out.

    lengths: how many samples each part gets, or fractions that sum to 1. A fraction f of N samples is ⌊f·N⌋ samples;
    those left over go to the parts one by one, from the first. ValueError if the lengths do not sum to N; a warning if
    a fraction comes to no sample at all.

    >>> train, test = random_split(range(10), [0.75, 0.25])
    >>> len(train), len(test), sorted([*train, *test])
    (8, 2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    n = len(dataset)
    total = sum(lengths)
    counts = _counts_of(lengths, n) if total <= 1 and math.isclose(total, 1) else list(lengths)
    if sum(counts) != n:
        raise ValueError(
            f"Sum of input lengths does not equal the length of the input dataset! {list(lengths)} sum to {total}, and "
            f"there are {n} samples. Fractions must sum to 1"
        )
    for i, count in enumerate(counts):
        if not isinstance(count, int):
            raise TypeError(f"length {i} is {count!r}: give whole numbers, or fractions that sum to 1")
        if count < 0:
            raise ValueError(f"length {i} is {count}: a part cannot have fewer than 0 samples")
    order = iter(randperm(n, generator=generator, device=getattr(generator, "device", None)).tolist())
    return [Subset(dataset, list(itertools.islice(order, int(count)))) for count in counts]


def _counts_of(fractions: Sequence[int | float], n: int) -> list[int | float]:
    """Fractions of n as whole numbers that sum to n."""
    for i, fraction in enumerate(fractions):
        if not 0 <= fraction <= 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1: got {fraction}")
    counts: list[int | float] = [math.floor(n * fraction) for fraction in fractions]
    for i in range(n - int(sum(counts))):
        counts[i % len(counts)] += 1
    for i, count in enumerate(counts):
        if count == 0:
            warn(f"Length of split at index {i} is 0. This might result in an empty dataset.")
    return counts
