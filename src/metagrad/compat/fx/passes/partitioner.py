"""Steps that something else can do, gathered into parts as large as they get without waiting for themselves."""

from __future__ import annotations

import heapq
import operator
from collections.abc import Iterable, Sequence
from typing import Any

from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.graph_module import GraphModule
from metagrad.compat.fx.node import Node, _get_qualified_name
from metagrad.compat.fx.passes.operator_support import OperatorSupportBase

__all__ = [
    "CapabilityBasedPartitioner",
    "Partition",
    "fuse_as_graphmodule",
    "fuse_by_partitions",
    "legalize_graph",
    "topo_sort",
]


class Partition:
    """Some steps of a graph, and the number of the part they are."""

    def __init__(self, id: int | None = None, nodes: Iterable[Node] | None = None) -> None:
        self.id = id
        self.nodes: dict[Node, None] = dict.fromkeys(nodes or ())

    def __repr__(self) -> str:
        return str(self.nodes)

    def add_node(self, node: Node) -> None:
        """Take in a step."""
        self.nodes[node] = None

    def remove_node(self, node: Node) -> None:
        """Let go of a step."""
        del self.nodes[node]

    def size(self) -> int:
        """How many steps there are."""
        return len(self.nodes)


def topo_sort(nodes: Iterable[Node]) -> list[Node]:
    """Steps in an order in which each comes behind those whose values it takes, else as they come. AssertionError in a circle.

    >>> graph = Graph()
    >>> x = graph.placeholder("x")
    >>> y = graph.call_method("neg", (x,))
    >>> topo_sort([y, x])
    [x, neg]
    """
    listed = list(nodes)
    ordered = _in_order(listed)
    assert len(ordered) == len(listed), (
        "topological sorted nodes doesn't have same length as input nodes: there is a circle"
    )
    return ordered


def _in_order(nodes: list[Node]) -> list[Node]:
    """Of those that wait for none of the others always the first, until none is left; without those in a circle."""
    place = {node: number for number, node in enumerate(nodes)}
    waits = [sum(used in place for used in node.all_input_nodes) for node in nodes]
    ready = [number for number, count in enumerate(waits) if not count]  # a heap, for it is in order
    ordered: list[Node] = []
    while ready:
        ordered.append(nodes[heapq.heappop(ready)])
        for user in ordered[-1].users:
            if user in place:
                waits[place[user]] -= 1
                if not waits[place[user]]:
                    heapq.heappush(ready, place[user])
    return ordered


def legalize_graph(gm: GraphModule) -> GraphModule:
    """Put the steps into an order in which each comes behind those whose values it takes."""
    ordered = _in_order(list(gm.graph.nodes))
    if len(ordered) < len(gm.graph.nodes):
        raise RuntimeError("Input graph has cycles, unable to add all nodes to graph")
    for node in ordered:
        gm.graph._root.prepend(node)
    gm.recompile()
    return gm


def fuse_as_graphmodule(
    gm: GraphModule, nodes: Sequence[Node], module_name: str, **settings: Any
) -> tuple[GraphModule, tuple[Node, ...], tuple[Node, ...]]:
    """Some steps as a module of their own; the steps whose values it takes, and those of its own whose values others take."""
    inside, part = set(nodes), Graph()
    copies: dict[Node, Node] = {}

    def taken(node: Node) -> Node:
        if node not in copies:  # an argument: in front of all that is there
            made = part.placeholder(node.name, node.type)
            made.meta = dict(node.meta)
            copies[node] = made
        return copies[node]

    inputs: list[Node] = []
    for node in nodes:
        for used in node.all_input_nodes:
            if used not in inside and used not in copies:
                inputs.append(used)
                taken(used)
    for node in nodes:
        copies[node] = part.node_copy(node, taken)
    outputs = tuple([node for node in nodes if any(user not in inside for user in node.users)])
    results = tuple([copies[node] for node in outputs])
    part.output(results[0] if len(results) == 1 else results)
    part.lint()
    return GraphModule(gm, part, class_name=module_name), tuple(inputs), outputs


