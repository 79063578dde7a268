"""The loader: a dataset, the order it is read in, and how its samples are put together, as an iterable of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from metagrad.ops.create.random import Generator
from metagrad.utils.data.collate import default_collate, default_convert
from metagrad.utils.data.dataset import IterableDataset
from metagrad.utils.data.iterator import PlainIterator
from metagrad.utils.data.options import check_context, check_count, check_order, check_workers
from metagrad.utils.data.prefetch import PrefetchIterator
from metagrad.utils.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from metagrad.utils.data.worker_process import get_worker_info as get_worker_info

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext


T_co = TypeVar("T_co", covariant=True)

_FIXED = frozenset({"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"})


class _InfiniteConstantSampler(Sampler[None]):
    """For a stream, of whose indices only the number counts."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Batches of a dataset's samples; each ``for`` loop over the loader is one pass.

    =======================  ==================================================================================
    dataset                  has ``__getitem__`` and ``__len__``, or is an ``IterableDataset``
    batch_size               samples per batch; None: single samples, not put together
    shuffle                  a new random order in each pass
    sampler                  the order instead: an iterable of indices
    batch_sampler            an iterable of lists of indices, instead of batch_size, shuffle, sampler, drop_last
    num_workers              how many processes fetch batches ahead; 0: fetched when they are asked for
    collate_fn               puts a list of samples together; ``default_collate``, or for single samples
                             ``default_convert``, if None
    pin_memory               accepted, with a warning when a pass starts: metagrad does not pin memory
    drop_last                leave out a last batch that is smaller
    timeout                  seconds to wait for a batch from a worker; 0: without end
    worker_init_fn           called in each worker with the worker's number, before it fetches
    multiprocessing_context  how processes start: "fork", "spawn", "forkserver", or a context; None: forked on Linux
    generator                where the order and the workers' seeds come from; the default generator if None
    prefetch_factor          batches under way per worker; 2 if None
    persistent_workers       keep the workers, and their copies of the dataset, for the next pass
    pin_memory_device        without effect, see pin_memory
    in_order                 off: give out the batches as they get ready
    =======================  ==================================================================================

    Workers are processes: each has a copy of the dataset, fetches and collates, and sends its batches back, arrays through
    shared memory. On Linux they are forked, and inherit everything; elsewhere, or with ``multiprocessing_context="spawn"``,
    dataset, collate_fn and worker_init_fn are pickled. A worker's ``random``, ``numpy.random`` and metagrad's default
    generator start from its own seed, ``get_worker_info().seed``. Samplers run in the caller's process, so the order
    depends on the seed alone. An error in a worker is raised in the loop, at its batch's turn, with the worker's traceback
    in its text; a worker that dies is a RuntimeError. The processes end with the pass, or when its iterator is dropped,
    after the batch they are at, or after five seconds by force.

    Errors: ValueError for settings that exclude each other, or that are set again later.

    >>> import metagrad
    >>> from metagrad.utils.data import TensorDataset
    >>> data = TensorDataset(metagrad.arange(5), metagrad.arange(5) * 10)
    >>> for x, y in DataLoader(data, batch_size=2):
    ...     print(x, y)
    tensor([0, 1]) tensor([ 0, 10])
    tensor([2, 3]) tensor([20, 30])
    tensor([4]) tensor([40])
    >>> loader = DataLoader(range(6), batch_size=4, shuffle=True, drop_last=True, num_workers=2)
    >>> len(loader), [len(batch) for batch in loader]
    (1, [4])
    """

    _initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: BaseContext | str | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        check_context(multiprocessing_context, num_workers)
        check_count(num_workers)
        self._is_stream = isinstance(dataset, IterableDataset)
        if self._is_stream and hasattr(type(dataset), "_for_loader"):  # a pipe, which shuffles by itself
            dataset, shuffle = dataset._for_loader(shuffle), None
        check_order(self._is_stream, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            if self._is_stream:
                sampler = _InfiniteConstantSampler()
            else:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)

        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers > 0 else prefetch_factor
        self.persistent_workers = persistent_workers
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self._reported_length: int | None = None  # what len() was told of a stream, to be held against what comes
        self._iterator: PrefetchIterator | None = None  # the one of all passes, where workers stay
        self._initialized = True

    def __setattr__(self, name: str, value: object) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: make another loader"
            )
        if self._initialized and name == "multiprocessing_context":
            check_context(value, self.num_workers)
        super().__setattr__(name, value)

    @property
    def _dataset_kind(self) -> int:
        """What PyTorch's loader calls the dataset: 1 for a stream, 0 for one with indices."""
        return int(self._is_stream)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Iterable[Any]:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return PlainIterator(self)
        if not self.persistent_workers:
            return PrefetchIterator(self)
        if self._iterator is None:
            self._iterator = PrefetchIterator(self)
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self) -> int:
        if not self._is_stream:
            return len(cast(Sized, self._index_sampler))
        n = self._reported_length = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
