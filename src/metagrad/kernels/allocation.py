"""Memory that arrays gave back stays with the process.

A training step frees at its end what the next one asks for again. glibc returns large blocks to the system at once, and a
page that went there and back costs more than the arithmetic on it. Importing this module asks glibc to keep them; where
another C library is at work, or the user has set its knobs himself, nothing happens.
"""

from __future__ import annotations

import os
import sys

from metagrad.kernels import tuning

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of <malloc.h>
_KNOBS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Have the C library keep what arrays gave back; whether it does."""
    if sys.platform != "linux" or any(name in os.environ for name in _KNOBS):
        return False
    try:
        import ctypes  # NumPy has imported it already

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, tuning.LARGEST_KEPT_BLOCK)) and bool(
        mallopt(_TRIM_THRESHOLD, tuning.KEPT_HEAP)
    )


keep_freed_memory()
