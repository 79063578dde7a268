"""Nested containers as a flat list of leaves and a description of their shape, and back.

Lists, tuples, named tuples, dictionaries and deques are containers, and whatever ``register_pytree_node`` makes one;
everything else is a leaf, None among it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from metagrad.autograd.variable import Variable
from metagrad.utils.tree_nodes import (
    BUILTIN_TYPES,
    STANDARD_DICT_TYPES,
    SUPPORTED_NODES,
    Context,
    DictKey,
    DumpableContext,
    FlattenFn,
    FlattenFunc,
    FromDumpableContextFn,
    GetAttrKey,
    KeyEntry,
    KeyPath,
    MappingKey,
    NodeDef,
    PyTree,
    SequenceKey,
    ToDumpableContextFn,
    UnflattenFn,
    UnflattenFunc,
    is_constant_class,
    is_namedtuple,
    is_namedtuple_class,
    is_namedtuple_instance,
    is_structseq,
    is_structseq_class,
    is_structseq_instance,
    key_get,
    keystr,
    register_constant,
    register_dataclass,
    register_pytree_node,
)  # fmt: skip

# under the names by which programs know them in PyTorch
from metagrad.utils.tree_nodes import _deregister_pytree_node as _deregister_pytree_node
from metagrad.utils.tree_nodes import _dict_flatten as _dict_flatten
from metagrad.utils.tree_nodes import _dict_flatten_with_keys as _dict_flatten_with_keys
from metagrad.utils.tree_nodes import _dict_unflatten as _dict_unflatten
from metagrad.utils.tree_nodes import _get_node_type as _get_node_type
from metagrad.utils.tree_nodes import _list_flatten as _list_flatten
from metagrad.utils.tree_nodes import _list_unflatten as _list_unflatten
from metagrad.utils.tree_nodes import _namedtuple_flatten as _namedtuple_flatten
from metagrad.utils.tree_nodes import _namedtuple_unflatten as _namedtuple_unflatten
from metagrad.utils.tree_nodes import _private_register_pytree_node as _private_register_pytree_node
from metagrad.utils.tree_nodes import _register_namedtuple as _register_namedtuple
from metagrad.utils.tree_nodes import _register_pytree_node as _register_pytree_node
from metagrad.utils.tree_nodes import _tuple_flatten as _tuple_flatten
from metagrad.utils.tree_nodes import _tuple_unflatten as _tuple_unflatten
from metagrad.utils.tree_specs import (
    DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL,
    LeafSpec,
    PyTreeSpec,
    TreeSpec,
    _checked,
    treespec_dict,
    treespec_dumps,
    treespec_leaf,
    treespec_loads,
    treespec_pprint,
    treespec_tuple,
)  # fmt: skip

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "BUILTIN_TYPES", "Context", "DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL", "DictKey", "DumpableContext", "FlattenFn",
    "FlattenFunc", "FromDumpableContextFn", "GetAttrKey", "KeyEntry", "KeyPath", "LeafSpec", "MappingKey", "NodeDef",
    "PyTree", "PyTreeSpec", "STANDARD_DICT_TYPES", "SUPPORTED_NODES", "SequenceKey", "ToDumpableContextFn", "TreeSpec",
    "UnflattenFn", "UnflattenFunc", "arg_tree_leaves", "is_constant_class", "is_namedtuple", "is_namedtuple_class",
    "is_namedtuple_instance", "is_structseq", "is_structseq_class", "is_structseq_instance", "key_get", "keystr", "map_only",
    "register_constant", "register_dataclass", "register_pytree_node", "tree_all", "tree_all_only", "tree_any",
    "tree_any_only", "tree_flatten", "tree_flatten_with_path", "tree_is_leaf", "tree_iter", "tree_leaves",
    "tree_leaves_with_path", "tree_map", "tree_map_", "tree_map_only", "tree_map_only_", "tree_map_with_path",
    "tree_structure", "tree_unflatten", "treespec_dict", "treespec_dumps", "treespec_leaf", "treespec_loads",
    "treespec_pprint", "treespec_tuple",
]  # fmt: skip

IsLeaf: TypeAlias = "Callable[[PyTree], bool] | None"


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Whether it is a leaf.

    >>> tree_is_leaf(1), tree_is_leaf([1])
    (True, False)
    """
    return (is_leaf is not None and is_leaf(tree)) or _get_node_type(tree) not in SUPPORTED_NODES


