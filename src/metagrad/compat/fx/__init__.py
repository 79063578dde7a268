"""``torch.fx``: programs as graphs. ``symbolic_trace`` runs a module once with values that are not there, and notes the steps.

=============================  ======================================================================
``immutable_collections.py``   the lists and dicts of a node's arguments
``node.py``                    a step, and how what it calls is named
``naming.py``                  names of nodes
``codegen.py``                 how that function begins and ends
``printing.py``                a graph as a Python function
``graph.py``                   the steps in order: added, moved, erased, checked
``proxy.py``                   values that are not there yet
``patching.py``                what is another while a program is traced
``tracing.py``                 a program followed
``graph_module.py``            a module made of a graph
``interpreter.py``             a graph run step by step, or changed on the way
``subgraph_rewriter.py``       parts that look like a pattern replaced
``operator_schemas.py``        the arguments of calls in one form
``traceback.py``               notes that steps keep
``folders.py``                 a module as a package of Python
``passes/``                    shapes noted at every step, graphs cut into parts
=============================  ======================================================================

Proxies answer ``__torch_function__``: from the first of them on, metagrad's functions ask their arguments' classes.
"""

from metagrad.compat.fx import (
    graph,
    graph_module,
    immutable_collections,
    interpreter,
    node,
    passes,
    proxy,
    subgraph_rewriter,
)
from metagrad.compat.fx import tracing as _symbolic_trace
from metagrad.compat.fx.codegen import CodeGen
from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.graph_module import GraphModule
from metagrad.compat.fx.interpreter import Interpreter, Transformer
from metagrad.compat.fx.node import Node, has_side_effect, map_arg
from metagrad.compat.fx.patching import wrap
from metagrad.compat.fx.proxy import Proxy, TraceError
from metagrad.compat.fx.subgraph_rewriter import replace_pattern
from metagrad.compat.fx.tracing import PH, Tracer, symbolic_trace

__all__ = [
    "PH", "CodeGen", "Graph", "GraphModule", "Interpreter", "Node", "Proxy", "TraceError", "Tracer", "Transformer",
    "has_side_effect", "map_arg", "replace_pattern", "symbolic_trace", "wrap",
]  # fmt: skip
