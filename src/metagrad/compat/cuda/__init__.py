"""``metagrad.cuda``: GPUs through CuPy, where CuPy and a GPU are there. Written to CuPy's documentation, and unverified.

===============  ========================================
``amp.py``       mixed precision by its older path
``streams.py``   streams and events
``nvtx.py``      marks for NVIDIA's profiler
===============  ========================================
"""

from __future__ import annotations

from typing import Any

from metagrad.base.device import cupy, require_cupy
from metagrad.base.device import device as Device

OutOfMemoryError = MemoryError  # what NumPy raises, and CuPy's error is one


def is_available() -> bool:
    """Whether tensors can be put on a GPU.

    >>> import metagrad
    >>> metagrad.cuda.is_available() in (True, False)
    True
    """
    return cupy() is not None


def device_count() -> int:
    """How many GPUs there are."""
    module = cupy()
    return 0 if module is None else int(module.cuda.runtime.getDeviceCount())


def get_device(device: Any = "cuda:0") -> Device:
    """The device of that name, checked: raises, saying what is missing, if it cannot be used."""
    found = Device(device)
    if found.type == "cuda":
        require_cupy(found)
        if (found.index or 0) >= device_count():
            raise RuntimeError(f"device {str(found)!r} does not exist: there are {device_count()} GPUs, counted from 0")
    return found


def current_device() -> int:
    """The number of the GPU in use."""
    return int(require_cupy("cuda").cuda.Device().id)


def set_device(device: Any) -> None:
    """Use this GPU from now on."""
    require_cupy(device).cuda.Device(Device(device).index or 0).use()


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done all it was given."""
    require_cupy("cuda").cuda.Device().synchronize()


def manual_seed(seed: int) -> None:
    """Nothing to do: random numbers are drawn on the CPU, from the generator that ``metagrad.manual_seed`` seeds."""


manual_seed_all = manual_seed


def get_rng_state_all() -> list[Any]:
    """No states: random numbers are drawn on the CPU."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Nothing to do: random numbers are drawn on the CPU."""


def empty_cache() -> None:
    """Give memory that is kept for reuse back to the GPU; nothing to do without one."""
    module = cupy()
    if module is not None:
        module.get_default_memory_pool().free_all_blocks()


def is_initialized() -> bool:
    """Whether a GPU can be used: CuPy needs no initialisation of its own."""
    return is_available()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: NumPy and CuPy have no bfloat16."""
    return False


def get_device_name(device: Any = None) -> str:
    """The GPU's name."""
    index = Device(device or "cuda:0").index or 0
    return str(require_cupy("cuda").cuda.runtime.getDeviceProperties(index)["name"].decode())


def memory_allocated(device: Any = None) -> int:
    """Bytes in use on the GPU; 0 without one."""
    module = cupy()
    return 0 if module is None else int(module.get_default_memory_pool().used_bytes())


def memory_reserved(device: Any = None) -> int:
    """Bytes kept from the GPU, in use or for reuse; 0 without one."""
    module = cupy()
    return 0 if module is None else int(module.get_default_memory_pool().total_bytes())


max_memory_allocated, max_memory_reserved = memory_allocated, memory_reserved


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing to do: peaks are not kept."""


reset_max_memory_allocated = reset_max_memory_cached = reset_accumulated_memory_stats = reset_peak_memory_stats
memory_cached, max_memory_cached = memory_reserved, memory_reserved


def memory_stats(device: Any = None) -> dict[str, int]:
    """What is known of the GPU's memory, by PyTorch's names."""
    return {"allocated_bytes.all.current": memory_allocated(), "reserved_bytes.all.current": memory_reserved()}


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """What is known of the GPU's memory, in words."""
    return f"{memory_allocated()} bytes in use, {memory_reserved()} kept"


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Bytes that are free on the GPU, and all it has."""
    free, total = require_cupy("cuda").cuda.runtime.memGetInfo()
    return int(free), int(total)


def get_device_properties(device: Any = None) -> Any:
    """What CuPy knows of the GPU."""
    from types import SimpleNamespace

    index = Device("cuda:0" if device is None else device).index or 0
    found = require_cupy("cuda").cuda.runtime.getDeviceProperties(index)
    return SimpleNamespace(
        name=found["name"].decode(), major=found["major"], minor=found["minor"], total_memory=found["totalGlobalMem"],
        multi_processor_count=found["multiProcessorCount"],
    )  # fmt: skip


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The GPU's generation, as two numbers."""
    found = get_device_properties(device)
    return int(found.major), int(found.minor)


def get_arch_list() -> list[str]:
    """No names: nothing was compiled for a generation of GPUs."""
    return []


def init() -> None:
    """Nothing to do: CuPy starts when it is first used. Raises where it cannot be."""
    require_cupy("cuda")


def ipc_collect() -> None:
    """Nothing to do: tensors travel between processes as copies."""


def seed() -> None:
    """Nothing to do: random numbers are drawn on the CPU, from the generator that ``metagrad.seed`` seeds."""


seed_all = seed


def initial_seed() -> int:
    """The seed of the CPU's generator, from which numbers are drawn."""
    from metagrad.ops.create import random

    return random.initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    """The state of the CPU's generator, from which numbers are drawn."""
    from metagrad.ops.create import random

    return random.get_rng_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set the state of the CPU's generator, from which numbers are drawn."""
    from metagrad.ops.create import random

    random.set_rng_state(new_state)


def is_current_stream_capturing() -> bool:
    """False: work is not recorded to be repeated."""
    return False


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Let this process use a part of the GPU's memory."""
    require_cupy("cuda").get_default_memory_pool().set_limit(fraction=fraction)


def __getattr__(name: str) -> Any:
    if name in ("amp", "streams", "nvtx"):
        import importlib

        return importlib.import_module(f"metagrad.compat.cuda.{name}")
    if name in ("memory", "random"):
        import sys

        return sys.modules[__name__]
    if name in (
        "Event",
        "Stream",
        "StreamContext",
        "current_stream",
        "default_stream",
        "device",
        "set_stream",
        "stream",
    ):
        from metagrad.compat.cuda import streams

        return getattr(streams, name)
    if name.endswith("Tensor"):  # FloatTensor and its kind, by the path they once had
        from metagrad.compat import tensor_types

        if name in tensor_types.__all__:
            return getattr(tensor_types, name)
    raise AttributeError(f"module 'metagrad.cuda' has no attribute {name!r}")
