"""The shape of a tree, compared, filled with leaves, and written as JSON."""

from __future__ import annotations

import json
import warnings
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import Any

from metagrad.utils.tree_nodes import (
    BUILTIN_TYPES,
    STANDARD_DICT_TYPES,
    SUPPORTED_NODES,
    Context,
    PyTree,
    _get_node_type,
)

DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL = 1


class TreeSpec:
    """The shape of a tree: its container's type, what that is made again with, and the parts' shapes."""

    __slots__ = ("_children", "context", "num_children", "num_leaves", "num_nodes", "type")

    def __init__(self, type: Any, context: Context, children_specs: Iterable[TreeSpec] = ()) -> None:
        self.type, self.context = type, context
        self._children = list(children_specs)
        self.num_children = len(self._children)
        self.num_leaves: int = 1 if type is None else sum([child.num_leaves for child in self._children])
        self.num_nodes: int = 1 + sum([child.num_nodes for child in self._children])

    def __repr__(self) -> str:
        if self.type is None:
            return "*"
        parts = ",\n".join(map(repr, self._children)).replace("\n", "\n  ")
        return f"TreeSpec({self.type.__name__}, {self.context}, [{parts}])"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return (self.type, self.context, self._children) == (other.type, other.context, other._children)

    def __hash__(self) -> int:
        context = tuple(self._keys()) if self.type in STANDARD_DICT_TYPES else self.context
        return hash((self.type, context, tuple(self._children)))

    def __reduce__(self) -> Any:
        return TreeSpec, (self.type, self.context, self._children)

    @property
    def children_specs(self) -> list[TreeSpec]:
        """``children()``, by an older name."""
        warnings.warn(
            "`treespec.children_specs` is deprecated. Use `treespec.child(index)` to access a single child, or "
            "`treespec.children()` to get all children.",
            FutureWarning,
            stacklevel=2,
        )
        return self._children

    def is_leaf(self) -> bool:
        """Whether this is the shape of a single leaf."""
        return self.type is None

    def children(self) -> list[TreeSpec]:
        """The shapes of the parts."""
        return self._children.copy()

    def child(self, index: int) -> TreeSpec:
        """The shape of one part."""
        return self._children[index]

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """The tree of this shape with these leaves. Raises ValueError for another number of leaves."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that holds "
                f"{self.num_leaves} items ({self})."
            )
        return self._filled(iter(leaves))

    def _filled(self, leaves: Iterator[Any]) -> PyTree:
        if self.type is None:
            return next(leaves)
        return SUPPORTED_NODES[self.type].unflatten_fn(
            [child._filled(leaves) for child in self._children], self.context
        )

    def flatten_up_to(self, tree: PyTree) -> list[PyTree]:
        """The parts of ``tree`` where this shape has leaves. Raises ValueError where it has another shape."""
        if self.type is None:
            return [tree]
        parts = self.parts_of(tree)
        return [x for child, part in zip(self._children, parts, strict=True) for x in child.flatten_up_to(part)]

    def parts_of(self, tree: PyTree) -> list[PyTree]:
        """The parts of a container in this shape's order. Raises ValueError if it is another container."""
        kind = _get_node_type(tree)
        dictionaries = self.type in STANDARD_DICT_TYPES and kind in STANDARD_DICT_TYPES
        if kind != self.type and not dictionaries:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {kind!r}.")
        parts, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if len(parts) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(parts)}.")
        if dictionaries:
            keys = self._keys()
            if tree.keys() != set(keys):
                missing, extra = set(keys) - tree.keys(), tree.keys() - set(keys)
                said = [
                    f" {what} key(s): {found};" for what, found in (("missing", missing), ("extra", extra)) if found
                ]
                raise ValueError(f"Node keys mismatch;{''.join(said)[:-1]}.")
            return [tree[key] for key in keys]
        if kind is not deque and context != self.context:
            if kind in BUILTIN_TYPES:
                raise ValueError(
                    f"Node context mismatch for node type {kind!r}; expected {self.context!r}, but got {context!r}."
                )
            raise ValueError(f"Node context mismatch for custom node type {kind!r}.")
        return parts

    def _keys(self) -> list[Any]:
        """The keys of a dictionary of this shape."""
        keys: list[Any] = self.context[1] if self.type is defaultdict else self.context
        return keys


