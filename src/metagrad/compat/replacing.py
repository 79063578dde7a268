"""Functions put in the place of others: where layers use them, and where a program has imported them already."""

from __future__ import annotations

import contextlib
import functools
import gc
import sys
from collections import OrderedDict
from types import CellType, FunctionType, MemberDescriptorType, ModuleType
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

_HOLDERS = (dict, list, tuple, CellType, staticmethod, functools.partial, set, frozenset)
_READING: tuple[type, ...] = (
    functools._lru_cache_wrapper,
    type(iter(set())),
)  # what they read must not change: a cache, a set in a loop
_module = vars(type)["__module__"].__get__  # whatever a metaclass has under that name


def _module_of(kind: type) -> Any:
    try:
        return _module(kind)
    except AttributeError:  # a class that was made where no module's name was known
        return None


def replace_held(replaced: dict[Any, Any]) -> None:
    """The same in what a program holds: tables, lists, sets, defaults, closures, partial functions, attributes of objects, classes.

    All objects are looked at once; what is metagrad's own stays as it is.
    """
    holders, classes = _program_holders(replaced)
    wanted: dict[int, Any] = {id(old): new for old, new in replaced.items()}
    attributes: dict[int, list[str]] = {}
    alive: list[Any] = []
    while wanted:  # a tuple, and what else cannot be changed, is made anew, and replaced where it is held in turn
        found = _holding(wanted, holders)
        alive.append(found)
        anew = {}
        for holder in found:
            try:
                made = _exchanged(holder, wanted, attributes)
            except Exception:  # an object that refuses stays as it is
                continue
            if made is not None:
                anew[id(holder)] = made
        wanted = anew
    for kind in classes if attributes else ():  # told that its attributes are others
        for space in gc.get_referents(kind):
            for name in attributes.get(id(space), ()):
                with contextlib.suppress(Exception):
                    type.__setattr__(kind, name, space[name])  # whatever its metaclass has to say


def _holding(wanted: dict[int, Any], holders: list[Any]) -> list[Any]:
    """Those that hold what is wanted; many are looked at together, for most hold none of it."""
    found: list[Any] = []
    unwanted = wanted.keys().isdisjoint
    for start in range(0, len(holders), 64):
        some = holders[start : start + 64]
        if not unwanted(map(id, gc.get_referents(*some))):
            found += [h for h in some if not unwanted(map(id, gc.get_referents(h)))]
    return found


def _is_own(name: Any) -> bool:
    return isinstance(name, str) and name.partition(".")[0] in ("metagrad", "torch")


def _program_holders(replaced: dict[Any, Any]) -> tuple[list[Any], list[type]]:
    """The objects that may hold functions and are not metagrad's, and a program's classes."""
    spaces = [
        m.__dict__ for name, m in list(sys.modules.items()) if _is_own(name) or _is_own(getattr(m, "__name__", None))
    ]
    own = {id(replaced), *map(id, spaces)}
    ways = _Ways()
    todo = [value for space in spaces for value in space.values() if ways[type(value)] == "container"]
    holders: list[Any] = []
    classes: list[type] = []
    for held in gc.get_objects():
        way = ways[type(held)]
        if way == "container" or way == "holder":
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
            todo += [part for part in gc.get_referents(held) if ways[type(part)] == "container"]
        elif way == "reading":
            own.update(id(part) for part in gc.get_referents(held) if ways[type(part)] == "container")
    while todo:
        held = todo.pop()
        if id(held) not in own:
            own.add(id(held))
            todo += [part for part in gc.get_referents(held) if ways[type(part)] == "container"]
    return [held for held in holders if id(held) not in own], classes


class _Ways(dict[type, str]):
    """How the objects of each class are to be looked at."""

    def __missing__(self, kind: type) -> str:
        try:
            way = _way(kind)
        except Exception:  # a metaclass that refuses
            way = "none"
        self[kind] = way
        return way


