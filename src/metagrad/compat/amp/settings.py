"""What ``autocast`` has switched on in this thread, and PyTorch's functions that ask and set it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

from metagrad.base import dtypes
from metagrad.base.warning import warn

__all__ = [
    "autocast_decrement_nesting", "autocast_increment_nesting", "clear_autocast_cache", "get_autocast_cpu_dtype",
    "get_autocast_dtype", "get_autocast_gpu_dtype", "get_autocast_ipu_dtype", "get_autocast_xla_dtype",
    "is_autocast_cache_enabled", "is_autocast_cpu_enabled", "is_autocast_enabled", "is_autocast_ipu_enabled",
    "is_autocast_xla_enabled", "set_autocast_cache_enabled", "set_autocast_cpu_dtype", "set_autocast_cpu_enabled",
    "set_autocast_dtype", "set_autocast_enabled", "set_autocast_gpu_dtype", "set_autocast_ipu_dtype",
    "set_autocast_ipu_enabled", "set_autocast_xla_dtype", "set_autocast_xla_enabled",
]  # fmt: skip

DEVICES = (
    "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia, "
    "privateuseone"
)
CASTING = ("cpu", "cuda", "mtia", "maia", "xpu", "ipu", "hpu", "xla", "mps", "privateuseone")  # those autocast is for
_BFLOAT16 = ("cpu", "xla", "hpu", "mtia", "maia")  # those whose lower precision is bfloat16; float16 the others'


class Settings(threading.local):
    """Per thread; ``cpu`` alone is asked in every call of a function that casts."""

    start: ClassVar[Any]  # ``start_casting``: filled in by ``casting.py``

    def __init__(self) -> None:
        self.cpu = False  # whether functions cast what lies on the CPU
        self.others: dict[str, bool] = {}
        self.dtypes: dict[str, Any] = {}
        self.caching = True
        self.nesting = 0
        self.cache: dict[Any, Any] = {}  # parameters that have been cast: see ``casting.py``


settings = Settings()


def casts(device_type: str) -> bool:
    """Whether ``autocast`` takes a kind of device. Raises RuntimeError for a name that is none."""
    if device_type not in DEVICES.split(", "):
        raise RuntimeError(f"Expected one of {DEVICES} device type at start of device string: {device_type}")
    return device_type in CASTING


def kind_of(device_type: str) -> str:
    """A kind of device by its name. Raises RuntimeError for a name that is none, or whose tensors are never cast."""
    if not casts(device_type):
        raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
    return device_type


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether functions cast on this kind of device; without one: on a GPU."""
    kind = kind_of(device_type)
    return settings.cpu if kind == "cpu" else settings.others.get(kind, False)


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Switch casting on or off, as ``autocast`` does; with a bool alone: on a GPU."""
    if enabled is None:
        device_type, enabled = "cuda", bool(device_type)
    kind = kind_of(str(device_type))
    if kind != "cpu":
        settings.others[kind] = bool(enabled)
        return
    if enabled:
        settings.start()
    settings.cpu = bool(enabled)


def get_autocast_dtype(device_type: str) -> Any:
    """The lower precision of a kind of device: bfloat16 for the CPU, float16 for a GPU, until another is set."""
    kind = kind_of(device_type)
    return settings.dtypes.get(kind, dtypes.bfloat16 if kind in _BFLOAT16 else dtypes.float16)


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Set the lower precision of a kind of device."""
    settings.dtypes[kind_of(device_type)] = dtype


def is_autocast_cache_enabled() -> bool:
    """Whether a parameter that has been cast is kept for its next use."""
    return settings.caching


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Switch the cache of parameters on or off."""
    settings.caching = bool(enabled)


def autocast_increment_nesting() -> int:
    """Note that a block has been entered; returns how many there are."""
    settings.nesting += 1
    return settings.nesting


def autocast_decrement_nesting() -> int:
    """Note that a block has been left; returns how many there are."""
    settings.nesting -= 1
    return settings.nesting


def clear_autocast_cache() -> None:
    """Forget the parameters that have been cast."""
    settings.cache.clear()


def _older(name: str, function: Callable[..., Any], device_type: str) -> Callable[..., Any]:
    """A function by its older name, which holds the device and takes the rest."""

    def call(*given: Any) -> Any:
        taken = ("enabled" if "enabled" in name else "dtype") if given else ""
        instead = f"torch.{function.__name__}('{device_type}'{taken and ', ' + taken})"
        warn(f"torch.{name}({taken}) is deprecated. Please use {instead} instead.", DeprecationWarning)
        return function(device_type, *given)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"``{function.__name__}`` of {device_type!r}: its older name."
    return call


get_autocast_cpu_dtype = _older("get_autocast_cpu_dtype", get_autocast_dtype, "cpu")
set_autocast_cpu_dtype = _older("set_autocast_cpu_dtype", set_autocast_dtype, "cpu")
is_autocast_cpu_enabled = _older("is_autocast_cpu_enabled", is_autocast_enabled, "cpu")
set_autocast_cpu_enabled = _older("set_autocast_cpu_enabled", set_autocast_enabled, "cpu")
get_autocast_gpu_dtype = _older("get_autocast_gpu_dtype", get_autocast_dtype, "cuda")
set_autocast_gpu_dtype = _older("set_autocast_gpu_dtype", set_autocast_dtype, "cuda")
get_autocast_ipu_dtype = _older("get_autocast_ipu_dtype", get_autocast_dtype, "ipu")
set_autocast_ipu_dtype = _older("set_autocast_ipu_dtype", set_autocast_dtype, "ipu")
is_autocast_ipu_enabled = _older("is_autocast_ipu_enabled", is_autocast_enabled, "ipu")
set_autocast_ipu_enabled = _older("set_autocast_ipu_enabled", set_autocast_enabled, "ipu")
get_autocast_xla_dtype = _older("get_autocast_xla_dtype", get_autocast_dtype, "xla")
set_autocast_xla_dtype = _older("set_autocast_xla_dtype", set_autocast_dtype, "xla")
is_autocast_xla_enabled = _older("is_autocast_xla_enabled", is_autocast_enabled, "xla")
set_autocast_xla_enabled = _older("set_autocast_xla_enabled", set_autocast_enabled, "xla")
