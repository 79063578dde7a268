"""``metagrad.signal``: window functions, in ``metagrad.signal.windows``."""

from metagrad.signal import windows

__all__ = ["windows"]
