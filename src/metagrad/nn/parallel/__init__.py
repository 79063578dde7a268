"""One model on several devices or ranks.

=====================  ==================================================================================
``data_parallel.py``   DataParallel: one device
``scatter_gather.py``  its steps: splitting a batch, copying a model, joining results
``distributed.py``     DistributedDataParallel: each rank a share of the batch
``buckets.py``         gradients in flat arrays, averaged as they fill
``batch_norm.py``      batch norm over the batches of all ranks
=====================  ==================================================================================
"""

from typing import TYPE_CHECKING

from metagrad.nn.parallel.data_parallel import DataParallel
from metagrad.nn.parallel.scatter_gather import data_parallel, gather, parallel_apply, replicate, scatter

if TYPE_CHECKING:
    from metagrad.nn.parallel.distributed import DistributedDataParallel

__all__ = [
    "DataParallel", "DistributedDataParallel", "data_parallel", "gather", "parallel_apply", "replicate", "scatter",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name == "DistributedDataParallel":  # not before it is used: most programs have one process
        from metagrad.nn.parallel.distributed import DistributedDataParallel

        return DistributedDataParallel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
