"""``metagrad.cuda``: GPUs through CuPy, where CuPy and a GPU are there.

===============  ========================================
``memory.py``    what a GPU's memory holds
``random.py``    the generators of GPUs
``amp.py``       mixed precision by its older path
``streams.py``   streams and events
``graphs.py``    work that is recorded once and repeated
``nvtx.py``      marks for NVIDIA's profiler
===============  ========================================
"""

from __future__ import annotations

from typing import Any

from metagrad.base.device import cupy, require_cupy
from metagrad.base.device import device as Device
from metagrad.compat.cuda.memory import *
from metagrad.compat.cuda.random import *


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
    """Wait until the GPU, the one in use if none is named, has done all it was given."""
    index = device if isinstance(device, int) or device is None else Device(device).index
    require_cupy("cuda").cuda.Device(index).synchronize()


def is_initialized() -> bool:
    """Whether a GPU can be used: CuPy needs no initialisation of its own."""
    return is_available()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a GPU computes with bfloat16; by way of float32, so that without emulation none does."""
    return including_emulation and is_available()


def get_device_name(device: Any = None) -> str:
    """The GPU's name."""
    index = Device(device or "cuda:0").index or 0
    return str(require_cupy("cuda").cuda.runtime.getDeviceProperties(index)["name"].decode())


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


def __getattr__(name: str) -> Any:
    if name == "_initialized":
        return is_initialized()
    if name == "_is_in_bad_fork":
        return bool  # called without arguments: False
    if name in ("amp", "graphs", "streams", "nvtx"):
        import importlib

        return importlib.import_module(f"metagrad.compat.cuda.{name}")
    if name in ("CUDAGraph", "graph", "graph_pool_handle", "is_current_stream_capturing"):
        from metagrad.compat.cuda import graphs

        return getattr(graphs, name)
    if name in (
        "Event",
        "Stream",
        "StreamContext",
        "current_stream",
        "default_stream",
        "device",
        "device_of",
        "set_stream",
        "stream",
    ):
        from metagrad.compat.cuda import streams

        return getattr(streams, name)
    if name.endswith("Tensor"):  # FloatTensor and its kind, by the path they once had
        from metagrad.compat import tensor_types

        if name in tensor_types.__all__:
            return tensor_types.on_gpu(name)
    raise AttributeError(f"module 'metagrad.cuda' has no attribute {name!r}")
