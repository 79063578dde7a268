"""What stands beside the network.

=========  =====================================================
``data``   datasets, the order they are read in, and batches
=========  =====================================================
"""

from metagrad.utils import data

__all__ = ["data"]
