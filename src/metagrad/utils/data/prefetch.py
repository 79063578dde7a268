"""One pass over a ``DataLoader`` with worker processes that fetch batches ahead of it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from metagrad.utils.data.iterator import LoaderIterator
from metagrad.utils.data.sampler import drawn_seed
from metagrad.utils.data.worker_process import Pending

if TYPE_CHECKING:
    from metagrad.utils.data.dataloader import DataLoader
    from metagrad.utils.data.workers import Workers


class PrefetchIterator(LoaderIterator):
    """Keeps ``prefetch_factor`` batches per worker under way, and gives them out in the sampler's order.

    Which worker gets which batch follows from the order alone, not from who is faster, unless ``in_order`` is off.
    """

    def __init__(self, loader: DataLoader[Any], workers: Workers | None = None, base_seed: int | None = None) -> None:
        super().__init__(loader, base_seed)
        if not loader.prefetch_factor:
            raise AssertionError("prefetch_factor must be greater than 0 when num_workers > 0, got 0")
        self._count = loader.num_workers
        self._owns_workers = not loader.persistent_workers
        if workers is None or workers.stopped:
            from metagrad.utils.data.workers import Workers  # multiprocessing is some milliseconds

            workers = Workers(loader, self._make_fetcher, self._is_stream, self._base_seed)
            if self._pipe_seed is not None:
                drawn_seed(loader.generator)  # as PyTorch draws one more, which nobody reads
        elif self._pipe_seed is not None:
            workers.begin_pass(self._pipe_seed)
        self.workers = workers
        self._pass = workers.new_pass()
        self._active = [True] * self._count
        self._turn = -1
        self._in_order = loader.in_order
        self._timeout = loader.timeout
        self._pending: deque[Pending] = deque()
        for _ in range(loader.prefetch_factor * self._count):
            self._ask()

    def _reset(self, loader: DataLoader[Any]) -> None:
        """Begin another pass; what is left of this one is given up."""
        self.workers.forget(self._pass)
        self.__init__(loader, self.workers, self._base_seed)  # type: ignore[misc]

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
