"""Steps of streams, each a class and a method of every ``IterDataPipe``."""

from __future__ import annotations

import copy
import enum
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from metagrad.utils.data.collate import default_collate
from metagrad.utils.data.datapipes.branches import Concater, Demultiplexer, Forker, Multiplexer, Zipper
from metagrad.utils.data.datapipes.datapipe import (
    Batching,
    DataChunk,
    IterDataPipe,
    Shuffling,
    T_co,
    copied,
    functional_datapipe,
    length_of,
    need_function,
)
from metagrad.utils.data.datapipes.files import FileLister, FileOpener, StreamReader
from metagrad.utils.data.sampler import SequentialSampler

__all__ = [
    "Batcher", "Collator", "Concater", "Demultiplexer", "FileLister", "FileOpener", "Filter", "Forker", "Grouper",
    "IterableWrapper", "Mapper", "Multiplexer", "Sampler", "ShardingFilter", "Shuffler", "StreamReader", "UnBatcher", "Zipper",
]  # fmt: skip


class IterableWrapperIterDataPipe(IterDataPipe[Any]):
    """A pipe of anything that can be looped over; of a copy, unless ``deepcopy`` is False.

    >>> list(IterableWrapper("ab"))
    ['a', 'b']
    """

    def __init__(self, iterable: Any, deepcopy: bool = True) -> None:
        self.iterable, self.deepcopy = iterable, deepcopy

    def __iter__(self) -> Iterator[Any]:
        yield from copied(self.iterable, self.deepcopy)

    def __len__(self) -> int:
        return length_of(self.iterable, self)


def need_columns(fn: Any, input_col: Any) -> None:
    """Raise ValueError for a function that takes another number of arguments than there are columns for it."""
    try:
        parameters = inspect.signature(fn).parameters.values()
    except ValueError:
        return
    given = len(input_col) if isinstance(input_col, (list, tuple)) else 1
    kinds = [p.kind for p in parameters]
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    name = getattr(fn, "__name__", None) or getattr(getattr(fn, "func", None), "__name__", repr(fn))
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if named:
        raise ValueError(
            f"The function {name} takes {len(named)} non-default keyword-only parameters, which is not allowed."
        )
    if len(places) < given and inspect.Parameter.VAR_POSITIONAL not in kinds:
        raise ValueError(f"The function {name} takes {len(places)} parameters, but {given} are required.")
    required = sum(p.default is p.empty for p in places)
    if required > given:
        raise ValueError(f"The function {name} takes {required} positional parameters, but {given} are required.")


@functional_datapipe("map")
class MapperIterDataPipe(IterDataPipe[Any]):
    """A function of each item; with ``input_col`` of some of its columns, written over them or into ``output_col``.

    >>> from operator import add, neg
    >>> pipe = IterableWrapper([(1, 2), (3, 4)])
    >>> list(pipe.map(neg, input_col=0)), list(pipe.map(add, [0, 1], -1))
    ([(-1, 2), (-3, 4)], [(1, 2, 3), (3, 4, 7)])
    """

    def __init__(self, datapipe: Any, fn: Callable[..., Any], input_col: Any = None, output_col: Any = None) -> None:
        need_function(fn)
        if input_col is None and output_col is not None:
            raise ValueError("`output_col` must be None when `input_col` is None.")
        if isinstance(output_col, (list, tuple)):
            if len(output_col) > 1:
                raise ValueError("`output_col` must be a single-element list or tuple")
            output_col = output_col[0]
        need_columns(fn, input_col)
        self.datapipe, self.fn, self.input_col, self.output_col = datapipe, fn, input_col, output_col

    def _apply_fn(self, data: Any) -> Any:
        into, out = self.input_col, self.output_col
        if into is None:
            return self.fn(data)
        several = isinstance(into, (list, tuple))
        result = self.fn(*(data[column] for column in into)) if several else self.fn(data[into])
        made = list(data) if isinstance(data, tuple) else copy.copy(data)
        if out is None:
            made[into[0] if several else into] = result
            for column in sorted(into[1:], reverse=True) if several else ():
                del made[column]
        elif out == -1:
            made.append(result)
        else:
            made[out] = result
        return tuple(made) if isinstance(data, tuple) else made

    def __iter__(self) -> Iterator[Any]:
        for data in self.datapipe:
            yield self._apply_fn(data)

    def __len__(self) -> int:
        return length_of(self.datapipe, self)


@functional_datapipe("collate")
class CollatorIterDataPipe(MapperIterDataPipe):
    """Each item, a list of samples, as a batch: ``default_collate``, or another function."""

    def __init__(self, datapipe: Any, conversion: Any = default_collate, collate_fn: Any = None) -> None:
        super().__init__(datapipe, fn=conversion if collate_fn is None else collate_fn)


