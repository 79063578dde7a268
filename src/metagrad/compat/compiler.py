"""``torch.compile`` for programs that use it: the model runs as it is, op by op."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

__all__ = [
    "allow_in_graph", "assume_constant_result", "compile", "config", "cudagraph_mark_step_begin", "disable",
    "get_default_backend", "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends", "nested_compile_region",
    "reset", "set_default_backend", "set_stance", "substitute_in_graph", "wrap_numpy",
]  # fmt: skip

config = SimpleNamespace(force_disable_caches=False, dynamic_sources="")


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
is_dynamo_compiling = is_exporting = is_compiling
assume_constant_result = nested_compile_region = wrap_numpy = allow_in_graph


def list_backends(exclude_tags: Any = ()) -> list[str]:
    """None."""
    return []


def get_default_backend() -> str:
    """ "eager": every op runs when its line is reached."""
    return "eager"


def set_default_backend(backend: Any) -> None:
    """Accepted, without effect."""


def substitute_in_graph(original_fn: Any, **_: Any) -> Any:
    """A decorator that returns what it decorates."""
    return _same


class set_stance(contextlib.ContextDecorator):
    """Accepted, as a call, a context and a decorator, without effect."""

    def __init__(self, stance: str = "default", **_: Any) -> None:
        self.stance = stance

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
