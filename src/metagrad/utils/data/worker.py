"""Worker threads of a ``DataLoader``: each has an inbox of tasks, a task is the indices of one batch.

Nothing here refers to the iterator that waits for the results, so an iterator nobody needs any more goes away at once,
and takes its threads with it.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, NamedTuple

from metagrad.tensor import Tensor
from metagrad.utils.data.fetch import Fetcher


class WorkerInfo(NamedTuple):
    """Which worker this is.

    id: its number, from 0. num_workers: how many there are. seed: this worker's own, from the loader's generator.
    dataset: this worker's own shallow copy.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _Here(threading.local):
    info: WorkerInfo | None = None


_here = _Here()


def get_worker_info() -> WorkerInfo | None:
    """In a worker thread of a ``DataLoader``: which one it is. None in any other thread.

    >>> get_worker_info() is None
    True
    """
    return _here.info


class Pass:
    """What the tasks of one pass over a dataset share."""

    def __init__(self, workers: int, make_fetcher: Callable[[Any], Fetcher], is_stream: bool) -> None:
        self.make_fetcher = make_fetcher
        self.is_stream = is_stream
        self.fetchers: list[Fetcher | None] = [None] * workers  # each made by its worker: a stream starts in its thread
        self.progress = threading.Condition()  # notified whenever a task is done
        self.cancelled = False


class Task:
    """One batch to fetch, and afterwards what came of it: ``value``, or ``error``, or a stream that has ``ended``."""

    __slots__ = ("done", "ended", "error", "index", "shared", "value", "worker")

    def __init__(self, shared: Pass, worker: int, index: Any) -> None:
        self.shared, self.worker, self.index = shared, worker, index
        self.value: Any = None
        self.error: BaseException | None = None
        self.ended = self.done = False

    def run(self, info: WorkerInfo) -> None:
        """Fetch the batch, in the worker's thread."""
        shared = self.shared
        try:
            if not shared.cancelled:
                fetcher = shared.fetchers[info.id]
                if fetcher is None:
                    fetcher = shared.fetchers[info.id] = shared.make_fetcher(info.dataset)
                self.value = fetcher.fetch(self.index)
        except BaseException as error:
            if isinstance(error, StopIteration) and shared.is_stream:
                self.ended = True
            else:
                self.fail(error)
        self.finish()

    def fail(self, error: BaseException) -> None:
        """Keep an error for the caller's thread."""
        error.add_note(f"raised in worker thread {self.worker} of a DataLoader")
        self.error = error

    def finish(self) -> None:
        """Tell the caller's thread that this task is done."""
        with self.shared.progress:
            self.done = True
            self.shared.progress.notify_all()


class Workers:
    """Threads that run tasks until they are closed, or until nobody refers to this object any more."""

    def __init__(self, count: int, dataset: Any, init_fn: Callable[[int], Any] | None, base_seed: int) -> None:
        self._inboxes: list[SimpleQueue[Task | None]] = [SimpleQueue() for _ in range(count)]
        self._threads = []
        for i, inbox in enumerate(self._inboxes):
            info = WorkerInfo(i, count, base_seed + i, _own(dataset))
            # daemons, so that a program can end while an iterator is still about
            thread = threading.Thread(target=_work, args=(inbox, info, init_fn), daemon=True, name=f"metagrad-data-{i}")
            self._threads.append(thread)
            thread.start()

    def send(self, task: Task) -> None:
        """Put a task into its worker's inbox."""
        self._inboxes[task.worker].put(task)

    def close(self) -> None:
        """Let each thread end, after the task it is at."""
        for inbox in self._inboxes:
            inbox.put(None)

    def join(self) -> None:
        """Wait until the threads have ended."""
        for thread in self._threads:
            thread.join()

    __del__ = close


def _own(dataset: Any) -> Any:
    """A worker's own dataset: attributes it sets are its own, what the attributes refer to is shared."""
    return copy.copy(dataset) if hasattr(dataset, "__dict__") and not isinstance(dataset, Tensor) else dataset


def _work(inbox: SimpleQueue[Task | None], info: WorkerInfo, init_fn: Callable[[int], Any] | None) -> None:
    """What a worker's thread does."""
    _here.info = info
    failure: BaseException | None = None
    reason = ""
    try:
        if init_fn is not None:
            init_fn(info.id)
    except BaseException as error:
        failure, reason = error, repr(error)
    while (task := inbox.get()) is not None:
        if not reason:
            task.run(info)
        else:  # handed over once: raised, it refers to the caller's frames, which must not be held here
            task.fail(failure or RuntimeError(f"this worker did not start: its worker_init_fn raised {reason}"))
            task.finish()
            failure = None
        del task  # nor is what it fetched, while this waits for the next one
