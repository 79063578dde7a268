"""Python's ``multiprocessing``, with the few names that PyTorch adds. Tensors travel between processes as copies."""

import multiprocessing as _python
import multiprocessing.connection  # which programs reach by way of this import
import os
import shutil
import signal
import sys
import tempfile
import traceback
import weakref
from collections.abc import Callable
from multiprocessing import (
    Event,
    Lock,
    Manager,
    Pipe,
    Pool,
    Process,
    Queue,
    SimpleQueue,
    connection,
    cpu_count,
    current_process,
    get_context,
    get_start_method,
    set_start_method,
)
from pathlib import Path
from typing import Any

__all__ = [
    "Event", "Lock", "Manager", "Pipe", "Pool", "Process", "Queue", "SimpleQueue", "cpu_count", "current_process",
    "get_all_sharing_strategies", "get_context", "get_sharing_strategy", "get_start_method", "set_sharing_strategy",
    "set_start_method", "spawn", "start_processes",
]  # fmt: skip


_sharing = ["file_system" if sys.platform == "darwin" else "file_descriptor"]


def get_all_sharing_strategies() -> set[str]:
    """The names that ``set_sharing_strategy`` takes."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """What ``set_sharing_strategy`` was given: "file_descriptor" at first, on macOS "file_system"."""
    return _sharing[0]


def set_sharing_strategy(new_strategy: str) -> None:
    """Checked and kept, without effect."""
    if new_strategy not in get_all_sharing_strategies():
        raise AssertionError(f"expected one of {sorted(get_all_sharing_strategies())}, got {new_strategy!r}")
    _sharing[0] = new_strategy


class ProcessException(Exception):
    """A process that ``spawn`` started failed; ``error_index`` is its number, ``error_pid`` that of the system."""

    def __init__(self, msg: str, error_index: int = 0, pid: int = 0) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.error_pid = msg, error_index, pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid)


class ProcessRaisedException(ProcessException):
    """It raised an exception, whose traceback the text has."""


class ProcessExitedException(ProcessException, RuntimeError):
    """It ended with an exit code other than 0, or by a signal."""

    def __init__(
        self, msg: str, error_index: int = 0, pid: int = 0, exit_code: int = 1, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.error_pid, self.exit_code, self.signal_name)


def _run(fn: Any, i: int, args: tuple[Any, ...], error_file: str) -> None:
    """A process's life: the traceback of what it raises is left in a file, and it ends with the exit code 1."""
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass  # the parent gets it, too
    except Exception:
        Path(error_file).write_text(traceback.format_exc(), encoding="utf-8")
        sys.exit(1)


class ProcessContext:
    """Processes that ``spawn`` started without waiting for them."""

    def __init__(self, processes: list[Any], folder: str) -> None:
        self.processes, self._folder = processes, folder
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def pids(self) -> list[int]:
        """The numbers that the system gave the processes."""
        return [int(process.pid) for process in self.processes]

    def _failed(self) -> int | None:
        return next((i for i, process in enumerate(self.processes) if process.exitcode), None)

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until one ends: True if all have. Where one failed the others are ended, and its error is raised."""
        running = [process.sentinel for process in self.processes if process.exitcode is None]
        if running and self._failed() is None:
            ended = connection.wait(running, timeout)
            for process in self.processes:
                if process.sentinel in ended:
                    process.join()  # its exit code is known a little after its end
        failed = self._failed()
        if failed is None:
            return all(process.exitcode == 0 for process in self.processes)
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join(grace_period)
        code, pid = int(self.processes[failed].exitcode), int(self.processes[failed].pid)
        error_file = Path(_error_file(self._folder, failed))
        if error_file.exists():
            said = error_file.read_text(encoding="utf-8")
            raise ProcessRaisedException(
                f"\n\n-- Process {failed} terminated with the following error:\n{said}", failed, pid
            )
        if code < 0:
            name = signal.Signals(-code).name
            raise ProcessExitedException(f"process {failed} terminated with signal {name}", failed, pid, code, name)
        raise ProcessExitedException(f"process {failed} terminated with exit code {code}", failed, pid, code)


SpawnContext = ProcessContext


def _error_file(folder: str, i: int) -> str:
    """Where process i leaves its traceback, however long: a pipe would hold no more than 64 KiB until it is read."""
    return os.path.join(folder, str(i))


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
    **settings: Any,
) -> ProcessContext | None:
    """Run ``fn(i, *args)`` in ``nprocs`` processes, i = 0, 1, …; with ``join``, wait for all of them.

    Raises ProcessRaisedException, with the traceback, if one of them raised, ProcessExitedException if one ended otherwise.
    """
    context: Any = _python.get_context(start_method)
    folder = tempfile.mkdtemp(prefix="metagrad-")
    started = ProcessContext([], folder)
    for i in range(nprocs):
        process = context.Process(target=_run, args=(fn, i, args, _error_file(folder, i)), daemon=daemon)
        process.start()
        started.processes.append(process)
    if not join:
        return started
    while not started.join():
        pass
    return None


spawn = start_processes


def __getattr__(name: str) -> Any:
    if name in _python.__all__:  # whatever else Python's own has
        return getattr(_python, name)
    raise AttributeError(f"module 'metagrad.multiprocessing' has no attribute {name!r}")
