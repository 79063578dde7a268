"""Graph: a program as a list of steps, to be looked at, changed, and written as Python."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from metagrad.compat.fx.codegen import CodeGen, Transformer, _afterwards
from metagrad.compat.fx.codegen import _PyTreeCodeGen as _PyTreeCodeGen
from metagrad.compat.fx.naming import Namespace, name_for
from metagrad.compat.fx.node import Argument, Node, Target, map_arg, qualified_name
from metagrad.compat.fx.printing import PythonCode, python_code
from metagrad.nn.modules.module import Module

__all__ = ["CodeGen", "Graph", "PythonCode"]


class _NodeList:
    """The nodes in order, as they are at the moment of asking; one that is erased on the way is passed over."""

    def __init__(self, graph: Graph, forward: bool = True) -> None:
        self.graph, self.forward = graph, forward

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Node]:
        root = self.graph._root
        node = root._next if self.forward else root._prev
        while node is not root:
            if not node._erased:
                yield node
            node = node._next if self.forward else node._prev

    def __reversed__(self) -> _NodeList:
        return _NodeList(self.graph, not self.forward)


class _InsertPoint:
    """Where new steps are added: from when it is made on, and as before after a ``with``."""

    def __init__(self, graph: Graph, insert: Callable[[Node], None]) -> None:
        self.graph, self.before = graph, graph._insert
        graph._insert = insert

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        self.graph._insert = self.before


class Graph:
    """Steps in the order in which they run. New ones are added at the end, or where ``inserting_before`` and ``_after`` say.

    >>> import metagrad
    >>> graph = Graph()
    >>> x = graph.placeholder("x")
    >>> y = graph.call_function(metagrad.relu, (x,))
    >>> _ = graph.output(graph.call_method("sum", (y,)))
    >>> print(graph)
    graph():
        %x : [num_users=1] = placeholder[target=x]
        %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
        %sum_1 : [num_users=1] = call_method[target=sum](args = (%relu,), kwargs = {})
        return sum_1
    """

    def __init__(
        self, owning_module: Module | None = None, tracer_cls: Any = None, tracer_extras: dict[str, Any] | None = None
    ) -> None:
        self._root = Node(self, "", "root", "", (), {})  # before the first and behind the last
        self._insert: Callable[[Node], None] = self._root.prepend
        self._graph_namespace = Namespace()
        self.owning_module, self._tracer_cls, self._tracer_extras = owning_module, tracer_cls, tracer_extras
        self._codegen = CodeGen()

    @property
    def nodes(self) -> _NodeList:
        """The nodes in order."""
        return _NodeList(self)

    def output_node(self) -> Node:
        """The node that returns."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def find_nodes(self, *, op: str, target: Target | None = None, sort: bool = True) -> list[Node]:
        """The nodes of one kind, in order; with ``target`` those of them with this one."""
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    # ------------------------------------------------ new nodes

    def create_node(
        self,
        op: str,
        target: Target,
        args: tuple[Argument, ...] | None = None,
        kwargs: dict[str, Argument] | None = None,
        name: str | None = None,
        type_expr: Any = None,
    ) -> Node:
        """A new step where new ones are added, with a name like the one given or the target's."""
        if not callable(target) and op == "call_function" or callable(target) and op != "call_function":
            candidate = name or "node"  # the node raises
        else:
            candidate = name_for(target) if name is None else name
        node = Node(self, self._graph_namespace.create_name(candidate), op, target, args or (), kwargs or {}, type_expr)
        self._insert(node)
        return node

    def placeholder(self, name: str, type_expr: Any = None, default_value: Any = ...) -> Node:
        """An argument of the function, named so; of one that may be left away the default."""
        return self.create_node(
            "placeholder", name, () if default_value is ... else (default_value,), type_expr=type_expr
        )

    def get_attr(self, qualified_name: str, type_expr: Any = None) -> Node:
        """A parameter, a buffer, or another value that the module has under a path. Warns if it is known and has not."""
        if self.owning_module is not None:
            found: Any = self.owning_module
            for part in qualified_name.split("."):
                found = getattr(found, part, None)
            if found is None:
                warnings.warn(
                    "Attempted to insert a get_attr Node with no underlying reference in the owning GraphModule! "
                    f"Give it something named {qualified_name!r} first",
                    stacklevel=2,
                )
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_function(
        self,
        the_function: Callable[..., Any],
        args: Any = None,
        kwargs: Any = None,
        type_expr: Any = None,
        name: str | None = None,
    ) -> Node:
        """A function called."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def call_method(self, method_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """A method of the first argument called."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_module(self, module_name: str, args: Any = None, kwargs: Any = None, type_expr: Any = None) -> Node:
        """The module under a path called. AttributeError if the graph's module is known and has none there."""
        if self.owning_module is not None:
            self.owning_module.get_submodule(module_name)
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def output(self, result: Argument, type_expr: Any = None) -> Node:
        """What the function returns."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def node_copy(self, node: Node, arg_transform: Callable[[Node], Argument] = lambda x: x) -> Node:
        """A step of another graph once more in this one; ``arg_transform`` gives this graph's node for one of that graph's."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = copy.copy(node.meta)
        return made

    def graph_copy(self, g: Graph, val_map: dict[Node, Node], return_output_node: bool = False) -> Any:
        """All steps of a graph but those that are in ``val_map`` already, which takes up the copies. Returns what ``g`` returns."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                value = map_arg(node.args[0], val_map.__getitem__)
                return (value, node) if return_output_node else value
            val_map[node] = self.node_copy(node, val_map.__getitem__)
        return None

    def __deepcopy__(self, memo: Any = None) -> Graph:
        made = Graph(tracer_cls=self._tracer_cls, tracer_extras=self._tracer_extras)
        made._codegen = copy.copy(self._codegen)
        found = made.graph_copy(self, {}, return_output_node=True)
        if found is not None:
            made.output(found[0], found[1].type).meta = copy.copy(found[1].meta)
        return made

    # ------------------------------------------------ where, and what goes

    def inserting_before(self, n: Node | None = None) -> Any:
        """In a ``with``: new steps are added before this one, or before all."""
        if n is None:
            return self.inserting_after(self._root)
        assert n.graph == self, "Node to insert before is not in graph."
        return _InsertPoint(self, n.prepend)

    def inserting_after(self, n: Node | None = None) -> Any:
        """In a ``with``: new steps are added directly behind this one, or behind all."""
        if n is None:
            return self.inserting_before(self._root)
        assert n.graph == self, "Node to insert after is not in graph."
        return _InsertPoint(self, n.append)

    def erase_node(self, to_erase: Node) -> None:
        """Take a step out. Raises RuntimeError if others use its value."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: {to_erase.users}!"
            )
        if to_erase.graph != self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            return
        to_erase._remove_from_list()
        to_erase._erased = True
        to_erase._use((), {})

    def eliminate_dead_code(self, is_impure_node: Callable[[Node], bool] | None = None) -> bool:
        """Take out the steps whose values nobody uses and that do nothing else; whether there were any."""
        self.lint()
        before = len(self.nodes)
        for node in reversed(self.nodes):
            if not node.users and not (node.is_impure() if is_impure_node is None else is_impure_node(node)):
                self.erase_node(node)
        return len(self.nodes) < before

    def lint(self) -> None:
        """Raise RuntimeError for a step that uses another graph's value, or one of a later step, or a name that is taken;
        if the module is known, also for what it has not."""
        seen: dict[str, Node] = {}
        for node in self.nodes:
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for arg in node.all_input_nodes:
                if arg.graph is not self:
                    raise RuntimeError(
                        f"Argument '{arg}' of Node '{node}' does not belong to this Graph, but was used as an argument! If you are "
                        "copying nodes from another graph, make sure to use ``arg_transform`` on node_copy() to remap values\n"
                        f"{self}"
                    )
                if seen.get(arg.name) is not arg:
                    raise RuntimeError(
                        f"Argument '{arg}' of Node '{node}' was used before it has been defined! Please check that Nodes in "
                        f"the graph are topologically ordered\n{self}"
                    )
            if node.name in seen:
                raise RuntimeError(f"Node redefined name {node.name}!")
            seen[node.name] = node
            if self.owning_module is not None and node.op in ("get_attr", "call_module"):
                self._check_path(node)

    def _check_path(self, node: Node) -> None:
        found: Any = self.owning_module
        for part in str(node.target).split("."):
            if not hasattr(found, part):
                raise RuntimeError(
                    f"Node {node} target {node.target} references nonexistent attribute {part} of {node.target}"
                )
            found = getattr(found, part)
        if node.op == "call_module" and not isinstance(found, Module):
            raise RuntimeError(f"Node {node} target {node.target} does not reference an nn.Module")

    # ------------------------------------------------ as text

    def python_code(self, root_module: str = "self", *, verbose: bool = False, **settings: Any) -> PythonCode:
        """The graph as a Python function ``forward``, which finds the module under the name ``root_module``."""
        return python_code(self, root_module, verbose)

    def set_codegen(self, codegen: CodeGen) -> None:
        """Let the function begin and end in another way, from the next ``recompile`` on."""
        self._codegen = codegen

    def on_generate_code(self, make_transformer: Callable[[Transformer | None], Transformer]) -> Any:
        """Change the lines of the function, from the next ``recompile`` on. Used in a ``with``, until its end.

        ``make_transformer`` gets what changes them now, or None, and gives what is to: a function of lines that returns lines.
        """
        before = self._codegen._body_transformer
        self._codegen._body_transformer = make_transformer(before)
        return _afterwards(self._codegen, before)

    def process_inputs(self, *args: Any) -> Any:
        """The arguments as the placeholders take them."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out: Any) -> Any:
        """What ``output`` returns as callers get it."""
        return self._codegen.process_outputs(out)

    def __str__(self) -> str:
        return "\n    ".join(["graph():", *[node.format_node() for node in self.nodes]])

    def print_tabular(self) -> None:
        """Print the nodes as a table: in columns as wide as they need to be."""
        rows: list[Sequence[str]] = [("opcode", "name", "target", "args", "kwargs")]
        for n in self.nodes:
            target = qualified_name(n.target) if callable(n.target) else n.target
            rows.append((n.op, n.name, target, str(n.args), str(n.kwargs)))
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        rows.insert(1, ["-" * width for width in widths])
        for row in rows:
            print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
