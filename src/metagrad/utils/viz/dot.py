"""A graph in Graphviz's language, and Graphviz's own picture of it where Graphviz is."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from metagrad.base.optional import need

if TYPE_CHECKING:
    from metagrad.utils.viz.graph import Graph, Vertex


def written(graph: Graph, direction: str = "down") -> str:
    """The DOT text."""
    lines = [
        "digraph {",
        f"  rankdir={'TB' if direction == 'down' else 'LR'}",
        '  node [shape=box, style=rounded, fontname="sans-serif", fontsize=11]',
        *(f"  {vertex.key} [{_attributes(vertex)}]" for vertex in graph.vertices),
        *(f"  {a} -> {b}" for a, b in graph.edges),
        "}",
    ]
    return "\n".join(lines)


def _attributes(vertex: Vertex) -> str:
    text = "\\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in vertex.lines)
    return f'label="{text}"' + ("" if vertex.op else ', style="rounded,bold"')


def drawn(graph: Graph, direction: str = "down") -> str:
    """Graphviz's SVG. Raises MissingExtra without the extra ``viz``, RuntimeError without Graphviz's program ``dot``."""
    graphviz = need("graphviz", extra="viz")
    try:
        return cast(str, graphviz.Source(written(graph, direction)).pipe(format="svg", encoding="utf-8"))
    except graphviz.ExecutableNotFound as error:
        raise RuntimeError(
            'Graphviz is not installed: its program "dot" was not found. The system\'s package is called graphviz; '
            'without it, svg(engine="metagrad") draws the graph'
        ) from error
