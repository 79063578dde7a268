"""The kinds of containers that trees are made of: how each is taken apart and put together, and what its parts are called."""

from __future__ import annotations

import functools
import importlib
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol, TypeAlias

from metagrad.base.results import Results
from metagrad.base.size import Size

PyTree = Any
Context = Any
FlattenFunc: TypeAlias = Callable[[Any], tuple[list[Any], Any]]
UnflattenFunc: TypeAlias = Callable[[Iterable[Any], Any], Any]
FlattenFn, UnflattenFn = FlattenFunc, UnflattenFunc
DumpableContext = Any
ToDumpableContextFn: TypeAlias = Callable[[Context], DumpableContext]
FromDumpableContextFn: TypeAlias = Callable[[DumpableContext], Context]


# ------------------------------------------------ the way to a leaf


class KeyEntry(Protocol):
    """What a way to a leaf is made of."""

    def get(self, parent: Any) -> Any:
        """The part."""


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
    keys: Callable[[Any], list[Any]] | None = None
    written: str | None = None  # its name in a file
    to_dumpable: ToDumpableContextFn | None = None
    from_dumpable: FromDumpableContextFn | None = None


def is_namedtuple(obj: object) -> bool:
    """Whether an object, or a class, is a named tuple."""
    kind = obj if isinstance(obj, type) else type(obj)
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def is_structseq(obj: object) -> bool:
    """Whether an object, or a class, is what ops with several results return."""
    return issubclass(obj if isinstance(obj, type) else type(obj), Results)


is_namedtuple_class = is_namedtuple_instance = is_namedtuple
is_structseq_class = is_structseq_instance = is_structseq


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
_named: dict[str, type] = {}  # the classes of named tuples that may be written, by the names they are written under


def _written_name(kind: type) -> str:
    found = next((name for name, known in _named.items() if known is kind), None)
    if found is None:
        raise NotImplementedError(
            f"Can't serialize TreeSpec of namedtuple class {kind} because we didn't register a serializated_type_name. "
            "Please register using `_register_namedtuple`."
        )
    return found


def _maker_written(context: list[Any]) -> dict[str, Any]:
    made, keys = context
    return {"default_factory_module": made.__module__, "default_factory_name": made.__qualname__, "dict_context": keys}


def _maker_read(written: dict[str, Any]) -> list[Any]:
    module = importlib.import_module(written["default_factory_module"])
    return [getattr(module, written["default_factory_name"]), written["dict_context"]]


_dictionary = NodeDef(_dict_flatten, _dict_unflatten, lambda d: [MappingKey(key) for key in d], "builtins.dict")
_named_tuple = NodeDef(
    _namedtuple_flatten, _namedtuple_unflatten, lambda t: [GetAttrKey(name) for name in t._fields],
    "collections.namedtuple", _written_name, _named.__getitem__,
)  # fmt: skip
SUPPORTED_NODES: dict[Any, NodeDef] = {
    namedtuple: _named_tuple,
    list: NodeDef(_list_flatten, _list_unflatten, sequence_keys, "builtins.list"),
    tuple: NodeDef(_tuple_flatten, _tuple_unflatten, sequence_keys, "builtins.tuple"),
    Size: NodeDef(_tuple_flatten, _tuple_unflatten, sequence_keys, "torch.Size"),  # for what is made of it may be no sizes
    dict: _dictionary,
    OrderedDict: _dictionary._replace(
        unflatten_fn=lambda parts, keys: OrderedDict(zip(keys, parts, strict=True)), written="collections.OrderedDict"
    ),
    defaultdict: NodeDef(
        lambda d: (list(d.values()), [d.default_factory, list(d)]),
        lambda parts, made: defaultdict(made[0], zip(made[1], parts, strict=True)),
        _dictionary.keys, "collections.defaultdict", _maker_written, _maker_read,
    ),
    deque: NodeDef(
        lambda x: (list(x), x.maxlen), lambda parts, size: deque(parts, maxlen=size), sequence_keys, "collections.deque"
    ),
}  # fmt: skip
STANDARD_DICT_TYPES = frozenset({dict, OrderedDict, defaultdict})
BUILTIN_TYPES: frozenset[Any] = STANDARD_DICT_TYPES | {list, tuple, namedtuple, deque}


