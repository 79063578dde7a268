"""Python's ``multiprocessing``, with the few names that PyTorch adds. Tensors travel between processes as copies."""

import multiprocessing as _python
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
            raise RuntimeError(f"process {i} of {nprocs} ended with exit code {process.exitcode}")
    return None
