"""Names whose module is imported when they are first used, so that ``import metagrad`` takes what a program needs, and no more.

Each keeps a table of its own: a package, of the names that lie in other modules (``names``); a class, of the attributes that
are made when somebody asks for them (``Later``). What was found once stands where it was looked for, and costs nothing more.
Type checkers read the plain imports, under ``if TYPE_CHECKING``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

_tables: dict[str, dict[str, tuple[str, str]]] = {}  # of each package: a name, the module it is in, its name there


class Later:
    """An attribute of a class, made when it is first used. From then on the class has what was made.

    >>> class Circle:
    ...     area = Later(lambda: print("made") or (lambda self: 3))
    >>> Circle().area(), Circle().area()
    made
    (3, 3)
    """

    __slots__ = ("make", "places")

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make
        self.places: list[tuple[type, str]] = []

    def __set_name__(self, owner: type, name: str) -> None:
        self.places.append((owner, name))

    def __get__(self, instance: object, owner: type) -> Any:
        made = self.make()
        for place, name in self.places:
            if vars(place).get(name) is self:
                setattr(place, name, made)
        return made.__get__(instance, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What it stands for, called: in the body of a function there is no class that asks for it."""
        return self.make()(*args, **kwargs)


class LaterModule:
    """A module by its name: what is taken from it is a ``Later``, and so is for a class's body."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Later:
        return Later(lambda: getattr(importlib.import_module(self._name), name))


def later_modules(package: str, names: str) -> list[LaterModule]:
    """Modules of a package. Beside it, in the other branch of ``if not TYPE_CHECKING``, stands the plain import."""
    return [LaterModule(f"{package}.{name}") for name in names.split()]


def made(value: Any) -> Any:
    """What a ``Later`` stands for; anything else as it is."""
    return value.make() if value.__class__ is Later else value


def names(package: str, table: dict[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package (PEP 562). table: of modules below it, the names to be found there, ``old=new`` renamed.

    >>> find = names("metagrad", {"base.size": "Size=Shape"})
    >>> find("Shape").__name__
    'Size'
    """
    known = _tables.setdefault(package, {})
    for module, listed in table.items():
        for entry in listed.split():
            there, _, here = entry.partition("=")
            known[here or there] = (f"{package}.{module}", there)

    def find(name: str) -> Any:
        if name not in known:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, there = known[name]
        found = getattr(importlib.import_module(module), there)
        vars(sys.modules[package])[name] = found
        return found

    return find


def listed(package: str) -> list[str]:
    """The names that a package finds later."""
    return list(_tables.get(package, ()))


def complete(package: str) -> None:
    """Import all that a package would find later."""
    for name in listed(package):
        getattr(sys.modules[package], name)