def _way(kind: type) -> str:
    """How an object of a class is to be looked at."""
    from metagrad.nn.modules.module import Module

    if kind in _HOLDERS:
        return "container"
    if kind is FunctionType:
        return "function"
    if kind in _READING:
        return "reading"
    if issubclass(kind, type):
        return "class"
    if issubclass(kind, ModuleType):
        return "none"
    if issubclass(kind, Module):
        return "holder"
    if _is_own(_module_of(kind)):
        return "own"
    if issubclass(kind, (dict, list, set)) or (issubclass(kind, tuple) and hasattr(kind, "_make")):
        return "container"
    return "holder" if kind.__dictoffset__ or _slots(kind) else "none"


def _slots(kind: type) -> list[Any]:
    """The members of its objects that classes name in ``__slots__``."""
    spaces = [vars(c) for c in kind.__mro__ if "__slots__" in vars(c)]
    return [member for space in spaces for member in space.values() if type(member) is MemberDescriptorType]


def _exchanged(holder: Any, wanted: dict[int, Any], attributes: dict[int, list[str]]) -> Any:
    """Put the new in the place of the old in one object; of one that cannot be changed, what is to take its place.

    What classes derived from Python's do when they are changed is passed by.
    """
    kind = type(holder)
    if kind is list:  # there may be millions
        holder[:] = [wanted.get(id(value), value) for value in holder]
        return None
    if kind is dict and "__wrapped__" in holder:  # of a function that has another within, which is to stay there
        return None
    made = None
    if issubclass(kind, dict):
        _exchange_in_table(holder, wanted, attributes)
    elif issubclass(kind, list):
        list.__setitem__(holder, slice(None), [wanted.get(id(value), value) for value in list.__iter__(holder)])
    elif issubclass(kind, set):
        old = [value for value in set.__iter__(holder) if id(value) in wanted]
        set.difference_update(holder, old)
        set.update(holder, [wanted[id(value)] for value in old])
    elif kind is frozenset or kind is tuple:
        made = kind([wanted.get(id(value), value) for value in holder])
    elif issubclass(kind, tuple) and hasattr(kind, "_make"):
        made = kind._make([wanted.get(id(value), value) for value in tuple.__iter__(holder)])
        if kind.__dictoffset__:
            vars(made).update(vars(holder))
    elif kind is staticmethod:
        made = staticmethod(wanted.get(id(holder.__func__), holder.__func__))
    elif kind is CellType:
        holder.cell_contents = wanted.get(id(holder.cell_contents), holder.cell_contents)
    elif kind is functools.partial:
        args = tuple([wanted.get(id(value), value) for value in holder.args])
        function = wanted.get(id(holder.func), holder.func)
        holder.__setstate__((function, args, holder.keywords, holder.__dict__ or None))
    elif kind is FunctionType:
        holder.__defaults__ = wanted.get(id(holder.__defaults__), holder.__defaults__)
    if made is None and kind not in _HOLDERS and kind is not FunctionType:
        for member in _slots(kind):
            with contextlib.suppress(AttributeError):  # one that was never set
                value = member.__get__(holder)
                if id(value) in wanted:
                    member.__set__(holder, wanted[id(value)])
        if kind.__dictoffset__:
            _exchanged(holder.__dict__, wanted, attributes)
    return made


def _exchange_in_table(table: Any, wanted: dict[int, Any], attributes: dict[int, list[str]]) -> None:
    """The same in a dict: of values, and of keys, whose order stays."""
    base: Any = OrderedDict if isinstance(table, OrderedDict) else dict
    items = list(base.items(table))
    if any(id(key) in wanted for key, _ in items):
        anew = {wanted.get(id(key), key): wanted.get(id(value), value) for key, value in items}
        base.clear(table)
        for key, value in anew.items():
            base.__setitem__(table, key, value)
        return
    for key, value in items:
        if id(value) in wanted:
            base.__setitem__(table, key, wanted[id(value)])
            if type(table) is dict and "__module__" in table:
                attributes.setdefault(id(table), []).append(key)
