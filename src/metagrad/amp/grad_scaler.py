"""``GradScaler``, by the path programs import it from."""

from metagrad.amp import GradScaler

__all__ = ["GradScaler"]
