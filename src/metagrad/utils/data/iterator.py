"""One pass over a ``DataLoader``: in the caller's thread, or with worker threads that run ahead of it."""

from __future__ import annotations

import functools
import warnings
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from metagrad.utils.data.dataset import IterableDataset
from metagrad.utils.data.fetch import fetcher_for
from metagrad.utils.data.sampler import drawn_seed
from metagrad.utils.data.worker import Pass, Task, Workers

if TYPE_CHECKING:
    from metagrad.utils.data.dataloader import DataLoader


class _LoaderIterator(Iterator[Any]):
    """What both kinds share: the indices, drawn in the caller's thread, and a count of what was given out."""

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


class ThreadedIterator(_LoaderIterator):
    """Keeps ``prefetch_factor`` batches per worker under way, and gives them out in the sampler's order.

    Which worker gets which batch follows from the order alone, not from who is faster, unless ``in_order`` is off.
    """

    def __init__(self, loader: DataLoader[Any], workers: Workers | None) -> None:
        super().__init__(loader)
        if not loader.prefetch_factor:
            raise AssertionError("prefetch_factor must be greater than 0 when num_workers > 0, got 0")
        self._count = loader.num_workers
        self._pass = Pass(self._count, self._make_fetcher, self._is_stream)
        self._owns_workers = not loader.persistent_workers
        self.workers = workers or Workers(self._count, self._dataset, loader.worker_init_fn, self._base_seed)
        self._active = [True] * self._count
        self._turn = -1
        self._in_order = loader.in_order
        self._timeout = loader.timeout
        self._pending: deque[Task] = deque()
        for _ in range(loader.prefetch_factor * self._count):
            self._send()

    def __del__(self) -> None:
        shared = getattr(self, "_pass", None)  # not there yet if __init__ raised
        if shared is not None:
            shared.cancelled = True  # tasks still in an inbox are passed over

    def _send(self) -> None:
        """Draw the next index and give it to a worker that can go on."""
        worker = self._next_worker()
        if worker is None:
            return
        task = Task(self._pass, worker, None)
        try:
            task.index = next(self._indices)
        except StopIteration:
            return
        except Exception as error:  # the sampler's: it is raised when its turn comes, after the batches before it
            task.error, task.done = error, True
        self._pending.append(task)
        if not task.done:
            self.workers.send(task)

    def _next_worker(self) -> int | None:
        active = [w for w in range(self._count) if self._active[w]]
        if not active:
            return None
        if self._in_order:
            self._turn = min((w for w in active if w > self._turn), default=active[0])
            return self._turn
        busy = [task.worker for task in self._pending if not task.done]
        return min(active, key=busy.count)

    def _finished(self) -> Task | None:
        if self._in_order:
            return self._pending[0] if self._pending[0].done else None
        return next((task for task in self._pending if task.done), None)

    def _next_batch(self) -> Any:
        while self._pending:
            with self._pass.progress:
                task = self._pass.progress.wait_for(self._finished, self._timeout or None)
            if task is None:
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds of waiting for a worker")
            self._pending.remove(task)
            if task.ended:
                self._active[task.worker] = False
            self._send()
            if task.error is not None:
                error, task.error = task.error, None
                try:
                    raise error
                finally:
                    del error, task  # the traceback refers to this frame: a cycle would keep the threads alive
            if not task.ended:
                return task.value
        if self._owns_workers:
            self.workers.close()
            self.workers.join()
        raise StopIteration
