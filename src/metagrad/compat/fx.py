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
