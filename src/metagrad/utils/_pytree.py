"""Nested containers as a flat list of leaves and a description of their shape, and back.

Lists, tuples, named tuples, dictionaries and deques are containers, and whatever ``register_pytree_node`` makes one;
everything else is a leaf, None among it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from metagrad.autograd.variable import Variable
from metagrad.utils.tree_nodes import (
    SUPPORTED_NODES,
    Context,
    DictKey,
    FlattenFn,
    FlattenFunc,
    GetAttrKey,
    KeyPath,
    MappingKey,
    NodeDef,
    PyTree,
    SequenceKey,
    UnflattenFn,
    UnflattenFunc,
    is_namedtuple,
    is_namedtuple_class,
    is_namedtuple_instance,
    key_get,
    keystr,
    node_of,
    register_constant,
    register_dataclass,
    register_pytree_node,
    sequence_keys,
)  # fmt: skip

# under the names by which programs know them in PyTorch
from metagrad.utils.tree_nodes import _dict_flatten as _dict_flatten
from metagrad.utils.tree_nodes import _dict_flatten_with_keys as _dict_flatten_with_keys
from metagrad.utils.tree_nodes import _dict_unflatten as _dict_unflatten
from metagrad.utils.tree_nodes import _get_node_type as _get_node_type
from metagrad.utils.tree_nodes import _list_flatten as _list_flatten
from metagrad.utils.tree_nodes import _list_unflatten as _list_unflatten
from metagrad.utils.tree_nodes import _namedtuple_flatten as _namedtuple_flatten
from metagrad.utils.tree_nodes import _namedtuple_unflatten as _namedtuple_unflatten
from metagrad.utils.tree_nodes import _register_pytree_node as _register_pytree_node
from metagrad.utils.tree_nodes import _tuple_flatten as _tuple_flatten
from metagrad.utils.tree_nodes import _tuple_unflatten as _tuple_unflatten

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "SUPPORTED_NODES", "Context", "DictKey", "FlattenFn", "FlattenFunc", "GetAttrKey", "KeyPath", "LeafSpec", "MappingKey",
    "PyTree", "SequenceKey", "TreeSpec", "UnflattenFn", "UnflattenFunc", "is_namedtuple", "is_namedtuple_class",
    "is_namedtuple_instance", "key_get", "keystr", "register_constant", "register_dataclass", "register_pytree_node",
    "tree_all", "tree_all_only", "tree_any", "tree_any_only", "tree_flatten", "tree_flatten_with_path", "tree_is_leaf",
    "tree_iter", "tree_leaves", "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_",
    "tree_map_with_path", "tree_structure", "tree_unflatten",
]  # fmt: skip

IsLeaf: TypeAlias = "Callable[[PyTree], bool] | None"


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether it is a leaf.

    >>> tree_is_leaf(1), tree_is_leaf([1])
    (True, False)
    """
    return (is_leaf is not None and is_leaf(tree)) or node_of(type(tree)) is None


# ------------------------------------------------ apart, and together again


