"""Calls in one form: every argument by its name, or by position and then by name, with the defaults."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from metagrad.compat.fx.interpreter import Transformer
from metagrad.compat.fx.node import ArgsKwargsPair, Node, Target, normalized, public_name
from metagrad.nn.modules.module import Module

__all__ = [
    "ArgsKwargsPair", "NormalizeArgs", "check_for_mutable_operation", "create_type_hint", "get_signature_for_torch_op",
    "normalize_function", "normalize_module", "type_matches",
]  # fmt: skip


def normalize_function(
    target: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    arg_types: tuple[Any, ...] | None = None,
    kwarg_types: dict[str, Any] | None = None,
    normalize_to_only_use_kwargs: bool = False,
) -> ArgsKwargsPair | None:
    """The arguments of a call of one of metagrad's functions, with defaults; None for other functions, and for calls that fail.

    >>> import metagrad
    >>> normalize_function(metagrad.nn.functional.relu, (1,), normalize_to_only_use_kwargs=True)
    ArgsKwargsPair(args=(), kwargs={'input': 1, 'inplace': False})
    """
    if public_name(target) is None:
        return None
    return normalized(target, args, kwargs or {}, normalize_to_only_use_kwargs)


def normalize_module(
    root: Module,
    target: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None = None,
    normalize_to_only_use_kwargs: bool = False,
) -> ArgsKwargsPair | None:
    """The arguments of a call of the module under a path, with defaults; None for a call that fails."""
    forward: Any = root.get_submodule(target).forward
    return normalized(forward, args, kwargs or {}, normalize_to_only_use_kwargs, True)


def get_signature_for_torch_op(op: Callable[..., Any], return_schemas: bool = False) -> Any:
    """The signatures of a function: one, for a function of Python has no other; None for what is not a function of metagrad's."""
    if public_name(op) is None:
        return (None, None) if return_schemas else None
    found = [inspect.signature(op)]
    return (found, [None]) if return_schemas else found


def check_for_mutable_operation(target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Nothing is refused: a function that writes says so by its name alone."""


def create_type_hint(x: Any) -> Any:
    """The type of a list's or tuple's elements as an annotation; other values as they are.

    >>> create_type_hint([int, int])
    list[int]
    """
    if not isinstance(x, (list, tuple)) or not all(isinstance(kind, type) for kind in x):
        return x
    kind = next((k for k in x if all(issubclass(other, k) for other in x)), Any)
    return list[kind] if isinstance(x, list) else tuple[kind, ...]  # type: ignore[valid-type]


def type_matches(signature_type: Any, argument_type: Any) -> bool:
    """Whether a value of one type may be given where another is wanted.

    >>> type_matches(float, int), type_matches(list[int], int)
    (False, True)
    """
    if signature_type == argument_type or signature_type is Any:
        return True
    inner = typing.get_args(signature_type)
    if typing.get_origin(signature_type) is list:
        of = typing.get_args(argument_type) if typing.get_origin(argument_type) is list else (argument_type,)
        return all(type_matches(inner[0], kind) for kind in of)
    if inner:
        return any(type_matches(kind, argument_type) for kind in inner)
    return (
        inspect.isclass(argument_type) and inspect.isclass(signature_type) and issubclass(argument_type, signature_type)
    )


class NormalizeArgs(Transformer):
    """Makes a graph in which every call of a layer and of one of metagrad's functions has its arguments in one form."""

    def __init__(self, module: Any, normalize_to_only_use_kwargs: bool = True) -> None:
        super().__init__(module)
        self.node_map: dict[Any, Node] = {}
        self.normalize_to_only_use_kwargs = normalize_to_only_use_kwargs

    def run_node(self, n: Node) -> Any:
        """What one step gives, called in the one form."""
        found = n.normalized_arguments(self.module, normalize_to_only_use_kwargs=self.normalize_to_only_use_kwargs)
        if found is None:
            return super().run_node(n)
        args, kwargs = (self.map_nodes_to_values(part, n) for part in found)
        out = getattr(self, n.op)(n.target, args, dict(kwargs))
        self.node_map[out] = n
        out.node.meta = dict(n.meta)
        return out

    def call_function(self, target: Target, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function called, as a step."""
        return self.tracer.create_proxy("call_function", target, args, kwargs)
