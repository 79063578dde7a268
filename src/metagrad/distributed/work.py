"""Collectives under way: ``Work`` is what ``async_op=True`` returns, ``Courier`` the thread that carries them out in order."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from metagrad.distributed.errors import CollectiveTimeout


class Work:
    """A collective that runs, or has run, on another thread. Its tensors may be used after ``wait()``."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self._job: Callable[[], Any] | None = job
        self._done = threading.Event()
        self._error: BaseException | None = None
        self._result: Any = None

    def run(self) -> None:
        """Do it; an error is kept for ``wait``."""
        try:
            if self._job is not None:
                self._result = self._job()
        except BaseException as error:
            self._error = error
        self._job = None
        self._done.set()

    def is_completed(self) -> bool:
        """Whether it is over, well or not."""
        return self._done.is_set()

    def is_success(self) -> bool:
        """Whether it is over and raised no error."""
        return self._done.is_set() and self._error is None

    def exception(self) -> BaseException | None:
        """The error it raised, if it is over and raised one."""
        return self._error

    def wait(self, timeout: Any = None) -> bool:
        """Wait until it is over; True, or the error it raised. timeout: seconds, or a timedelta."""
        limit = timeout.total_seconds() if hasattr(timeout, "total_seconds") else timeout
        if not self._done.wait(limit):
            raise CollectiveTimeout(f"the collective is not over after {limit:g} s")
        if self._error is not None:
            raise self._error
        return True

    def result(self) -> Any:
        """What ``wait`` leaves: the sender's rank of a ``recv``, nothing for a collective."""
        self.wait()
        return self._result

    def source_rank(self) -> int:
        """The rank a message came from."""
        return int(self.result())


class Courier:
    """One thread of a group that carries out what it is given, one after the other."""

    def __init__(self, name: str) -> None:
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._last: Work | None = None
        self._thread = threading.Thread(target=self._life, name=name, daemon=True)
        self._thread.start()

    def _life(self) -> None:
        while (work := self._waiting.get()) is not None:
            work.run()

    @property
    def is_idle(self) -> bool:
        """Whether all it was given is done."""
        return self._last is None or self._last.is_completed()

    def submit(self, job: Callable[[], Any]) -> Work:
        """Let it do a job when the earlier ones are done."""
        self._last = work = Work(job)
        self._waiting.put(work)
        return work

    def close(self) -> None:
        """End the thread when it has done what it was given."""
        self._waiting.put(None)
        self._thread.join()