def register_pytree_node(
    cls: type,
    flatten_fn: FlattenFunc,
    unflatten_fn: UnflattenFunc,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: ToDumpableContextFn | None = None,
    from_dumpable_context: FromDumpableContextFn | None = None,
    flatten_with_keys_fn: Callable[[Any], tuple[list[tuple[Any, Any]], Any]] | None = None,
) -> None:
    """Make a class a container. ``flatten_fn(x)`` is its parts and a context, ``unflatten_fn(parts, context)`` the container.

    ``flatten_with_keys_fn(x)`` is the parts with their keys. serialized_type_name: its name for ``treespec_dumps``, and the two
    functions make of a context what JSON can write, and back. Raises ValueError for a class that is one already.

    >>> from metagrad.utils._pytree import tree_map
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda parts, _: Pair(*parts))
    >>> tree_map(lambda x: x * 2, Pair(1, 2)).b
    4
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered.")
    with_keys = flatten_with_keys_fn
    keys = None if with_keys is None else lambda x: [key for key, _ in with_keys(x)[0]]
    SUPPORTED_NODES[cls] = NodeDef(
        flatten_fn, unflatten_fn, keys, serialized_type_name, to_dumpable_context, from_dumpable_context
    )


_register_pytree_node = _private_register_pytree_node = register_pytree_node


def _deregister_pytree_node(cls: type) -> None:
    del SUPPORTED_NODES[cls]


def _register_namedtuple(cls: type, *, serialized_type_name: str) -> None:
    _named[serialized_type_name] = cls


def register_dataclass(
    cls: type,
    *,
    field_names: list[str] | None = None,
    drop_field_names: list[str] | None = None,
    serialized_type_name: str | None = None,
) -> None:
    """Make a dataclass a container of those of its fields that are not None; dropped fields get their defaults.

    Of another class ``field_names`` says what it is made with. Raises ValueError where fields are missing or unknown.
    """
    import dataclasses

    if dataclasses.is_dataclass(cls):
        own = {f.name for f in dataclasses.fields(cls) if f.init}
        given = [f.name for f in dataclasses.fields(cls) if f.init] if field_names is None else field_names
        missing, unknown = own - {*given, *(drop_field_names or ())}, {*given} - own
        if missing and field_names is not None:
            raise ValueError(
                f"field_names does not include all dataclass fields.\nMissing fields in `field_names`: {missing}. If you want to "
                "include these fields in the pytree, please add them to `field_names`, otherwise please add them to "
                "`drop_field_names`.\n"
            )
        if unknown:
            raise ValueError(f"field_names has what are no fields that {cls} is made with: {unknown}")
    elif field_names is None:
        raise ValueError(
            f"field_names must be specified with a list of all fields used to initialize {cls}, as it is not a dataclass."
        )
    else:
        given = field_names
    names = [name for name in given if name not in (drop_field_names or ())]

    def there(x: Any) -> list[list[str]]:
        return [[n for n in names if (getattr(x, n) is None) is none] for none in (False, True)]

    register_pytree_node(
        cls,
        lambda x: ([getattr(x, name) for name in there(x)[0]], there(x)),
        lambda parts, found: cls(**dict(zip(found[0], parts, strict=True)), **dict.fromkeys(found[1])),
        serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=lambda x: ([(GetAttrKey(name), getattr(x, name)) for name in there(x)[0]], there(x)),
    )


class ConstantNode(NamedTuple):
    """The context of a container without parts: its value."""

    value: Any

    def __repr__(self) -> str:
        return f"ConstantNode(value={self.value!r})"


def register_constant(cls: type) -> None:
    """Make a class a container without parts: functions of leaves pass it by. TypeError if its values cannot be compared."""
    for name in ("__eq__", "__hash__"):
        if getattr(cls, name) in (getattr(object, name), None):
            raise TypeError(f"register_constant(cls) expects `cls` to have a non-default `{name}` implementation.")
    register_pytree_node(
        cls,
        lambda x: ([], ConstantNode(x)),
        lambda _, context: context.value,
        flatten_with_keys_fn=lambda x: ([], ConstantNode(x)),
    )
    _constants.add(cls)


_constants: set[type] = set()


def is_constant_class(cls: type) -> bool:
    """Whether ``register_constant`` was called with a class."""
    return cls in _constants


def _get_node_type(tree: PyTree) -> Any:
    """The type by which ``SUPPORTED_NODES`` knows a container; of a leaf its own."""
    kind = type(tree)
    if kind not in SUPPORTED_NODES and issubclass(kind, tuple):
        if is_namedtuple(kind):
            return namedtuple
        if issubclass(kind, Results):
            SUPPORTED_NODES[kind] = NodeDef(_list_flatten, lambda parts, _: kind(parts), sequence_keys)
    return kind
