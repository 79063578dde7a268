"""``metagrad.cuda.memory``: what a GPU's memory holds.

CuPy keeps memory that arrays gave back, to give it to others. In use is what arrays hold; reserved is all that it keeps. It keeps
no peaks; once a program asks for them, they are noted whenever an array gets memory.
"""

from __future__ import annotations

from typing import Any

from metagrad.base.device import OutOfMemoryError, cupy, require_cupy
from metagrad.base.device import device as Device

__all__ = [
    "OutOfMemoryError", "empty_cache", "max_memory_allocated", "max_memory_cached", "max_memory_reserved", "mem_get_info",
    "memory_allocated", "memory_cached", "memory_reserved", "memory_stats", "memory_summary",
    "reset_accumulated_memory_stats", "reset_max_memory_allocated", "reset_max_memory_cached", "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
]  # fmt: skip


_peaks: dict[int, list[int]] = {}  # by number of the GPU: the most bytes in use, and kept, since they were last reset


def _watch(device: Any) -> list[int]:
    """The peaks of a GPU. From the first call on, CuPy's arrays of every GPU get memory through a function that notes them."""
    module = require_cupy("cuda")
    pool = module.get_default_memory_pool()
    with _on(device) as here:
        if here.id in _peaks:
            return _peaks[here.id]
        if not _peaks:
            module.cuda.set_allocator(lambda size: _noted(pool, pool.malloc(size), int(module.cuda.Device().id)))
        _peaks[here.id] = [0, 0]
        _noted(pool, None, here.id)
        return _peaks[here.id]


def _noted(pool: Any, memory: Any, index: int) -> Any:
    if index in _peaks:
        for i, now in enumerate((pool.used_bytes(), pool.total_bytes())):
            _peaks[index][i] = max(_peaks[index][i], int(now))
    return memory


def _on(device: Any) -> Any:
    """CuPy's context of a device; None: the one in use."""
    module = require_cupy("cuda")
    index = device if isinstance(device, int) or device is None else Device(device).index
    return module.cuda.Device(index)


def empty_cache() -> None:
    """Give memory that is kept for reuse back to the GPU; nothing to do without one."""
    module = cupy()
    if module is not None:
        module.get_default_memory_pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on the GPU; 0 without one."""
    module = cupy()
    if module is None:
        return 0
    with _on(device):
        return int(module.get_default_memory_pool().used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes kept from the GPU, in use or for reuse; 0 without one."""
    module = cupy()
    if module is None:
        return 0
    with _on(device):
        return int(module.get_default_memory_pool().total_bytes())


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes in use since peaks are kept (``reset_peak_memory_stats``, or the first question for one); 0 without a GPU."""
    return 0 if cupy() is None else _watch(device)[0]


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes kept since peaks are kept, in use or for reuse; 0 without a GPU."""
    return 0 if cupy() is None else _watch(device)[1]


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let the peaks begin anew with what is in use now; nothing to do without a GPU."""
    if cupy() is not None:
        peaks = _watch(device)
        peaks[:] = memory_allocated(device), memory_reserved(device)


reset_max_memory_allocated = reset_max_memory_cached = reset_accumulated_memory_stats = reset_peak_memory_stats
memory_cached, max_memory_cached = memory_reserved, max_memory_reserved


def memory_stats(device: Any = None) -> dict[str, int]:
    """What is known of the GPU's memory, by PyTorch's names."""
    return {
        "allocated_bytes.all.current": memory_allocated(device),
        "allocated_bytes.all.peak": max_memory_allocated(device),
        "reserved_bytes.all.current": memory_reserved(device),
        "reserved_bytes.all.peak": max_memory_reserved(device),
    }


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """What is known of the GPU's memory, in words."""
    return f"{memory_allocated(device)} bytes in use, {memory_reserved(device)} kept"


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Bytes that are free on the GPU, and all it has. Raises, saying what is missing, where there is none."""
    with _on(device):
        free, total = require_cupy("cuda").cuda.runtime.memGetInfo()
    return int(free), int(total)


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let this process use a part of the GPU's memory. Raises ValueError for what is no fraction."""
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    with _on(device):
        require_cupy("cuda").get_default_memory_pool().set_limit(fraction=fraction)
