"""Module: a tree of layers with their parameters and buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from metagrad.nn.modules.hooks import (
    Hooked,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    registered,
)
from metagrad.nn.modules.loading import _EXTRA_STATE_KEY_SUFFIX, _IncompatibleKeys  # noqa: F401 (programs import it)
from metagrad.nn.modules.placement import Placement
from metagrad.nn.modules.state_dict import StateKeeper
from metagrad.nn.modules.utils import type_name
from metagrad.nn.parameter import Buffer, Parameter
from metagrad.ops.argument_types import complain
from metagrad.tensors.tensor import Tensor

__all__ = [
    "Module",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]


def _addindent(s_: str, numSpaces: int) -> str:  # a name that programs import
    return s_.replace("\n", "\n" + numSpaces * " ")


def indented(name: str, text: str) -> str:
    """A child's line or lines in its parent's text."""
    return f"({name}): {_addindent(text, 2)}"


class Module(Hooked, Placement, StateKeeper):
    """The base of every layer and model: assign parameters, buffers and modules as attributes, and write ``forward``.

    >>> import metagrad
    >>> from metagrad import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(metagrad.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()(metagrad.tensor([1.0, 2.0])).tolist(), list(Scale().state_dict())
    ([2.0, 4.0], ['factor'])
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        put = super().__setattr__
        put("training", True)
        put("_parameters", {})
        put("_buffers", {})
        put("_non_persistent_buffers_set", set())
        put("_modules", {})

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes: every subclass writes its own."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """``forward``, with the hooks around it."""
        try:
            return self._call_with_hooks(args, kwargs) if self._hooked else self.forward(*args, **kwargs)
        except AttributeError as error:
            complain(self.forward, error, args, kwargs)
            raise

    # ------------------------------------------------ attributes

    def __setattr__(self, name: str, value: Any) -> None:
        taken = name in self.__dict__.get("_parameters", ()) and not isinstance(value, Parameter)
        if isinstance(value, (Parameter, Module, Buffer)) and not taken:
            if "_parameters" not in self.__dict__:
                kind = "module" if isinstance(value, Module) else "parameters"
                raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
            if name not in self._slots_of(value):  # a name keeps its place in the order when it is assigned again
                self._forget(name)
            if isinstance(value, Parameter):
                self.register_parameter(name, value)
            elif isinstance(value, Buffer):
                self.register_buffer(name, value, getattr(value, "persistent", True))
            else:
                self._modules[name] = registered(self, "module", name, value)
            return
        for kind, wanted in (("_parameters", Parameter), ("_modules", Module), ("_buffers", Tensor)):
            slots = self.__dict__.get(kind)
            if slots is not None and name in slots:
                if value is not None and not isinstance(value, wanted):
                    raise TypeError(
                        f"cannot assign '{type_name(value)}' as {'child ' * (wanted is Module)}{kind[1:-1]} '{name}' "
                        f"(torch.nn.{'Buffer, torch.Tensor' if wanted is Tensor else wanted.__name__} or None expected)"
                    )
                slots[name] = registered(self, "buffer", name, value) if kind == "_buffers" else value
                return
        super().__setattr__(name, value)

    def _slots_of(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Parameter):
            return self._parameters
        return self._buffers if isinstance(value, Buffer) else self._modules

    def _forget(self, name: str) -> None:
        """Free a name for a value of another kind."""
        self.__dict__.pop(name, None)
        for slots in (self._parameters, self._buffers, self._modules):
            slots.pop(name, None)
        self.__dict__["_non_persistent_buffers_set"].discard(name)

    def __getattr__(self, name: str) -> Any:
        for kind in ("_parameters", "_buffers", "_modules"):
            slots = self.__dict__.get(kind)
            if slots is not None and name in slots:
                return slots[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        if any(name in slots for slots in (self._parameters, self._buffers, self._modules)):
            self._forget(name)
        else:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        return sorted(n for n in names if not n[:1].isdigit())

    def _check_name(self, name: str, kind: str, slots: Mapping[str, Any]) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(
                f'{kind} name can\'t contain ".", got: {name}'
                if kind == "module"
                else f'{kind} name can\'t contain "."'
            )
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in slots:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or None to keep the name for one.

        Raises TypeError for what is no Parameter, and ValueError for one with a history.
        """
        self._check_name(name, "parameter", self.__dict__.get("_parameters", {}))
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type_name(param)}' object to parameter '{name}' "
                "(metagrad.nn.Parameter or None required)"
            )
        if param is not None and param._node is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly."
            )
        self._parameters[name] = registered(self, "parameter", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not learned; a persistent one is part of the ``state_dict``.

        Raises TypeError for what is no tensor.
        """
        self._check_name(name, "buffer", self.__dict__.get("_buffers", {}))
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (metagrad Tensor or None required)"
            )
        self._buffers[name] = registered(self, "buffer", name, tensor)
        (
            self.__dict__["_non_persistent_buffers_set"].discard
            if persistent
            else self.__dict__["_non_persistent_buffers_set"].add
        )(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child module under a name. Raises TypeError for what is no module."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type_name(module)} is not a Module subclass")
        self._check_name(name, "module", self.__dict__.get("_modules", {}))
        self._modules[name] = registered(self, "module", name, module)

    register_module = add_module

    # ------------------------------------------------ walking the tree

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and all below it, with their dotted names; each once."""
        memo = set() if memo is None else memo
        if self not in memo:
            if remove_duplicate:
                memo.add(self)
            yield prefix, self
            for name, module in self._modules.items():
                if module is not None:
                    yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, with their names; each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        return (module for _, module in self.named_children())

    def _named_members(
        self, members: Callable[[Any], Any], prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for owner, module in owners:
            for name, tensor in members(module):
                if tensor is not None and not (remove_duplicate and id(tensor) in seen):
                    seen.add(id(tensor))
                    yield (f"{owner}.{name}" if owner else name), tensor

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names; a shared one once."""
        return self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters; a shared one once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with their dotted names; a shared one once."""
        return self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers; a shared one once."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module with a dotted name."""
        module: Module = self
        for name in target.split(".") if target else []:
            if not hasattr(module, name):
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put a module where a dotted name says; ``strict`` wants one to be there already.

        Raises ValueError without a name, or for what is no module.
        """
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        owner, _, name = target.rpartition(".")
        parent = self.get_submodule(owner)
        if strict or hasattr(parent, name):
            self.get_submodule(target)  # raises unless a module is there
        setattr(parent, name, module)

    def _get(self, target: str, kind: str) -> Any:
        owner, _, name = target.rpartition(".")
        module = self.get_submodule(owner)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module.__dict__[kind]:
            raise AttributeError(f"`{name}` is not {'an nn.Parameter' if kind == '_parameters' else 'a buffer'}")
        return module.__dict__[kind][name]

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name."""
        return self._get(target, "_parameters")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with a dotted name."""
        return self._get(target, "_buffers")

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call ``fn`` on every module of the tree, children first."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # ------------------------------------------------ modes, gradients

    def train(self, mode: bool = True) -> Self:
        """Training mode (dropout active, …) for the whole tree, or evaluation mode.

        Raises ValueError unless the mode is a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)  # which it may have in a way of its own
        return self

    def eval(self) -> Self:
        """Evaluation mode for the whole tree."""
        return self.train(False)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: every op runs when its line is reached. Accepted for programs that call it."""

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Learn all parameters, or freeze them."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero."""
        for p in self.parameters():
            if p.grad is not None:
                p.grad = None if set_to_none else (p.grad.detach() if p.grad.requires_grad else p.grad).zero_()

    # ------------------------------------------------ printing

    def extra_repr(self) -> str:
        """The settings to show when the module is printed."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [indented(name, repr(module)) for name, module in self._modules.items()]
        if len(extra) == 1 and not children:
            return f"{self._get_name()}({extra[0]})"
        lines = extra + children
        return self._get_name() + ("(\n  " + "\n  ".join(lines) + "\n)" if lines else "()")
