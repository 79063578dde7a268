"""One call put in the place of another throughout a graph."""

from __future__ import annotations

from metagrad.compat.fx.graph_module import GraphModule
from metagrad.compat.fx.node import Target

__all__ = ["replace_target_nodes_with"]


def replace_target_nodes_with(
    fx_module: GraphModule, old_op: str, old_target: Target, new_op: str, new_target: Target
) -> None:
    """Let every step of one kind and target be another kind with another target, of the same arguments."""
    for node in list(fx_module.graph.nodes):
        if node.op == old_op and node.target == old_target:
            with fx_module.graph.inserting_before(node):
                made = fx_module.graph.create_node(new_op, new_target, node.args, node.kwargs, node.name)
            node.replace_all_uses_with(made)
            fx_module.graph.erase_node(node)
    fx_module.graph.lint()
    fx_module.recompile()
