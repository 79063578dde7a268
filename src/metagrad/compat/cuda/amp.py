"""Mixed precision by its older path: see ``metagrad.amp``. Here ``autocast`` takes no device."""

from __future__ import annotations

from typing import Any

from metagrad.compat import amp
from metagrad.compat.amp import GradScaler, custom_bwd, custom_fwd

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]


class autocast(amp.autocast):
    """``metagrad.amp.autocast`` of a GPU."""

    def __init__(self, enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> None:
        super().__init__("cuda", dtype, enabled, cache_enabled)
