"""``torch.compile`` for programs that use it: the model runs as it is, op by op."""

from __future__ import annotations

from typing import Any

__all__ = ["allow_in_graph", "compile", "cudagraph_mark_step_begin", "disable", "is_compiling", "reset"]


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: Any = None,
    disable: bool = False,
) -> Any:
    """The model or function itself; without one, a decorator that returns what it decorates.

    >>> compile(abs)(-1), compile(mode="max-autotune")(abs)(-1)
    (1, 1)
    """
    return _same if model is None else model


def _same(model: Any) -> Any:
    return model


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself, or a decorator that returns it."""
    return _same if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    """The function itself."""
    return fn


def is_compiling() -> bool:
    """False."""
    return False


def reset() -> None:
    """Nothing to do: no compiled code is kept."""


cudagraph_mark_step_begin = reset
