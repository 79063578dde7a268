"""The backend ``threads``: ranks as threads of one process, for tests and for teaching.

Every collective is one idea, a meeting: each rank puts its arrays on the table, waits until all are there, takes what it needs
from the others', and waits again until all have taken. No array is sent anywhere, for threads share their memory.

>>> import metagrad
>>> from metagrad import distributed as dist
>>> def program(rank):
...     dist.init_process_group("threads")
...     x = metagrad.tensor([1.0, 2.0]) * (rank + 1)
...     dist.all_reduce(x)
...     return x.tolist()
>>> dist.run_threads(program, 2)
[[3.0, 6.0], [3.0, 6.0]]
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.distributed.communicator import Array, Communicator
from metagrad.distributed.errors import CollectiveMismatch, CollectiveTimeout, DistNetworkError, RankFailed, mismatch
from metagrad.distributed.reduction import ReduceOp, combine


class Table:
    """Where the threads of one group meet. ``rounds[n][rank]``: what a rank put down in its n-th meeting."""

    def __init__(self, size: int, names: Sequence[int]) -> None:
        self.size, self.names = size, list(names)
        self.changed = threading.Condition()
        self.rounds: dict[int, dict[int, Any]] = {}
        self.readers: dict[int, int] = {}
        self.mail: dict[tuple[int, int], list[tuple[int, str, Array]]] = {}  # (to, tag): (from, call, array)
        self.parts: dict[tuple[int, tuple[int, ...]], Table] = {}
        self.failure: str | None = None
        self.left: set[int] = set()  # the names of those who will not come any more

    def leave(self, name: int) -> None:
        """Let those who wait for this rank know that it will not come."""
        with self.changed:
            self.left.add(name)
            self.changed.notify_all()

    def fail(self, why: str) -> None:
        """Wake everyone who waits here, and let them raise."""
        with self.changed:
            self.failure = self.failure or why
            self.changed.notify_all()
            parts = list(self.parts.values())
        for part in parts:
            part.fail(why)

    def wait(
        self,
        ready: Callable[[], bool],
        timeout: float,
        late: Callable[[], str],
        gone: Callable[[], list[int]],
        call: str,
    ) -> None:
        """Wait, holding the lock, until ``ready()``; ``late()`` is the message if it does not come to that, ``gone()`` are
        the ranks for whose leaving it cannot."""
        deadline = time.monotonic() + timeout
        while not ready():
            if self.failure is not None:
                raise RankFailed(self.failure)
            if gone():
                raise RankFailed(f"rank {_listed(gone())} has ended, or left the group, and will not come to {call}")
            left = deadline - time.monotonic()
            if left <= 0:
                self.failure = self.failure or f"{late()}, and since then the ranks of this group are out of step"
                self.changed.notify_all()
                raise CollectiveTimeout(late())
            self.changed.wait(left)

    def meet(self, number: int, rank: int, item: Any, call: str, timeout: float) -> list[Any]:
        """What all ranks put down in meeting ``number``, in their order."""
        with self.changed:
            if self.failure is not None:  # those who have given up are elsewhere now
                raise RankFailed(self.failure)
            there = self.rounds.setdefault(number, {})
            there[rank] = item
            self.changed.notify_all()
            self.wait(
                lambda: len(there) == self.size,
                timeout,
                lambda: f"rank {_listed(self._absent(there))} did not arrive at {call} within {timeout:g} s",
                lambda: [name for name in self._absent(there) if name in self.left],
                call,
            )
            self.readers[number] = self.readers.get(number, 0) + 1
            if self.readers[number] == self.size:
                del self.rounds[number], self.readers[number]
        return [there[i] for i in range(self.size)]

    def _absent(self, there: dict[int, Any]) -> list[int]:
        return [name for i, name in enumerate(self.names) if i not in there]


def _listed(names: Sequence[int]) -> str:
    return ", ".join(map(str, names))


class ThreadCommunicator(Communicator):
    """One thread's place at a table."""

    def __init__(self, table: Table, rank: int) -> None:
        self.table, self.rank, self.size = table, rank, table.size
        self.meetings = 0
        self.call, self.timeout = "", 1800.0

    def _meet(self, item: Any) -> list[Any]:
        self.meetings += 1
        return self.table.meet(self.meetings, self.rank, item, self.call, self.timeout)

    def agree(self, call: str, timeout: float) -> None:
        """See Communicator."""
        self.call, self.timeout = call, timeout
        calls = self._meet(call)
        if any(c != calls[0] for c in calls):
            raise CollectiveMismatch(mismatch(calls, self.table.names))

    def _take(self, item: Any, take: Callable[[list[Any]], Any]) -> Any:
        """What ``take`` makes of everyone's item, before anyone changes one."""
        taken = take(self._meet(item))
        self._meet(None)
        return taken

    def all_reduce(self, array: Array, op: ReduceOp) -> None:
        """See Communicator."""
        array[...] = self._take(array, lambda arrays: combine(op, arrays))

    def reduce(self, array: Array, op: ReduceOp, root: int) -> None:
        """See Communicator."""
        result = self._take(array, lambda arrays: combine(op, arrays) if self.rank == root else None)
        if self.rank == root:
            array[...] = result

    def broadcast(self, array: Array, root: int) -> None:
        """See Communicator."""
        copied = self._take(array, lambda arrays: arrays[root].copy())
        array[...] = copied

    def all_gather(self, out: Array, array: Array) -> None:
        """See Communicator."""
        out[...] = self._take(array, lambda arrays: np.stack(arrays))

    def gather(self, out: Array | None, array: Array, root: int) -> None:
        """See Communicator."""
        stacked = self._take(array, lambda arrays: np.stack(arrays) if self.rank == root else None)
        if out is not None:
            out[...] = stacked

    def scatter(self, out: Array, array: Array | None, root: int) -> None:
        """See Communicator."""
        out[...] = self._take(array, lambda arrays: arrays[root][self.rank].copy())

    def reduce_scatter(self, out: Array, array: Array, op: ReduceOp) -> None:
        """See Communicator."""
        out[...] = self._take(array, lambda arrays: combine(op, [a[self.rank] for a in arrays]))

    def all_to_all(self, out: Sequence[Array], arrays: Sequence[Array]) -> None:
        """See Communicator."""
        for mine, theirs in zip(out, self._take(arrays, lambda all: [a[self.rank].copy() for a in all]), strict=True):
            if mine.size != theirs.size:
                raise CollectiveMismatch(f"all_to_all: {theirs.size} elements came for a place of {mine.size}")
            mine[...] = theirs.reshape(mine.shape)

    def send(self, array: Array, to: int, tag: int, call: str, timeout: float) -> None:
        """See Communicator. The array is copied, so it does not wait for the receiver."""
        with self.table.changed:
            self.table.mail.setdefault((to, tag), []).append((self.rank, call, array.copy()))
            self.table.changed.notify_all()

    def receive(self, array: Array, source: int | None, tag: int, call: str, timeout: float) -> int:
        """See Communicator."""
        table = self.table
        box = table.mail.setdefault((self.rank, tag), [])

        def arrived() -> list[int]:
            return [i for i, (sender, _, _) in enumerate(box) if source is None or sender == source]

        senders = [n for n in table.names if n != table.names[self.rank]] if source is None else [table.names[source]]
        whoever = "no rank" if source is None else f"rank {table.names[source]} has not"
        with table.changed:
            table.wait(
                lambda: bool(arrived()),
                timeout,
                lambda: f"{whoever} sent {call} within {timeout:g} s",
                lambda: senders if table.left.issuperset(senders) else [],
                f"recv({call})",
            )
            sender, theirs, sent = box.pop(arrived()[0])
        if theirs != call:
            raise CollectiveMismatch(
                f"rank {table.names[sender]} sent {theirs}, rank {table.names[self.rank]} expects {call}"
            )
        array[...] = sent
        return sender

    def split(self, ranks: Sequence[int]) -> Communicator | None:
        """See Communicator."""
        self._meet(None)
        if self.rank not in ranks:
            return None
        key = (self.meetings, tuple(ranks))
        with self.table.changed:
            part = self.table.parts.setdefault(key, Table(len(ranks), [self.table.names[r] for r in ranks]))
            part.failure = part.failure or self.table.failure
        return ThreadCommunicator(part, list(ranks).index(self.rank))

    def close(self) -> None:
        """See Communicator."""
        self.table.leave(self.table.names[self.rank])


