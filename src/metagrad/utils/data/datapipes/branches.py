"""Streams that are split and joined: fork, demux, concat, zip, mux."""

from __future__ import annotations

import copy as copying
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from metagrad.base.warning import warn
from metagrad.utils.data.datapipes.datapipe import (
    IterDataPipe,
    functional_datapipe,
    length_of,
    made_by,
    need_function,
    need_pipes,
)


@functional_datapipe("concat")
class ConcaterIterDataPipe(IterDataPipe[Any]):
    """One stream after the other."""

    def __init__(self, *datapipes: Any) -> None:
        need_pipes(datapipes, IterDataPipe)
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[Any]:
        for pipe in self.datapipes:
            yield from pipe

    def __len__(self) -> int:
        return sum(length_of(pipe, self) for pipe in self.datapipes)


@functional_datapipe("zip")
class ZipperIterDataPipe(IterDataPipe[Any]):
    """Tuples of one item of each stream, as long as all have one."""

    def __init__(self, *datapipes: Any) -> None:
        if not all(isinstance(pipe, IterDataPipe) for pipe in datapipes):
            raise TypeError("All inputs are required to be `IterDataPipe` for `ZipIterDataPipe`.")
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[Any]:
        yield from zip(*self.datapipes, strict=False)

    def __len__(self) -> int:
        return min(length_of(pipe, self) for pipe in self.datapipes)


@functional_datapipe("mux")
class MultiplexerIterDataPipe(IterDataPipe[Any]):
    """One item of each stream in turn, until the first of them ends."""

    def __init__(self, *datapipes: Any) -> None:
        self.datapipes = datapipes

    def __iter__(self) -> Iterator[Any]:
        for items in zip(*self.datapipes, strict=False):
            yield from items

    def __len__(self) -> int:
        return min(length_of(pipe, self) for pipe in self.datapipes) * len(self.datapipes)


class _Split(IterDataPipe[Any]):
    """A stream and its branches: an item that is read for one of them waits for the others in a buffer."""

    def __init__(self, datapipe: Any, num_instances: int, buffer_size: int, name: str) -> None:
        self.main_datapipe, self.num_instances, self.buffer_size = datapipe, num_instances, buffer_size
        if buffer_size < 0:
            warn(
                f"Unlimited buffer size is set for `{name}`, please be aware of OOM at random places",
                UserWarning,
            )
        self._begin()

    def _begin(self) -> None:
        self._source: Iterator[Any] | None = None
        self._waiting: list[deque[Any]] = [deque() for _ in range(self.num_instances)]
        self._drained = True
        self._passes_of_branches = [0] * self.num_instances

    def __getstate__(self) -> dict[str, Any]:
        kept = dict(self.__dict__)
        for name in ("_source", "_waiting", "_drained", "_passes_of_branches"):
            del kept[name]
        return kept

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError("the branches are read")

    def _deal(self, item: Any) -> None:
        """Put an item where it waits."""
        raise NotImplementedError

    def _begin_branch(self, instance_id: int) -> None:
        """A branch is read from its beginning: the others go on if they have not begun, or begin again."""
        begun = self._source is not None
        if begun and self._passes_of_branches[instance_id] == max(self._passes_of_branches):
            if not self._drained or any(self._waiting):
                warn(
                    "Some child DataPipes are not exhausted when __iter__ is called. We are resetting the buffer and each "
                    "child DataPipe will read from the start again.",
                    UserWarning,
                )
            begun = False
        if not begun:
            top = max(self._passes_of_branches) + 1
            self._source = iter(self.main_datapipe)
            self._waiting = [deque() for _ in range(self.num_instances)]
            self._drained = False
            self._passes_of_branches[instance_id] = top
        else:
            self._passes_of_branches[instance_id] = max(self._passes_of_branches)

    def read(self, instance_id: int) -> Iterator[Any]:
        """The items of one branch."""
        self._begin_branch(instance_id)
        number, waiting = self._passes_of_branches[instance_id], self._waiting[instance_id]
        return self._items(instance_id, number, waiting)

    def _items(self, instance_id: int, number: int, waiting: deque[Any]) -> Iterator[Any]:
        source = self._source
        while True:
            if max(self._passes_of_branches) != number:
                raise RuntimeError(
                    "This iterator has been invalidated, because a new iterator has been created from one of the "
                    f"ChildDataPipes of {made_by(self)}."
                )
            if waiting:
                yield waiting.popleft()
                continue
            assert source is not None
            try:
                item = next(source)
            except StopIteration:
                self._drained = True
                return
            self._deal(item)
            if (
                self.buffer_size >= 0
                and sum(map(len, {id(w): w for w in self._counted(instance_id)}.values())) > self.buffer_size
            ):
                raise BufferError(
                    f"{type(self).__name__.lstrip('_')} buffer overflow, buffer size {self.buffer_size} is insufficient."
                )

    def _counted(self, instance_id: int) -> list[deque[Any]]:
        """The buffers that fill while this branch is read."""
        raise NotImplementedError


