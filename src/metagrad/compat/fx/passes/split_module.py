"""A graph cut into parts, each a module of its own, which the whole calls one after the other."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.graph_module import GraphModule
from metagrad.compat.fx.node import Node, map_arg
from metagrad.nn.modules.module import Module

__all__ = ["split_module"]


class Partition:
    """A part: its steps, what it takes and gives, and the parts that come before it."""

    def __init__(self, name: str) -> None:
        self.name, self.submod_name = name, f"submod_{name}"
        self.nodes: list[Node] = []
        self.inputs: dict[Node, None] = {}
        self.outputs: dict[Node, None] = {}
        self.after: dict[str, None] = {}

    def as_module(self, root: Module, qualname_map: dict[str, str] | None) -> GraphModule:
        """The module of this part."""
        graph, targets = Graph(), dict[str, Any]()
        copies = {node: graph.placeholder(node.name, node.type) for node in self.inputs}
        for node, copied in zip(self.inputs, copies.values(), strict=True):
            copied.meta = dict(node.meta)
        for node in self.nodes:
            made = copies[node] = graph.node_copy(node, copies.__getitem__)
            if node.op == "call_module":
                made.target = str(node.target).replace(".", "_")
                targets[made.target] = root.get_submodule(str(node.target))
                if qualname_map is not None:
                    qualname_map[f"{self.submod_name}.{made.target}"] = str(node.target)
        results = tuple([copies[node] for node in self.outputs])
        graph.output(results[0] if len(results) == 1 else results)
        return GraphModule(targets, graph)


def _in_order(parts: dict[str, Partition]) -> list[Partition]:
    """The parts, each behind those whose values it takes. Raises RuntimeError if there is no such order."""
    left, found = dict(parts), list[Partition]()
    while left:
        ready = next((part for part in left.values() if not part.after.keys() & left.keys()), None)
        if ready is None:
            raise RuntimeError("cycle exists between partitions!")
        found.append(left.pop(ready.name))
    return found


def split_module(
    m: GraphModule,
    root_m: Module | None,
    split_callback: Callable[[Node], Any],
    qualname_map: dict[str, str] | None = None,
    keep_original_order: bool | None = False,
    keep_original_node_name: bool | None = False,
    partition_affix: str | None = None,
) -> GraphModule:
    """A module that calls ``submod_0``, ``submod_1`` and so on, each with those steps for which ``split_callback`` says its name.

    Arguments and parameters stay outside, and are handed in. Raises RuntimeError if parts need each other's values.

    >>> import metagrad
    >>> from metagrad import fx, nn
    >>> traced = fx.symbolic_trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
    >>> print(split_module(traced, traced, lambda node: node.name).code.strip())
    def forward(self, input):
        input_1 = input
        submod__0 = self.submod__0(input_1);  input_1 = None
        submod__1 = self.submod__1(submod__0);  submod__0 = None
        return submod__1
    """
    affix = "" if partition_affix is None else f"{partition_affix}_"
    parts: dict[str, Partition] = {}
    part_of: dict[Node, Partition] = {}
    for node in m.graph.nodes:
        if node.op.startswith("call_"):
            name = f"{affix}{split_callback(node)}"
            part_of[node] = parts.setdefault(name, Partition(name))
            part_of[node].nodes.append(node)
        for used in node.all_input_nodes:
            giver, taker = part_of.get(used), part_of.get(node)
            if giver is not taker:
                if giver is not None:
                    giver.outputs[used] = None
                if taker is not None:
                    taker.inputs[used] = None
                if giver is not None and taker is not None:
                    taker.after[giver.name] = None
    whole, attributes = Graph(), dict[str, Any]()
    values: dict[Node, Any] = {}
    for node in m.graph.nodes:
        if node.op in ("placeholder", "get_attr"):
            values[node] = whole.node_copy(node)
            if node.op == "get_attr":
                attributes[str(node.target)] = operator.attrgetter(str(node.target))(m)
    for part in _in_order(parts):
        attributes[part.submod_name] = part.as_module(m if root_m is None else root_m, qualname_map)
        call = whole.call_module(part.submod_name, tuple([values[node] for node in part.inputs]))
        several = len(part.outputs) > 1
        for number, node in enumerate(part.outputs):
            values[node] = whole.call_function(operator.getitem, (call, number)) if several else call
    last = m.graph.output_node()
    whole.output(map_arg(last.args[0], values.__getitem__), last.type)
    return GraphModule(attributes, whole)
