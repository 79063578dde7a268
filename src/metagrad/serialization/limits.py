"""How much memory reading a file may take: in proportion to the file, however little it takes to ask for more.

A few bytes can ask for a gigabyte: a storage that names a length, a text that is encoded a thousand times over, a million empty
dictionaries. So everything that is made of a file is paid for, at about what it takes, from a budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from metagrad.serialization.errors import CheckpointError

TIMES = 10  # as much memory as the file has bytes, this often,
FREE = 32_000_000  # and this much whatever its size
DEEPEST = 1000  # containers within each other; Python's own functions give up at about as many
LARGEST_KEY = 1000  # elements, counted as often as they are there


class Budget:
    """Bytes of memory that what is made of a file may take.

    >>> budget = Budget(100)
    >>> budget.spend(1000)
    >>> budget.spend(FREE + 1)
    Traceback (most recent call last):
    metagrad.serialization.errors.CheckpointError: reading this file of 100 bytes would take more than 32 MB of memory: ...
    """

    def __init__(self, size: int, limited: bool = True) -> None:
        self.size = size
        self.left: float = TIMES * size + FREE if limited else math.inf
        self.containers = 0
        self.defaultdicts = 0

    def spend(self, count: int) -> None:
        """Pay for what is about to be made. Raises CheckpointError if too little is left."""
        self.left -= count
        if self.left < 0:
            raise CheckpointError(
                f"reading this file of {self.size} bytes would take more than {(TIMES * self.size + FREE) / 1e6:.0f} MB of "
                "memory: it is damaged, or made to fill the memory"
            )


def check_key(key: object) -> None:
    """Refuse a tuple of many elements as a key: to hash it takes a call for each level, and a step for each element."""
    if not isinstance(key, (tuple, frozenset)):
        return
    waiting, seen = list(key)[: LARGEST_KEY + 1], 0
    while waiting:
        element = waiting.pop()
        seen += 1
        if seen > LARGEST_KEY:
            raise CheckpointError(
                f"a key of more than {LARGEST_KEY} elements: the file is damaged, or made to hang the reader"
            )
        if isinstance(element, (tuple, frozenset)):
            waiting.extend(list(element)[: LARGEST_KEY + 1])


def check_depth(root: object) -> None:
    """Refuse containers nested deeper than Python's functions can follow.

    The depth of a container is one more than that of its deepest element; cycles count once. No recursion: the path to the
    current container is a list of iterators.
    """
    depths: dict[int, int] = {}  # of those that have containers inside
    path = [_Level(root)] if isinstance(root, _CONTAINERS) else []
    inside = {id(root)}
    while path:
        level = path[-1]
        for child in level.children:
            if not isinstance(child, _CONTAINERS) or id(child) in inside:
                continue
            if id(child) in depths:
                level.depth = max(level.depth, depths[id(child)] + 1)
                continue
            inside.add(id(child))
            path.append(_Level(child))
            break
        else:
            path.pop()
            inside.discard(id(level.container))
            if level.depth > 1 or len(level.container) > 16:  # others are looked through again where they are met again
                depths[id(level.container)] = level.depth
            if path:
                path[-1].depth = max(path[-1].depth, level.depth + 1)
        if len(path) > DEEPEST or level.depth > DEEPEST:
            raise CheckpointError(
                f"containers nested more than {DEEPEST} deep: the file is damaged, or made to crash programs"
            )


Container = list[object] | tuple[object, ...] | dict[object, object] | set[object] | frozenset[object]
_CONTAINERS = (list, tuple, dict, set, frozenset)


class _Level:
    """A container on the path, the children that have not been looked at, and the depth found so far."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.depth = 1
        self.children = iter(_children(container))


def _children(container: Container) -> Iterator[object]:
    yield from container
    if isinstance(container, dict):
        yield from container.values()