_is_leaf = tree_is_leaf


# ------------------------------------------------ apart, and together again


def _broadcast_to_and_flatten(tree: PyTree, treespec: TreeSpec, is_leaf: IsLeaf = None) -> list[Any] | None:
    """The leaves of ``tree`` for each leaf of a shape, where one leaf stands for all below it; None where the shapes differ.

    >>> _broadcast_to_and_flatten([1, 2], tree_structure([0, (0, 0)]))
    [1, 2, 2]
    """
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    try:
        parts = treespec.parts_of(tree)
    except ValueError:
        return None
    found: list[Any] = []
    for part, child in zip(parts, treespec.children(), strict=True):
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
    leaves: list[Any] = []
    return leaves, _flatten_into(leaves, tree, is_leaf)


def _flatten_into(leaves: list[Any], tree: PyTree, is_leaf: IsLeaf) -> TreeSpec:
    kind = _get_node_type(tree)
    node = None if is_leaf is not None and is_leaf(tree) else SUPPORTED_NODES.get(kind)
    if node is None:
        leaves.append(tree)
        return TreeSpec(None, None)
    parts, context = node.flatten_fn(tree)
    return TreeSpec(kind, context, [_flatten_into(leaves, part, is_leaf) for part in parts])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of a shape with these leaves.

    Raises ValueError for another number of leaves.

    >>> tree_unflatten([1, 2], tree_flatten({"a": 0, "b": [0]})[1])
    {'a': 1, 'b': [2]}
    """
    return _checked(treespec).unflatten(leaves)


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
    yield from tree_leaves(tree, is_leaf)


def arg_tree_leaves(*args: PyTree, **kwargs: PyTree) -> list[Any]:
    """The leaves of the arguments of a call."""
    return tree_leaves((*args, kwargs))


def tree_leaves_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> list[tuple[KeyPath, Any]]:
    """The leaves, each with the way to it.

    >>> [(keystr(path), leaf) for path, leaf in tree_leaves_with_path({"a": [1, 2]})]
    [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    kind = _get_node_type(tree)
    node = None if is_leaf is not None and is_leaf(tree) else SUPPORTED_NODES.get(kind)
    if node is None:
        return [((), tree)]
    if node.keys is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {kind}. Please pass a flatten_with_keys_fn argument to "
            "register_pytree_node."
        )
    parts, keys = node.flatten_fn(tree)[0], node.keys(tree)
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
    if isinstance(kind, (type, tuple, UnionType)):
        return lambda x: isinstance(x, kind)
    if not callable(kind):
        raise TypeError("Argument must be a type, a tuple of types, or a callable.")
    return cast("Callable[[Any], bool]", kind)


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """A decorator: the function is called of what is meant, and everything else is left as it is."""
    picks = _picks(type_or_types_or_pred)
    return lambda func: lambda x: func(x) if picks(x) else x


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """``tree_map`` of the leaves of a type, of one of several, or those a function picks; the others stay.

    >>> tree_map_only(int, lambda x: x + 1, ["a", 1, {"b": 2}])
    ['a', 2, {'b': 3}]
    """
    return tree_map(map_only(kind)(func), tree, is_leaf=is_leaf)


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
    found: list[Tensor] = []
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, (tuple, list)) else ():
        if isinstance(part, Variable):
            found.append(cast("Tensor", part))
        elif isinstance(part, (tuple, list, dict)):
            found += tensors_in(part)
    return found