class TreeSpec(NamedTuple):
    """The shape of a tree: its container's type, what that is made again with, and the parts' shapes."""

    type: Any
    context: Any
    children_specs: list[Any]

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        parts = ",\n".join(map(repr, self.children_specs)).replace("\n", "\n  ")
        return f"TreeSpec({getattr(self.type, '__name__', self.type)}, {self.context}, [{parts}])"

    @property
    def num_leaves(self) -> int:
        """How many leaves a tree of this shape has."""
        return 1 if self.type is None else sum(child.num_leaves for child in self.children_specs)

    @property
    def num_nodes(self) -> int:
        """How many containers and leaves a tree of this shape has."""
        return 1 + sum(child.num_nodes for child in self.children_specs)

    @property
    def num_children(self) -> int:
        """How many parts the outermost container has."""
        return len(self.children_specs)

    def is_leaf(self) -> bool:
        """Whether this is the shape of a single leaf."""
        return self.type is None

    def children(self) -> list[TreeSpec]:
        """The shapes of the parts."""
        return list(self.children_specs)

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The tree of this shape with these leaves."""
        return tree_unflatten(leaves, self)

    def flatten_up_to(self, tree: PyTree) -> list[PyTree]:
        """The parts of ``tree`` where this shape has leaves. Raises ValueError where it has another shape."""
        if self.type is None:
            return [tree]
        node = node_of(type(tree))
        if node is None or type(tree) is not self.type:
            raise ValueError(f"expected a {self.type.__name__}, got {type(tree).__name__}")
        parts, context = node.flatten_fn(tree)
        if isinstance(context, list) and set(context) == set(self.context or ()):
            parts = [tree[key] for key in self.context]
        if len(parts) != len(self.children_specs):
            raise ValueError(f"expected {len(self.children_specs)} parts of a {self.type.__name__}, got {len(parts)}")
        return [x for spec, part in zip(self.children_specs, parts, strict=True) for x in spec.flatten_up_to(part)]


PyTreeSpec = TreeSpec


class _SpecOfALeaf(type):
    def __instancecheck__(cls, spec: object) -> bool:
        return isinstance(spec, TreeSpec) and spec.type is None


class LeafSpec(metaclass=_SpecOfALeaf):
    """The shape of a single leaf; ``isinstance(spec, LeafSpec)`` asks whether a shape is that."""

    def __new__(cls) -> TreeSpec:  # type: ignore[misc]
        """The shape."""
        return TreeSpec(None, None, [])


def _broadcast_to_and_flatten(tree: PyTree, treespec: TreeSpec, is_leaf: IsLeaf = None) -> list[Any] | None:
    """The leaves of ``tree`` for each leaf of a shape, where one leaf stands for all below it; None where the shapes differ.

    >>> _broadcast_to_and_flatten([1, 2], tree_structure([0, (0, 0)]))
    [1, 2, 2]
    """
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    if treespec.type is not type(tree):
        return None
    parts, context = cast(NodeDef, node_of(type(tree))).flatten_fn(tree)
    if len(parts) != treespec.num_children or context != treespec.context:
        return None
    found: list[Any] = []
    for part, child in zip(parts, treespec.children_specs, strict=True):
        below = _broadcast_to_and_flatten(part, child, is_leaf)
        if below is None:
            return None
        found += below
    return found


def tree_flatten(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """The leaves, in order, and the shape. What ``is_leaf(part)`` is true of is one leaf.

    >>> leaves, shape = tree_flatten({"a": [1, (2, 3)], "b": 4})
    >>> leaves, tree_unflatten([x * 10 for x in leaves], shape)
    ([1, 2, 3, 4], {'a': [10, (20, 30)], 'b': 40})
    """
    node = None if is_leaf is not None and is_leaf(tree) else node_of(type(tree))
    if node is None:
        return [tree], TreeSpec(None, None, [])
    parts, context = node.flatten_fn(tree)
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
    node = cast(NodeDef, node_of(spec.type))
    return node.unflatten_fn([_filled(leaves, child) for child in spec.children_specs], spec.context)


def tree_structure(tree: PyTree, is_leaf: IsLeaf = None) -> TreeSpec:
    """The shape."""
    return tree_flatten(tree, is_leaf)[1]


def tree_leaves(tree: PyTree, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves, in order.

    >>> tree_leaves({"a": 1, "b": [2, (3,)]})
    [1, 2, 3]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: PyTree, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """The leaves, one after the other."""
    return iter(tree_leaves(tree, is_leaf))


def tree_leaves_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> list[tuple[KeyPath, Any]]:
    """The leaves, each with the way to it.

    >>> [(keystr(path), leaf) for path, leaf in tree_leaves_with_path({"a": [1, 2]})]
    [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    node = None if is_leaf is not None and is_leaf(tree) else node_of(type(tree))
    if node is None:
        return [((), tree)]
    parts = node.flatten_fn(tree)[0]
    keys = sequence_keys(parts) if node.keys is None else node.keys(tree)
    return [
        ((key, *path), leaf)
        for key, part in zip(keys, parts, strict=True)
        for path, leaf in tree_leaves_with_path(part, is_leaf)
    ]


def tree_flatten_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[tuple[KeyPath, Any]], TreeSpec]:
    """The leaves, each with the way to it, and the shape."""
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


# ------------------------------------------------ functions of leaves


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """The tree with each leaf replaced by ``func`` of it, and of what is at its position in ``rests``.

    >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return tree_unflatten([func(*each) for each in zip(leaves, *others, strict=True)], spec)


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Call ``func`` of each leaf; the tree itself is returned."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_with_path(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """``tree_map`` of a function that gets the way to the leaf first.

    >>> tree_map_with_path(lambda path, x: keystr(path), {"a": [0, 0]})
    {'a': ["['a'][0]", "['a'][1]"]}
    """
    found, spec = tree_flatten_with_path(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return tree_unflatten([func(path, leaf, *more) for (path, leaf), *more in zip(found, *others, strict=True)], spec)


def _picks(kind: Any) -> Callable[[Any], bool]:
    """Whether a leaf is meant: of a type, of one of several, or as a function says."""
    return (lambda x: isinstance(x, kind)) if isinstance(kind, (type, tuple)) else kind


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """``tree_map`` of the leaves of a type, of one of several, or those a function picks; the others stay.

    >>> tree_map_only(int, lambda x: x + 1, ["a", 1, {"b": 2}])
    ['a', 2, {'b': 3}]
    """
    picks = _picks(kind)
    return tree_map(lambda x: func(x) if picks(x) else x, tree, is_leaf=is_leaf)


def tree_map_only_(kind: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Call ``func`` of the leaves that are meant; the tree itself is returned."""
    tree_map_only(kind, func, tree, is_leaf)
    return tree


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether ``pred`` is true of every leaf."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether ``pred`` is true of some leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(kind: Any, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """``tree_all`` of the leaves that are meant."""
    picks = _picks(kind)
    return all(pred(x) for x in tree_iter(tree, is_leaf) if picks(x))


def tree_any_only(kind: Any, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """``tree_any`` of the leaves that are meant."""
    picks = _picks(kind)
    return any(pred(x) for x in tree_iter(tree, is_leaf) if picks(x))


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
