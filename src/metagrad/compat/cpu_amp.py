"""Mixed precision on the CPU by its older path: see ``metagrad.amp``. Here ``autocast`` takes no device."""

from __future__ import annotations

from typing import Any

from metagrad.base.dtypes import bfloat16
from metagrad.base.warning import warn
from metagrad.compat import amp

__all__ = ["GradScaler", "autocast"]


def _deprecated(name: str) -> None:
    said = f"`torch.cpu.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}('cpu', args...)` instead."
    warn(said, FutureWarning)


class autocast(amp.autocast):
    """``metagrad.amp.autocast`` of the CPU."""

    def __init__(self, enabled: bool = True, dtype: Any = bfloat16, cache_enabled: bool = True) -> None:
        _deprecated("autocast")
        super().__init__("cpu", dtype, enabled, cache_enabled)


class GradScaler(amp.GradScaler):
    """``metagrad.amp.GradScaler`` of the CPU."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _deprecated("GradScaler")
        super().__init__("cpu", *args, **kwargs)
