"""A graph as a picture, by pydot."""

from __future__ import annotations

from typing import Any

from metagrad.compat.fx.graph_module import GraphModule
from metagrad.compat.fx.node import Node, qualified_name

__all__ = ["FxGraphDrawer"]

_COLOURS = {
    "placeholder": "AliceBlue", "call_module": "LemonChiffon1", "get_attr": "LightGrey", "output": "PowderBlue",
    "call_function": "LightYellow", "call_method": "LightYellow",
}  # fmt: skip


class FxGraphDrawer:
    """Draws a graph: ``get_dot_graph().write_svg(path)``. Needs pydot; RuntimeError without."""

    def __init__(self, graph_module: GraphModule, name: str, ignore_getattr: bool = False, **settings: Any) -> None:
        try:
            import pydot  # type: ignore[import-not-found]
        except ImportError:
            raise RuntimeError(
                "FXGraphDrawer requires the pydot package to be installed. Please install pydot through your favorite Python "
                "package manager."
            ) from None
        self._name = name
        self._dot_graphs = {name: pydot.Dot(name, rankdir="TB")}
        drawn = [n for n in graph_module.graph.nodes if not (ignore_getattr and n.op == "get_attr")]
        for node in drawn:
            style = {
                "shape": "record",
                "style": '"filled,rounded"',
                "fillcolor": _COLOURS[node.op],
                "fontcolor": "#000000",
            }
            self._dot_graphs[name].add_node(pydot.Node(node.name, label=_label(node), **style))
            for used in node.all_input_nodes:
                if used in drawn:
                    self._dot_graphs[name].add_edge(pydot.Edge(used.name, node.name))

    def get_dot_graph(self, submod_name: str | None = None) -> Any:
        """The picture."""
        return self._dot_graphs[self._name if submod_name is None else f"{self._name}_{submod_name}"]

    def get_main_dot_graph(self) -> Any:
        """The picture."""
        return self._dot_graphs[self._name]

    def get_all_dot_graphs(self) -> dict[str, Any]:
        """All pictures by name."""
        return self._dot_graphs


def _label(node: Node) -> str:
    target = qualified_name(node.target) if callable(node.target) else str(node.target)
    return rf"{{name=%{node.name}|op_code={node.op}\n|target={target}\n|num_users={len(node.users)}\n}}"
