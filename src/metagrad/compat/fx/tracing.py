"""Tracing: a program is run once with proxies, and what it does with them becomes a graph."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import warnings
from collections.abc import Callable
from types import FunctionType as FunctionType
from types import ModuleType
from typing import Any

from metagrad.compat import torch_function, undocumented
from metagrad.compat.fx.codegen import _PyTreeCodeGen, _PyTreeInfo
from metagrad.compat.fx.graph import Graph
from metagrad.compat.fx.graph_module import GraphModule
from metagrad.compat.fx.node import Argument, base_types
from metagrad.compat.fx.patching import _autowrap_check, _patch_wrapped_functions, _Patcher, wrap
from metagrad.compat.fx.proxy import ParameterProxy, Scope, TracerBase
from metagrad.compat.fx.proxy import Proxy as Proxy
from metagrad.nn.modules.container import Sequential
from metagrad.nn.modules.module import Module
from metagrad.nn.parameter import Parameter
from metagrad.tensors.tensor import Tensor
from metagrad.utils._pytree import tree_flatten, tree_map, tree_structure

__all__ = ["PH", "Tracer", "is_fx_symbolic_tracing", "is_fx_tracing", "symbolic_trace", "wrap"]

_orig_module_call, _orig_module_getattr = Module.__call__, Module.__getattr__
_running: list[Tracer] = []  # the tracers at work, the innermost last


class PHBase:
    """A value in ``concrete_args`` that says: stays open."""

    def __repr__(self) -> str:
        return "PH"


PH = PHBase()


class ScriptObject:
    """The class of objects of TorchScript, of which there are none."""


def compatibility(is_backward_compatible: bool) -> Callable[[Any], Any]:
    """A mark of PyTorch's, without effect."""
    return lambda marked: marked


def is_fx_tracing() -> bool:
    """Whether a program is being traced.

    >>> is_fx_tracing()
    False
    """
    return bool(_running)


is_fx_symbolic_tracing = is_fx_tracing


def _assert_is_none(value: Any, msg: str) -> None:
    if isinstance(value, Proxy):  # the code of a module that was traced is traced again
        value.tracer.create_proxy("call_function", _assert_is_none, (value, msg), {})
    else:
        assert value is None, msg


def _annotations(function: Any) -> dict[str, Any]:
    """What a program says of a function's parameters and result; of metagrad's own layers nothing, as of PyTorch's."""
    module = getattr(function, "__module__", None) or ""
    own = getattr(module, "home", module).startswith("metagrad.nn.")  # under the alias it reads as PyTorch's
    return {} if own else getattr(function, "__annotations__", {})


