"""``torch.jit`` for programs that use it: nothing is compiled, so each function returns what it was given.

``save`` and ``load`` are not here, for a scripted model's file holds code: keep ``state_dict()`` with ``metagrad.save``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from metagrad.nn.modules.module import Module

__all__ = [
    "Final", "ScriptModule", "annotate", "export", "freeze", "fork", "ignore", "is_scripting", "is_tracing", "isinstance",
    "optimize_for_inference", "optimized_execution", "script", "script_method", "trace", "trace_module", "unused", "wait",
]  # fmt: skip

T = TypeVar("T")
ScriptModule = Module
_isinstance = isinstance


def script(obj: T, *args: Any, **kwargs: Any) -> T:
    """The module or function itself.

    >>> script(abs)(-2)
    2
    """
    return obj


def trace(func: T, example_inputs: Any = None, *args: Any, **kwargs: Any) -> T:
    """The module or function itself: it goes on to run every line, so branches stay branches."""
    return func


def trace_module(mod: T, inputs: Any = None, *args: Any, **kwargs: Any) -> T:
    """The module itself."""
    return mod


def freeze(mod: T, *args: Any, **kwargs: Any) -> T:
    """The module itself."""
    return mod


optimize_for_inference = freeze


def export(fn: T) -> T:
    """The function itself."""
    return fn


script_method = export


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """A decorator, with or without arguments, that changes nothing."""
    return drop if callable(drop) else export


def unused(fn: T) -> T:
    """The function itself."""
    return fn


def annotate(the_type: Any, the_value: T) -> T:
    """The value: annotations are for readers."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's ``isinstance``; of a parametrised type, such as ``list[int]``, its class is looked at."""
    return _isinstance(obj, getattr(target_type, "__origin__", target_type))


def is_scripting() -> bool:
    """False: code runs as it is written."""
    return False


is_tracing = is_scripting


def fork(func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """The function's result, computed at once; ``wait`` returns it."""
    return func(*args, **kwargs)


def wait(future: T) -> T:
    """What ``fork`` returned."""
    return future


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Changes nothing."""
    yield
