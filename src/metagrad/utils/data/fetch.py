"""Fetching: from the indices of a batch to the batch, for datasets read by index and for streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from metagrad.tensors.tensor import Tensor
from metagrad.utils.data.collate import default_collate
from metagrad.utils.data.dataset import IterableDataset, Samples, Subset, TensorDataset, items_of


class MapFetcher:
    """Reads a dataset by index: a list of indices is a batch, unless ``batched`` is off; then it is one sample's."""

    def __init__(self, dataset: Samples, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> None:
        self.dataset, self.batched, self.collate_fn = dataset, batched, collate_fn

    def fetch(self, index: Any) -> Any:
        """The batch, or the sample, at an index."""
        if not self.batched:
            return self.collate_fn(self.dataset[index])
        rows = rows_of(self.dataset, index) if self.collate_fn is default_collate else None
        return self.collate_fn(items_of(self.dataset, index)) if rows is None else rows


def rows_of(dataset: Any, indices: list[Any]) -> list[Tensor] | None:
    """``default_collate(items_of(dataset, indices))`` in one step per tensor; None if the dataset is not just tensors.

    Cutting tensors into samples and stacking them again costs some twenty times as much as taking the rows at once.

    >>> import metagrad
    >>> rows_of(TensorDataset(metagrad.arange(3) * 10), [2, 0]), rows_of("abc", [2, 0])
    ([tensor([20,  0])], None)
    """
    while type(dataset) is Subset:
        dataset, indices = dataset.dataset, [dataset.indices[i] for i in indices]
    if type(dataset) is not TensorDataset or not indices or any(type(i) is not int for i in indices):
        return None
    tensors = dataset.tensors
    rows = list(indices)  # a tuple would be an index of several dimensions
    return [t[rows] for t in tensors] if all(isinstance(t, Tensor) for t in tensors) else None


class StreamFetcher:
    """Reads a stream: of the indices only their number counts. StopIteration at the stream's end."""

    def __init__(
        self, dataset: IterableDataset[Any], batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool
    ) -> None:
        self.samples = iter(dataset)
        self.batched, self.collate_fn, self.drop_last = batched, collate_fn, drop_last
        self.ended = False

    def fetch(self, index: Sequence[Any]) -> Any:
        """The next batch, or the next sample."""
        if not self.batched:
            return self.collate_fn(self._next())
        samples = []
        for _ in index:
            try:
                samples.append(self._next())
            except StopIteration:
                break
        if not samples or (self.drop_last and len(samples) < len(index)):
            raise StopIteration
        return self.collate_fn(samples)

    def _next(self) -> Any:
        if self.ended:  # what comes after an iterator's end is not read, even if it would go on
            raise StopIteration
        try:
            return next(self.samples)
        except StopIteration:
            self.ended = True
            raise


Fetcher = MapFetcher | StreamFetcher
