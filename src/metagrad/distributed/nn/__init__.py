"""Collectives that gradients flow through: ``functional.py``."""

from metagrad.distributed.nn.functional import all_reduce

__all__ = ["all_reduce"]