# ------------------------------------------------ how the threads find each other


class Seat(threading.local):
    """Which rank this thread is, if ``run_threads`` started it."""

    table: Table | None = None
    rank: int = -1


seat = Seat()
at_end: list[Callable[[], None]] = []  # called by a thread of ``run_threads`` when its program is over
_tables: dict[tuple[str, int], tuple[Table, set[int]]] = {}
_lock = threading.Lock()


def sit_down(rank: int, size: int, name: str) -> ThreadCommunicator:
    """A place at the table of this name, for threads that the program started by itself."""
    with _lock:
        table, taken = _tables.setdefault((name, size), (Table(size, range(size)), set()))
        if rank in taken:
            raise DistNetworkError(
                f"rank {rank} of {size} threads is there already: each thread needs a rank of its own"
            )
        taken.add(rank)
        if len(taken) == size:
            del _tables[name, size]
    return ThreadCommunicator(table, rank)


def run_threads(function: Callable[..., Any], ranks: int, args: Sequence[Any] = ()) -> list[Any]:
    """Call ``function(rank, *args)`` on as many threads as there are ranks; the results, in the order of the ranks.

    In it, ``init_process_group("threads")`` makes the group of them. If one raises, the others are woken where they wait, and
    the first error is raised here. Random numbers come from one generator for all threads.
    """
    if ranks < 1:
        raise ValueError(f"run_threads needs at least one rank, got {ranks}")
    table = Table(ranks, range(ranks))
    results: list[Any] = [None] * ranks
    errors: list[BaseException] = []

    def life(rank: int) -> None:
        seat.table, seat.rank = table, rank
        try:
            results[rank] = function(rank, *args)
        except BaseException as error:
            errors.append(error)
            table.fail(f"rank {rank} raised {type(error).__name__}: {error}")
        finally:
            for clean_up in at_end:
                clean_up()

    threads = [threading.Thread(target=life, args=(rank,), name=f"rank {rank}") for rank in range(ranks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise next((e for e in errors if not isinstance(e, RankFailed)), errors[0])
    return results
