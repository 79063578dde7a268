"""Python's ``multiprocessing``, with the few names that PyTorch adds. Tensors travel between processes as copies."""

import multiprocessing as _python
import multiprocessing.connection  # which programs reach by way of this import
from multiprocessing import (
    Event,
    Lock,
    Manager,
    Pipe,
    Pool,
    Process,
    Queue,
    SimpleQueue,
    cpu_count,
    current_process,
    get_context,
    get_start_method,
    set_start_method,
)
from typing import Any

__all__ = [
    "Event", "Lock", "Manager", "Pipe", "Pool", "Process", "Queue", "SimpleQueue", "cpu_count", "current_process",
    "get_all_sharing_strategies", "get_context", "get_sharing_strategy", "get_start_method", "set_sharing_strategy",
    "set_start_method", "spawn",
]  # fmt: skip


def get_all_sharing_strategies() -> set[str]:
    """The names that ``set_sharing_strategy`` takes."""
    return {"file_descriptor", "file_system"}


def get_sharing_strategy() -> str:
    """ "file_system": there is but one way."""
    return "file_system"


def set_sharing_strategy(new_strategy: str) -> None:
    """Checked, and without effect."""
    if new_strategy not in get_all_sharing_strategies():
        raise ValueError(f"expected one of {sorted(get_all_sharing_strategies())}, got {new_strategy!r}")


def spawn(fn, args=(), nprocs=1, join=True, daemon=False, start_method="spawn"):  # type: ignore[no-untyped-def]
    """Run ``fn(i, *args)`` in ``nprocs`` processes, i = 0, 1, …; with ``join``, wait, and raise if one of them failed."""
    context = _python.get_context(start_method)
    processes = [context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]
    for process in processes:
        process.start()
    if not join:
        return processes
    for i, process in enumerate(processes):
        process.join()
        if process.exitcode:
            for other in processes:
                other.terminate()
            raise ProcessExitedException(f"process {i} of {nprocs} ended with exit code {process.exitcode}", i)
    return None


start_processes = spawn


class ProcessException(Exception):
    """A process that ``spawn`` started failed; ``error_index`` is its number."""

    def __init__(self, msg: str, error_index: int = 0, pid: int = 0) -> None:
        super().__init__(msg)
        self.error_index, self.error_pid = error_index, pid


class ProcessRaisedException(ProcessException):
    """It raised an exception."""


class ProcessExitedException(ProcessException, RuntimeError):
    """It ended with an exit code other than 0."""


def __getattr__(name: str) -> Any:
    if name in _python.__all__:  # whatever else Python's own has
        return getattr(_python, name)
    raise AttributeError(f"module 'metagrad.multiprocessing' has no attribute {name!r}")
