"""Proxy: a value that is not there yet. What a program does with it is written down as steps of a graph."""

from __future__ import annotations

import dis
import enum
import operator
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from metagrad.compat import torch_function
from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.node import Argument, Node, Target, base_types, map_aggregate
from metagrad.compat.fx.traceback import get_current_meta, has_preserved_node_meta
from metagrad.compat.torch_overrides import is_tensor_method_or_property
from metagrad.tensors.tensor import Tensor

__all__ = ["Attribute", "GraphAppendingTracer", "ParameterProxy", "Proxy", "TraceError", "TracerBase"]


class TraceError(ValueError):
    """A program asked for more than a value's name: which way to go, or how many times."""


class Scope:
    """Where a program is: a module's path and class."""

    def __init__(self, module_path: str, module_type: Any) -> None:
        self.module_path, self.module_type = module_path, module_type


class TracerBase:
    """What makes nodes of what proxies are asked for. ``Tracer`` also follows a program; this is what all tracers share."""

    graph: Graph
    record_stack_traces = False
    traced_func_name = "forward"

    def __init__(self) -> None:
        self.module_stack: OrderedDict[str, tuple[str, Any]] = OrderedDict()  # modules being called, the innermost last
        self.scope = Scope("", None)
        self.node_name_to_scope: dict[str, tuple[str, Any]] = {}

    def create_node(
        self,
        kind: str,
        target: Target,
        args: tuple[Argument, ...],
        kwargs: dict[str, Argument],
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A new step. To be overridden by those who want to see or change each."""
        node = self.graph.create_node(kind, target, args, kwargs, name, type_expr)
        if self.module_stack:
            node.meta["nn_module_stack"] = OrderedDict(self.module_stack)
        self.node_name_to_scope[node.name] = self.scope.module_path, self.scope.module_type
        if has_preserved_node_meta():
            node.meta.update(get_current_meta())
        return node

    def proxy(self, node: Node) -> Proxy:
        """What stands for a step's value."""
        return Proxy(node, self)

    def create_proxy(
        self,
        kind: str,
        target: Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: str | None = None,
        type_expr: Any = None,
        proxy_factory_fn: Callable[[Node], Proxy] | None = None,
    ) -> Proxy:
        """A new step, of proxies and other values, and what stands for its value."""
        node = self.create_node(kind, target, self.create_arg(args), self.create_arg(kwargs), name, type_expr)
        return (proxy_factory_fn or self.proxy)(node)

    def create_arg(self, a: Any) -> Argument:
        """A value as the argument of a step: proxies become nodes.

        Raises NotImplementedError for what cannot be written in a program.
        """
        if isinstance(a, Proxy):
            return a.node
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return type(a)(*[self.create_arg(x) for x in a])
        if isinstance(a, (tuple, list)):
            return (tuple if isinstance(a, tuple) else list)([self.create_arg(x) for x in a])
        if isinstance(a, dict):
            for key in a:
                if isinstance(key, (Proxy, Node)):
                    raise RuntimeError(
                        f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {key}"
                    )
            return {key: self.create_arg(value) for key, value in a.items()}
        if isinstance(a, slice):
            return slice(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, range):
            return range(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, (*base_types, Node, enum.Enum)) or a is None or a is ...:
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def to_bool(self, obj: Proxy) -> bool:
        """What ``if`` makes of a value: TraceError, for it is not known."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """What ``for`` makes of a value: TraceError, for nobody knows how often it runs."""
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or **kwargs "
            "function argument: how many elements there are is not known while a program is traced"
        )

    def keys(self, obj: Proxy) -> Any:
        """What ``**`` makes of a value: its ``keys``, as another value that is not known."""
        return Attribute(obj, "keys")()


class GraphAppendingTracer(TracerBase):
    """Adds to a graph what is done with its nodes' proxies."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph


class Proxy:
    """Stands for the value of a node. Functions, operators, methods and attributes of it become further nodes.

    >>> import metagrad
    >>> graph = Graph()
    >>> x = Proxy(graph.placeholder("x"))
    >>> _ = metagrad.relu(x) + 1
    >>> [node.name for node in graph.nodes]
    ['x', 'relu', 'add']
    """

    node: Node

    def __init__(self, node: Node, tracer: TracerBase | None = None) -> None:
        torch_function.start_asking()
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self) -> str:
        return f"Proxy({self.node.name})"

    def __getattr__(self, name: str) -> Any:
        if name in ("node", "array") or name.startswith(
            "__array"
        ):  # what asks for these asks whether it is a tensor or array
            raise AttributeError(f"'Proxy' object has no attribute {name!r}")
        return Attribute(self, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A call, as a step."""
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self) -> Iterator[Any]:
        frame = sys._getframe(1)
        at, code = frame.f_lasti, frame.f_code.co_code
        if dis.opname[code[at]] == "UNPACK_SEQUENCE":  # as many as there are names for it: a, b = x
            return iter([operator.getitem(self, i) for i in range(code[at + 1])])
        return self.tracer.iter(self)

    def __bool__(self) -> bool:
        return self.tracer.to_bool(self)

    def __len__(self) -> int:
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    def keys(self) -> Any:
        """What ``**`` asks for."""
        return self.tracer.keys(self)

    def __deepcopy__(self, memo: Any) -> Proxy:
        return type(self)(self.node, self.tracer)

    @classmethod
    def __torch_function__(cls, orig_method: Any, types: Any, args: Any = None, kwargs: Any = None) -> Any:
        tracers: list[TracerBase] = []

        def look(a: Any) -> Any:
            if isinstance(a, Proxy) and a.tracer not in tracers:
                tracers.append(a.tracer)
            return a

        args, kwargs = args or (), kwargs or {}
        map_aggregate((args, kwargs), look)
        if len(tracers) > 1:
            raise RuntimeError(
                f"Found multiple different tracers {tracers} while trying to trace operations {orig_method}"
            )
        if is_tensor_method_or_property(orig_method):
            known = torch_function.names.get(orig_method, getattr(orig_method, "__name__", ""))
            return tracers[0].create_proxy("call_method", known.rpartition(".")[2], args, kwargs)
        return tracers[0].create_proxy("call_function", orig_method, args, kwargs)


class Attribute(Proxy):
    """An attribute of a value: a step of its own if it is used, none if it is called, for then it is a method."""

    def __init__(self, root: Proxy, attr: str) -> None:
        self.root, self.attr, self.tracer = root, attr, root.tracer

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The step that reads it, made when it is first asked for."""
        found = self.__dict__.get("_node")
        if found is None:
            found = self.__dict__["_node"] = self.tracer.create_proxy(
                "call_function", getattr, (self.root, self.attr), {}
            ).node
        return found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """A method called, as a step."""
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """A parameter of the module, whose shape is known while the module is traced."""

    def __init__(self, tracer: TracerBase, node: Node, name: str, param: Tensor) -> None:
        super().__init__(node, tracer)
        self.param, self.name = param, name
        self.shape, self.ndim, self.size = param.shape, param.ndim, param.size
        self.dim = self.ndimension = param.dim
        self.numel = self.nelement = param.numel

    def __repr__(self) -> str:
        return f"ParameterProxy({self.name})"


_REFLECTED = "add sub mul floordiv truediv mod pow lshift rshift and_ or_ xor matmul".split()
_PLAIN = "eq ne lt gt le ge pos neg invert getitem abs".split()


def _operator(function: Any, reflected: bool = False) -> Any:
    def recorded(self: Proxy, *others: Any) -> Any:
        return self.tracer.create_proxy(
            "call_function", function, (*others, self) if reflected else (self, *others), {}
        )

    return recorded


for _name in (*_REFLECTED, *_PLAIN):
    setattr(Proxy, f"__{_name.strip('_')}__", _operator(getattr(operator, _name)))
for _name in _REFLECTED:
    setattr(Proxy, f"__r{_name.strip('_')}__", _operator(getattr(operator, _name), reflected=True))
