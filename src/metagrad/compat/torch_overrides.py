"""``torch.overrides``: what those use who write a class with ``__torch_function__``. How it is asked: ``torch_function.py``."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from metagrad.autograd.variable import Variable
from metagrad.compat import torch_function
from metagrad.compat.torch_function import ask_where_held, entered, handled, names, overloaded, start_asking, state
from metagrad.tensors.tensor import Tensor

__all__ = [
    "BaseTorchFunctionMode", "DisableTorchFunction", "DisableTorchFunctionSubclass", "TorchFunctionMode",
    "enable_reentrant_dispatch", "get_default_nowrap_functions", "get_ignored_functions", "get_overridable_functions",
    "get_testing_overrides", "handle_torch_function", "has_torch_function", "has_torch_function_unary",
    "has_torch_function_variadic", "is_tensor_like", "is_tensor_method_or_property", "redispatch_function", "resolve_name",
    "wrap_torch_function",
]  # fmt: skip

_disabled_torch_function_impl = torch_function.disabled


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether a class among these arguments', or a mode, is to be asked."""
    if state.passing:
        state.passing = False
        return False
    return bool(state.modes) or (state.classes and bool(overloaded(tuple(relevant_args))))


def has_torch_function_unary(arg: Any) -> bool:
    """The same of one argument."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """The same of several arguments."""
    return has_torch_function(args)


def handle_torch_function(
    public_api: Callable[..., Any], relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """What the classes of these arguments, or a mode, make of a call of ``public_api``. TypeError if none has an answer."""
    return handled(public_api, overloaded(tuple(relevant_args)), args, kwargs)


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[..., Any]:
    """A decorator: the function asks the classes of those arguments that ``dispatcher`` picks."""

    def decorate(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def call(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(call, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return call

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether it is a tensor, or of a class that answers for its instances.

    >>> import metagrad
    >>> is_tensor_like(metagrad.zeros(1)), is_tensor_like([0.0])
    (True, False)
    """
    return isinstance(inp, Variable) or hasattr(type(inp), "__torch_function__")


class DisableTorchFunctionSubclass:
    """Inside ``with``, classes are not asked."""

    def __enter__(self) -> None:
        self._was, state.classes = state.classes, False

    def __exit__(self, *_: object) -> None:
        state.classes = self._was


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Inside ``with``, neither classes nor modes are asked."""

    def __enter__(self) -> None:
        super().__enter__()
        self._modes, state.modes = state.modes, []

    def __exit__(self, *error: object) -> None:
        state.modes = self._modes
        super().__exit__(*error)


class TorchFunctionMode:
    """Inside ``with``, an instance is asked of every function first: derive from it, and write ``__torch_function__``.
    A mode that prints what is called: ``print(resolve_name(func)); return func(*args, **(kwargs or {}))``.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What is to be done in the place of ``func(*args, **kwargs)``."""
        raise NotImplementedError(f"{type(self).__name__} has no __torch_function__")

    def __enter__(self) -> Any:
        ask_where_held()
        state.modes.append(self)
        entered.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        state.modes.remove(self)
        entered.remove(self)


def _get_current_function_mode() -> Any:
    """The innermost mode; None outside of all."""
    return state.modes[-1] if state.modes else None


def _get_current_function_mode_stack() -> list[Any]:
    """The modes entered, the innermost last."""
    return list(state.modes)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """The call itself."""
        return func(*args, **(kwargs or {}))


enable_reentrant_dispatch = contextlib.nullcontext


def redispatch_function(func: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """The function's own body, of which no class and no mode is asked; those are asked again of what it calls."""
    state.passing = True
    try:
        return func(*args, **(kwargs or {}))
    finally:
        state.passing = False


def get_default_nowrap_functions() -> set[Any]:
    """Those whose results keep their class: a gradient, a view's base."""
    return {Tensor.grad.__get__, Tensor._base.__get__}


def get_ignored_functions() -> set[Any]:
    """Public functions, and methods of tensors, that do not ask."""
    start_asking()
    found = {**vars(sys.modules["metagrad"]), **vars(Tensor)}.values()
    return {value for value in found if isinstance(value, FunctionType) and value not in names}


def get_overridable_functions() -> dict[Any, list[Any]]:
    """The functions that ask, by the namespace they are found in."""
    start_asking()
    found: dict[Any, list[Any]] = {}
    for function, name in names.items():
        path = name.rpartition(".")[0]
        inner = sys.modules.get(path.replace("torch", "metagrad", 1))
        place = Tensor if path == "torch.Tensor" else sys.modules.get(path, inner)
        found.setdefault(place, []).append(function)
    return found


def get_testing_overrides() -> dict[Any, Callable[..., Any]]:
    """The functions that ask, each with one of any arguments that returns -1."""
    start_asking()
    return {
        asking: _stand_in(asking) for asking, name in names.items() if name != "torch.tensor"
    }  # which asks modes alone


def _stand_in(asking: Callable[..., Any]) -> Callable[..., Any]:
    """What takes the arguments of a function, and returns -1."""
    stand_in = lambda *args, **kwargs: -1  # noqa: E731 - its name is what is seen of it
    signature = inspect.signature(asking)
    given = signature.parameters.values()
    if any(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in given):
        plain = [p.replace(annotation=p.empty) for p in given if p.kind is not p.VAR_POSITIONAL]  # that is an older way
        signature = signature.replace(parameters=plain, return_annotation=signature.empty)
        stand_in.__signature__ = signature  # type: ignore[attr-defined]
    return stand_in


def resolve_name(f: Any) -> str | None:
    """The public name of a function, a method, or what reads a property: None of others."""
    owner = getattr(f, "__self__", None)
    if isinstance(owner, property):
        found = next((n for n, value in vars(Tensor).items() if value is owner), None)
        return None if found is None else f"torch.Tensor.{found}.{f.__name__}"
    try:
        return names.get(f)
    except TypeError:
        return None


def is_tensor_method_or_property(func: Any) -> bool:
    """Whether it is a method of Tensor, or reads a property."""
    return (resolve_name(func) or "").startswith("torch.Tensor.") or getattr(func, "__name__", "") == "__get__"