PyTreeSpec = TreeSpec


class _SpecOfALeaf(type):
    def __instancecheck__(cls, spec: object) -> bool:
        return isinstance(spec, TreeSpec) and spec.type is None


class LeafSpec(metaclass=_SpecOfALeaf):
    """The shape of a single leaf; ``isinstance(spec, LeafSpec)`` asks whether a shape is that."""

    def __new__(cls) -> TreeSpec:  # type: ignore[misc]
        """The shape."""
        return TreeSpec(None, None)


def treespec_leaf() -> TreeSpec:
    """The shape of a single leaf."""
    return TreeSpec(None, None)


def treespec_tuple(iterable: Iterable[TreeSpec] = (), /) -> TreeSpec:
    """The shape of a tuple of parts with these shapes."""
    return TreeSpec(tuple, None, iterable)


def treespec_dict(mapping: Any = (), /, **kwargs: TreeSpec) -> TreeSpec:
    """The shape of a dictionary of parts with these shapes."""
    found = dict(mapping, **kwargs)
    return TreeSpec(dict, list(found), found.values())


def treespec_pprint(treespec: TreeSpec) -> str:
    """A tree of this shape, written with stars for leaves.

    >>> treespec_pprint(treespec_dict(a=treespec_leaf(), b=treespec_tuple([treespec_leaf()])))
    "{'a': *, 'b': (*,)}"
    """
    star = type("Star", (), {"__repr__": lambda _: "*"})
    return repr(treespec.unflatten([star() for _ in range(treespec.num_leaves)]))


# ------------------------------------------------ as text


def _checked(treespec: object) -> TreeSpec:
    if not isinstance(treespec, TreeSpec):
        raise TypeError(f"Expected `treespec` to be an instance of PyTreeSpec but got item of type {type(treespec)}.")
    return treespec


def _written(spec: TreeSpec) -> dict[str, Any]:
    if spec.type is None:
        return {"type": None, "context": None, "children_spec": []}
    node = SUPPORTED_NODES.get(spec.type)
    if node is None or node.written is None:
        raise NotImplementedError(
            f"No registered serialization name for {spec.type} found. Please update your _register_pytree_node call with a "
            "`serialized_type_name` kwarg."
        )
    if node.to_dumpable is not None:
        context = node.to_dumpable(spec.context)
    else:
        try:
            context = json.dumps(spec.context)
        except TypeError as error:
            raise TypeError(
                "Unable to serialize context. Please make the context json dump-able, or register a custom serializer using "
                "_register_pytree_node."
            ) from error
    return {"type": node.written, "context": context, "children_spec": [_written(child) for child in spec.children()]}


def _read(written: dict[str, Any]) -> TreeSpec:
    name, context = written["type"], written["context"]
    if name is None:
        return TreeSpec(None, None)
    found = next(((kind, node) for kind, node in SUPPORTED_NODES.items() if node.written == name), None)
    if found is None:
        raise NotImplementedError(f"Deserializing {name} in pytree is not registered.")
    kind, node = found
    read = json.loads(context) if node.from_dumpable is None else node.from_dumpable(context)
    return TreeSpec(kind, read, map(_read, written["children_spec"]))


def treespec_dumps(treespec: TreeSpec, protocol: int | None = None) -> str:
    """A shape as text in JSON, in PyTorch's layout.

    Raises NotImplementedError for a class without a name to be written under, ValueError for another protocol than 1.
    """
    spec = _checked(treespec)
    if protocol not in (None, DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL):
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return json.dumps([DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL, _written(spec)])


def treespec_loads(serialized: str) -> TreeSpec:
    """The shape that ``treespec_dumps`` wrote.

    >>> treespec_loads(treespec_dumps(treespec_tuple([treespec_leaf()])))
    TreeSpec(tuple, None, [*])
    """
    protocol, written = json.loads(serialized)
    if protocol != DEFAULT_TREESPEC_SERIALIZATION_PROTOCOL:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [1]")
    return _read(written)
