"""From samples to batches: a dataset holds them, a sampler says in which order, a loader puts them together.

=====================  ===============================================================================
``dataset.py``         what holds the samples, and datasets made from other datasets
``sampler.py``         in which order they are read: ``shuffle``, ``sampler``, ``batch_sampler``
``distributed.py``     the share of one of several processes
``collate.py``         how a list of samples becomes one batch: ``collate_fn``
``fetch.py``           how the samples of a batch are got from a dataset; ``drop_last`` of a stream
``dataloader.py``      all of it together: each option is described there
``options.py``         what the options may be, and which exclude each other
``iterator.py``        one pass over a loader, in the caller's process
``prefetch.py``        one pass with workers ahead of it: ``prefetch_factor``, ``timeout``, ``in_order``
``workers.py``         the worker processes, seen from the loader: ``num_workers``
``worker_process.py``  what a worker process does, ``worker_init_fn`` first
``shared_memory.py``   batches from one process to another
``datapipes/``         datasets made step by step: ``pipe.map(f).shuffle().batch(8)``
=====================  ===============================================================================
"""

from typing import TYPE_CHECKING, Any

from metagrad.utils.data.collate import default_collate, default_convert
from metagrad.utils.data.dataloader import DataLoader
from metagrad.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from metagrad.utils.data.distributed import DistributedSampler
from metagrad.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from metagrad.utils.data.worker_process import WorkerInfo, get_worker_info

if TYPE_CHECKING:
    from metagrad.utils.data.datapipes.datapipe import IterDataPipe, MapDataPipe, functional_datapipe

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterDataPipe",
    "IterableDataset",
    "MapDataPipe",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "functional_datapipe",
    "get_worker_info",
    "random_split",
]


def __getattr__(name: str) -> Any:
    if name in (
        "IterDataPipe",
        "MapDataPipe",
        "functional_datapipe",
    ):  # not before they are used: few programs have pipes
        from metagrad.utils.data.datapipes import datapipe

        return getattr(datapipe, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
