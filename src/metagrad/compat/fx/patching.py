"""What is another while a program is traced: functions that become steps of their own, and what else a tracer puts in place."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any, Self

from metagrad.compat.fx.node import map_aggregate
from metagrad.compat.fx.proxy import Proxy

__all__ = ["wrap"]

_wrapped: dict[
    tuple[int, str], dict[str, Any]
] = {}  # names of functions that are steps, and the modules' names they are among


def wrap(fn_or_name: str | Callable[..., Any]) -> Any:
    """Say of a function of the module that says so that its calls are steps, not to be looked into. A decorator, too.

    Raises RuntimeError for what is no function, NotImplementedError inside a function.
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _wrapped[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def _step_of(function: Any) -> Callable[..., Any]:
    """A function that, called with a proxy, is written down; called without, it is itself."""

    def call(*args: Any, **kwargs: Any) -> Any:
        found: list[Proxy] = []
        map_aggregate((args, kwargs), lambda a: found.append(a) if isinstance(a, Proxy) else a)
        if not found:
            return function(*args, **kwargs)
        step = found[0].tracer.create_proxy("call_function", function, args, kwargs)
        step.node.meta["is_wrapped"] = True
        return step

    return call


class _Patcher:
    """Other values for names and methods, in a ``with``; in the end all is as it was."""

    def __init__(self) -> None:
        self._old: list[tuple[Any, Any, Any]] = []
        self._visited: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        while self._old:
            owner, name, old = self._old.pop()
            if not isinstance(owner, dict):
                setattr(owner, name, old)
            elif old is self:
                del owner[name]
            else:
                owner[name] = old

    def patch(self, frame_dict: dict[str, Any], name: str, new_fn: Any, deduplicate: bool = True) -> None:
        """Another value for a name of a module, or one where there was none."""
        self._old.append((frame_dict, name, frame_dict.get(name, self)))
        frame_dict[name] = new_fn

    def patch_method(self, cls: type, name: str, new_fn: Any, deduplicate: bool = True) -> None:
        """Another method of a class."""
        self._old.append((cls, name, getattr(cls, name)))
        setattr(cls, name, new_fn)

    def visit_once(self, thing: Any) -> bool:
        """Whether this is the first visit."""
        first = id(thing) not in self._visited
        self._visited.add(id(thing))
        return first


def _patch_wrapped_functions(patcher: _Patcher) -> None:
    """Steps in the place of all functions that ``wrap`` was told of."""
    for (_, name), names in _wrapped.items():
        patcher.patch(names, name, _step_of(names[name] if name in names else getattr(builtins, name)))


def _autowrap_check(patcher: _Patcher, frame_dict: dict[str, Any], function_ids: set[int]) -> None:
    """Steps in the place of those of a module's functions that are among these."""
    if function_ids and patcher.visit_once(frame_dict):
        for name, value in list(frame_dict.items()):
            if not name.startswith("_") and callable(value) and id(value) in function_ids:
                patcher.patch(frame_dict, name, _step_of(value))
