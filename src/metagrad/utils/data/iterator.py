"""One pass over a ``DataLoader``: what every pass does, and the pass that fetches in the caller's process."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sized
from typing import TYPE_CHECKING, Any, Self, cast

from metagrad.base.warning import warn
from metagrad.utils.data.dataset import IterableDataset
from metagrad.utils.data.fetch import MapFetcher, StreamFetcher
from metagrad.utils.data.sampler import drawn_seed

if TYPE_CHECKING:
    from metagrad.utils.data.dataloader import DataLoader


class LoaderIterator(Iterator[Any]):
    """What both kinds share: the indices, drawn in the caller's process, and a count of what was given out."""

    def __init__(self, loader: DataLoader[Any], base_seed: int | None = None) -> None:
        if loader.pin_memory:
            warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used."
            )
        self._dataset = loader.dataset
        kind = getattr(
            loader, "_dataset_kind", None
        )  # of a program's own loader, which has PyTorch's names: 1 is a stream
        self._is_stream = isinstance(loader.dataset, IterableDataset) if kind is None else kind == 1
        self._reported_length = getattr(loader, "_reported_length", None)
        self._index_sampler = loader._index_sampler
        self._indices = iter(self._index_sampler)
        self._pipe_seed: int | None = None
        if hasattr(type(self._dataset), "_begin_pass"):  # a pipe, shuffled alike in every worker
            self._pipe_seed = drawn_seed(loader.generator)
            self._dataset._begin_pass(self._pipe_seed)
        # drawn without workers too, so that the random numbers after it do not depend on num_workers
        self._base_seed = drawn_seed(loader.generator) if base_seed is None else base_seed
        self._given = 0
        self._num_workers = loader.num_workers
        self._make_fetcher = functools.partial(
            StreamFetcher if self._is_stream else MapFetcher,
            batched=loader._auto_collation,
            collate_fn=loader.collate_fn,
            drop_last=loader.drop_last,
        )

    @property
    def _num_yielded(self) -> int:
        """How many batches were given out: programs that save where they stand in a pass ask for it by this name."""
        return self._given

    def __iter__(self) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled: it is in the middle of a pass")

    def __len__(self) -> int:
        return len(cast(Sized, self._index_sampler))

    def __next__(self) -> Any:
        batch = self._next_batch()
        self._given += 1
        if self._reported_length is not None and self._given > self._reported_length:
            shares = (
                "For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset replica at "
                "each worker: check that each reads its own share."
            )
            warn(
                f"Length of IterableDataset {self._dataset!r} was reported to be {self._reported_length} (when accessing "
                f"len(dataloader)), but {self._given} samples have been fetched. {shares if self._num_workers else ''}"
            )
        return batch

    def _next_batch(self) -> Any:
        raise NotImplementedError


class PlainIterator(LoaderIterator):
    """Fetches each batch when it is asked for."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if loader.timeout:
            raise AssertionError(f"timeout={loader.timeout} needs num_workers > 0: without workers there is no waiting")
        self._fetcher = self._make_fetcher(self._dataset)

    def _next_batch(self) -> Any:
        return self._fetcher.fetch(next(self._indices))
