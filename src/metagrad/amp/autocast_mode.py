"""``autocast`` and its decorators, by the path programs import them from."""

from metagrad.amp import autocast, custom_bwd, custom_fwd

__all__ = ["autocast", "custom_bwd", "custom_fwd"]
