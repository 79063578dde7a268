"""``torch.fx``: the names that programs decorate with and ask for. Nothing is traced: ``symbolic_trace`` raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from metagrad.nn.modules.module import Module

__all__ = ["Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "symbolic_trace", "wrap"]

_WHY = "metagrad does not write programs down as graphs; metagrad.onnx.export writes a model as an ONNX file"


def wrap(fn_or_name: str | Callable[..., Any]) -> Any:
    """The function itself: it need not be hidden from a tracer."""
    return fn_or_name


def symbolic_trace(root: Any, concrete_args: Any = None) -> Any:
    """Raises NotImplementedError."""
    raise NotImplementedError(_WHY)


class _Untraced:
    """A class of the parts of a graph, of which there are none here: making one raises NotImplementedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(_WHY)


class Proxy(_Untraced):
    """A value while a program is traced."""


class Node(_Untraced):
    """A step of a graph."""


class Graph(_Untraced):
    """A traced program."""


class Tracer(_Untraced):
    """What traces."""


class Interpreter(_Untraced):
    """What runs a graph."""


class Transformer(Interpreter):
    """What rewrites a graph."""


class GraphModule(Module):
    """A traced module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(_WHY)


_CodeOnlyModule = GraphModule
_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"
Target = Callable[..., Any] | str


def _copy_attr(from_module: Module, to_module: Module, target: str) -> None:
    """Set in one module what lies under a path in another, with modules made on the way.

    >>> import metagrad
    >>> a, b = metagrad.nn.Module(), metagrad.nn.Module()
    >>> a.inner = metagrad.nn.Linear(2, 1)
    >>> _copy_attr(a, b, "inner.weight")
    >>> b.inner.weight is a.inner.weight
    True
    """
    *path, name = target.split(".")
    for part in path:
        from_module = getattr(from_module, part)
        if not hasattr(to_module, part):
            setattr(to_module, part, Module())
        to_module = getattr(to_module, part)
    setattr(to_module, name, getattr(from_module, name))
