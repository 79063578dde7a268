"""One model on several devices or ranks.

====================  ==================================================================
``data_parallel.py``  DataParallel: one device
====================  ==================================================================
"""

from metagrad.nn.parallel.data_parallel import DataParallel

__all__ = ["DataParallel"]
