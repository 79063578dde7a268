"""One pass over a ``DataLoader``: in the caller's process, or with worker processes that run ahead of it."""

from __future__ import annotations

import functools
import time
import warnings
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from metagrad.utils.data.dataset import IterableDataset
from metagrad.utils.data.fetch import fetcher_for
from metagrad.utils.data.sampler import drawn_seed
from metagrad.utils.data.worker import Pending

if TYPE_CHECKING:
    from metagrad.utils.data.dataloader import DataLoader
    from metagrad.utils.data.workers import Workers


class _LoaderIterator(Iterator[Any]):
    """What both kinds share: the indices, drawn in the caller's process, and a count of what was given out."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.pin_memory:
            warnings.warn("'pin_memory' is set, but metagrad does not pin memory: it has no effect", stacklevel=4)
        self._dataset = loader.dataset
        self._is_stream = isinstance(loader.dataset, IterableDataset)
        self._reported_length = loader._reported_length
        self._index_sampler: Any = loader._index_sampler
        self._indices = iter(self._index_sampler)
        # drawn without workers too, so that the random numbers after it do not depend on num_workers
        self._base_seed = drawn_seed(loader.generator)
        self._given = 0
        self._make_fetcher = functools.partial(
            fetcher_for, batched=loader._auto_collation, collate_fn=loader.collate_fn, drop_last=loader.drop_last
        )

    def __iter__(self) -> Self:
        return self

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __next__(self) -> Any:
        batch = self._next_batch()
        self._given += 1
        if self._reported_length is not None and self._given > self._reported_length:
            warnings.warn(
                f"Length of IterableDataset {self._dataset!r} was reported to be {self._reported_length}, but "
                f"{self._given} batches have been fetched. If it has workers, check that each reads its own share",
                stacklevel=2,
            )
        return batch

    def _next_batch(self) -> Any:
        raise NotImplementedError


class PlainIterator(_LoaderIterator):
    """Fetches each batch when it is asked for."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if loader.timeout:
            raise AssertionError(f"timeout={loader.timeout} needs num_workers > 0: without workers there is no waiting")
        self._fetcher = self._make_fetcher(self._dataset)

    def _next_batch(self) -> Any:
        return self._fetcher.fetch(next(self._indices))


class WorkersIterator(_LoaderIterator):
    """Keeps ``prefetch_factor`` batches per worker under way, and gives them out in the sampler's order.

    Which worker gets which batch follows from the order alone, not from who is faster, unless ``in_order`` is off.
    """

    def __init__(self, loader: DataLoader[Any], workers: Workers | None) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor:
            raise AssertionError("prefetch_factor must be greater than 0 when num_workers > 0, got 0")
        self._count = loader.num_workers
        self._owns_workers = not loader.persistent_workers
        if workers is None or workers.stopped:
            from metagrad.utils.data.workers import Workers  # multiprocessing is some milliseconds

            workers = Workers(loader, self._make_fetcher, self._is_stream, self._base_seed)
        self.workers = workers
        self._pass = workers.new_pass()
        self._active = [True] * self._count
        self._turn = -1
        self._in_order = loader.in_order
        self._timeout = loader.timeout
        self._pending: deque[Pending] = deque()
        for _ in range(loader.prefetch_factor * self._count):
            self._ask()

    def __del__(self) -> None:
        if hasattr(self, "_pass") and not self._owns_workers:
            self.workers.forget(self._pass)

    def _ask(self) -> None:
        """Draw the next index and give it to a worker that can go on."""
        worker = self._next_worker()
        if worker is None:
            return
        try:
            index = next(self._indices)
        except StopIteration:
            return
        except Exception as error:  # the sampler's: it is raised when its turn comes, after the batches before it
            pending = Pending(worker)
            pending.error, pending.done = error, True
        else:
            pending = self.workers.ask(worker, self._pass, index)
        self._pending.append(pending)

    def _next_worker(self) -> int | None:
        active = [w for w in range(self._count) if self._active[w]]
        if not active:
            return None
        if self._in_order:
            self._turn = min((w for w in active if w > self._turn), default=active[0])
            return self._turn
        busy = [pending.worker for pending in self._pending if not pending.done]
        return min(active, key=busy.count)

    def _finished(self) -> Pending | None:
        if self._in_order:
            return self._pending[0] if self._pending[0].done else None
        return next((pending for pending in self._pending if pending.done), None)

    def _wait(self) -> Pending:
        """The batch whose turn it is, when it is there."""
        deadline = time.monotonic() + self._timeout if self._timeout else None
        while (pending := self._finished()) is None:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not self.workers.receive(left) and left is not None:
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds of waiting for a worker")
        return pending

    def _next_batch(self) -> Any:
        while self._pending:
            pending = self._wait()
            self._pending.remove(pending)
            if pending.ended:
                self._active[pending.worker] = False
            self._ask()
            if pending.error is not None:
                error, pending.error = pending.error, None
                try:
                    raise error
                finally:
                    del error, pending  # the traceback refers to this frame: a cycle would keep the workers alive
            if not pending.ended:
                return pending.value
        if self._owns_workers:
            self.workers.stop()
        raise StopIteration
