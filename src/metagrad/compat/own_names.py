"""Names of metagrad's own that a program's class of tensors has, too, such as ``array``: both find what is theirs."""

from __future__ import annotations

import sys
from typing import Any

from metagrad.base.naming import is_own
from metagrad.tensors.tensor import Tensor

__all__ = ["keep"]

_OWN = "_check_order _counter _cut_off _hooks _real _requires_grad _scalar _view array to_cpu to_gpu".split()


class _Both:
    """One name: metagrad's modules find its own, everybody else what the program's class has."""

    def __init__(self, name: str, program: Any) -> None:
        self.name, self.program, self.own = name, program, getattr(Tensor, name)

    def __get__(self, x: Any, kind: Any = None) -> Any:
        found = self.own if _is_own() else self.program
        if found is self.program and x is not None and not hasattr(type(found), "__set__") and self.name in x.__dict__:
            return x.__dict__[self.name]
        return found.__get__(x, kind) if hasattr(type(found), "__get__") else found

    def __set__(self, x: Any, value: Any) -> None:
        found = self.own if _is_own() else self.program
        if hasattr(type(found), "__set__"):
            found.__set__(x, value)
        else:
            x.__dict__[self.name] = value

    def __delete__(self, x: Any) -> None:
        found = self.own if _is_own() else self.program
        if hasattr(type(found), "__delete__"):
            found.__delete__(x)
        elif x.__dict__.pop(self.name, self) is self:
            raise AttributeError(f"{type(x).__name__!r} object has no attribute {self.name!r}")


def _is_own() -> bool:
    """Whether it is metagrad that asks."""
    return str(sys._getframe(2).f_globals.get("__name__")).startswith("metagrad.")


def keep(cls: type) -> None:
    """Let metagrad go on finding its own under the names that a class of tensors takes."""
    of_program = [c for c in cls.__mro__ if c not in Tensor.__mro__ and not is_own(c.__module__)]
    for name in _OWN:
        for space in (vars(c) for c in of_program if name in vars(c)):
            if not isinstance(space[name], _Both):
                setattr(cls, name, _Both(name, space[name]))
            break
