"""Which steps of a graph something else can do: asked step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metagrad.compat.fx.node import Node, _get_qualified_name
from metagrad.nn.modules.module import Module

__all__ = [
    "OpSupports", "OperatorSupport", "OperatorSupportBase", "any_chain", "chain", "create_op_support", "get_node_target",
]  # fmt: skip

Answer = Callable[[Mapping[str, Module], Node], bool]


def get_node_target(submodules: Mapping[str, Module], node: Node) -> str:
    """What a step calls: a module's class, a function's name, or a method's."""
    target: Any = node.target
    if node.op == "call_module":
        kind = type(submodules[target])
        home = (
            kind.__module__.replace("metagrad.", "torch.", 1)
            if kind.__module__.startswith("metagrad.")
            else kind.__module__
        )
        return f"{home}.{kind.__qualname__}"
    return _get_qualified_name(target) if node.op == "call_function" else str(target)


class OperatorSupportBase:
    """Says of each step whether it is supported. To be derived from."""

    def is_node_supported(self, submodules: Mapping[str, Module], node: Node) -> bool:
        """Whether a step is; ``submodules`` are the graph's modules by their paths."""
        raise NotImplementedError


class OperatorSupport(OperatorSupportBase):
    """Supports what a table names: ``get_node_target`` of a step, with the dtypes it may have, or None for all."""

    def __init__(self, support_dict: Mapping[str, Sequence[Any] | None] | None = None) -> None:
        self._support_dict = support_dict or {}

    def is_node_supported(self, submodules: Mapping[str, Module], node: Node) -> bool:
        """Whether the table has a step's target. Arguments, values of the module and results are not asked for."""
        if not node.op.startswith("call_"):
            return True
        target = get_node_target(submodules, node)
        if target not in self._support_dict:
            return False
        wanted = self._support_dict[target]
        if wanted is None:
            return True
        in_types, in_names = wanted
        kinds = [getattr(arg.meta.get("tensor_meta"), "dtype", None) for arg in node.all_input_nodes]
        positions = dict(zip(node.all_input_nodes, kinds, strict=True))
        return all(
            positions.get(arg) in kind for arg, kind in zip(node.args, in_types, strict=False) if isinstance(arg, Node)
        ) and all(positions.get(node.kwargs[name]) in kind for name, kind in in_names.items() if name in node.kwargs)


class _Asking(OperatorSupportBase):
    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def is_node_supported(self, submodules: Mapping[str, Module], node: Node) -> bool:
        """What the function says."""
        return self.answer(submodules, node)


def create_op_support(is_node_supported: Answer) -> OperatorSupportBase:
    """A function of modules and step as a support."""
    return _Asking(is_node_supported)


def chain(*op_support: OperatorSupportBase) -> OperatorSupportBase:
    """Supports what all of them support."""
    return _Asking(lambda modules, node: all(s.is_node_supported(modules, node) for s in op_support))


def any_chain(*op_support: OperatorSupportBase) -> OperatorSupportBase:
    """Supports what any of them supports."""
    return _Asking(lambda modules, node: any(s.is_node_supported(modules, node) for s in op_support))


class OpSupports:
    """Supports that are often needed."""

    @classmethod
    def decline_if_input_dtype(cls, dtype: Any) -> OperatorSupportBase:
        """All but steps that take a tensor of a dtype, as ``ShapeProp`` noted it."""
        return _Asking(
            lambda modules, node: all(
                getattr(arg.meta.get("tensor_meta"), "dtype", None) != dtype for arg in node.all_input_nodes
            )
        )

    @classmethod
    def decline_if_node_in_names(cls, disallow_set: set[str]) -> OperatorSupportBase:
        """All but steps of these names."""
        return _Asking(lambda modules, node: node.name not in disallow_set)