def fuse_by_partitions(
    gm: GraphModule, partitions: Sequence[Any], prefix: str = "fused_", always_return_tuple: bool = False
) -> GraphModule:
    """Put each of some lists of steps into a module ``fused_0``, ``fused_1`` and so on, which the graph calls."""
    for number, steps in enumerate(partitions):
        order = {node: place for place, node in enumerate(gm.graph.nodes)}
        nodes = sorted(steps, key=order.__getitem__)
        name = f"{prefix}{number}"
        module, inputs, outputs = fuse_as_graphmodule(gm, nodes, name)
        gm.add_submodule(name, module)
        with gm.graph.inserting_before(outputs[-1].next):
            call = gm.graph.call_module(name, inputs)
        behind = call
        for place, output in enumerate(outputs):
            if len(outputs) > 1:
                with gm.graph.inserting_after(behind):
                    behind = gm.graph.call_function(operator.getitem, (call, place))
            output.replace_all_uses_with(behind, propagate_meta=True)
        for node in reversed(nodes):
            gm.graph.erase_node(node)
    return legalize_graph(gm)


class CapabilityBasedPartitioner:
    """Gathers the steps that are supported.

    allows_single_node_partition: whether one call alone is a part. non_compute_ops: functions that do not count as calls.
    """

    def __init__(
        self,
        graph_module: GraphModule,
        operator_support: OperatorSupportBase,
        allows_single_node_partition: bool = False,
        non_compute_ops: Sequence[str] | None = None,
        allowed_single_node_partition_ops: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        self.graph_module, self.operator_support = graph_module, operator_support
        self.allows_single_node_partition = allows_single_node_partition
        self.non_compute_ops = tuple(non_compute_ops or ())
        self.allowed_single_node_partition_ops = tuple(allowed_single_node_partition_ops or ())

    def propose_partitions(self) -> list[Partition]:
        """The parts, of which none needs a value that is made of one of its own outside."""
        modules = dict(self.graph_module.named_modules())
        parts: dict[int, Partition] = {}
        part_of: dict[Node, int] = {}
        first: dict[int, int] = {}  # where in the graph each part begins
        nodes = list(self.graph_module.graph.nodes)
        for place, node in reversed(list(enumerate(nodes))):
            if node.op == "output" or not self.operator_support.is_node_supported(modules, node):
                continue
            if not node.op.startswith("call_") and node.op != "get_attr":
                continue
            own = Partition(len(part_of), [node])
            part_of[node] = key = len(part_of)
            for other in sorted(parts, key=first.__getitem__):
                if not _waits_for_itself({*own.nodes, *parts[other].nodes}):
                    own.nodes.update(parts.pop(other).nodes)
            parts[key], first[key] = own, place
        owner = {node: part for part in parts.values() for node in part.nodes}
        for node in nodes:  # the elements of a result stay with it
            if node.users and all(u.op == "call_function" and u.target is operator.getitem for u in node.users):
                home = owner.get(node)
                for user in node.users:
                    if owner.get(user) is not home:
                        if user in owner:
                            owner.pop(user).remove_node(user)
                        if home is not None:
                            home.add_node(user)
                            owner[user] = home
        return [
            part for part in parts.values() if part.nodes and (self.allows_single_node_partition or self._large(part))
        ]

    def _large(self, part: Partition) -> bool:
        calls = [
            _get_qualified_name(n.target) if callable(n.target) else "" for n in part.nodes if n.op.startswith("call_")
        ]
        idle = {"torch.ops.aten.view", "_operator.getitem", *self.non_compute_ops}
        counted = [name for name in calls if name not in idle]
        return len(counted) > 1 or any(name in self.allowed_single_node_partition_ops for name in counted)

    def fuse_partitions(self, partitions: Sequence[Partition], prefix: str = "fused_") -> GraphModule:
        """Put each part into a module of its own."""
        return fuse_by_partitions(self.graph_module, [list(part.nodes) for part in partitions], prefix)

    def remove_bookend_non_compute_ops(self, partitions: Sequence[Partition]) -> None:
        """Let go of the steps at the parts' ends that are none of the calls that count."""
        idle = set(self.non_compute_ops)
        for part in partitions:
            for ahead in (True, False):
                while True:
                    edge = [
                        node
                        for node in part.nodes
                        if callable(node.target)
                        and _get_qualified_name(node.target) in idle
                        and not any(n in part.nodes for n in (node.all_input_nodes if ahead else node.users))
                    ]
                    if not edge:
                        break
                    for node in edge:
                        part.remove_node(node)

    def partition_and_fuse(self, prefix: str = "fused_") -> GraphModule:
        """Both of it."""
        return self.fuse_partitions(self.propose_partitions(), prefix)


def _waits_for_itself(nodes: set[Node]) -> bool:
    """Whether a step outside takes a value of these and gives one to them."""
    todo = [user for node in nodes for user in node.users if user not in nodes]
    seen = set(todo)
    while todo:
        for user in todo.pop().users:
            if user in nodes:
                return True
            if user not in seen:
                seen.add(user)
                todo.append(user)
    return False
