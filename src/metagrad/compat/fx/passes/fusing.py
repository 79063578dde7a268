"""``torch.fx.experimental.optimization``: batch norms put into the convolutions before them, dropouts left out."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from metagrad.compat.fx.graph_module import GraphModule
from metagrad.compat.fx.interpreter import Transformer
from metagrad.compat.fx.node import Node
from metagrad.compat.fx.tracing import symbolic_trace
from metagrad.nn.modules.batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from metagrad.nn.modules.conv import Conv1d, Conv2d, Conv3d
from metagrad.nn.modules.dropout import Dropout
from metagrad.nn.modules.module import Module
from metagrad.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["fuse", "matches_module_pattern", "remove_dropout", "replace_node_module"]

_PAIRS = ((Conv1d, BatchNorm1d), (Conv2d, BatchNorm2d), (Conv3d, BatchNorm3d))


def matches_module_pattern(pattern: Iterable[type[Any]], node: Node, modules: dict[str, Any]) -> bool:
    """Whether a step, and the one whose value it takes first, are calls of modules of two classes."""
    before = node.args[0] if node.args else None
    return isinstance(before, Node) and all(
        n.op == "call_module" and type(modules.get(str(n.target))) is kind
        for kind, n in zip(pattern, (before, node), strict=True)
    )


def replace_node_module(node: Node, modules: dict[str, Any], new_module: Module) -> None:
    """Let a step call another module, which takes the place of the one it called."""
    path = str(node.target)
    parent, _, name = path.rpartition(".")
    modules[path] = new_module
    setattr(modules[parent], name, new_module)


def fuse(model: Module, inplace: bool = False, no_trace: bool = False) -> GraphModule:
    """A module, which must not be training, in which a convolution does what the batch norm behind it did.

    >>> from metagrad import nn
    >>> list(fuse(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).eval()).children())
    [Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))]
    """
    if not inplace:
        model = copy.deepcopy(model)
    traced: Any = model if no_trace and isinstance(model, GraphModule) else symbolic_trace(model)
    modules = dict(traced.named_modules())
    graph = copy.deepcopy(traced.graph)
    for pair in _PAIRS:
        for node in graph.nodes:
            if not matches_module_pattern(pair, node, modules):
                continue
            conv: Any = node.args[0]
            norm = modules[str(node.target)]
            if len(conv.users) > 1 or not norm.track_running_stats:
                continue
            replace_node_module(conv, modules, fuse_conv_bn_eval(modules[str(conv.target)], norm))
            node.replace_all_uses_with(conv)
            graph.erase_node(node)
    return GraphModule(traced, graph)


class _WithoutDropout(Transformer):
    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The module called; of a dropout its argument."""
        return args[0] if isinstance(self.submodules[target], Dropout) else super().call_module(target, args, kwargs)


def remove_dropout(model: Module) -> Module:
    """A module without its dropouts."""
    return _WithoutDropout(symbolic_trace(model)).transform()
