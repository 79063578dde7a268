"""A step of a graph: an argument, a value from the module, a call, or the result."""

from __future__ import annotations

import inspect
import operator
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from metagrad.base import dtypes
from metagrad.base.device import device
from metagrad.base.layouts import layout, memory_format
from metagrad.compat import torch_function, undocumented
from metagrad.compat.fx.immutable_collections import immutable_dict, immutable_list
from metagrad.tensors.tensor import Tensor

__all__ = ["Argument", "Node", "Target", "has_side_effect", "map_aggregate", "map_arg"]

Target: TypeAlias = Callable[..., Any] | str
Argument: TypeAlias = Any
BaseArgumentTypes: TypeAlias = (
    str | int | float | bool | complex | dtypes.dtype | Tensor | device | memory_format | layout
)
base_types = (str, int, float, bool, complex, dtypes.dtype, Tensor, device, memory_format, layout)
_legal_ops = ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root")
_SPACES = ("", "nn.functional", "linalg", "fft", "special", "nn.init")  # where public functions are
_RANDOM = {  # calls that change what is drawn after them
    f"torch.{name}"
    for name in "bernoulli multinomial normal poisson rand rand_like randint randint_like randn randn_like randperm".split()
}
_side_effectful_functions: set[Any] = {
    undocumented._assert,
    operator.setitem,
}  # calls that stay though nobody uses what they return


