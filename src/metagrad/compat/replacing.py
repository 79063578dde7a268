"""Functions put in the place of others: where layers use them, and where a program has imported them already."""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
from types import CellType, FunctionType, ModuleType
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


# ------------------------------------------------ what programs hold

_HOLDERS = (dict, list, tuple, CellType, staticmethod, functools.partial)
_module_of = vars(type)["__module__"].__get__  # whatever a metaclass has under that name


def replace_held(replaced: dict[Any, Any]) -> None:
    """The same in what a program holds: tables, lists, defaults, closures, partial functions, attributes of objects and classes.

    All objects are looked at once; what is metagrad's own stays as it is.
    """
    holders, classes = _program_holders()
    wanted: dict[int, Any] = {id(old): new for old, new in replaced.items()}
    attributes: dict[int, list[str]] = {}
    alive: list[Any] = []
    while wanted:  # a tuple, and what else cannot be changed, is made anew, and replaced where it is held in turn
        found = [h for h in holders if h is not replaced and not wanted.keys().isdisjoint(map(id, gc.get_referents(h)))]
        alive.append(found)
        anew = {}
        for holder in found:
            with contextlib.suppress(Exception):  # an object that refuses stays as it is
                anew[id(holder)] = _exchanged(holder, wanted, attributes)
        wanted = {number: made for number, made in anew.items() if made is not None}
    for kind in classes if attributes else ():  # told that its attributes are others
        for space in gc.get_referents(kind):
            for name in attributes.get(id(space), ()):
                with contextlib.suppress(Exception):
                    type.__setattr__(kind, name, space[name])  # whatever its metaclass has to say


def _is_own(name: Any) -> bool:
    return isinstance(name, str) and name.partition(".")[0] in ("metagrad", "torch")


def _program_holders() -> tuple[list[Any], list[type]]:
    """The objects that may hold functions and are not metagrad's, and a program's classes."""
    spaces = [
        m.__dict__ for name, m in list(sys.modules.items()) if _is_own(name) or _is_own(getattr(m, "__name__", None))
    ]
    own = {id(space) for space in spaces}
    todo = [value for space in spaces for value in space.values() if type(value) in _HOLDERS]
    holders: list[Any] = []
    classes: list[type] = []
    ways: dict[type, str] = {}
    for held in gc.get_objects():
        kind = type(held)
        way = ways.get(kind)
        if way is None:
            try:
                way = _way(kind)
            except Exception:  # a metaclass that refuses
                way = "none"
            ways[kind] = way
        if way == "holder":
            holders.append(held)
        elif way == "function":
            if id(held.__globals__) in own:
                own.update((id(held.__defaults__), id(held.__kwdefaults__), *map(id, held.__closure__ or ())))
            elif held.__defaults__:
                holders.append(held)
        elif way == "class":
            if _is_own(_module_of(held)):
                own.update(map(id, gc.get_referents(held)))
            else:
                classes.append(held)
        elif way == "own":
            todo += [part for part in gc.get_referents(held) if type(part) in _HOLDERS]
    while todo:
        held = todo.pop()
        if id(held) not in own:
            own.add(id(held))
            todo += [part for part in gc.get_referents(held) if type(part) in _HOLDERS]
    return [held for held in holders if id(held) not in own], classes


def _way(kind: type) -> str:
    """How an object of a class is to be looked at."""
    from metagrad.nn.modules.module import Module

    if kind is FunctionType:
        return "function"
    if issubclass(kind, type):
        return "class"
    if issubclass(kind, ModuleType):
        return "none"
    if kind in _HOLDERS or issubclass(kind, Module):
        return "holder"
    if _is_own(_module_of(kind)):
        return "own"
    return "holder" if kind.__dictoffset__ else "none"


def _exchanged(holder: Any, wanted: dict[int, Any], attributes: dict[int, list[str]]) -> Any:
    """Put the new in the place of the old in one object; of one that cannot be changed, what is to take its place."""
    kind = type(holder)
    if kind is dict:
        if "__wrapped__" in holder:  # of a function that has another within, which is to stay there
            return None
        for key, value in list(holder.items()):
            if id(value) in wanted:
                holder[key] = wanted[id(value)]
                if "__module__" in holder:
                    attributes.setdefault(id(holder), []).append(key)
    elif kind is list:
        holder[:] = [wanted.get(id(value), value) for value in holder]
    elif kind is tuple:
        return tuple([wanted.get(id(value), value) for value in holder])
    elif kind is staticmethod:
        return staticmethod(wanted.get(id(holder.__func__), holder.__func__))
    elif kind is CellType:
        holder.cell_contents = wanted.get(id(holder.cell_contents), holder.cell_contents)
    elif kind is functools.partial:
        args = tuple([wanted.get(id(value), value) for value in holder.args])
        function = wanted.get(id(holder.func), holder.func)
        holder.__setstate__((function, args, holder.keywords, holder.__dict__ or None))
    elif kind is FunctionType:
        holder.__defaults__ = wanted.get(id(holder.__defaults__), holder.__defaults__)
    else:
        _exchanged(holder.__dict__, wanted, attributes)
    return None
