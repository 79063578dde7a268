"""Functions put in the place of others: where layers use them, and where a program has imported them already."""

from __future__ import annotations

import sys
from types import FunctionType, ModuleType
from typing import Any


def replace(replaced: dict[Any, Any]) -> None:
    """Write each function's replacement wherever a module has that function under a name.

    Of metagrad's own modules only those of the layers: the others call each other as before.
    """
    for name, module in list(sys.modules.items()):
        if not issubclass(type(module), ModuleType):
            continue
        own = name.partition(".")[0] == "metagrad" or getattr(module, "__name__", "").partition(".")[0] == "metagrad"
        if own and not name.startswith("metagrad.nn.modules"):
            continue
        space: dict[str, Any] = getattr(module, "__dict__", {})
        for key, value in list(space.items()):
            if type(value) is FunctionType and value in replaced:
                space[key] = replaced[value]
            elif own and isinstance(value, type):
                _replace_within(value, replaced)


def _replace_within(layer: type, replaced: dict[Any, Any]) -> None:
    """The same for the functions that a class of layers calls: ``pool = staticmethod(F.max_pool2d)``."""
    for key, value in list(vars(layer).items()):
        if type(value) is staticmethod and value.__func__ in replaced:
            setattr(layer, key, staticmethod(replaced[value.__func__]))
