"""Mixed precision: products in bfloat16 or float16, sums and losses in float32, and gradients scaled so that none vanish.

NumPy multiplies halves more slowly than float32, so this saves no time on a CPU: it shows what a model learns in that precision.

====================  ============================================================================
``autocast_mode.py``  ``autocast`` and its decorators
``casting.py``        the table of the functions that cast, and how they come to
``settings.py``       what is switched on in this thread, and the functions that ask and set it
``grad_scaler.py``    ``GradScaler``
====================  ============================================================================
"""

from metagrad.compat.amp.autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from metagrad.compat.amp.grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]
