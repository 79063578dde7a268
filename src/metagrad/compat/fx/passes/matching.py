"""Parts of a graph that look like a pattern, found without being replaced."""

from __future__ import annotations

from dataclasses import dataclass, field

from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.node import Node
from metagrad.compat.fx.subgraph_rewriter import _found, _results_of

__all__ = ["InternalMatch", "SubgraphMatcher"]


@dataclass
class InternalMatch:
    """A part that was found: the pattern's last steps, the step for each of the pattern's, what it takes and what it gives."""

    anchors: list[Node]
    nodes_map: dict[Node, Node] = field(default_factory=dict)
    placeholder_nodes: list[Node] = field(default_factory=list)
    returning_nodes: list[Node] = field(default_factory=list)
    name_node_map: dict[str, Node] = field(default_factory=dict)


class SubgraphMatcher:
    """Finds a pattern in graphs. ``ignore_literals``: numbers and texts in the pattern stand for any.

    >>> import metagrad
    >>> from metagrad import fx
    >>> program = fx.symbolic_trace(lambda x: metagrad.relu(x + 1) + metagrad.relu(x))
    >>> pattern = fx.symbolic_trace(lambda x: metagrad.relu(x))
    >>> [match.returning_nodes for match in SubgraphMatcher(pattern.graph).match(program.graph)]
    [[relu], [relu_1]]
    """

    def __init__(
        self,
        pattern: Graph,
        match_output: bool = False,
        match_placeholder: bool = False,
        remove_overlapping_matches: bool = True,
        ignore_literals: bool = False,
    ) -> None:
        if len(pattern.nodes) == 0:
            raise ValueError("SubgraphMatcher cannot be initialized with an empty pattern")
        self.pattern, self.ignore_literals, self.match_output = pattern, ignore_literals, match_output
        self.remove_overlapping_matches = remove_overlapping_matches
        self.pattern_returning_nodes = _results_of(pattern)

    def match(self, graph: Graph, node_name_match: str = "") -> list[InternalMatch]:
        """All parts that look like the pattern, from the first to the last; with ``match_output`` those that the graph returns."""
        found = [
            InternalMatch(
                list(self.pattern_returning_nodes),
                pairs,
                [pairs[n] for n in self.pattern.nodes if n.op == "placeholder" and n in pairs],
                [pairs[n] for n in self.pattern_returning_nodes],
            )
            for pairs in _found(graph, self.pattern, self.ignore_literals, not self.remove_overlapping_matches)
        ]
        if self.match_output:
            results = _results_of(graph)
            found = [match for match in found if match.returning_nodes == results]
        return found
