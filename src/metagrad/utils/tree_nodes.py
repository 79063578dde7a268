"""The kinds of containers that trees are made of: how each is taken apart and put together, and what its parts are called."""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

from metagrad.base.results import Results

PyTree = Any
Context = Any
FlattenFunc: TypeAlias = Callable[[Any], tuple[list[Any], Any]]
UnflattenFunc: TypeAlias = Callable[[Iterable[Any], Any], Any]
FlattenFn, UnflattenFn = FlattenFunc, UnflattenFunc


# ------------------------------------------------ the way to a leaf


class SequenceKey(NamedTuple):
    """``tree[idx]``."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """The part."""
        return sequence[self.idx]


class MappingKey(NamedTuple):
    """``tree[key]``."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """The part."""
        return mapping[self.key]


class GetAttrKey(NamedTuple):
    """``tree.name``."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """The part."""
        return getattr(obj, self.name)


DictKey = MappingKey
KeyPath = tuple[Any, ...]


def keystr(kp: KeyPath) -> str:
    """A way to a leaf as it is written in Python.

    >>> keystr((MappingKey("a"), SequenceKey(1)))
    "['a'][1]"
    """
    return "".join(map(str, kp))


def key_get(obj: Any, kp: KeyPath) -> Any:
    """What is found at the end of a way.

    >>> key_get({"a": [1, 2]}, (MappingKey("a"), SequenceKey(1)))
    2
    """
    return functools.reduce(lambda found, key: key.get(found), kp, obj)


# ------------------------------------------------ what a container is


class NodeDef(NamedTuple):
    """A kind of container: how it is taken apart, put together, and how its parts are called."""

    flatten_fn: FlattenFunc
    unflatten_fn: UnflattenFunc
    keys: Callable[[Any], list[Any]] | None


def is_namedtuple(obj: object) -> bool:
    """Whether an object, or a class, is a named tuple."""
    kind = obj if isinstance(obj, type) else type(obj)
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


is_namedtuple_class = is_namedtuple_instance = is_namedtuple


def sequence_keys(x: Any) -> list[Any]:
    """The ways to the parts of a sequence."""
    return [SequenceKey(i) for i in range(len(x))]


def _dict_flatten(d: dict[Any, Any]) -> tuple[list[Any], list[Any]]:
    return list(d.values()), list(d)


def _dict_unflatten(parts: Iterable[Any], keys: list[Any]) -> dict[Any, Any]:
    return dict(zip(keys, parts, strict=True))


def _dict_flatten_with_keys(d: dict[Any, Any]) -> tuple[list[tuple[Any, Any]], list[Any]]:
    return [(MappingKey(key), part) for key, part in d.items()], list(d)


def _list_flatten(x: Any) -> tuple[list[Any], None]:
    return list(x), None


def _list_unflatten(parts: Iterable[Any], context: None) -> list[Any]:
    return list(parts)


def _tuple_unflatten(parts: Iterable[Any], context: None) -> tuple[Any, ...]:
    return tuple(parts)


def _namedtuple_flatten(x: Any) -> tuple[list[Any], type]:
    return list(x), type(x)


def _namedtuple_unflatten(parts: Iterable[Any], kind: type) -> Any:
    return kind(*parts)


_tuple_flatten = _list_flatten
_dictionary = NodeDef(_dict_flatten, _dict_unflatten, lambda d: [MappingKey(key) for key in d])
_named_tuple = NodeDef(_namedtuple_flatten, _namedtuple_unflatten, lambda t: [GetAttrKey(name) for name in t._fields])
_results = NodeDef(  # what ``max`` and its kind return
    lambda r: (list(r), type(r)), lambda parts, kind: kind(parts), sequence_keys
)

SUPPORTED_NODES: dict[Any, NodeDef] = {
    namedtuple: _named_tuple,
    list: NodeDef(_list_flatten, _list_unflatten, sequence_keys),
    tuple: NodeDef(_tuple_flatten, _tuple_unflatten, sequence_keys),
    dict: _dictionary,
    OrderedDict: _dictionary._replace(unflatten_fn=lambda parts, keys: OrderedDict(zip(keys, parts, strict=True))),
    defaultdict: _dictionary._replace(
        flatten_fn=lambda d: (list(d.values()), (d.default_factory, list(d))),
        unflatten_fn=lambda parts, made: defaultdict(made[0], zip(made[1], parts, strict=True)),
    ),
    deque: NodeDef(lambda x: (list(x), x.maxlen), lambda parts, size: deque(parts, maxlen=size), sequence_keys),
}


def register_pytree_node(
    cls: type,
    flatten_fn: FlattenFunc,
    unflatten_fn: UnflattenFunc,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Make a class a container. ``flatten_fn(x)`` is its parts and a context, ``unflatten_fn(parts, context)`` the container.

    ``flatten_with_keys_fn(x)`` is the parts with their keys. Raises ValueError for a class that is one already.

    >>> from metagrad.utils._pytree import tree_map
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda parts, _: Pair(*parts))
    >>> tree_map(lambda x: x * 2, Pair(1, 2)).b
    4
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node")
    with_keys = flatten_with_keys_fn
    keys = None if with_keys is None else lambda x: [key for key, _ in with_keys(x)[0]]
    SUPPORTED_NODES[cls] = NodeDef(flatten_fn, unflatten_fn, keys)


_register_pytree_node = register_pytree_node


def register_dataclass(cls: type, **_: Any) -> None:
    """Make a dataclass a container of its fields."""
    import dataclasses

    fields = [f.name for f in dataclasses.fields(cls)]
    register_pytree_node(
        cls,
        lambda x: ([getattr(x, name) for name in fields], None),
        lambda parts, _: cls(**dict(zip(fields, parts, strict=True))),
        flatten_with_keys_fn=lambda x: ([(GetAttrKey(name), getattr(x, name)) for name in fields], None),
    )


def register_constant(cls: type) -> None:
    """Make a class a container without parts: functions of leaves pass it by."""
    register_pytree_node(cls, lambda x: ([], x), lambda _, x: x)


def node_of(kind: type) -> NodeDef | None:
    """How a container of this type is taken apart; None if it is none."""
    found = SUPPORTED_NODES.get(kind)
    if found is not None or not issubclass(kind, tuple):
        return found
    return _results if issubclass(kind, Results) else _named_tuple if is_namedtuple(kind) else None


def _get_node_type(tree: PyTree) -> Any:
    """The type by which ``SUPPORTED_NODES`` knows a container; of a leaf its own."""
    return namedtuple if is_namedtuple(type(tree)) and type(tree) not in SUPPORTED_NODES else type(tree)
