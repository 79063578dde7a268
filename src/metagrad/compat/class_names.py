"""PyTorch's names for the modules of classes, under the alias: ``type(x).__module__`` tells many programs whose ``x`` is.

A class's ``__module__`` is a plain string in it, so it is written anew: at once in the modules that are there, and in each of the
others when it has been imported (``watched``). ``take_back`` writes what stood there before.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import FunctionType, ModuleType
from typing import Any

from metagrad.base.naming import ShownName, renamed
from metagrad.compat import beside, torch_function
from metagrad.compat.module_paths import DISTRIBUTIONS, moved

__all__ = ["give_all", "take_back", "watched"]

_ROOMS = {  # metagrad's modules, and those below them: what PyTorch calls them, with what is below; "=": all below are one there
    "autograd.custom": "=autograd.function",
    "autograd.function": "autograd.function",
    "autograd.hooks": "=utils.hooks",
    "autograd.mode": "autograd.grad_mode",
    "autograd.observe": "autograd.anomaly_mode",
    "base.device": "=",
    "base.dtypes": "=",
    "base.layouts": "=",
    "base.results": "=return_types",
    "base.size": "=",
    "compat.amp": "amp",
    "compat.fx": "fx",
    "compat.fx.tracing": "fx._symbolic_trace",
    "compat.jit": "jit",
    "compat.torch_overrides": "overrides",
    "distributions": "distributions",
    "distributions.scalarmaps": "distributions.transforms",
    "distributions.transform": "distributions.transforms",
    "distributions.vectormaps": "distributions.transforms",
    "nn.attention": "nn.attention",
    "nn.functional": "=nn.functional",
    "nn.init": "nn.init",
    "nn.modules": "nn.modules",
    "nn.modules.attention": "nn.modules.activation",
    "nn.modules.margin_loss": "nn.modules.loss",
    "nn.modules.parameter_containers": "nn.modules.container",
    "nn.modules.rnn_cells": "nn.modules.rnn",
    "nn.modules.softmax": "nn.modules.activation",
    "nn.parallel": "nn.parallel",
    "nn.parameter": "nn.parameter",
    "nn.utils": "nn.utils",
    "ops.create.random": "=_C",
    "optim": "optim",
    "optim.adafactor": "=optim",
    "optim.lr_scheduler": "=optim.lr_scheduler",
    "optim.muon": "=optim",
    "profiler.profile": "=profiler",
    "serialization.checkpoint": "=serialization",
    "serialization.safe_names": "=serialization",
    "serialization.settings": "=serialization",
    "tensors.storage": "storage",
    "tensors.tensor": "=",
    "utils": "utils",
}
_ELSEWHERE = {  # classes that PyTorch has in another file than their module's others
    "AdamW": "optim.adamw",
    "ChannelShuffle": "nn.modules.channelshuffle",
    "ExponentialFamily": "distributions.exp_family",
    "LazyLinear": "nn.modules.linear",
    "OneHotCategoricalStraightThrough": "distributions.one_hot_categorical",
    "RelaxedOneHotCategorical": "distributions.relaxed_categorical",
    "set_multithreading_enabled": "autograd.grad_mode",
    **{f"{lazy}InstanceNorm{n}d": "nn.modules.instancenorm" for lazy in ("", "Lazy") for n in (1, 2, 3)},
    **{f"LazyBatchNorm{n}d": "nn.modules.batchnorm" for n in (1, 2, 3)},
    **{f"LazyConv{kind}{n}d": "nn.modules.conv" for kind in ("", "Transpose") for n in (1, 2, 3)},
}
_FILES = {  # of each class of distributions, in small letters, the file
    name.replace("_", "").lower(): f"distributions.{name}"
    for names in DISTRIBUTIONS.values()
    for name in names.split()
    if name != "kl"
}
_ONLY = {  # of modules without ``__all__``, most of whose names are not public: those that are
    "autograd.custom": "FunctionCtx",
    "autograd.hooks": "RemovableHandle",
    "base.device": "device",
    "base.dtypes": "dtype finfo iinfo",
    "base.layouts": "layout memory_format",
    "base.size": "Size",
    "nn.functional.interpolation_taps": "",
    "ops.create.random": "Generator",
    "tensors.tensor": "Tensor",
}


def _room(path: str) -> str | None:
    """The row of the table that a module falls under."""
    while path not in _ROOMS:
        path, point, _ = path.rpartition(".")
        if not point:
            return None
    return path


def _place(name: str, path: str, room: str) -> str:
    """The path below ``torch`` at which PyTorch has a class or function of a module."""
    there = _ROOMS[room]
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if path.startswith("distributions.") and name.lower() in _FILES:
        return _FILES[name.lower()]
    if there.startswith("="):
        return there[1:]
    return there + path[len(room) :]


def give(module: ModuleType) -> None:
    """Give the classes and functions of one of metagrad's modules PyTorch's names for their module."""
    home = module.__name__
    path = home.partition(".")[2]
    room = _room(path)
    if room is None:
        return
    shown: dict[str, ShownName] = {}
    public = (
        _ONLY[path].split() if path in _ONLY else getattr(module, "__all__", () if room == "nn.functional" else None)
    )
    if not _ROOMS[room].startswith("=") or _ROOMS[room] == f"={path}":
        _enter(_place("", path, room), path, module)
    for name, value in list(vars(module).items()):
        kind = type(value)
        if (
            (kind is FunctionType or isinstance(value, type))
            and value.__module__ == home
            and value.__qualname__ == name
        ):
            place = _place(name, path, room)
            if place != path and (
                name.startswith("_") or (kind is FunctionType if public is None else name not in public)
            ):
                continue  # it is not found there
            if kind is FunctionType and value in torch_function.hidden:
                continue  # another one is found there
            if place not in shown:
                one = place and _ROOMS[room] == f"={place}"  # pickles, too, name the package that has it
                _enter(place, path, module)
                shown[place] = ShownName(f"torch.{place}".rstrip("."), f"metagrad.{place}" if one else home)
            renamed.append((value, home))
            value.__module__ = shown[place]


def _enter(place: str, path: str, module: ModuleType) -> None:
    """Let a module be found by PyTorch's name for it, too: what a class's annotations mean is looked up there."""
    name = f"torch.{place}"
    if name not in sys.modules and (place == path or moved(place) == module.__name__):
        sys.modules[name] = module
        beside.complete(module, place)


def give_all() -> None:
    """The same in all modules that are there."""
    for name, module in list(sys.modules.items()):
        if name.startswith("metagrad.") and getattr(module, "__name__", "") == name:
            give(module)
    inspect.getfile = _file_of


def take_back() -> None:
    """Give them the names of metagrad's modules again."""
    while renamed:
        value, home = renamed.pop()
        value.__module__ = home
    inspect.getfile = _getfile


_getfile = inspect.getfile


@functools.wraps(_getfile)
def _file_of(object: Any) -> str:
    """Python looks up the module that a class names; PyTorch has in one file what is here in several."""
    homes = (home for value, home in renamed if value is object) if isinstance(object, type) else ()
    return _getfile(sys.modules.get(next(iter(homes), ""), object))


class Watching:
    """The loader of one of metagrad's modules, which gives its classes their names when it has run."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copies ask before they have a loader
            raise AttributeError(name)
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module, not run yet."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run it; it keeps the loader that it would have had."""
        module.__loader__ = self.loader
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        give(module)


def watched(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """The spec of one of metagrad's modules that has such classes; None of others."""
    if not name.startswith("metagrad.") or _room(name[9:]) is None or moved(name[9:]) is not None:
        return None  # what is found elsewhere must not be run twice
    spec = PathFinder.find_spec(name, path)
    if spec is not None and spec.loader is not None:
        spec.loader = Watching(spec.loader)  # type: ignore[assignment]
    return spec
