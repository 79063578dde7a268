"""Nested lists, tuples and dictionaries as a flat list of leaves and a description of their shape, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from metagrad.autograd.variable import Variable

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["PyTree", "TreeSpec", "tree_flatten", "tree_leaves", "tree_map", "tree_map_only", "tree_unflatten"]

PyTree = Any


class TreeSpec(NamedTuple):
    """The shape of a tree: its container's type, its keys, if it has any, and the parts' shapes."""

    type: Callable[..., Any] | None
    context: list[Any] | None
    children_specs: list[Any]

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        return f"TreeSpec({getattr(self.type, '__name__', self.type)}, {self.context}, {self.children_specs})"

    @property
    def num_leaves(self) -> int:
        """How many leaves a tree of this shape has."""
        return 1 if self.type is None else sum(child.num_leaves for child in self.children_specs)

    def is_leaf(self) -> bool:
        """Whether this is the shape of a single leaf."""
        return self.type is None


def _parts(tree: PyTree) -> tuple[Any, list[Any]] | None:
    """The keys of a container, if it has any, and what is in it, or None for a leaf."""
    if type(tree) in (dict, OrderedDict):
        return list(tree), list(tree.values())
    if type(tree) in (list, tuple) or isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return None, list(tree)
    return None


def tree_flatten(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves, in order, and the shape.

    >>> leaves, shape = tree_flatten({"a": [1, (2, 3)], "b": 4})
    >>> leaves, tree_unflatten([x * 10 for x in leaves], shape)
    ([1, 2, 3, 4], {'a': [10, (20, 30)], 'b': 40})
    """
    found = None if is_leaf is not None and is_leaf(tree) else _parts(tree)
    if found is None:
        return [tree], TreeSpec(None, None, [])
    context, parts = found
    below = [tree_flatten(part, is_leaf) for part in parts]
    return [leaf for leaves, _ in below for leaf in leaves], TreeSpec(type(tree), context, [spec for _, spec in below])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of a shape with these leaves.

    Raises ValueError for another number of leaves.

    >>> tree_unflatten([1, 2], tree_flatten({"a": 0, "b": [0]})[1])
    {'a': 1, 'b': [2]}
    """
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: got {len(leaves)} leaves for a tree that has {treespec.num_leaves}")
    return _filled(iter(leaves), treespec)


def _filled(leaves: Iterator[Any], spec: TreeSpec) -> PyTree:
    if spec.type is None:
        return next(leaves)
    parts = [_filled(leaves, child) for child in spec.children_specs]
    if spec.context is not None:
        return spec.type(zip(spec.context, parts, strict=True))
    return spec.type(*parts) if hasattr(spec.type, "_fields") else spec.type(parts)


def tree_leaves(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> list[Any]:
    """The leaves, in order.

    >>> tree_leaves({"a": 1, "b": [2, (3,)]})
    [1, 2, 3]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_map(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Callable[[PyTree], bool] | None = None
) -> PyTree:
    """The tree with each leaf replaced by ``func`` of it, and of the leaves at its position in ``rests``.

    >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_leaves(rest, is_leaf) for rest in rests]
    return tree_unflatten([func(*each) for each in zip(leaves, *others, strict=True)], spec)


def tree_map_only(kind: type | tuple[type, ...], func: Callable[[Any], Any], tree: PyTree) -> PyTree:
    """``tree_map`` of the leaves of a type, or of one of several; the others stay.

    >>> tree_map_only(int, lambda x: x + 1, ["a", 1, {"b": 2}])
    ['a', 2, {'b': 3}]
    """
    return tree_map(lambda x: func(x) if isinstance(x, kind) else x, tree)


def tensors_in(value: object) -> list[Tensor]:
    """The tensors in nested tuples, lists and dictionaries, in order; whatever else is in there is passed over.

    >>> import metagrad
    >>> tensors_in({"loss": metagrad.tensor(1.0), "parts": [metagrad.tensor(2.0), "text"]})
    [tensor(1.), tensor(2.)]
    """
    if isinstance(value, Variable):
        return [cast("Tensor", value)]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ()
    return [tensor for part in parts for tensor in tensors_in(part)]
