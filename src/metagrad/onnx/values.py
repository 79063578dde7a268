"""What a run of a model is written down in: values, the nodes that gave them, and the memory that holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


class Value:
    """What one node gave: an array at one moment. ``name`` is that of an input or of a parameter."""

    __slots__ = ("dtype", "index", "name", "node", "shape")

    def __init__(self, array: Any, node: Node | None = None, index: int = 0, name: str = "") -> None:
        self.shape, self.dtype = tuple(array.shape), array.dtype
        self.node, self.index, self.name = node, index, name


class Node:
    """One thing that was done: ``op`` with arguments in which values stand for arrays; ``line`` is where."""

    __slots__ = ("args", "kwargs", "line", "number", "op", "outputs")

    def __init__(self, op: Any, args: Any, kwargs: dict[str, Any], line: str, number: int) -> None:
        self.op, self.args, self.kwargs, self.line, self.number = op, args, kwargs, line, number
        self.outputs: list[Value] = []


class Memory:
    """The memory of an array and its views: what it holds now, and how often it was written to."""

    __slots__ = ("value", "version")

    def __init__(self, value: Value) -> None:
        self.value, self.version = value, 0


def mapped(tree: Any, change: Callable[[Any], Any]) -> Any:
    """A tree of tuples, lists, dicts and slices with every leaf changed."""
    if isinstance(tree, (tuple, list)):
        parts = [mapped(part, change) for part in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, dict):
        return {key: mapped(part, change) for key, part in tree.items()}
    if isinstance(tree, slice):
        return slice(*[mapped(part, change) for part in (tree.start, tree.stop, tree.step)])
    return change(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """The leaves of a tree, from left to right."""
    if isinstance(tree, (tuple, list)):
        for part in tree:
            yield from leaves(part)
    elif isinstance(tree, dict):
        for part in tree.values():
            yield from leaves(part)
    elif isinstance(tree, slice):
        yield from leaves((tree.start, tree.stop, tree.step))
    else:
        yield tree


class _Self:
    """Stands for the array that a step of a view's path is taken from."""


SELF = _Self()