def has_side_effect(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Say that calls of a function are to stay in a graph though nothing uses their result. A decorator, too."""
    _side_effectful_functions.add(fn)
    return fn


def map_aggregate(a: Argument, fn: Callable[[Argument], Argument]) -> Argument:
    """``fn`` of everything in nested tuples, lists, dicts and slices.

    >>> map_aggregate((1, [2], {"a": 3}), lambda n: -n)
    (-1, [-2], {'a': -3})
    """
    if isinstance(a, tuple):
        parts = [map_aggregate(x, fn) for x in a]
        return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
    if isinstance(a, list):
        return immutable_list([map_aggregate(x, fn) for x in a])
    if isinstance(a, dict):
        return immutable_dict({key: map_aggregate(x, fn) for key, x in a.items()})
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


def map_arg(a: Argument, fn: Callable[[Node], Argument]) -> Argument:
    """``fn`` of every node in nested tuples, lists, dicts and slices; everything else as it is."""
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


def public_name(function: Any) -> str | None:
    """The name under which PyTorch has one of its functions or classes, such as ``torch.relu``; None of others.

    >>> import metagrad
    >>> public_name(metagrad.relu), public_name(metagrad.nn.functional.gelu), public_name(len)
    ('torch.relu', 'torch.nn.functional.gelu', None)
    """
    known = torch_function.names.get(function) if getattr(function, "__hash__", None) else None
    if known is not None:
        return known
    home, name = getattr(function, "__module__", None) or "", getattr(function, "__name__", "")
    if home.partition(".")[0] not in ("metagrad", "torch"):
        return None
    own = inspect.unwrap(function)
    for space in _SPACES:
        there: Any = sys.modules["metagrad"]
        for part in filter(None, space.split(".")):
            there = getattr(there, part)
        if inspect.unwrap(getattr(there, name, None)) is own:  # type: ignore[arg-type]
            return ".".join(filter(None, ("torch", space, name)))
    path = home.partition(".")[2].replace("compat.fx.tracing", "fx._symbolic_trace").replace("compat.undocumented", "")
    return ".".join(filter(None, ("torch", path, name)))


def qualified_name(function: Any) -> str:
    """Module and name of a function, as they are written in a graph.

    >>> import operator
    >>> qualified_name(operator.add), qualified_name(len)
    ('operator.add', 'builtins.len')
    """
    found = public_name(function)
    if found is not None:
        return found
    name: str = getattr(function, "__qualname__", type(function).__name__)
    module = getattr(function, "__module__", None) or "builtins"
    return f"{'operator' if module == '_operator' else module}.{name.replace('<locals>.', '').replace('<lambda>', '_lambda')}"


def _get_qualified_name(func: Any) -> str:
    """The name of a function as PyTorch's own code asks for it: builtins without their module, operators with its inner one.

    >>> import metagrad, operator
    >>> _get_qualified_name(metagrad.add), _get_qualified_name(operator.add), _get_qualified_name(len)
    ('torch.add', '_operator.add', 'len')
    """
    name = qualified_name(func)
    return f"_{name}" if name.startswith("operator.") else name.removeprefix("builtins.")


def type_text(annotation: Any) -> str:
    """An annotation as it is written."""
    if isinstance(annotation, type):
        if annotation.__module__ == "builtins":
            return annotation.__qualname__
        return public_name(annotation) or f"{annotation.__module__}.{annotation.__qualname__}"
    return repr(annotation).replace("metagrad.", "torch.")


_type_repr = type_text


class ArgsKwargsPair(NamedTuple):
    """The arguments of a call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def normalized(function: Any, args: Any, kwargs: Any, only_kwargs: bool, out: bool = False) -> ArgsKwargsPair | None:
    """A call's arguments with defaults, those not given by position by their names; None where these are not known.

    out: whether an argument of this name counts though it was not given; PyTorch has it in other signatures.
    """
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return None
    starred = {p.name for p in bound.signature.parameters.values() if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    starred -= bound.arguments.keys()
    bound.apply_defaults()
    for name in starred:
        del bound.arguments[name]
    if not out and bound.arguments.get("out", ...) is None:
        del bound.arguments["out"]
    count = 0 if only_kwargs else len(args)
    values = list(bound.arguments.items())
    return ArgsKwargsPair(tuple([value for _, value in values[:count]]), dict(values[count:]))


class Node:
    """One step of a ``Graph``, known by its ``name``. What ``op`` is decides what ``target`` says:

    * ``placeholder``: an argument of the function; ``args`` holds its default
    * ``get_attr``: a parameter, or what else the module has, by its path
    * ``call_function``: a function
    * ``call_module``: a module by its path, called
    * ``call_method``: a method of the first argument, by its name
    * ``output``: what is returned, ``args[0]``

    ``users`` are the nodes that use its value, ``meta`` is for notes.
    """

    def __init__(
        self,
        graph: Any,
        name: str,
        op: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        return_type: Any = None,
    ) -> None:
        assert op in _legal_ops, f"op {op!r} is none of {_legal_ops}"
        wanted = "a Callable" if op == "call_function" else "a str"
        if callable(target) != (op == "call_function"):
            raise ValueError(
                f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target).__name__} but {wanted} is expected"
            )
        self.graph, self.name, self.op, self.target, self.type = graph, name, op, target, return_type
        self.users: dict[Node, None] = {}
        self.meta: dict[str, Any] = {}
        self._input_nodes: dict[Node, None] = {}
        self._prev = self._next = self
        self._erased = False
        self._args: tuple[Argument, ...] = ()
        self._kwargs: dict[str, Argument] = {}
        self._use(args, kwargs)

    def _use(self, args: Any, kwargs: Any) -> None:
        """Take new arguments, and tell the nodes among them who uses them."""
        for node in self._input_nodes:
            node.users.pop(self, None)
        self._input_nodes = {}

        def note(node: Node) -> Node:
            self._input_nodes[node] = None
            node.users[self] = None
            return node

        self._args, self._kwargs = map_arg(tuple(args), note), map_arg(dict(kwargs), note)

    @property
    def args(self) -> tuple[Argument, ...]:
        """The positional arguments: nodes, and what else may be written in a program."""
        return self._args

    @args.setter
    def args(self, args: tuple[Argument, ...]) -> None:
        self._use(args, self._kwargs)

    @property
    def kwargs(self) -> dict[str, Argument]:
        """The arguments by name."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs: dict[str, Argument]) -> None:
        self._use(self._args, kwargs)

    def update_arg(self, idx: int, arg: Argument) -> None:
        """Replace one positional argument."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx: int, arg: Argument) -> None:
        """Put a positional argument before another."""
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key: str, arg: Argument) -> None:
        """Set one argument by name."""
        self.kwargs = {**self.kwargs, key: arg}

    @property
    def all_input_nodes(self) -> list[Node]:
        """The nodes among the arguments, each once."""
        return list(self._input_nodes)

    @property
    def next(self) -> Node:
        """The step after this one."""
        return self._next

    @property
    def prev(self) -> Node:
        """The step before this one."""
        return self._prev

    @property
    def stack_trace(self) -> str | None:
        """Where the program made it, if that was noted in ``meta``."""
        return self.meta.get("stack_trace")

    def _remove_from_list(self) -> None:
        self._prev._next, self._next._prev = self._next, self._prev

    def prepend(self, x: Node) -> None:
        """Move x before this node. Both must be in the same graph."""
        assert self.graph == x.graph, "Attempting to move a Node into a different Graph"
        if self is x:
            return
        x._remove_from_list()
        before = self._prev
        before._next, x._prev, x._next, self._prev = x, before, self, x

    def append(self, x: Node) -> None:
        """Move x behind this node."""
        self._next.prepend(x)

    def replace_all_uses_with(
        self,
        replace_with: Node,
        delete_user_cb: Callable[[Node], bool] = lambda user: True,
        *,
        propagate_meta: bool = False,
    ) -> list[Node]:
        """Let those who use this node's value use another's, of them those that ``delete_user_cb`` picks; returns them."""
        if propagate_meta:
            assert not replace_with.meta, "propagate_meta: the new node has notes already"
            replace_with.meta.update(self.meta)
        picked = [user for user in self.users if delete_user_cb(user)]
        for user in picked:
            user.replace_input_with(self, replace_with)
        return picked

    def replace_input_with(self, old_input: Node, new_input: Node) -> None:
        """Use one node's value where another's was used."""

        def other(node: Node) -> Node:
            return new_input if node is old_input else node

        self._use(map_arg(self.args, other), map_arg(self.kwargs, other))

    def normalized_arguments(
        self, root: Any, arg_types: Any = None, kwarg_types: Any = None, normalize_to_only_use_kwargs: bool = False
    ) -> ArgsKwargsPair | None:
        """The arguments with defaults, those not given by position by their names; None where the names are not known."""
        if self.op == "call_module":
            forward: Any = root.get_submodule(self.target).forward
            return normalized(forward, self.args, self.kwargs, normalize_to_only_use_kwargs, True)
        if self.op != "call_function" or public_name(self.target) is None:
            return None
        return normalized(self.target, self.args, self.kwargs, normalize_to_only_use_kwargs)

    def is_impure(self, impure_random: bool = True) -> bool:
        """Whether it is to stay though nobody uses its value: arguments, results, and what does more than compute."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            function: Any = self.target
            if impure_random and public_name(function) in _RANDOM:
                return True
            return function in _side_effectful_functions or inspect.unwrap(function) in _side_effectful_functions
        if self.op == "call_module":
            module = self.graph.owning_module
            assert module is not None, "self.graph.owning_module not set for purity check"
            return getattr(module.get_submodule(self.target), "_is_impure", False)
        return False

    def _rename(self, candidate: str) -> None:
        if candidate != self.name:
            self.name = self.graph._graph_namespace.create_name(candidate)

    def _is_before(self, other: Node) -> bool:
        node = self._next
        while node is not other and node.op != "root":
            node = node._next
        return node is other

    def __lt__(self, other: Node) -> bool:
        return self._is_before(other)

    def __gt__(self, other: Node) -> bool:
        return other._is_before(self)

    def __le__(self, other: Node) -> bool:
        return self is other or self < other

    def __ge__(self, other: Node) -> bool:
        return self is other or self > other

    def __repr__(self) -> str:
        return self.name

    def _pretty_print_target(self, target: Any) -> str:
        return qualified_name(target) if callable(target) else str(target)

    def format_node(self) -> str:
        """The step as a line of the graph's text."""
        kind = "" if self.type is None else f"{type_text(self.type)} "
        head = f"%{self.name} : {kind}[num_users={len(self.users)}] = {self.op}[target="
        if self.op == "output":
            return f"return {self.args[0]}"
        if self.op == "placeholder":
            return f"{head}{self.target}]" + (f"(default={self.args[0]})" if self.args else "")
        if self.op == "get_attr":
            return f"{head}{self.target}]"
        target = qualified_name(self.target) if callable(self.target) else self.target
        return f"{head}{target}](args = {_with_marks(self.args)}, kwargs = {_with_marks(self.kwargs)})"


def bracketed(
    arg: list[Any] | tuple[Any, ...] | dict[Any, Any], part: Callable[[Any], str], key: Callable[[Any], str]
) -> str:
    """A list, tuple or dict as it is written, of the texts of its parts and keys."""
    if isinstance(arg, dict):
        return f"{{{', '.join(f'{key(name)}: {part(value)}' for name, value in arg.items())}}}"
    inside = ", ".join(map(part, arg))
    return f"[{inside}]" if isinstance(arg, list) else f"({inside}{',' if len(arg) == 1 else ''})"


def _with_marks(arg: Any) -> str:
    """Arguments as text, with % before the names of nodes."""
    if isinstance(arg, (list, tuple, dict)):
        return bracketed(arg, _with_marks, str)
    return f"%{arg.name}" if isinstance(arg, Node) else str(arg)
