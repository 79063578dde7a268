"""Interpreter: a graph run step by step, and Transformer: one that makes another graph on the way."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.graph_module import GraphModule
from metagrad.compat.fx.node import Argument, Node, Target, map_aggregate, map_arg
from metagrad.compat.fx.proxy import Proxy
from metagrad.compat.fx.traceback import set_current_meta
from metagrad.compat.fx.tracing import KeepModules, Tracer
from metagrad.nn.modules.module import Module

__all__ = ["Interpreter", "Transformer"]


class Interpreter:
    """Runs a module's graph. Override a kind of step, ``run_node`` for all of them, or use it as it is.

    >>> import metagrad
    >>> from metagrad import fx
    >>> class Doubling(fx.Interpreter):
    ...     def call_function(self, target, args, kwargs):
    ...         return 2 * super().call_function(target, args, kwargs)
    >>> Doubling(fx.symbolic_trace(lambda x: metagrad.neg(x))).run(metagrad.tensor(3.0))
    tensor(-6.)
    """

    def __init__(self, module: Module, garbage_collect_values: bool = True, graph: Graph | None = None) -> None:
        self.module: Any = module
        self.submodules = dict(module.named_modules())
        self.graph: Graph = self.module.graph if graph is None else graph
        self.garbage_collect_values = garbage_collect_values
        self.env: dict[Node, Any] = {}
        self.args_iter: Iterator[Any] = iter(())
        self.name, self.extra_traceback = "Interpreter", True

    def run(self, *args: Any, initial_env: dict[Node, Any] | None = None, enable_io_processing: bool = True) -> Any:
        """What the graph returns for these arguments. Values given in ``initial_env`` are not computed."""
        self.env = {} if initial_env is None else initial_env
        self.args_iter = iter(self.graph.process_inputs(*args) if enable_io_processing else args)
        last: dict[Node, Node] = {}
        for node in self.graph.nodes if self.garbage_collect_values else ():
            last.update(dict.fromkeys(node.all_input_nodes, node))
        for node in self.graph.nodes:
            if node in self.env:
                continue
            try:
                self.env[node] = self.run_node(node)
            except Exception as error:
                if self.extra_traceback:
                    where = f"While executing {node.format_node()}\nOriginal traceback:\n{node.stack_trace}"
                    error.args = (f"{error.args[0]}\n\n{where}" if error.args else where, *error.args[1:])
                    if isinstance(error, KeyError):
                        raise RuntimeError(*error.args) from error
                raise
            if self.garbage_collect_values:
                for used in node.all_input_nodes:
                    if last[used] is node:
                        self.env.pop(used, None)
            if node.op == "output":
                return self.graph.process_outputs(self.env[node]) if enable_io_processing else self.env[node]
        return None

    def boxed_run(self, args_list: list[Any]) -> Any:
        """``run`` of the arguments in a list, which is emptied: nobody keeps them longer than needed."""
        wanted, given = sum(n.op == "placeholder" for n in self.graph.nodes), len(args_list)
        if given != wanted:
            raise RuntimeError(
                f"Interpreter.boxed_run expected {wanted} arguments for placeholders but received {given} "
                f"({'missing' if given < wanted else 'extra'} arguments)"
            )
        args = tuple(args_list)
        args_list.clear()
        return self.run(*args, enable_io_processing=False)

    def run_node(self, n: Node) -> Any:
        """What one step gives."""
        with set_current_meta(n):
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The next argument; ``*args`` all that are left. Without one, the default. RuntimeError without either."""
        assert isinstance(target, str)
        if target.startswith("*"):
            return {} if target.startswith("**") else tuple(self.args_iter)
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            raise RuntimeError(
                f"Expected positional argument for parameter {target}, but one was not passed in!"
            ) from None

    def get_attr(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What the module has under a path."""
        return self.fetch_attr(str(target))

    def call_function(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """A function called."""
        assert callable(target)
        return target(*args, **kwargs)

    def call_method(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """A method of the first argument called."""
        of, *rest = args
        return getattr(of, str(target))(*rest, **kwargs)

    def call_module(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The module under a path called."""
        return self.fetch_attr(str(target))(*args, **kwargs)

    def output(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """What is returned."""
        return args[0]

    def fetch_attr(self, target: str) -> Any:
        """What the module has under a path. Raises RuntimeError if there is nothing."""
        found = self.module
        for part in target.split("."):
            if not hasattr(found, part):
                raise RuntimeError(f"Node referenced nonexistent target {target}: there is no {part}")
            found = getattr(found, part)
        return found

    def fetch_args_kwargs_from_env(self, n: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """A step's arguments, with values in the place of nodes."""
        return self.map_nodes_to_values(n.args, n), dict(self.map_nodes_to_values(n.kwargs, n))

    def map_nodes_to_values(self, args: Argument, n: Node) -> Any:
        """Arguments with values in the place of nodes. Raises RuntimeError for a value that is not there."""

        def value(node: Node) -> Any:
            if node not in self.env:
                raise RuntimeError(
                    f"Node {n} referenced nonexistent value {node}! Run Graph.lint() to diagnose such issues"
                )
            return self.env[node]

        return map_arg(args, value)


class Transformer(Interpreter):
    """Runs a graph with proxies: what the kinds of steps return is the new graph.

    >>> import metagrad
    >>> from metagrad import fx
    >>> class Smooth(fx.Transformer):
    ...     def call_function(self, target, args, kwargs):
    ...         target = metagrad.sigmoid if target is metagrad.relu else target
    ...         return super().call_function(target, args, kwargs)
    >>> print(Smooth(fx.symbolic_trace(lambda x: metagrad.relu(x))).transform().code.strip())
    def forward(self, x):
        sigmoid = torch.sigmoid(x);  x = None
        return sigmoid
    """

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.new_graph = Graph()
        self.tracer: Tracer = KeepModules()
        self.tracer.graph, self.tracer.root = self.new_graph, self.module
        self.new_graph._tracer_cls = getattr(self.graph, "_tracer_cls", None)
        self.new_graph.set_codegen(self.graph._codegen)

    def placeholder(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The same argument of the new graph."""
        return Proxy(self.new_graph.placeholder(str(target), default_value=next(iter(args), ...)), self.tracer)

    def get_attr(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The same value of the module."""
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The same module called."""
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def call_function(self, target: Target, args: tuple[Argument, ...], kwargs: dict[str, Any]) -> Any:
        """The function called, as a step."""
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def run_node(self, n: Node) -> Any:
        """What one step gives; its notes are kept, by each of the steps that it becomes."""
        last = next(iter(reversed(self.new_graph.nodes)), None)
        found = super().run_node(n)
        for made in itertools.takewhile(lambda node: node is not last, reversed(self.new_graph.nodes)):
            made.meta.update({key: value for key, value in n.meta.items() if key not in made.meta})
        return found

    def transform(self) -> GraphModule:
        """The new module."""
        result = super().run(enable_io_processing=False)
        if result is not None:

            def node_of(a: Any) -> Any:
                return a.node if isinstance(a, Proxy) else a

            last = self.graph.output_node()
            self.new_graph.output(map_aggregate(result, node_of), last.type).meta.update(last.meta)
        return GraphModule(self.module, self.new_graph)
