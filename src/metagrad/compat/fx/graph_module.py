"""GraphModule: a module whose ``forward`` is generated from a graph."""

from __future__ import annotations

import copy
import itertools
import linecache
import os
from collections.abc import Callable
from typing import Any, ClassVar

from metagrad.compat.fx.codegen import CodeGen, _PyTreeCodeGen, _PyTreeInfo
from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.naming import of_generated_programs
from metagrad.compat.fx.node import Target as Target
from metagrad.compat.fx.printing import PythonCode
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.tensors.tensor import Tensor

__all__ = ["GraphModule"]

_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"
_numbers = itertools.count()


def _function_of(source: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function that a generated text defines; tracebacks show its lines."""
    file = f"<eval_with_key>.{next(_numbers)}"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    space = dict(names)
    exec(compile(source, file, "exec", dont_inherit=True), space)
    return space["forward"]


def _assign_attr(value: Any, to_module: Module, target: str) -> None:
    """Set what lies under a path in a module, with modules made on the way. Tensors become buffers."""
    *path, name = target.split(".")
    for part in path:
        if getattr(to_module, part, None) is None:
            setattr(to_module, part, Module())
        to_module = getattr(to_module, part)
    if isinstance(value, Tensor) and not isinstance(value, Parameter):
        to_module.register_buffer(name, value)
    else:
        setattr(to_module, name, value)


def _copy_attr(from_module: Module, to_module: Module, target: str) -> None:
    """Set in one module what lies under a path in another, with modules made on the way.

    >>> import metagrad
    >>> a, b = metagrad.nn.Module(), metagrad.nn.Module()
    >>> a.inner = metagrad.nn.Linear(2, 1)
    >>> _copy_attr(a, b, "inner.weight")
    >>> b.inner.weight is a.inner.weight
    True
    """
    found: Any = from_module
    for part in target.split("."):
        found = getattr(found, part)
    _assign_attr(found, to_module, target)


class _CodeOnlyModule(Module):
    """A module of which the code was kept, not the graph: it is traced again."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__()
        self.__dict__.update(body)


def _rebuilt(
    body: dict[str, Any], source: str, names: dict[str, Any], name: str, containers: _PyTreeInfo | None = None
) -> GraphModule:
    """A pickled module: its code is run, and traced with all modules as single steps.

    containers: what the arguments are in, which the code has as leaves.
    """
    kind = type(name, (_CodeOnlyModule,), {"forward": _function_of(source, {**of_generated_programs(), **names})})
    module = kind(body)
    graph = GraphModule.trace_again(module)
    graph._tracer_cls = body.get("_tracer_cls")
    if containers is not None:
        graph.set_codegen(_PyTreeCodeGen(containers))
    made = GraphModule(module, graph, name)
    for key, value in body.items():
        if key not in ("_parameters", "_buffers", "_modules"):
            made.__dict__.setdefault(key, value)
    return made


class GraphModule(Module):
    """A module that computes what a graph says: ``code`` is its ``forward``, made of ``graph``.

    After changes to the graph, ``recompile``. root: the module from which the graph's parameters and modules are taken,
    or a dict of them by their paths.

    >>> import metagrad
    >>> from metagrad import fx
    >>> traced = fx.symbolic_trace(metagrad.nn.Sequential(metagrad.nn.Linear(2, 1)))
    >>> last = traced.graph.output_node()
    >>> with traced.graph.inserting_before(last):
    ...     last.args = (traced.graph.call_method("neg", last.args),)
    >>> _ = traced.recompile()
    >>> print(traced.code.strip())
    def forward(self, input):
        input_1 = input
        _0 = getattr(self, "0")(input_1);  input_1 = None
        neg = _0.neg();  _0 = None
        return neg
    """

    trace_again: ClassVar[Callable[[Module], Graph]]  # ``tracing`` fills it in
    _graph: Graph
    _code: str
    _names: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance of a class of its own, for ``forward`` is the class's."""
        base = next(c for c in cls.__mro__ if c.__name__ != "GraphModuleImpl" and "_impl_of" not in vars(c))
        return super().__new__(type("GraphModuleImpl", (base,), {"_impl_of": base, "__module__": base.__module__}))

    def __init__(self, root: Module | dict[str, Any], graph: Graph, class_name: str = "GraphModule") -> None:
        super().__init__()
        type(self).__name__ = class_name
        paths = [n.target for n in graph.nodes if n.op in ("get_attr", "call_module")]
        if isinstance(root, Module):
            self.training = root.training
            self.meta: dict[str, Any] = dict(getattr(root, "meta", {}))
            for path in paths:
                _copy_attr(root, self, str(path))
        elif not isinstance(root, dict):
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        else:
            self.meta = {}
            for path in sorted(dict.fromkeys(map(str, paths)), key=lambda p: p.count(".")):
                if path not in root:
                    raise RuntimeError(f"Node references target {path} but that target was not provided in ``root``!")
                _assign_attr(root[path], self, path)
        self.graph = graph
        if graph._tracer_cls is not None and "<locals>" not in graph._tracer_cls.__qualname__:
            self._tracer_cls = graph._tracer_cls

    # ------------------------------------------------ graph and code

    @property
    def graph(self) -> Graph:
        """The graph. A new one may be assigned."""
        return self._graph

    @graph.setter
    def graph(self, g: Graph) -> None:
        assert isinstance(g, Graph), f"Expected a Graph instance, but got {type(g)}"
        g.owning_module = self
        self._graph = g
        self.recompile()

    @property
    def code(self) -> str:
        """The generated ``forward``."""
        return self._code

    def recompile(self) -> PythonCode:
        """Make ``forward`` anew from the graph."""
        codegen = self._graph._codegen
        if isinstance(codegen, _PyTreeCodeGen):
            self._in_spec, self._out_spec = codegen.pytree_info.in_spec, codegen.pytree_info.out_spec
        made = self._graph.python_code(root_module="self")
        self._code, self._names = made.src, self._own_names(made)
        type(self).forward = _function_of(made.src, made.globals)  # type: ignore[method-assign]
        return made

    def print_readable(
        self, print_output: bool = True, include_stride: bool = False, include_device: bool = False, **settings: Any
    ) -> str:
        """The code as a class, those of graph modules within it below; printed, and returned."""
        code = self.graph.python_code(verbose=True).src.strip()
        lines = [f"class {self._get_name()}(torch.nn.Module):", *(f"    {line}".rstrip() for line in code.splitlines())]
        for child in self.children():
            if isinstance(child, GraphModule):
                lines += ["", *(f"    {line}" for line in child.print_readable(print_output=False).splitlines())]
        text = "\n".join([*lines, ""])
        if print_output:
            print(text)
        return text

    def __str__(self) -> str:
        return (
            f"{super().__repr__()}\n{self._code}\n# To see more debug info, please use `graph_module.print_readable()`"
        )

    # ------------------------------------------------ modules within

    def add_submodule(self, target: str, m: Module) -> bool:
        """Put a module under a path, with modules made on the way; False if something else is in the way."""
        *path, name = target.split(".")
        module: Any = self
        for part in path:
            if not hasattr(module, part):
                setattr(module, part, Module())
            module = getattr(module, part)
            if not isinstance(module, Module):
                return False
        module.add_module(name, m)
        return True

    def delete_submodule(self, target: str) -> bool:
        """Take out the module under a path; False if there is none."""
        owner, _, name = target.rpartition(".")
        try:
            self.get_submodule(target)
        except AttributeError:
            return False
        delattr(self.get_submodule(owner), name)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take out the modules that no step of the graph uses, nor lies in."""
        paths = {str(node.target) for node in self.graph.nodes if node.op in ("call_module", "get_attr")}
        called = tuple([f"{node.target}." for node in self.graph.nodes if node.op == "call_module"])
        for name, _ in list(self.named_modules()):
            above = any(path == name or path.startswith(f"{name}.") for path in paths)
            if name and not above and not name.startswith(called):
                self.delete_submodule(name)

    def to_folder(self, folder: str | os.PathLike[str], module_name: str = "FxModule") -> None:
        """Write the module as a package: ``module.py`` with the class, the parameters beside it."""
        from metagrad.compat.fx.folders import write_folder

        write_folder(self, folder, module_name)

    # ------------------------------------------------ copies

    def __deepcopy__(self, memo: Any) -> GraphModule:
        made = GraphModule.__new__(type(self))
        memo[id(self)] = made
        made.__dict__.update(
            {k: copy.deepcopy(v, memo) for k, v in self.__dict__.items() if k not in ("_graph", "_names")}
        )
        type(made).__name__ = type(self).__name__
        made.graph = copy.deepcopy(self._graph, memo)
        return made

    def __copy__(self) -> GraphModule:
        made = GraphModule.__new__(type(self))
        made.__dict__.update(self.__dict__)
        type(made).__name__ = type(self).__name__
        made.graph = copy.deepcopy(self._graph)
        return made

    def __reduce__(self) -> Any:
        body = {k: v for k, v in self.__dict__.items() if k not in ("_graph", "_names", "_code")}
        codegen = self._graph._codegen
        if not isinstance(codegen, _PyTreeCodeGen):
            return _rebuilt, (body, self._code, self._names, type(self).__name__)
        flat = CodeGen()  # what takes containers apart and builds them is no step of the graph
        flat._body_transformer = codegen._body_transformer
        self._graph._codegen = flat
        try:
            made = self._graph.python_code(root_module="self")
        finally:
            self._graph._codegen = codegen
        names = self._own_names(made)
        return _rebuilt, (body, made.src, names, type(self).__name__, codegen.pytree_info)

    @staticmethod
    def _own_names(made: PythonCode) -> dict[str, Any]:
        """The names that a text uses and that not all generated programs know."""
        standard = of_generated_programs()
        return {name: value for name, value in made.globals.items() if name not in standard}

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__reduce__()
