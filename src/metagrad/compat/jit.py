"""``torch.jit`` for programs that use it: nothing is compiled, so each function returns what it was given.

``save`` and ``load`` raise, for a scripted model's file holds code: keep ``state_dict()`` with ``metagrad.save``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from metagrad.base.warning import warn
from metagrad.compat.futures import Future
from metagrad.nn.modules.module import Module

__all__ = [
    "Attribute",
    "CompilationUnit",
    "Error",
    "Final",
    "Future",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracedModule",
    "TracerWarning",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "fork",
    "fuser",
    "freeze",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "unused",
    "wait",
]  # fmt: skip

T = TypeVar("T")
_isinstance = isinstance


class ScriptModule(Module):
    """The class of scripted modules, of which there are none here: ``script`` and ``trace`` return the module itself."""


RecursiveScriptModule = TracedModule = TopLevelTracedModule = ScriptModule


class ScriptFunction:
    """The class of compiled functions, of which there are none here: ``script`` and ``trace`` return the function itself."""


class Error(RuntimeError):
    """The class of TorchScript's errors."""


class TracerWarning(Warning):
    """The class of warnings about what tracing would miss: nothing is missed where nothing is traced."""


class CompilationUnit:
    """Raises NotImplementedError: source in TorchScript is not compiled here."""

    def __init__(self, lang: str | None = None) -> None:
        raise NotImplementedError("source in TorchScript cannot be compiled: write the function in Python")


def _get_trace_graph(*args: Any, **kwargs: Any) -> Any:
    """Raises NotImplementedError: there is no TorchScript to write a model's steps in."""
    raise NotImplementedError("a model's steps are not written in TorchScript here: fx.symbolic_trace gives its graph")


class Attribute(NamedTuple):
    """A value and its type, for readers."""

    value: Any
    type: Any


def save(m: object, f: object, _extra_files: object = None) -> None:
    """Raises NotImplementedError: a scripted model's file holds code."""
    raise NotImplementedError("a scripted model's file holds code: keep state_dict() with metagrad.save")


def load(f: object, map_location: object = None, _extra_files: object = None, **_: object) -> Any:
    """Raises NotImplementedError: a scripted model's file holds code."""
    raise NotImplementedError(
        f"{f!r}: a scripted model's file holds code. Make the model in Python, and load its state_dict with metagrad.load"
    )


def script(obj: T, *args: Any, **kwargs: Any) -> T:
    """The module or function itself.

    >>> script(abs)(-2)
    2
    """
    warn("`jit.script` is deprecated: here it changes nothing", DeprecationWarning)
    return obj


def trace(func: T, example_inputs: Any = None, *args: Any, **kwargs: Any) -> T:
    """The module or function itself: it goes on to run every line, so branches stay branches."""
    warn("`jit.trace` is deprecated: here it changes nothing", DeprecationWarning)
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


script_method = script_if_tracing = _script_if_tracing = interface = _overload = _overload_method = export


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


def fork(func: Callable[..., T], *args: Any, **kwargs: Any) -> Future[T]:
    """A future of the function's result, which is computed at once."""
    future: Future[T] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future[T]) -> T:
    """The result of what ``fork`` returned."""
    return future.wait()


@contextlib.contextmanager
def fuser(name: str) -> Iterator[None]:
    """Changes nothing: there is no compiler to choose. Raises Exception for a name that is none of PyTorch's."""
    if name not in ("fuser0", "fuser1", "fuser2", "fuser3"):
        raise Exception(f"unrecognized fuser option (name: {name})")
    yield


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Changes nothing."""
    yield


strict_fusion = contextlib.nullcontext


def enable_onednn_fusion(enabled: bool) -> None:
    """Accepted, without effect."""


def onednn_fusion_enabled() -> bool:
    """False."""
    return False


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Accepted, without effect; returns it."""
    return strategy
