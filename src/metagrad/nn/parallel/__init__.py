"""One model on several devices or ranks.

====================  ===================================================================================
``data_parallel.py``  DataParallel: one device
``distributed.py``    DistributedDataParallel: each rank a share of the batch
``buckets.py``        gradients in flat arrays, averaged as they fill
``batch_norm.py``     batch norm over the batches of all ranks
====================  ===================================================================================
"""

from typing import TYPE_CHECKING

from metagrad.nn.parallel.data_parallel import DataParallel

if TYPE_CHECKING:
    from metagrad.nn.parallel.distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel"]


def __getattr__(name: str) -> object:
    if name == "DistributedDataParallel":  # not before it is used: most programs have one process
        from metagrad.nn.parallel.distributed import DistributedDataParallel

        return DistributedDataParallel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