@functional_datapipe("filter")
class FilterIterDataPipe(IterDataPipe[Any]):
    """The items of which a function (of ``input_col``) is True.

    >>> list(IterableWrapper([0, 2, 0, 3]).filter(bool))
    [2, 3]
    """

    def __init__(self, datapipe: Any, filter_fn: Callable[..., bool], input_col: Any = None) -> None:
        need_function(filter_fn)
        need_columns(filter_fn, input_col)
        self.datapipe, self.filter_fn, self.input_col = datapipe, filter_fn, input_col

    def __iter__(self) -> Iterator[Any]:
        for data in self.datapipe:
            column = self.input_col
            columns = column if isinstance(column, (list, tuple)) else [column]
            keep: Any = self.filter_fn(*([data] if column is None else [data[c] for c in columns]))
            if not isinstance(keep, bool) and type(keep).__name__ not in ("bool_", "bool"):
                raise ValueError(f"Boolean output is required for `filter_fn` of FilterIterDataPipe, got {type(keep)}")
            if keep:
                yield data


@functional_datapipe("batch")
class BatcherIterDataPipe(Batching, IterDataPipe[Any]):
    """Lists of ``batch_size`` items; the last may be shorter, or with ``drop_last`` is left out."""

    def __iter__(self) -> Iterator[Any]:
        batch: list[Any] = []
        for x in self.datapipe:
            batch.append(x)
            if len(batch) == self.batch_size:
                yield self.wrapper_class(batch)
                batch = []
        if batch and not self.drop_last:
            yield self.wrapper_class(batch)


@functional_datapipe("unbatch")
class UnBatcherIterDataPipe(IterDataPipe[Any]):
    """The items of lists, ``unbatch_level`` levels deep; -1: of all levels.

    >>> list(IterableWrapper([[0, [1]], [2]]).unbatch()), list(IterableWrapper([[0, [1]], [2]]).unbatch(-1))
    ([0, [1], 2], [0, 1, 2])
    """

    def __init__(self, datapipe: Any, unbatch_level: int = 1) -> None:
        self.datapipe, self.unbatch_level = datapipe, unbatch_level

    def __iter__(self) -> Iterator[Any]:
        if self.unbatch_level < -1:
            raise ValueError("unbatch_level must be -1 or >= 0")
        for element in self.datapipe:
            yield from self._dive(element, self.unbatch_level)

    def _dive(self, element: Any, level: int) -> Iterator[Any]:
        lists = isinstance(element, (list, DataChunk))
        if level == 0 or (level == -1 and not lists):
            yield element
            return
        if not lists:
            raise IndexError(f"unbatch_level {self.unbatch_level} exceeds the depth of the DataPipe")
        for item in element:
            yield from self._dive(item, level if level == -1 else level - 1)


@functional_datapipe("groupby")
class GrouperIterDataPipe(IterDataPipe[Any]):
    """Lists of items with one key, as many as ``group_size``, of those that wait in a buffer."""

    def __init__(
        self, datapipe: Any, group_key_fn: Callable[[Any], Any], *, keep_key: bool = False, buffer_size: int = 10000,
        group_size: int | None = None, guaranteed_group_size: int | None = None, drop_remaining: bool = False,
    ) -> None:  # fmt: skip
        need_function(group_key_fn)
        self.datapipe, self.group_key_fn, self.keep_key, self.max_buffer_size = (
            datapipe, group_key_fn, keep_key, buffer_size,
        )  # fmt: skip
        self.group_size, self.drop_remaining = group_size, drop_remaining
        self.guaranteed_group_size = group_size if guaranteed_group_size is None else guaranteed_group_size
        if group_size is not None and not 0 < group_size <= buffer_size:
            raise AssertionError("group_size must be > 0 and <= buffer_size")
        if guaranteed_group_size is not None and not (group_size and 0 < guaranteed_group_size <= group_size):
            raise AssertionError("guaranteed_group_size must be from 1 to group_size")

    def __iter__(self) -> Iterator[Any]:
        waiting: dict[Any, list[Any]] = {}
        total = 0
        for x in self.datapipe:
            key = self.group_key_fn(x)
            waiting.setdefault(key, []).append(x)
            total += 1
            if self.group_size is not None and len(waiting[key]) == self.group_size:
                total -= self.group_size
                yield self._group(key, waiting.pop(key))
            elif total == self.max_buffer_size:
                largest = max(waiting, key=lambda k: len(waiting[k]))
                group = waiting.pop(largest)
                total -= len(group)
                if self.guaranteed_group_size is not None and len(group) < self.guaranteed_group_size:
                    if not self.drop_remaining:
                        raise RuntimeError("Failed to group items", str(group))
                    continue
                yield self._group(largest, group)
        for key in list(waiting):
            yield self._group(key, waiting.pop(key))

    def _group(self, key: Any, items: list[Any]) -> Any:
        return (key, DataChunk(items)) if self.keep_key else DataChunk(items)


