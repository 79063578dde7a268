"""Work on several threads: NumPy lets go of the interpreter lock inside BLAS and large ufuncs.

While kernels run on threads of their own, BLAS is held to one thread each: both kinds of threads together would fight for
the same cores. The hold is counted, because two programs' threads may train two models at once, and given back at the end.
"""

from __future__ import annotations

import atexit
import contextvars
import functools
import os
import threading
from collections.abc import Callable, Sequence
from operator import itemgetter
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from metagrad.kernels.compiled.compiler import available

if TYPE_CHECKING:
    from metagrad.kernels.compiled.entries import Work
    from metagrad.kernels.helpers import Helpers

T = TypeVar("T")

_NAME = "metagrad-worker"
_lock = threading.Lock()
_holders = 0
_before: list[tuple[Any, int]] = []  # what the number of threads was
_threads: int | None = None
_workers: _Workers | None = None
_helping: Helpers | None = None


class _Here(threading.local):
    """What a thread is doing."""

    # Its share of some jobs: as long as the other threads do theirs, they take no more. Our own threads never do anything else.
    is_sharing = False


_here = _Here()


@functools.cache  # each large op asks
def available_cores() -> int:
    """How many cores this process may use: as it was when somebody asked first."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, _granted() or cores)


def _granted(path: str = "/sys/fs/cgroup/cpu.max") -> int | None:
    """How many cores' time a container may take, rounded up: more threads would be stopped, all together, for a part of it."""
    try:
        with open(path) as file:
            time, of = map(int, file.read().split())
    except (OSError, ValueError):  # no container, or "max"
        return None
    return max(1, -(-time // of))


@functools.cache
def _usual_threads() -> int:
    """As many as there are cores, or as OMP_NUM_THREADS says if that is fewer: so PyTorch and its launchers are told."""
    told, cores = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip(), available_cores()
    return min(int(told), cores) if told.isdecimal() and int(told) else cores


def get_num_threads() -> int:
    """How many threads metagrad's own kernels use: as many as there are cores, or as OMP_NUM_THREADS says.

    >>> get_num_threads() >= 1
    True
    """
    return _usual_threads() if _threads is None else _threads


def set_num_threads(count: int) -> None:
    """Let metagrad's own kernels use this many threads; 1 leaves threads to BLAS."""
    global _threads, _workers, _helping
    if not isinstance(count, int) or count < 1:
        raise RuntimeError(f"set_num_threads expects a positive integer, got {count!r}")
    with _lock:
        _threads = count
        if _workers is not None:
            _workers.end()
            _workers = None
        helpers, _helping = _helping, None
    if helpers is not None:
        helpers.end()


@functools.cache
def blas_libraries() -> tuple[Any, ...]:
    """Each BLAS library of this process, as ``threadpoolctl`` controls it; none if it knows none of them."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # when first used: it reads /proc

    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def can_hold_blas() -> bool:
    """Whether BLAS's number of threads can be changed."""
    return bool(blas_libraries())


class blas_on_one_thread:
    """Inside, BLAS works on the calling thread alone; where it cannot be told so, nothing changes."""

    def __enter__(self) -> None:
        global _holders, _before
        with _lock:
            _holders += 1
            if _holders == 1:
                _before = [(library, library.get_num_threads()) for library in blas_libraries()]
                for library, _ in _before:
                    library.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        global _holders
        with _lock:
            _holders -= 1
            if _holders == 0:
                for library, count in _before:
                    library.set_num_threads(count)


class _Workers:
    """Threads that take jobs from one queue. Nothing but a queue's own lock stands between a job and its thread."""

    def __init__(self, count: int) -> None:
        self._asked: SimpleQueue[Any] = SimpleQueue()
        self._count = count
        for i in range(count):
            threading.Thread(target=self._serve, name=f"{_NAME}-{i}", daemon=True).start()

    def begin(self, job: Callable[[], Any], number: int, done: SimpleQueue[Any]) -> None:
        """Have a job done, in a copy of this thread's context, which holds NumPy's error state; its answer is put into ``done``."""
        self._asked.put((contextvars.copy_context(), job, number, done))

    def _serve(self) -> None:
        _share()
        while (asked := self._asked.get()) is not None:
            context, job, number, done = asked
            result, error = None, None
            try:
                result = context.run(job)
            except BaseException as raised:
                error = raised
            done.put((number, result, error))
            del asked, context, job, done, result, error  # or what they hold would live until the next job

    def end(self) -> None:
        """End the threads, when they have done what was asked."""
        for _ in range(self._count):
            self._asked.put(None)


def _begin(jobs: Sequence[Callable[[], Any]], done: SimpleQueue[Any]) -> None:
    """Have jobs done, numbered from 1; under the lock, so that whoever ends the threads does so after these jobs."""
    global _workers
    with _lock:
        if _workers is None:
            _workers = _Workers(max(1, get_num_threads() - 1))
        for number, job in enumerate(jobs, 1):
            _workers.begin(job, number, done)


def _share() -> None:
    """Say that this thread is one of our own."""
    _here.is_sharing = True


def _helpers() -> Helpers:
    global _helping
    with _lock:
        if _helping is None:
            from metagrad.kernels.helpers import Helpers

            _helping = Helpers(get_num_threads() - 1, _NAME, _share)
        return _helping


def _forget_threads() -> None:
    """In a forked process: its threads are gone, and a lock may have been held by one of them."""
    global _lock, _workers, _helping, _holders
    if _helping is not None:
        atexit.unregister(_helping.end)  # which would wait for whoever had them at that moment
    _lock, _workers, _helping, _holders = threading.Lock(), None, None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def run_in_turn(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """The results of several jobs, done one after the other on this thread alone; BLAS may use its own if set to 1."""
    if get_num_threads() == 1 or not blas_libraries():
        return [job() for job in jobs]
    with blas_on_one_thread():
        return [job() for job in jobs]


def run_together(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """The results of several jobs that use BLAS; on threads of their own where there are cores and BLAS can be held back."""
    if len(jobs) == 1 or get_num_threads() == 1 or not blas_libraries():
        return [job() for job in jobs]
    with blas_on_one_thread():
        return run_on_threads(jobs)


def run_on_threads(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """The results of several jobs, the first done here and the others on threads of their own; jobs of jobs stay here."""
    if len(jobs) <= 1 or get_num_threads() == 1 or _here.is_sharing:
        return [job() for job in jobs]
    if available():
        return _helpers().run(jobs)
    done: SimpleQueue[tuple[int, Any, BaseException | None]] = SimpleQueue()
    _begin(jobs[1:], done)
    _here.is_sharing = True
    try:
        first = jobs[0]()
    finally:
        _here.is_sharing = False
        # Waits for all, also if the first job failed.
        others = sorted([done.get() for _ in jobs[1:]], key=itemgetter(0))
    for _, _, error in others:
        if error is not None:
            raise error
    return [first, *[result for _, result, _ in others]]


def perform(work: Work, size: int, parts: int, unit: int = 1, phase: int = 0) -> None:
    """Compiled work on ``size`` elements, in so many parts, on as many threads as there are; parts of parts stay here.

    unit, phase: parts begin at multiples of so many elements, counted from an element.
    """
    if _here.is_sharing or get_num_threads() == 1:
        parts = 1
    (_helping or _helpers()).perform(work, size, parts, unit, phase)
