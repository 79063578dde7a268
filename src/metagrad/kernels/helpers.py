"""Threads that begin a job within a few microseconds, as they look out for it for a while before they sleep.

Waking a thread takes 50 to 100 µs: as long as a sum of four million numbers. In a model one large array follows another,
so after a job a helper watches for the next one (``kernels/compiled/sharing.py``, which does not hold the interpreter), for
``tuning.LOOK_FOR`` nanoseconds; then it sleeps. Whoever waits for the helpers does the same. This needs Numba; without, see
``threads.py``.

Compiled work begins and ends within a microsecond, as no helper needs the interpreter for it. Jobs that are Python functions
do: they take turns at it.
"""

from __future__ import annotations

import atexit
import contextvars
import functools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.entries import Work
from metagrad.kernels.compiled.sharing import (
    ASKED,
    ASLEEP,
    FUNCTION,
    IDLE,
    ROW,
    STATE,
    alone,
    ask,
    finish,
    has_reached,
    perform,
    serve,
    withdraw,
)


@functools.cache
def looks() -> int:
    """How many looks take ``tuning.LOOK_FOR``: each takes some tens of cycles, on some processors one."""
    memory, times = np.zeros(1, np.int64), []
    for _ in range(4):  # the first one compiles
        started = time.perf_counter_ns()
        has_reached(memory, 1, _SAMPLE, 0)
        times.append(time.perf_counter_ns() - started)
    return max(1, tuning.LOOK_FOR * _SAMPLE // max(1, min(times)))


class Signal:
    """A number that one thread raises and another one waits for."""

    def __init__(self) -> None:
        self.memory = np.zeros(tuning.ALIGNMENT // 8, np.int64)  # a cache line of its own
        self.is_asleep = False
        self.alarm: SimpleQueue[None] = SimpleQueue()

    def reach(self, value: int) -> None:
        """The number is ``value`` from now on."""
        self.memory[0] = value
        if self.is_asleep:  # asked after the number is written, as who waits says it before a last look
            self.is_asleep = False
            self.alarm.put(None)

    def wait_for(self, value: int) -> None:
        """Return when the number is at least ``value``: look, and at last sleep."""
        while not has_reached(self.memory, value, looks(), tuning.LOOKS_OF_GRACE):
            self.is_asleep = True
            if self.memory[0] < value:
                self.alarm.get()  # may have been put for an earlier wait: the loop looks again
            self.is_asleep = False


class _Round:
    """Jobs that are taken one after the other by whoever is free."""

    def __init__(self, jobs: Sequence[Callable[[], Any]]) -> None:
        self.jobs = jobs
        self.results: list[Any] = [None] * len(jobs)
        self.errors: list[BaseException | None] = [None] * len(jobs)
        self.left: Iterator[int] = iter(range(len(jobs)))  # next() on it is atomic

    def work(self) -> None:
        """Do jobs until none is left."""
        for i in self.left:
            try:
                self.results[i] = self.jobs[i]()
            except BaseException as error:
                self.errors[i] = error


class _Helper(threading.Thread):
    def __init__(self, name: str, memory: Array, row: int, begins: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.begins = begins
        self.memory, self.row, self.asleep, self.state = memory, row, ROW * row + ASLEEP, ROW * row + STATE
        self.alarm: SimpleQueue[None] = SimpleQueue()
        self.done = Signal()
        self.rounds = 0
        self.work: Callable[[], None] | None = None

    def wake(self) -> None:
        """Have the helper look, if it sleeps."""
        if self.memory[self.asleep]:
            self.memory[self.asleep] = 0
            self.alarm.put(None)

    def begin(self, work: Callable[[], None] | None) -> None:
        """Have the helper do this, in Python; None ends it."""
        self.rounds += 1
        self.work = work
        self.memory[self.state] = ASKED
        self.wake()

    def end(self) -> None:
        """Return when what was begun is done; the helper need not begin any more."""
        if withdraw(self.memory, self.row):
            self.work = None
            self.rounds -= 1
        else:
            self.done.wait_for(self.rounds)

    def run(self) -> None:
        self.begins()
        while True:
            if not serve(self.memory, self.row, looks(), tuning.LOOKS_OF_GRACE):
                self.sleep()
                continue
            work, self.work, number = self.work, None, self.rounds
            if work is None:
                return
            work()
            del work  # or what it holds would live until the next job
            self.memory[self.state] = IDLE
            self.done.reach(number)

    def sleep(self) -> None:
        """Return when something may have been asked."""
        self.memory[self.asleep] = 1
        if self.memory[self.state] != ASKED:
            self.alarm.get()  # may have been put for an earlier sleep: whoever calls looks again
        self.memory[self.asleep] = 0


class Helpers:
    """So many threads, which work for one caller at a time; each calls ``begins`` first."""

    def __init__(self, count: int, name: str, begins: Callable[[], None] = lambda: None) -> None:
        self._lock = threading.Lock()
        self._memory = _lines((count + 1) * ROW)
        self._perform = getattr(perform, "compiled", lambda: perform)()
        self._helpers = [_Helper(f"{name}-{i}", self._memory, i + 1, begins) for i in range(count)]
        for helper in self._helpers:
            helper.start()
        atexit.register(self.end)

    def run(self, jobs: Sequence[Callable[[], Any]]) -> list[Any]:
        """The results of the jobs, done here and by the helpers; here alone if another caller has those.

        All are done before an error of one of them is raised, the first one's first.
        """
        work = _Round(jobs)
        if self._lock.acquire(blocking=False):
            try:
                busy = self._helpers[: len(jobs) - 1]
                self._memory[FUNCTION] = 0
                try:
                    for helper in busy:  # in a copy of this thread's context, which holds NumPy's error state
                        context = contextvars.copy_context()
                        helper.begin(lambda context=context: context.run(work.work))  # type: ignore[misc]
                    work.work()
                finally:  # an interrupt, too, waits for those who have begun
                    for helper in busy:
                        helper.end()
            finally:
                self._lock.release()
        else:
            work.work()
        for error in work.errors:
            if error is not None:
                raise error
        return work.results

    def perform(self, work: Work, size: int, parts: int, unit: int = 1, phase: int = 0) -> None:
        """Compiled work on ``size`` elements, in so many parts, done here and by the helpers, or here alone as above.

        unit, phase: parts begin at multiples of so many elements, counted from an element.
        """
        (address, data), memory = work, self._memory
        if parts > 1 and self._lock.acquire(False):
            try:
                busy = self._helpers if len(self._helpers) < parts else self._helpers[: parts - 1]
                given = memory, len(busy), address, data.buffer_info()[0], size, parts, unit, phase
                for helper in busy:
                    if memory[helper.asleep]:
                        try:
                            ask(*given)
                            for each in busy:
                                each.wake()
                        finally:  # after an interrupt, too: who was asked may be writing
                            finish(memory, len(busy))
                        break
                else:
                    self._perform(*given)
            finally:
                self._lock.release()
        else:
            alone(address, data.buffer_info()[0], size, phase)

    def end(self) -> None:
        """End the threads, when they are done."""
        with self._lock:
            self._memory[FUNCTION] = 0
            for helper in self._helpers:
                helper.begin(None)
            for helper in self._helpers:
                helper.join()
            self._helpers = []
        atexit.unregister(self.end)


def _lines(count: int) -> Array:
    """So many zeros of int64, from the beginning of a cache line on."""
    line = tuning.ALIGNMENT // 8
    memory = np.zeros(count + line, np.int64)
    start = -(memory.ctypes.data // 8) % line
    return memory[start : start + count]


_SAMPLE = 1024
