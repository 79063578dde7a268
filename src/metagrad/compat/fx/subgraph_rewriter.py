"""Parts of a graph that look like a pattern, put in another form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.graph_module import GraphModule, _copy_attr
from metagrad.compat.fx.node import Node
from metagrad.compat.fx.tracing import symbolic_trace
from metagrad.nn.modules.module import Module

__all__ = ["Match", "ReplacedPatterns", "replace_pattern", "replace_pattern_with_filters"]


class Match(NamedTuple):
    """A part that was found: the pattern's last node, and the node for each of the pattern's."""

    anchor: Node
    nodes_map: dict[Node, Node]


class ReplacedPatterns(NamedTuple):
    """A part that was replaced, and the nodes in its place."""

    anchor: Node
    nodes_map: dict[Node, Node]
    replacements: list[Node]


class Found(NamedTuple):
    """A part that was found, before it is replaced: the node for each of the pattern's, what it takes and what it gives."""

    nodes_map: dict[Node, Node]
    placeholder_nodes: list[Node]
    returning_nodes: list[Node]


def _same(wanted: Any, found: Any, pairs: dict[Node, Node], literals: bool = True) -> bool:
    """Whether what was found looks like what is wanted; notes which node stands for which. A placeholder is anything."""
    if isinstance(wanted, Node):
        if wanted in pairs:
            return pairs[wanted] is found
        if wanted.op == "placeholder":
            pairs[wanted] = found
            return True
        if not isinstance(found, Node) or (wanted.op, wanted.target) != (found.op, found.target):
            return False
        pairs[wanted] = found
        return _same(wanted.args, found.args, pairs, literals) and _same(wanted.kwargs, found.kwargs, pairs, literals)
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(found, (list, tuple))
            and len(wanted) == len(found)
            and all(_same(w, f, pairs, literals) for w, f in zip(wanted, found, strict=True))
        )
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and wanted.keys() == found.keys()
            and all(_same(w, found[k], pairs, literals) for k, w in wanted.items())
        )
    if isinstance(wanted, slice):
        return isinstance(found, slice) and _same(_ends(wanted), _ends(found), pairs, literals)
    return not (literals or isinstance(found, Node)) or (type(wanted) is type(found) and wanted == found)


def _ends(s: slice) -> tuple[Any, Any, Any]:
    return s.start, s.stop, s.step


def _alone(pairs: dict[Node, Node], results: list[Node]) -> bool:
    """Whether nobody outside a part uses what it computes on the way."""
    inner = {found for wanted, found in pairs.items() if wanted.op != "placeholder"}
    return all(
        user in inner
        for wanted, found in pairs.items()
        if wanted.op not in ("placeholder", "get_attr") and wanted not in results
        for user in found.users
    )


def _graph_of(program: Any) -> Graph:
    if isinstance(program, Graph):
        return program
    return program.graph if isinstance(program, GraphModule) else symbolic_trace(program).graph


def _results_of(graph: Graph) -> list[Node]:
    """The nodes that a graph returns: one, or several in a tuple or list."""
    returned = graph.output_node().args[0]
    return list(returned) if isinstance(returned, (tuple, list)) else [returned]


def _found(
    graph: Graph, pattern: Graph, ignore_literals: bool = False, overlapping: bool = False
) -> list[dict[Node, Node]]:
    """All parts that look like the pattern, from the first to the last, and have no node in common unless they may."""
    results = _results_of(pattern)
    taken: set[Node] = set()
    parts: list[dict[Node, Node]] = []
    for node in graph.nodes:
        pairs: dict[Node, Node] = {}
        if not _same(results[-1], node, pairs, not ignore_literals):
            continue
        for other in results[:-1]:  # which may be anywhere
            if other not in pairs:
                for candidate in graph.nodes:
                    attempt = dict(pairs)
                    if _same(other, candidate, attempt, not ignore_literals):
                        pairs = attempt
                        break
        inner = {found for wanted, found in pairs.items() if wanted.op != "placeholder"}
        if all(r in pairs for r in results) and (overlapping or not inner & taken) and _alone(pairs, results):
            taken |= inner
            parts.append(pairs)
    return parts


