"""Functions called around a module: before forward, after it, and when its gradients are known."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.hooks import RemovableHandle
from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, wrap
from metagrad.autograd.views import mark_alias
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.nn.modules.older_hooks import OF_PYTORCH, attached, register_pytorchs, warn_of_older

if TYPE_CHECKING:
    from metagrad.nn.modules.module import Module

Hook = Callable[..., Any]

TWO_KINDS = "Cannot use both regular backward hooks and full backward hooks {}. Please use only one of them."


class _OfAllModules(dict[str, Any]):
    """Hooks by their kinds. A program may put its own dictionaries there: ``nn.modules.module._global_forward_hooks = {}``."""

    def get(self, kind: str, default: Any = None) -> Any:
        own = vars(sys.modules["metagrad.nn.modules.module"]).get(f"_global{kind}")
        return super().get(kind, default) if own is None else own

    def setdefault(self, kind: str, default: Any = None) -> Any:
        own = self.get(kind)
        return super().setdefault(kind, default) if own is None else own


_OF_ALL_MODULES = _OfAllModules()


def __getattr__(name: str) -> Any:
    if name.startswith("_global_"):
        Hooked._hooked = True  # whoever asks may put hooks in by hand
        return _OF_ALL_MODULES.setdefault(name.removeprefix("_global"), OrderedDict())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class _Kept:
    """A dictionary of hooks by PyTorch's name for it: the module's own once it is asked for."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, module: Any, owner: type) -> Any:
        return self if module is None else module.__dict__.setdefault(self.name, OrderedDict())


