"""Hooks: functions that are called around an optimizer's step, and around its saving and loading."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from metagrad.utils.hooks import RemovableHandle

_before_all: OrderedDict[int, Any] = OrderedDict()
_after_all: OrderedDict[int, Any] = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before every step of every optimizer; see ``register_step_pre_hook``."""
    return RemovableHandle(_before_all, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after every step of every optimizer."""
    return RemovableHandle(_after_all, hook)


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """``step`` with the optimizer's hooks before and after it. As in PyTorch, hooks see the optimizer in args[0] too.

    Raises RuntimeError if a hook returns something else than None or new arguments.
    """

    @functools.wraps(step)
    def with_hooks(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        if not hasattr(self, "_pre_hooks"):  # an optimizer around another one, which never was made as one itself
            return step(*args, **kwargs)
        for hook in [*_before_all.values(), *self._pre_hooks.values()]:
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        f"{step.__qualname__}: a step pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"got {changed!r:.80}"
                    )
                args, kwargs = changed
        result = step(*args, **kwargs)
        if self._stepped is False:
            self._stepped = True
        for hook in [*self._post_hooks.values(), *_after_all.values()]:
            hook(self, args, kwargs)
        return result

    return with_hooks


class Hooks:
    """The part of an optimizer that keeps its hooks. Every handle's ``remove()`` takes the hook away."""

    _pre_hooks: OrderedDict[int, Any]
    _post_hooks: OrderedDict[int, Any]
    _saving_hooks: OrderedDict[int, Any]
    _saved_hooks: OrderedDict[int, Any]
    _loading_hooks: OrderedDict[int, Any]
    _loaded_hooks: OrderedDict[int, Any]
    _stepped: bool | None
    _scheduled_step: Any = None  # a step that this optimizer was given itself, when a scheduler looked

    def _without_hooks(self) -> None:
        """Dictionaries for hooks, where there are none."""
        for name in Hooks.__annotations__:
            if name.endswith("_hooks"):
                self.__dict__.setdefault(name, OrderedDict())

    _patch_step_function = _without_hooks  # PyTorch's name of what an optimizer that skips ``Optimizer.__init__`` calls

    @property
    def _optimizer_step_pre_hooks(self) -> OrderedDict[int, Any]:
        """The functions called before every step, by PyTorch's name."""
        return self._pre_hooks

    @property
    def _optimizer_step_post_hooks(self) -> OrderedDict[int, Any]:
        """The functions called after every step, by PyTorch's name."""
        return self._post_hooks

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step; it may return ``(new_args, new_kwargs)``.

        ``args[0]`` is the optimizer. The handle's ``remove()`` takes the hook away.
        """
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step."""
        return RemovableHandle(self._post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before every ``state_dict``; with ``prepend`` before the other hooks."""
        return RemovableHandle(self._saving_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on every state; it may return another one."""
        return RemovableHandle(self._saved_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` before a state, a shallow copy, is loaded; it may return another one."""
        return RemovableHandle(self._loading_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` after a state is loaded."""
        return RemovableHandle(self._loaded_hooks, hook, prepend)
