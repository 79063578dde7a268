"""PyTorch's switches for how numbers are computed. metagrad computes in one way only, so they are kept and no more.

Results are the same in every run with the same seed, products of float32 matrices have full precision, and what is slow is
not traded for either. A program that sets these switches runs as it is, and reads back what it set.
"""

from __future__ import annotations

from typing import Any

from metagrad.base import warning
from metagrad.base.device import device as Device

__all__ = [
    "are_deterministic_algorithms_enabled",
    "compiled_with_cxx11_abi",
    "get_deterministic_debug_mode",
    "get_device_module",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]  # fmt: skip

_state: dict[str, Any] = {"deterministic": 0, "precision": "highest", "interop_threads": 1}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Kept for ``are_deterministic_algorithms_enabled``: metagrad's ops are deterministic in any case."""
    if not isinstance(mode, bool):
        raise TypeError(f"use_deterministic_algorithms(): argument 'mode' must be bool, not {type(mode).__name__}")
    _state["deterministic"] = (1 if warn_only else 2) if mode else 0


def are_deterministic_algorithms_enabled() -> bool:
    """Whether ``use_deterministic_algorithms`` was switched on."""
    return bool(_state["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was switched on with ``warn_only``."""
    return bool(_state["deterministic"] == 1)


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same switch by other names: "default" (0), "warn" (1) or "error" (2)."""
    modes = {"default": 0, "warn": 1, "error": 2}
    if debug_mode not in modes and debug_mode not in modes.values():
        known = "one of `default`, `warn`, `error`," if isinstance(debug_mode, str) else "0, 1, or 2,"
        raise RuntimeError(f"invalid value of debug_mode, expected {known} but got {debug_mode}")
    _state["deterministic"] = modes.get(debug_mode, debug_mode)  # type: ignore[arg-type]


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2: see ``set_deterministic_debug_mode``."""
    return int(_state["deterministic"])


def set_float32_matmul_precision(precision: str) -> None:
    """Kept for ``get_float32_matmul_precision``: products of float32 matrices always have the highest precision.

    Warns of what is none of "highest", "high" and "medium", and forgets it.
    """
    if precision in ("highest", "high", "medium"):
        _state["precision"] = precision
    else:
        warning.warn(f"{precision} is not one of 'highest', 'high', or 'medium': the call has no effect")


def get_float32_matmul_precision() -> str:
    """What ``set_float32_matmul_precision`` was given; "highest" at first."""
    return str(_state["precision"])


def set_warn_always(b: bool) -> None:
    """Whether warnings that are said once in a process are said each time; Python's own filters decide what is shown."""
    warning.always_warn(bool(b))


def is_warn_always_enabled() -> bool:
    """What ``set_warn_always`` was given."""
    return warning.warns_always()


def set_num_interop_threads(num: int) -> None:
    """Kept for ``get_num_interop_threads``: metagrad runs one op at a time."""
    if num <= 0:
        raise RuntimeError(f"expected a positive number of threads, got {num}")
    _state["interop_threads"] = int(num)


def get_num_interop_threads() -> int:
    """What ``set_num_interop_threads`` was given."""
    return int(_state["interop_threads"])


def set_flush_denormal(mode: bool) -> bool:
    """False: NumPy does not say how to flush denormal numbers to zero, so nothing was switched."""
    return False


def get_device_module(device: Any = None) -> Any:
    """The module of a kind of device: ``metagrad.cuda`` for "cuda"."""
    import importlib

    kind = Device("cpu" if device is None else device).type
    return importlib.import_module(f"metagrad.{kind}")


def compiled_with_cxx11_abi() -> bool:
    """True, for build scripts that ask."""
    return True
