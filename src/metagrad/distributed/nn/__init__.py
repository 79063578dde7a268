"""Collectives that gradients flow through.

=================  ==========================
``functional.py``  sums over ranks, as an op
=================  ==========================
"""

from metagrad.distributed.nn.functional import all_reduce

__all__ = ["all_reduce"]
