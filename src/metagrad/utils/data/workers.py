"""The loader's side of its worker processes: starting them, taking in what they send, and ending them without a trace."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import secrets
import signal
import sys
import time
import warnings
import weakref
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import TYPE_CHECKING, Any

from metagrad.utils.data.shared_memory import Unpacker
from metagrad.utils.data.worker_process import BeginPass, Forget, Pending, Plan, Task, work

if TYPE_CHECKING:
    from metagrad.utils.data.dataloader import DataLoader
    from metagrad.utils.data.fetch import Fetcher

PATIENCE = 5.0  # seconds that workers get to finish the batch they are at


class Workers:
    """Processes that fetch batches until they are stopped, or until nobody refers to this object any more."""

    def __init__(
        self, loader: DataLoader[Any], make_fetcher: Callable[[Any], Fetcher], is_stream: bool, base_seed: int
    ) -> None:
        context = _context(loader.multiprocessing_context)
        prefix = f"metagrad-{os.getpid()}-{secrets.token_hex(4)}-"
        self._pending: dict[int, Pending] = {}
        self._asked = self._passes = 0
        self._connections: list[Any] = []
        self._processes: list[Any] = []
        self._unpackers: list[Unpacker] = []
        self._finalizer = weakref.finalize(
            self, _stop, os.getpid(), self._connections, self._processes, self._unpackers
        )
        _start_tracker()
        count, method = loader.num_workers, context.get_start_method()
        for i in range(count):
            plan = Plan(
                i, count, base_seed + i, loader.dataset, make_fetcher, is_stream, loader.worker_init_fn, f"{prefix}{i}-"
            )
            ours, theirs = context.Pipe()
            others = [*self._connections, ours] if method == "fork" else []
            process = context.Process(target=work, args=(theirs, others, plan), daemon=True, name=f"metagrad-data-{i}")
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
                    process.start()
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                ours.close()
                self.stop()
                raise _unpicklable(loader, method, error) from error
            finally:
                theirs.close()
            self._connections.append(ours)
            self._processes.append(process)
            self._unpackers.append(Unpacker(plan.prefix))

    @property
    def stopped(self) -> bool:
        """Whether the processes have ended."""
        return not self._finalizer.alive

    def new_pass(self) -> int:
        """The number of another pass over the dataset."""
        self._passes += 1
        return self._passes

    def forget(self, passing: int) -> None:
        """A pass is not wanted any more."""
        self._tell_all(Forget(passing))

    def begin_pass(self, seed: int) -> None:
        """Have every worker's pipe begin another pass, with one seed for all: each takes its share of the same order."""
        self._tell_all(BeginPass(seed))

    def _tell_all(self, message: Forget | BeginPass) -> None:
        if not self.stopped:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.send(message)

    def ask(self, worker: int, passing: int, index: object) -> Pending:
        """Have a worker fetch a batch."""
        if self.stopped:
            raise RuntimeError("the DataLoader's workers have been stopped: start another pass")
        self._asked += 1
        pending = self._pending[self._asked] = Pending(worker)
        try:
            self._connections[worker].send(Task(self._asked, passing, index))
        except ConnectionError:
            self._died(worker)
        return pending

    def receive(self, timeout: float | None) -> bool:
        """Wait for workers and take in what they have sent; False if nothing came in time. RuntimeError if one is dead."""
        if self.stopped:
            raise RuntimeError("the DataLoader's workers have been stopped: start another pass")
        sentinels = [process.sentinel for process in self._processes]
        ready = wait([*self._connections, *sentinels], timeout)
        for i, connection in enumerate(self._connections):
            if connection not in ready and sentinels[i] not in ready:
                continue
            try:
                while connection.poll():
                    number, answer = connection.recv()
                    self._pending.pop(number).take(answer, self._unpackers[i])
            except (EOFError, OSError):
                self._died(i)
            if sentinels[i] in ready:
                self._died(i)
        return bool(ready)

    def _died(self, worker: int) -> None:
        """Stop the others, and say what happened to this one."""
        process = self._processes[worker]
        process.join(PATIENCE)
        code, pid = process.exitcode, process.pid
        self.stop()
        what, advice = f"exited with code {code}", ""
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in [*signal.Signals] else f"signal {-code}"
            what = f"was killed by signal: {name}"
            if name == "SIGBUS":
                advice = ". It may be out of shared memory: look at the size of /dev/shm"
            elif name == "SIGKILL":
                advice = ". It may be that the machine ran out of memory"
        raise RuntimeError(f"DataLoader worker (pid(s) {pid}) exited unexpectedly: worker {worker} {what}{advice}")

    def stop(self) -> None:
        """End the processes, after the batches they are at, and remove what they left."""
        self._finalizer()
        self._pending.clear()


def _stop(owner: int, connections: list[Any], processes: list[Any], unpackers: list[Unpacker]) -> None:
    if os.getpid() != owner:  # a forked process has this object too, but the workers are not its own
        return
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
    for end in ("terminate", "kill"):
        for process in processes:
            if process.is_alive():
                getattr(process, end)()
                process.join(PATIENCE)
    for process, unpacker in zip(processes, unpackers, strict=True):
        unpacker.remove_untaken()
        process.close()


def _context(given: BaseContext | str | None) -> Any:
    """The way processes start; by default forked on Linux, where everything is inherited and nothing need be pickled."""
    if given is None:
        return multiprocessing.get_context("fork" if sys.platform == "linux" else None)
    return multiprocessing.get_context(given) if isinstance(given, str) else given


def _start_tracker() -> None:
    """All processes must share one tracker of shared memory, so it has to be there before they are."""
    if os.name == "posix":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()


def _unpicklable(loader: DataLoader[Any], method: str, error: Exception) -> pickle.PicklingError:
    return pickle.PicklingError(
        f"a worker started by {method!r} is sent the dataset ({type(loader.dataset).__name__}), collate_fn and "
        f"worker_init_fn as pickles, and that failed: {error}. Define classes and functions at the top of a module, or "
        "use multiprocessing_context='fork' where there is one"
    )
