"""Whole objects from files: what ``load(..., weights_only=False)`` does, which runs what the file asks for.

Python's own reader makes them, but for the names of PyTorch: those stand for what metagrad has under the same name, so that modules
that PyTorch saved are metagrad's modules.
"""

from __future__ import annotations

import functools
import importlib
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import IO, Any

from metagrad.serialization.errors import CheckpointError
from metagrad.serialization.limits import Budget
from metagrad.serialization.names import Function, meaning
from metagrad.serialization.storages import StoredNumbers


def _module(path: str) -> ModuleType | None:
    try:
        return importlib.import_module(path)
    except ImportError:
        return None


def located(module: str, name: str, find: Callable[[str], ModuleType | None] = _module) -> object:
    """What metagrad has under one of PyTorch's names: in the module of that path, or else in one above it; None if nothing.

    ``find`` gives metagrad's module of a path, if there is one.

    >>> located("torch.nn.modules.linear", "Linear")
    <class 'metagrad.nn.modules.linear.Linear'>
    """
    path = module.split(".")[1:]
    if any(part.startswith("__") for part in path):
        return None
    for length in range(len(path), -1, -1):
        found: Any = find(".".join(["metagrad", *path[:length]]))
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not None and not isinstance(found, ModuleType):
            return found
    return None


def unpickled(
    file: IO[bytes],
    budget: Budget,
    storage_of: Callable[[object], StoredNumbers],
    pickle_module: Any = None,
    **settings: Any,
) -> Any:
    """The object that a pickle describes, made by Python's reader or that of ``pickle_module``."""
    base: type[pickle.Unpickler] = (pickle_module or pickle).Unpickler

    class Reader(base):  # type: ignore[valid-type, misc]
        def find_class(self, module: str, name: str) -> Any:
            if module.partition(".")[0] != "torch":
                return super().find_class(module, name)
            known = meaning(module, name)
            if isinstance(known, Function):
                return functools.partial(known.make, budget)
            found = located(module, name) if known is None else known
            if found is None:
                raise CheckpointError(f"this file refers to {module}.{name}, which metagrad does not have")
            return found

        def persistent_load(self, pid: Any) -> Any:
            if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":  # a class, with its source code
                return pid[1]
            return storage_of(pid)

    return Reader(file, **settings).load()
