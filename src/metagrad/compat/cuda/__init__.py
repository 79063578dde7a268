"""``metagrad.cuda``: GPUs through CuPy, where CuPy and a GPU are there. Written to CuPy's documentation, and unverified.

===============  =======================================
``amp.py``       mixed precision by its older path
``streams.py``   streams and events
===============  =======================================
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


def __getattr__(name: str) -> Any:
    if name in ("amp", "streams"):
        import importlib

        return importlib.import_module(f"metagrad.compat.cuda.{name}")
    if name in ("Event", "Stream", "current_stream"):
        from metagrad.compat.cuda import streams

        return getattr(streams, name)
    raise AttributeError(f"module 'metagrad.cuda' has no attribute {name!r}")
