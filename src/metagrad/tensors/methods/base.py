"""What the groups of methods have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

from metagrad.autograd.variable import Variable
from metagrad.base.later import Later, made
from metagrad.ops import inplace
from metagrad.ops.arguments import as_method

P = ParamSpec("P")
R = TypeVar("R")


class OpMethods(Variable):
    """Base of the groups of methods: an op that is named in the class's body becomes a method, without its ``out=``.

    Most programs use a few dozen of the methods, so each is made when it is first asked for.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, op in list(vars(cls).items()):
            if op.__class__ is Later or hasattr(op, "without_out") or hasattr(op, "as_method"):
                method = Later(partial(_method, op))
                setattr(cls, name, method if not name.startswith("__") else method.make())
                method.__set_name__(cls, name)


def _method(op: Any) -> Any:
    """An op as a method."""
    op = made(op)
    if hasattr(op, "without_out"):
        return as_method(op)
    return op.as_method if hasattr(op, "as_method") and op.as_method is op.__wrapped__ else op  # not a wrapper's of it


def in_place(op: Callable[..., Any], nodes: tuple[Any, ...] = (), **options: bool) -> Any:
    """The in-place form of an op, made when it is first asked for; its nodes may be ``Later``, too."""
    return Later(lambda: inplace.in_place(made(op), nodes=tuple([made(node) for node in nodes]), **options))


def static(op: Callable[P, R]) -> staticmethod[P, R]:
    """A function as a static method, made when it is first asked for."""
    return cast("staticmethod[P, R]", Later(lambda: staticmethod(made(op))))