class _ChildDataPipe(IterDataPipe[Any], guarded=False):
    """One branch."""

    def __init__(self, main_datapipe: _Split, instance_id: int) -> None:
        self.main_datapipe, self.instance_id = main_datapipe, instance_id

    def __iter__(self) -> Iterator[Any]:
        return self.main_datapipe.read(self.instance_id)

    def __len__(self) -> int:
        return len(self.main_datapipe)


class _ForkerIterDataPipe(_Split):
    def __init__(self, datapipe: Any, num_instances: int, buffer_size: int, copy: str | None) -> None:
        super().__init__(datapipe, num_instances, buffer_size, "fork")
        self.copy_fn = {None: lambda x: x, "shallow": copying.copy, "deep": copying.deepcopy}[copy]

    def _deal(self, item: Any) -> None:
        for waiting in self._waiting:
            waiting.append(self.copy_fn(item))

    def _counted(self, instance_id: int) -> list[deque[Any]]:
        return [max(self._waiting, key=len)]

    def __len__(self) -> int:
        return length_of(self.main_datapipe, self)


@functional_datapipe("fork")
class ForkerIterDataPipe(IterDataPipe[Any]):
    """``num_instances`` pipes with the same items. One may be ``buffer_size`` items ahead of another, or raises BufferError.

    copy: "shallow" or "deep", for items that each branch has for itself.

    >>> from metagrad.utils.data.datapipes.iter import IterableWrapper
    >>> first, second = IterableWrapper(range(3)).fork(2)
    >>> list(first), list(second)
    ([0, 1, 2], [0, 1, 2])
    """

    def __new__(cls, datapipe: Any, num_instances: int, buffer_size: int = 1000, copy: str | None = None) -> Any:
        """The pipes; the pipe itself for one."""
        if num_instances < 1:
            raise ValueError(f"Expected `num_instances` larger than 0, but {num_instances} is found")
        if copy not in (None, "shallow", "deep"):
            raise ValueError(f"Unknown copy method `{copy}` requested, choose one of None, `shallow` or `deep`.")
        if num_instances == 1:
            return datapipe
        whole = _ForkerIterDataPipe(datapipe, num_instances, buffer_size, copy)
        return [_ChildDataPipe(whole, i) for i in range(num_instances)]


class _DemultiplexerIterDataPipe(_Split):
    def __init__(
        self, datapipe: Any, num_instances: int, classifier_fn: Callable[[Any], Any], drop_none: bool, buffer_size: int
    ) -> None:
        super().__init__(datapipe, num_instances, buffer_size, "demux")
        self.classifier_fn, self.drop_none = classifier_fn, drop_none

    def _deal(self, item: Any) -> None:
        branch = self.classifier_fn(item)
        if branch is None and self.drop_none:
            return
        if branch is None or not 0 <= branch < self.num_instances:
            raise ValueError(
                f"Output of the classification fn should be between 0 and {self.num_instances - 1}. {branch} is returned."
            )
        self._waiting[branch].append(item)

    def _counted(self, instance_id: int) -> list[deque[Any]]:
        return [waiting for i, waiting in enumerate(self._waiting) if i != instance_id]


@functional_datapipe("demux")
class DemultiplexerIterDataPipe(IterDataPipe[Any]):
    """``num_instances`` pipes, of which each has the items that ``classifier_fn`` gives its number.

    >>> from metagrad.utils.data.datapipes.iter import IterableWrapper
    >>> zeros, others = IterableWrapper([0, 3, 0, 5]).demux(2, bool)
    >>> list(zeros), list(others)
    ([0, 0], [3, 5])
    """

    def __new__(
        cls, datapipe: Any, num_instances: int, classifier_fn: Callable[[Any], Any], drop_none: bool = False,
        buffer_size: int = 1000,
    ) -> Any:  # fmt: skip
        """The pipes."""
        if num_instances < 1:
            raise ValueError(f"Expected `num_instances` larger than 0, but {num_instances} is found")
        need_function(classifier_fn)
        whole = _DemultiplexerIterDataPipe(datapipe, num_instances, classifier_fn, drop_none, buffer_size)
        return [_ChildDataPipe(whole, i) for i in range(num_instances)]


Concater = ConcaterIterDataPipe
Zipper = ZipperIterDataPipe
Multiplexer = MultiplexerIterDataPipe
Forker = ForkerIterDataPipe
Demultiplexer = DemultiplexerIterDataPipe