@functional_datapipe("shuffle")
class ShufflerIterDataPipe(Shuffling):
    """The items in another order: each comes from a random place of a buffer, into which the next one goes."""

    def __init__(self, datapipe: Any, *, buffer_size: int = 10000, unbatch_level: int = 0) -> None:
        if buffer_size <= 0:
            raise AssertionError("buffer_size should be larger than 0")
        super().__init__(datapipe if unbatch_level == 0 else datapipe.unbatch(unbatch_level=unbatch_level))
        self.buffer_size = buffer_size

    def __iter__(self) -> Iterator[Any]:
        if not self._enabled:
            yield from self.datapipe
            return
        buffer: list[Any] = []
        for x in self.datapipe:
            if len(buffer) == self.buffer_size:
                i = self._rng.randint(0, len(buffer) - 1)
                x, buffer[i] = buffer[i], x
                yield x
            else:
                buffer.append(x)
        while buffer:
            yield buffer.pop(self._rng.randint(0, len(buffer) - 1))


class SamplerIterDataPipe(IterDataPipe[T_co]):
    """What a sampler, made of the pipe, gives."""

    def __init__(
        self, datapipe: Any, sampler: Any = SequentialSampler, sampler_args: Any = None, sampler_kwargs: Any = None
    ) -> None:
        if not hasattr(type(datapipe), "__len__"):
            raise AssertionError("Sampler class requires input datapipe implemented `__len__`")
        self.datapipe = datapipe
        self.sampler = sampler(*(sampler_args or ()), **{**(sampler_kwargs or {}), "data_source": datapipe})

    def __iter__(self) -> Iterator[Any]:
        return iter(self.sampler)

    def __len__(self) -> int:
        return length_of(self.sampler, self)


class SHARDING_PRIORITIES(enum.IntEnum):
    """Among which processes a stream is dealt out."""

    DEFAULT = 1
    DISTRIBUTED = 2
    MULTIPROCESSING = 3


@functional_datapipe("sharding_filter")
class ShardingFilterIterDataPipe(IterDataPipe[Any]):
    """Every n-th item, n being the number of workers: where this stands in a pipe, the workers of a loader share the work.

    >>> pipe = IterableWrapper(range(5)).sharding_filter()
    >>> pipe.apply_sharding(2, 1)
    >>> list(pipe)
    [1, 3]
    """

    def __init__(self, source_datapipe: Any, sharding_group_filter: Any = None) -> None:
        self.source_datapipe, self.sharding_group_filter = source_datapipe, sharding_group_filter
        self.groups: dict[int, tuple[int, int]] = {}
        self.num_of_instances, self.instance_id = 1, 0

    def is_shardable(self) -> bool:
        """True."""
        return True

    def apply_sharding(
        self, num_of_instances: int, instance_id: int, sharding_group: Any = SHARDING_PRIORITIES.DEFAULT
    ) -> None:
        """Keep the ``instance_id``-th item of each ``num_of_instances``. Raises ValueError where there are not so many."""
        if instance_id >= num_of_instances:
            raise ValueError(f"instance_id({instance_id}) should be smaller than num_of_instances({num_of_instances})")
        plain = SHARDING_PRIORITIES.DEFAULT
        if self.groups and (sharding_group == plain) != (plain in self.groups):
            raise RuntimeError("ShardingFilter cannot mix DEFAULT and non DEFAULT groups")
        self.groups[sharding_group] = (num_of_instances, instance_id)
        self.num_of_instances, self.instance_id = 1, 0
        for group in sorted(self.groups, reverse=True):
            if self.sharding_group_filter in (None, group):
                count, number = self.groups[group]
                self.instance_id += self.num_of_instances * number
                self.num_of_instances *= count

    def __iter__(self) -> Iterator[Any]:
        for i, item in enumerate(self.source_datapipe):
            if i % self.num_of_instances == self.instance_id:
                yield item

    def __len__(self) -> int:
        n = length_of(self.source_datapipe, self)
        return n // self.num_of_instances + (self.instance_id < n % self.num_of_instances)


IterableWrapper = IterableWrapperIterDataPipe
Mapper = MapperIterDataPipe
Collator = CollatorIterDataPipe
Filter = FilterIterDataPipe
Batcher = BatcherIterDataPipe
UnBatcher = UnBatcherIterDataPipe
Grouper = GrouperIterDataPipe
Sampler = SamplerIterDataPipe
ShardingFilter = ShardingFilterIterDataPipe
Shuffler = ShufflerIterDataPipe
