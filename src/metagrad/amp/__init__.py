"""Mixed precision, as programs write it. Everything is computed in the dtype it has: float32 is NumPy's fastest.

A training loop with ``autocast`` and ``GradScaler`` runs as it is, in full precision: the first changes nothing, and the
second scales by one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from metagrad.dtypes import bfloat16, float16

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]


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


class GradScaler:
    """Scales losses by one: ``scale`` returns the loss, ``step`` is the optimizer's, the rest has nothing to do.

    >>> import metagrad
    >>> scaler, loss = GradScaler(), metagrad.tensor(2.0)
    >>> scaler.scale(loss) is loss, scaler.get_scale()
    (True, 1.0)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        pass

    def scale(self, outputs: Any) -> Any:
        """What was given."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: gradients have their true scale."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(…)``."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Nothing: the scale stays one."""

    def get_scale(self) -> float:
        """One."""
        return 1.0

    def is_enabled(self) -> bool:
        """False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Empty, as a scaler's that is not enabled."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: there is no state."""


def custom_fwd(fwd: Callable[..., Any] | None = None, *, device_type: str = "cpu", cast_inputs: Any = None) -> Any:
    """Decorates a custom function's ``forward``: returned as it is."""
    return (lambda function: function) if fwd is None else fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str = "cpu") -> Any:
    """Decorates a custom function's ``backward``: returned as it is."""
    return (lambda function: function) if bwd is None else bwd


def is_autocast_available(device_type: str) -> bool:
    """False: nothing is cast by itself."""
    return False
