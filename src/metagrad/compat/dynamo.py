"""``torch._dynamo`` for programs that set it up: nothing is compiled, so there is nothing to set."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from metagrad.compat import compiler_settings as config
from metagrad.compat.compiler import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
    substitute_in_graph,
)
from metagrad.nn.modules.module import Module

__all__ = [
    "OptimizedModule", "allow_in_graph", "assume_constant_result", "config", "disable", "disallow_in_graph", "graph_break",
    "is_compiling", "list_backends", "mark_dynamic", "mark_static", "maybe_mark_dynamic", "optimize", "reset",
    "substitute_in_graph",
]  # fmt: skip

disallow_in_graph = allow_in_graph


class OptimizedModule(Module):
    """The class of compiled modules, of which there are none here: ``compile`` returns the module itself."""


def optimize(*args: Any, **kwargs: Any) -> Any:
    """A decorator that returns what it decorates."""
    return allow_in_graph


def graph_break(msg: str = "") -> None:
    """Nothing: there is no graph to break."""


def mark_dynamic(t: Any, index: Any = None, **hints: Any) -> None:
    """Nothing: every size is dynamic, and nothing is kept for one address."""


maybe_mark_dynamic = mark_static = mark_static_address = mark_dynamic


def is_compile_supported(device_type: str) -> bool:
    """False: nothing is compiled."""
    return False


TransformGetItemToIndex = contextlib.nullcontext  # vmap indexes with batches as it is
eval_frame = sys.modules[__name__]  # PyTorch has them in a file below
