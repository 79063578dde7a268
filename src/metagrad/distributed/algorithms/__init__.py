"""What ranks do together that is more than one collective.

===========  =========================================
``join.py``  ranks with different numbers of batches
===========  =========================================
"""

from metagrad.distributed.algorithms.join import Join, Joinable, JoinHook

__all__ = ["Join", "JoinHook", "Joinable"]
