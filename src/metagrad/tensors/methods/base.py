"""What the groups of methods have in common."""

from __future__ import annotations

from typing import Any

from metagrad.autograd.variable import Variable
from metagrad.ops.arguments import as_method


class OpMethods(Variable):
    """Base of the groups of methods: an op that is named in the class's body becomes a method, without its ``out=``."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, op in list(vars(cls).items()):
            if hasattr(op, "without_out"):
                setattr(cls, name, as_method(op))
            elif hasattr(op, "as_method") and op.as_method is op.__wrapped__:  # not what a wrapper of it took over
                setattr(cls, name, op.as_method)