class Tracer(TracerBase):
    """Follows a module or function. Calls of PyTorch's layers are steps; other modules are looked into.

    autowrap_modules: modules whose functions are steps; autowrap_functions: functions that are.

    >>> from metagrad import nn
    >>> print(Tracer().trace(nn.Sequential(nn.Linear(2, 3), nn.ReLU())))
    graph():
        %input_1 : [num_users=1] = placeholder[target=input]
        %_0 : [num_users=1] = call_module[target=0](args = (%input_1,), kwargs = {})
        %_1 : [num_users=1] = call_module[target=1](args = (%_0,), kwargs = {})
        return _1
    """

    root: Module
    proxy_buffer_attributes = False
    param_shapes_constant: bool

    def __init__(
        self,
        autowrap_modules: tuple[ModuleType, ...] = (math,),
        autowrap_functions: tuple[Callable[..., Any], ...] = (),
        param_shapes_constant: bool = False,
    ) -> None:
        super().__init__()
        self._autowrap_search = list(autowrap_modules)
        self._autowrap_function_ids = {
            id(f) for m in autowrap_modules for name, f in vars(m).items() if not name.startswith("_") and callable(f)
        } | {id(f) for f in autowrap_functions}
        self._kept = autowrap_functions  # so that no other function gets their numbers
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths: dict[Module, str] = {}
        self.tensor_attrs: dict[Tensor, str] = {}
        self.root_module_name = ""

    # ------------------------------------------------ modules

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Whether a module's call is one step: the library's layers but ``Sequential``. To be overridden."""
        return type(m).__module__.startswith(("metagrad.nn.", "torch.nn.", "torch.ao.nn.")) and not isinstance(
            m, Sequential
        )

    def path_of_module(self, mod: Module) -> str:
        """Where in the traced module another one is. Raises NameError if it is not there."""
        found = self.submodule_paths.get(mod)
        if found is None:
            raise NameError("module is not installed as a submodule")
        return found

    def call_module(self, m: Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A module's call: a step, or what ``forward`` leads to."""
        path = self.path_of_module(m)
        self.module_stack[path] = path, type(m)
        outer, self.scope = self.scope, Scope(path, type(m))
        try:
            if self.is_leaf_module(m, path):
                return self.create_proxy("call_module", path, args, kwargs)
            return forward(*args, **kwargs)
        finally:
            self.module_stack.pop(path, None)
            self.scope = outer

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """What a module's parameter (a buffer, with ``proxy_buffer_attributes``) is while it is traced: one step for each."""
        kinds: tuple[Any, ...] = (Tensor,) if self.proxy_buffer_attributes else (Parameter,)
        if not isinstance(attr_val, kinds):
            return attr_val
        named = (*self.root.named_parameters(), *(self.root.named_buffers() if self.proxy_buffer_attributes else ()))
        for path, tensor in named:
            if tensor is attr_val:
                if path not in parameter_proxy_cache:
                    made: dict[str, Any] = {}  # a program's tracer may have a ``create_proxy`` without this argument
                    if self.param_shapes_constant:
                        made["proxy_factory_fn"] = functools.partial(ParameterProxy, self, name=path, param=attr_val)
                    parameter_proxy_cache[path] = self.create_proxy("get_attr", path, (), {}, **made)
                return parameter_proxy_cache[path]
        return attr_val

    # ------------------------------------------------ arguments

    def create_arg(self, a: Any) -> Argument:
        """A value as a step's argument: tensors become values of the module, which they are added to unless they are there."""
        if isinstance(a, Tensor):
            return self.create_node("get_attr", self._path_of_tensor(a), (), {})
        if isinstance(a, tuple) and hasattr(a, "_fields"):
            return self.create_node("call_function", type(a), tuple([self.create_arg(x) for x in a]), {})
        if isinstance(a, Module) and a in self.submodule_paths:
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        return super().create_arg(a)

    def _path_of_tensor(self, x: Tensor) -> str:
        named = (*self.root.named_parameters(), *self.root.named_buffers())
        path = next((path for path, tensor in named if tensor is x), None) or self.tensor_attrs.get(x)
        if path is not None:
            return path
        if isinstance(x, Parameter):
            raise NameError("parameter is not a member of this module")
        number = 0
        while hasattr(self.root, f"_tensor_constant{number}"):
            number += 1
        path = self.tensor_attrs[x] = f"_tensor_constant{number}"
        setattr(self.root, path, x)
        return path

    def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: dict[str, Any] | None = None) -> Any:
        """The function with its parameters all alike, and the proxies to call it with."""
        own = inspect.unwrap(root_fn)
        code = own.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        names = list(code.co_varnames)
        parameters = inspect.signature(own).parameters
        args: list[Any] = [self.root] if is_module else []
        for name in names[len(args) : count]:
            default = parameters[name].default
            given = () if default is inspect.Parameter.empty else (default,)
            if concrete_args is not None and name in concrete_args:
                args.append(self._fixed(name, given, concrete_args[name]))
            else:
                kind = _annotations(own).get(name)
                args.append(self.create_proxy("placeholder", name, given, {}, type_expr=kind))
        starred = [(inspect.CO_VARARGS, "*"), (inspect.CO_VARKEYWORDS, "**")]
        for (_, stars), name in zip([s for s in starred if code.co_flags & s[0]], names[count:], strict=False):
            args.append(self.create_proxy("placeholder", stars + name, (), {}))
        if len(args) == code.co_argcount and not code.co_kwonlyargcount:
            return root_fn, args
        flags = code.co_flags & ~(inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
        alike = code.replace(co_argcount=len(args), co_posonlyargcount=0, co_kwonlyargcount=0, co_flags=flags)
        return FunctionType(alike, own.__globals__, own.__name__, None, own.__closure__), args

    def _fixed(self, name: str, default: tuple[Any, ...], value: Any) -> Any:
        """A parameter with one value, or a container of some: it stays a parameter, and the graph asserts what it has."""
        numbers = itertools.count(1)
        return tree_map(lambda leaf: self._fixed_leaf(name, f"{name}_{next(numbers)}", default, leaf), value)

    def _fixed_leaf(self, name: str, known_as: str, default: tuple[Any, ...], value: Any) -> Any:
        proxy = self.create_proxy("placeholder", known_as, default, {})
        if isinstance(value, PHBase):
            return proxy
        if value is None:
            said = f"{name} has been specialized to have value None but got another value"
            self.create_proxy("call_function", _assert_is_none, (proxy, said), {})
        elif isinstance(value, base_types) and not isinstance(value, Tensor):
            said = f"{name} has been specialized to have value {value} but got another value"
            undocumented._assert(proxy == value, said)
        else:
            warnings.warn(f"nothing asserts that {name} has the value it was specialized to", stacklevel=2)
        return value

    # ------------------------------------------------ the whole

    def trace(self, root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> Graph:
        """The graph of a module or function. ``concrete_args``: values for some of its parameters.

        Raises TraceError where the way depends on a value, TypeError or AttributeError where a proxy will not do.
        """
        torch_function.ask_where_held()
        if isinstance(root, Module):
            self.root, function = root, getattr(type(root), self.traced_func_name)
            self.root_module_name = root._get_name()
            self.submodule_paths = {module: path for path, module in root.named_modules()}
        else:
            assert isinstance(root, FunctionType), f"a module or a function can be traced, not a {type(root).__name__}"
            self.root, function = Module(), root
            self.root_module_name = getattr(root, "__name__", type(root).__name__)
        self.graph = Graph(tracer_cls=type(self))
        self.tensor_attrs = {
            value: f"{path}.{name}" if path else name
            for path, module in self.root.named_modules()
            for name, value in vars(module).items()
            if isinstance(value, Tensor)
        }
        following, args = self.create_args_for_root(function, isinstance(root, Module), concrete_args)
        _running.append(self)
        try:
            with _Patcher() as patcher:
                self._patch(patcher, inspect.unwrap(function).__globals__)
                result = following(*args)
                if any(isinstance(a, (list, tuple, dict)) for a in (concrete_args or {}).values()):
                    result = self._taken_apart(inspect.unwrap(function), args, result)
                result = self.create_arg(result)
            returned = _annotations(inspect.unwrap(function)).get("return")
            self.create_node("output", "output", (result,), {}, type_expr=returned)
        finally:
            _running.pop()
        return self.graph

    def _taken_apart(self, function: Any, args: list[Any], result: Any) -> list[Any]:
        """The leaves of a result; and a note of the containers that they and the arguments are in."""
        names = list(function.__code__.co_varnames[: len(args)])
        leaves, out_spec = tree_flatten(result)
        self.graph.set_codegen(_PyTreeCodeGen(_PyTreeInfo(names, tree_structure(tuple(args)), out_spec)))
        return leaves

    def _patch(self, patcher: _Patcher, space: dict[str, Any]) -> None:
        """Let modules and wrapped functions answer to this tracer."""
        cache: dict[str, Any] = {}

        def module_call(mod: Module, *args: Any, **kwargs: Any) -> Any:
            _autowrap_check(
                patcher, getattr(getattr(mod, "forward", mod), "__globals__", {}), self._autowrap_function_ids
            )
            return self.call_module(mod, lambda *a, **k: _orig_module_call(mod, *a, **k), args, kwargs)

        def module_getattr(mod: Module, name: str) -> Any:
            return self.getattr(name, _orig_module_getattr(mod, name), cache)

        patcher.patch_method(Module, "__call__", module_call)
        patcher.patch_method(Module, "__getattr__", module_getattr)
        _patch_wrapped_functions(patcher)
        asking = {f.__wrapped__: f for f in reversed(torch_function.names)}
        for layer in self.root.modules():  # that was made before functions asked
            for name, value in list(vars(layer).items()):
                if type(value) is FunctionType and value in asking:
                    patcher.patch(vars(layer), name, asking[value])
        for names in (space, *map(vars, self._autowrap_search)):
            _autowrap_check(patcher, names, self._autowrap_function_ids)


class KeepModules(Tracer):
    """A tracer for whom all modules are single steps."""

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """True."""
        return True


def _trace_again(module: Module) -> Graph:
    """The graph of a module whose ``forward`` was generated."""
    return KeepModules().trace(module)


GraphModule.trace_again = _trace_again


def symbolic_trace(root: Module | Callable[..., Any], concrete_args: dict[str, Any] | None = None) -> GraphModule:
    """A module or function as a ``GraphModule``: what it computes as a graph, and as a module that computes it.

    Raises TraceError where the way depends on a value.

    >>> import metagrad
    >>> traced = symbolic_trace(lambda x: metagrad.relu(x) * 2)
    >>> print(traced.code.strip())
    def forward(self, x):
        relu = torch.relu(x);  x = None
        mul = relu * 2;  relu = None
        return mul
    >>> traced(metagrad.tensor([-1.0, 3.0]))
    tensor([0., 6.])
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    return GraphModule(tracer.root, graph, tracer.root_module_name)
