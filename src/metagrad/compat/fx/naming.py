"""The names of nodes, and of what generated programs use: each only once, and none that Python has for itself."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from typing import Any

from metagrad.base.device import device
from metagrad.compat.custom_ops import OpOverload
from metagrad.compat.fx import codegen
from metagrad.compat.fx.node import Target, public_name
from metagrad.tensors.tensor import Tensor
from metagrad.utils import _pytree

__all__ = ["Namespace", "name_for", "of_generated_programs"]

_TAKEN = {*keyword.kwlist, *dir(builtins), "inf", "nan", "NoneType", "torch", "device", "fx_pytree", "pytree"}


def _torch() -> Any:
    """What generated programs call ``torch``: metagrad, by that name if it has it."""
    alias = sys.modules.get("torch")
    return alias if getattr(alias, "Tensor", None) is Tensor else sys.modules["metagrad"]


def of_generated_programs() -> dict[str, Any]:
    """What every generated program can name."""
    return {
        "inf": float("inf"),
        "nan": float("nan"),
        "NoneType": type(None),
        "torch": _torch(),
        "device": device,
        "fx_pytree": codegen,
        "pytree": _pytree,
    }


def name_for(target: Target) -> str:
    """What a call of a function or method is named after it, or the value at a path.

    >>> import operator
    >>> name_for(operator.add), name_for("layers.0.weight"), name_for("maxOfAll"), name_for("__call__")
    ('add', 'layers.0.weight', 'max_of_all', 'call')
    """
    named = target if isinstance(target, str) else public_name(target) or getattr(target, "__name__", "")
    name: str = named or type(target).__name__
    if isinstance(target, OpOverload):
        name = target.__name__.replace(".", "_")
    elif callable(target):
        name = name.rpartition(".")[2]
    if len(name) > 4 and name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


class Namespace:
    """Names that are taken, each with what has it.

    >>> names = Namespace()
    >>> names.create_name("relu"), names.create_name("relu"), names.create_name("seq.0"), names.create_name("sum")
    ('relu', 'relu_1', 'seq_0', 'sum_1')
    """

    def __init__(self) -> None:
        self._used: dict[str, Any] = {}
        self._last: dict[str, int] = {}  # of each name the number it was given last

    def create_name(self, candidate: str, obj: Any = None) -> str:
        """A name like the candidate that is a Python name and not taken yet: with a number if need be."""
        candidate = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        numbered = re.fullmatch(r"(.+)_(\d+)", candidate)
        base, number = (numbered[1], int(numbered[2])) if numbered else (candidate, self._last.get(candidate, 0))
        while candidate in self._used or candidate in _TAKEN:
            number += 1
            candidate = f"{base}_{number}"
        self._used[candidate], self._last[base] = obj, number
        return candidate

    def named(self, hint: str, obj: Any, known: dict[str, Any]) -> str:
        """The name an object has among those known, or a new one like the hint, which is noted there."""
        for name, value in known.items():
            if value is obj:
                return name
        name = hint if getattr(builtins, hint, None) is obj and obj is not None else self.create_name(hint, obj)
        known[name] = obj
        return name
