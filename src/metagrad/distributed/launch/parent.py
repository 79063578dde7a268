"""What the launcher and the ranks it starts have in common."""

from __future__ import annotations

import signal
import sys

LAUNCHED = "METAGRAD_LAUNCHED"  # in the environment: a launcher reads the output
START = "metagrad.compat.start_rank"  # the module that each rank begins with


def die_with_parent() -> None:
    """Let the system end this process when the one that started it ends, however that happens; on Linux."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