def replace_pattern(
    gm: GraphModule, pattern: Callable[..., Any] | GraphModule, replacement: Callable[..., Any] | GraphModule
) -> list[Match]:
    """Put ``replacement`` wherever the graph does what ``pattern`` does; both are traced, and take the same arguments.

    Returns what was found, in the graph's order.

    >>> import metagrad
    >>> traced = symbolic_trace(lambda x: metagrad.relu(x + 1).neg())
    >>> _ = replace_pattern(traced, lambda x: metagrad.relu(x).neg(), lambda x: metagrad.sigmoid(x))
    >>> print(traced.code.strip())
    def forward(self, x):
        add = x + 1;  x = None
        sigmoid = torch.sigmoid(add);  add = None
        return sigmoid
    """
    return [Match(found.anchor, found.nodes_map) for found in replace_pattern_with_filters(gm, pattern, replacement)]


def replace_pattern_with_filters(
    gm: GraphModule,
    pattern: Callable[..., Any] | Graph | GraphModule,
    replacement: Callable[..., Any] | Graph | GraphModule | None = None,
    match_filters: list[Callable[[Any, Graph, Graph], bool]] | None = None,
    ignore_literals: bool = False,
    replacement_callback: Callable[[Any, Graph, Graph], Graph] | None = None,
    node_name_match: str = "",
) -> list[ReplacedPatterns]:
    """``replace_pattern`` where all filters agree: functions of what was found, the graph and the pattern.

    The replacement may be made for each part, by ``replacement_callback`` of the same.
    """
    wanted = _graph_of(pattern)
    replacing = None if replacement is None else _graph_of(replacement)
    matches: list[ReplacedPatterns] = []
    stands_for: dict[Node, Any] = {}  # what took the place of a node that was replaced
    for pairs in _found(gm.graph, wanted, ignore_literals):
        given = Found(
            pairs, [pairs[n] for n in wanted.nodes if n.op == "placeholder"], [pairs[r] for r in _results_of(wanted)]
        )
        if not all(agrees(given, gm.graph, wanted) for agrees in match_filters or ()):
            continue
        new = replacing if replacement_callback is None else replacement_callback(given, gm.graph, wanted)
        assert new is not None, "a replacement, or a replacement_callback, is needed"
        results = _results_of(wanted)
        inputs = [stands_for.get(pairs[n], pairs[n]) for n in wanted.nodes if n.op == "placeholder"]
        copies: dict[Node, Any] = dict(zip([n for n in new.nodes if n.op == "placeholder"], inputs, strict=True))
        order = {node: number for number, node in enumerate(gm.graph.nodes)}
        last = max((pairs[r] for r in results), key=order.__getitem__)
        users = [user for r in results for user in pairs[r].users]
        with gm.graph.inserting_before(min(users, key=order.__getitem__, default=last.next)):
            made = gm.graph.graph_copy(new, copies)
        added = [copies[n] for n in new.nodes if n in copies and n.op != "placeholder"]
        for result, value in zip(results, made if isinstance(made, (tuple, list)) else [made], strict=True):
            stands_for[pairs[result]] = value
            pairs[result].replace_all_uses_with(value)
        for node in reversed(wanted.nodes):
            found = pairs.get(node)
            if node.op not in ("placeholder", "output") and found is not None and not found.users and not found._erased:
                gm.graph.erase_node(found)
        matches.append(ReplacedPatterns(results[-1], pairs, added))
    if isinstance(replacement, Module) and replacing is not None:
        for n in replacing.nodes:
            if n.op in ("get_attr", "call_module") and not _has(gm, str(n.target)):
                _copy_attr(replacement, gm, str(n.target))
    gm.recompile()
    return matches


def _has(module: Any, path: str) -> bool:
    for part in path.split("."):
        module = getattr(module, part, None)
    return module is not None
