"""``metagrad.accelerator``: the device beside the CPU, whichever there is: a GPU through CuPy, or none.

>>> import metagrad
>>> device = metagrad.accelerator.current_accelerator() if metagrad.accelerator.is_available() else "cpu"
"""

from __future__ import annotations

from typing import Any

from metagrad.base.device import device
from metagrad.compat import cuda

__all__ = [
    "current_accelerator", "current_device_index", "current_stream", "device_count", "device_index", "empty_cache",
    "get_memory_info", "is_available", "max_memory_allocated", "max_memory_reserved", "memory_allocated", "memory_reserved",
    "memory_stats", "reset_accumulated_memory_stats", "reset_peak_memory_stats", "set_device_index", "set_stream", "synchronize",
]  # fmt: skip

is_available, device_count, synchronize, empty_cache = (
    cuda.is_available, cuda.device_count, cuda.synchronize, cuda.empty_cache,
)  # fmt: skip
current_stream, set_stream, get_memory_info, memory_stats = (
    cuda.current_stream, cuda.set_stream, cuda.mem_get_info, cuda.memory_stats,
)  # fmt: skip
memory_allocated, max_memory_allocated = cuda.memory_allocated, cuda.max_memory_allocated
memory_reserved, max_memory_reserved = cuda.memory_reserved, cuda.max_memory_reserved
reset_accumulated_memory_stats = cuda.reset_accumulated_memory_stats
reset_peak_memory_stats = cuda.reset_peak_memory_stats
device_index = cuda.device
current_device_index, set_device_index = cuda.current_device, cuda.set_device


def current_accelerator(check_available: bool = False) -> device | None:
    """The kind of device, without a number, or None without one."""
    return device("cuda") if is_available() else None


def __getattr__(name: str) -> Any:
    if name in ("current_device_idx", "set_device_idx"):  # the names of its first version
        return globals()[name.replace("idx", "index")]
    raise AttributeError(f"module 'metagrad.accelerator' has no attribute {name!r}")
