"""Steps of pipes that are read by index, each a class and a method of every ``MapDataPipe``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from metagrad.utils.data.datapipes.datapipe import (
    Batching,
    MapDataPipe,
    Shuffling,
    copied,
    functional_datapipe,
    length_of,
    need_function,
    need_pipes,
)

__all__ = ["Batcher", "Concater", "Mapper", "SequenceWrapper", "Shuffler", "Zipper"]


class SequenceWrapperMapDataPipe(MapDataPipe[Any]):
    """A pipe of what has an index: a sequence, or a dictionary; of a copy, unless ``deepcopy`` is False."""

    def __init__(self, sequence: Any, deepcopy: bool = True) -> None:
        self.sequence = copied(sequence, deepcopy)

    def __getitem__(self, index: Any) -> Any:
        return self.sequence[index]

    def __len__(self) -> int:
        return len(self.sequence)


@functional_datapipe("map")
class MapperMapDataPipe(MapDataPipe[Any]):
    """A function of each item."""

    def __init__(self, datapipe: Any, fn: Callable[[Any], Any] = lambda x: x) -> None:
        need_function(fn)
        self.datapipe, self.fn = datapipe, fn

    def __getitem__(self, index: Any) -> Any:
        return self.fn(self.datapipe[index])

    def __len__(self) -> int:
        return length_of(self.datapipe, self)


@functional_datapipe("batch")
class BatcherMapDataPipe(Batching, MapDataPipe[Any]):
    """Lists of ``batch_size`` items; the last may be shorter, or with ``drop_last`` is left out.

    >>> list(SequenceWrapper(range(5)).batch(2))
    [[0, 1], [2, 3], [4]]
    """

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"Index {index} is out of bound.")
        first = index * self.batch_size
        places = range(first, min(first + self.batch_size, len(self.datapipe)))
        return self.wrapper_class([self.datapipe[i] for i in places])


class _Several(MapDataPipe[Any]):
    """What pipes of several pipes have in common: each of these has an index and a length."""

    def __init__(self, *datapipes: Any) -> None:
        need_pipes(datapipes, MapDataPipe)
        if not all(hasattr(type(pipe), "__len__") for pipe in datapipes):
            raise TypeError("Expected all inputs to be `Sized`")
        self.datapipes = datapipes


@functional_datapipe("concat")
class ConcaterMapDataPipe(_Several):
    """The items of one pipe after those of the other."""

    def __getitem__(self, index: Any) -> Any:
        offset = 0
        for pipe in self.datapipes:
            if index - offset < len(pipe):
                return pipe[index - offset]
            offset += len(pipe)
        raise IndexError(f"Index {index} is out of range.")

    def __len__(self) -> int:
        return sum(len(pipe) for pipe in self.datapipes)


@functional_datapipe("zip")
class ZipperMapDataPipe(_Several):
    """Tuples of one item of each pipe."""

    def __getitem__(self, index: Any) -> Any:
        found = []
        for pipe in self.datapipes:
            try:
                found.append(pipe[index])
            except IndexError as error:
                raise IndexError(f"Index {index} is out of range for one of the input MapDataPipes {pipe}.") from error
        return tuple(found)

    def __len__(self) -> int:
        return min(len(pipe) for pipe in self.datapipes)


class ShufflerIterDataPipe(Shuffling):
    """The items in another order, as a stream; ``indices`` are those of a pipe that begins elsewhere than at 0."""

    def __init__(self, datapipe: Any, *, indices: Any = None) -> None:
        super().__init__(datapipe)
        self.indices = list(range(len(datapipe))) if indices is None else indices

    def __iter__(self) -> Iterator[Any]:
        order = self._rng.sample(self.indices, len(self.indices))[::-1] if self._enabled else self.indices
        for i in order:
            yield self.datapipe[i]


MapDataPipe.register_datapipe_as_function("shuffle", ShufflerIterDataPipe)


SequenceWrapper = SequenceWrapperMapDataPipe
Mapper = MapperMapDataPipe
Batcher = BatcherMapDataPipe
Concater = ConcaterMapDataPipe
Zipper = ZipperMapDataPipe
Shuffler = ShufflerIterDataPipe