class Hooked:
    """The part of Module that registers hooks, and calls ``forward`` with them around it."""

    _forward_pre_hooks, _forward_hooks, _backward_pre_hooks, _backward_hooks = _Kept(), _Kept(), _Kept(), _Kept()
    _forward_pre_hooks_with_kwargs, _forward_hooks_with_kwargs = _Kept(), _Kept()  # the numbers of those that take them
    _forward_hooks_always_called = _Kept()
    _state_dict_hooks, _state_dict_pre_hooks = _Kept(), _Kept()
    _load_state_dict_pre_hooks, _load_state_dict_post_hooks = _Kept(), _Kept()

    call_super_init, dump_patches, T_destination = False, False, TypeVar("T_destination")  # PyTorch's, without effect
    _is_full_backward_hook: bool | None = None  # of which of the two kinds those for backward are
    _hooked = False  # whether any hook was ever registered here, or for all modules: calls are direct until then

    def _add_hook(self, kind: str, hook: Any, prepend: bool, **settings: bool) -> RemovableHandle:
        self.__dict__["_hooked"] = True
        return _add(self.__dict__, kind, hook, prepend, settings)

    def __setstate__(self: Any, state: dict[str, Any]) -> None:
        """Take back what pickle kept of a module; of one of PyTorch's, too, which keeps its hooks in another way."""
        if "_backward_hooks" not in state or "_hooked" in state:
            self.__dict__.update(state)
            return
        self.__dict__.update({name: value for name, value in state.items() if name not in OF_PYTORCH})
        register_pytorchs(self, {name: state[name] for name in OF_PYTORCH if state.get(name)})

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before forward; what it returns, if anything, replaces the arguments."""
        return self._add_hook("_forward_pre_hooks", hook, prepend, _with_kwargs=with_kwargs)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after forward; what it returns, if anything, replaces the output.

        always_call: also when forward raises, or a hook before this one does; with the output so far, or None.
        """
        settings = {"_with_kwargs": with_kwargs, "_always_called": always_call}
        return self._add_hook("_forward_hooks", hook, prepend, **settings)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before backward enters the module; what it returns replaces grad_output."""
        return self._add_hook("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the module's inputs are known.

        Both are tuples with a place for each positional argument and each output: None for what is no tensor, and in
        grad_output for what the loss does not depend on; in grad_input such a tensor has zeros.
        """
        self._check_kind_of_backward_hook(True)
        return self._add_hook("_backward_hooks", hook, prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """``register_full_backward_hook`` by its older name, beside which it cannot stand: RuntimeError."""
        self._check_kind_of_backward_hook(False)
        return self._add_hook("_backward_hooks", hook, False)

    def _check_kind_of_backward_hook(self, full: bool) -> None:
        if self.__dict__.setdefault("_is_full_backward_hook", full) is not full:
            raise RuntimeError(TWO_KINDS.format("on a single Module"))

    def _call_with_hooks(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``forward`` with the hooks around it: those of all modules first, then in the order they were registered."""
        progress = _Progress()
        try:
            return _call(self, args, kwargs, progress)
        except Exception:
            for key, hook, with_kwargs, always in _numbered(self, "_forward_hooks"):
                if always and key not in progress.called:
                    _call_though_failed(hook, (self, args, *([kwargs] if with_kwargs else []), progress.output))
            raise


def _add(space: dict[str, Any], kind: str, hook: Any, prepend: bool, settings: dict[str, bool]) -> RemovableHandle:
    """Keep a hook among those of its kind, and its number among those with each of its settings."""
    beside = [space.setdefault(kind + setting, OrderedDict()) for setting, on in settings.items() if on]
    handle = RemovableHandle(space.setdefault(kind, OrderedDict()), hook, prepend, extra_dict=beside)
    for numbers in beside:
        numbers[handle.id] = True
    return handle


def _hooks(module: Module, kind: str) -> list[Any]:
    return [*_OF_ALL_MODULES.get(kind, {}).values(), *module.__dict__.get(kind, {}).values()]


def _numbered(module: Module, kind: str) -> list[tuple[int, Any, bool, bool]]:
    """The hooks of a kind with their numbers, whether they take keyword arguments, and whether they are always called."""
    found = []
    for space in (_OF_ALL_MODULES, module.__dict__):
        takes, always = space.get(kind + "_with_kwargs", ()), space.get(kind + "_always_called", ())
        found += [(key, hook, key in takes, key in always) for key, hook in space.get(kind, {}).items()]
    return found


def _call_though_failed(hook: Any, args: tuple[Any, ...]) -> None:
    """Call a hook where forward has raised; an error of its own is said, and no more."""
    try:
        hook(*args)
    except Exception as error:
        said = "module forward hook with ``always_call=True`` raised an exception that was silenced as another error was raised"
        warn(f"{said} in forward: {error}")


class _Progress:
    """How far a call has come: the forward hooks that were called, and the output that the last of them was given."""

    def __init__(self) -> None:
        self.called: set[int] = set()
        self.output: Any = None


def _call(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], progress: _Progress) -> Any:
    for _, hook, with_kwargs, _ in _numbered(module, "_forward_pre_hooks"):
        if with_kwargs:
            replaced = hook(module, args, kwargs)
            if replaced is not None:
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                    )
                args, kwargs = replaced
        else:
            replaced = hook(module, args)
            if replaced is not None:
                args = replaced if isinstance(replaced, tuple) else (replaced,)
    before, after = _hooks(module, "_backward_pre_hooks"), _hooks(module, "_backward_hooks")
    watch = _BackwardHooks(module, before, after) if (before or after) and mode.grad else None
    given = args
    if watch is not None and after:
        args = watch.around_inputs(args)
    output = module.forward(*args, **kwargs)
    for key, hook, with_kwargs, _ in _numbered(module, "_forward_hooks"):
        progress.called.add(key)
        progress.output = output
        replaced = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
        if replaced is not None:
            output = replaced
    if watch is None:
        return output
    if after and not (
        module.__dict__.get("_is_full_backward_hook", True) if module.__dict__.get("_backward_hooks") else _full[0]
    ):
        warn_of_older(given, args, output)
        if not isinstance(output, tuple | Variable) or not (before or watch.inputs.carrying):
            return attached(module, output, after)
    return watch.around_outputs(output)


class _Boundary(Function):
    """The identity on several tensors at once: the place at which all their gradients can be seen together."""

    fills_in_zeros = False

    def name(self) -> str:
        """PyTorch's name of it."""
        return "BackwardHookFunctionBackward"

    def forward(self, *xs: Any, seen: Any) -> Any:
        self.seen = seen
        return tuple(x.view() if hasattr(x, "view") else x for x in xs)

    def backward(self, *grads: Any) -> Array:
        return self.seen(grads)


class _Slots:
    """The arguments of a module, or its results: which of them are tensors, and which of these have gradients."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.kinds = [(tuple(v.shape), v.array.dtype) if isinstance(v, Variable) else None for v in values]
        self.carrying = [i for i, v in enumerate(values) if isinstance(v, Variable) and v.requires_grad]

    def behind_boundary(self, values: tuple[Any, ...], seen: Any) -> tuple[Any, ...]:
        """The values, the tensors that require grad behind one boundary; a named tuple stays one."""
        if not self.carrying:
            return values
        result = list(values)
        inside = _Boundary.apply_many(*[values[i] for i in self.carrying], seen=seen)
        for i, x in zip(self.carrying, inside, strict=True):
            mark_alias(x, result[i])
            result[i] = x
        return type(values)(*result) if hasattr(values, "_fields") else tuple(result)

    def spread(self, grads: Any, fill: bool) -> tuple[Any, ...]:
        """One for each value: the gradient as a tensor, or None; fill: or zeros, for a tensor to which nothing flows."""
        whole: list[Any] = [None] * len(self.kinds)
        for i, g in zip(self.carrying, grads, strict=True):
            whole[i] = g if g is None or isinstance(g, Variable) else wrap(g)
        if fill:
            whole = [self._zeros(i, grads) if g is None and self.kinds[i] else g for i, g in enumerate(whole)]
        return tuple(whole)

    def _zeros(self, i: int, beside: Any) -> Any:
        some: Any = next(g for g in beside if g is not None)
        shape, dtype = self.kinds[i] or ((), None)
        return wrap(np.zeros(shape, dtype, like=some.array if isinstance(some, Variable) else some))

    def gathered(self, whole: tuple[Any, ...], grads: Any) -> tuple[Any, ...]:
        """Of one gradient for each value those that flow on; as arrays again, unless backward is itself recorded."""
        recorded = any(isinstance(g, Variable) for g in grads)
        chosen = [self._zeros(i, grads) if whole[i] is None else whole[i] for i in self.carrying]
        return tuple(g if recorded or not isinstance(g, Variable) else g.array for g in chosen)


class _BackwardHooks:
    """The gradients at a module's outputs, kept until those at its inputs arrive."""

    def __init__(self, module: Module, before: list[Any], after: list[Any]) -> None:
        self.module, self.before, self.after = module, before, after
        self.grad_output: tuple[Any, ...] | None = None
        self.inputs = self.outputs = _Slots(())

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        self.inputs = _Slots(args)
        return self.inputs.behind_boundary(args, self.at_input)

    def around_outputs(self, output: Any) -> Any:
        if not isinstance(output, tuple | Variable):
            warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(output)}"
            )
            return output
        values = output if isinstance(output, tuple) else (output,)
        self.outputs = _Slots(values)
        passed = self.outputs.behind_boundary(values, self.at_output)
        return passed if isinstance(output, tuple) else passed[0]

    def at_output(self, grads: Any) -> Any:
        outputs = self.outputs.spread(grads, fill=False)
        for hook in self.before:
            answer = hook(self.module, outputs)
            outputs = _replaced(answer, outputs, "pre hook returned an invalid number of grad_output")
        self.grad_output = outputs
        if self.after and not self.inputs.carrying:
            warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require "
                "gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module."
                "register_full_backward_hook for more details."
            )
            self._call_after((None,) * len(self.inputs.kinds))
        return self.outputs.gathered(outputs, grads)

    def at_input(self, grads: Any) -> Any:
        return self.inputs.gathered(self._call_after(self.inputs.spread(grads, fill=True)), grads)

    def _call_after(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.grad_output is None:  # the gradients came by no output: there is nothing to call the hooks with
            return inputs
        for hook in self.after:
            answer = hook(self.module, inputs, self.grad_output)
            inputs = _replaced(answer, inputs, "hook returned an invalid number of grad_input")
        self.grad_output = None
        return inputs


def _replaced(given: Any, by_default: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    if given is None:
        return by_default
    given = given if isinstance(given, tuple) else (given,)
    if len(given) != len(by_default):
        raise RuntimeError(f"Backward {what}, got {len(given)}, but expected {len(by_default)}")
    for new, old in zip(given, by_default, strict=True):
        if new is not None and not isinstance(new, Variable):
            raise TypeError(
                f"object of type '{type(new).__name__}' has no len(): the hook of a module returned no gradients"
            )
        if new is not None and old is not None and new.array.shape != old.array.shape:
            raise RuntimeError(
                f"hook 'hook' has changed the size of value: the gradient was of {old.shape}, and is of {new.shape}"
            )
    return given


# ------------------------------------------------ hooks of all modules


_full = [True]  # whether the backward hooks of all modules are full ones, where there are any


def _add_backward_for_all(hook: Any, full: bool) -> RemovableHandle:
    if _OF_ALL_MODULES.get("_backward_hooks") and _full[0] is not full:
        raise RuntimeError(TWO_KINDS.format("as a global Module hook"))
    _full[0] = full
    return _add_for_all("_backward_hooks", hook)


def _add_for_all(kind: str, hook: Any, **settings: bool) -> RemovableHandle:
    Hooked._hooked = True
    return _add(_OF_ALL_MODULES, kind, hook, False, settings)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """``register_forward_pre_hook`` for every module there is and will be."""
    return _add_for_all("_forward_pre_hooks", hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """``register_forward_hook`` for every module there is and will be."""
    return _add_for_all("_forward_hooks", hook, _with_kwargs=with_kwargs, _always_called=always_call)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """``register_full_backward_pre_hook`` for every module there is and will be."""
    return _add_for_all("_backward_pre_hooks", hook)


def registered(module: Module, kind: str, name: str, value: Any) -> Any:
    """A parameter, buffer or module as it is registered: what the last hook that returns something makes of it."""
    for hook in list(_OF_ALL_MODULES.get(f"_{kind}_registration", {}).values()):
        replaced = hook(module, name, value)
        value = value if replaced is None else replaced
    return value


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` where any module gets a parameter; what it returns takes its place."""
    return _add(_OF_ALL_MODULES, "_parameter_registration", hook, False, {})


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """The same for buffers."""
    return _add(_OF_ALL_MODULES, "_buffer_registration", hook, False, {})


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """The same for child modules."""
    return _add(_OF_ALL_MODULES, "_module_registration", hook, False, {})


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """``register_full_backward_hook`` for every module there is and will be."""
    return _add_backward_for_all(hook, True)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """The same by its older name; both together raise RuntimeError."""
    return _add_backward_for_all(hook, False)
