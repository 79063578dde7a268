"""``autocast``, which leaves every dtype as it is, and the decorators that go with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from metagrad.base.dtypes import bfloat16, float16

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


class autocast(contextlib.ContextDecorator):
    """A context manager and decorator that leaves every dtype as it is.

    >>> import metagrad
    >>> with metagrad.amp.autocast("cpu", dtype=metagrad.float16):
    ...     (metagrad.ones(2, 2) @ metagrad.ones(2, 2)).dtype
    metagrad.float32
    """

    def __init__(
        self, device_type: str = "cpu", dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device, self.fast_dtype = device_type, dtype or (bfloat16 if device_type == "cpu" else float16)

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str = "cpu", cast_inputs: Any = None) -> Any:
    """Decorates a custom function's ``forward``: returned as it is."""
    return (lambda function: function) if fwd is None else fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str = "cpu") -> Any:
    """Decorates a custom function's ``backward``: returned as it is."""
    return (lambda function: function) if bwd is None else bwd


def is_autocast_available(device_type: str) -> bool:
    """False: nothing is cast by itself."""
    return False
