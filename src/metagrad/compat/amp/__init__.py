"""Mixed precision, as programs write it. Everything is computed in the dtype it has: float32 is NumPy's fastest.

A training loop with ``autocast`` and ``GradScaler`` runs as it is, in full precision: the first changes nothing, and the
second scales by one.

====================  ===================================
``autocast_mode.py``  ``autocast`` and its decorators
``grad_scaler.py``    ``GradScaler``
====================  ===================================
"""

from metagrad.compat.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from metagrad.compat.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
