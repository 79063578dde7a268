"""``out=``: the result of a function written into a tensor that is there already."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, recording
from metagrad.autograd.views import bump, check_writable
from metagrad.base import dtypes
from metagrad.ops.operands import not_a_tensor

P = ParamSpec("P")
R = TypeVar("R")


def store(result: Any, out: object) -> Any:
    """Give ``out`` (a tensor, or as many tensors as there are results) the values of ``result``, and its shape.

    Raises where the result's dtype has a higher category than that of ``out``, so that its values would not fit.
    """
    if isinstance(out, (tuple, list)):
        for r, o in zip(result, out, strict=True):
            store(r, o)
        return type(result)(*out) if hasattr(result, "_fields") else type(result)(out)
    if not isinstance(out, Variable):
        raise TypeError(f"out: expected a tensor, got {type(out).__name__}")
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise RuntimeError(f"result type {result.dtype} can't be cast to the desired output type {out.dtype} of out=")
    check_writable(out)
    if tuple(out.array.shape) != tuple(result.array.shape):
        out.resize_(tuple(result.array.shape))  # type: ignore[attr-defined]
    out.array[...] = result.array
    bump(out)
    return out


def store_exactly(result: Any, out: object) -> Any:
    """``store`` that does not convert: ``out`` must have the result's dtype."""
    for r, o in zip(result, out, strict=True) if isinstance(out, (tuple, list)) else [(result, out)]:
        if isinstance(o, Variable) and o.dtype is not r.dtype:
            raise RuntimeError(f"expected out= to have dtype {r.dtype}, but got {o.dtype}: make it of that dtype")
    return store(result, out)


def takes_exact_out(function: Callable[P, R]) -> Callable[P, R]:
    """``takes_out`` for a function that writes no other dtype than its result's."""
    return takes_out(function, store_exactly)


def takes_out(function: Callable[P, R], store: Callable[[Any, Any], Any] = store) -> Callable[P, R]:
    """Serve the ``out=`` that a function declares, so that its body need not: it only ever sees None.

    What is written into ``out`` is not recorded: PyTorch's rule, and its error.
    """

    @functools.wraps(function)
    def with_out(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        if out is None:
            try:
                return function(*args, **kwargs)
            except AttributeError as error:
                raise not_a_tensor(function, error) from None
        given = [*args, *kwargs.values(), *(out if isinstance(out, (tuple, list)) else [out])]
        tensors = [t for v in given for t in (v if isinstance(v, (tuple, list)) else [v])]
        if mode.grad and recording(*tensors):
            raise RuntimeError(
                f"{function.__name__}(): functions with out=... arguments don't support automatic differentiation, but "
                "one of the arguments requires grad: leave out= away, or detach() it"
            )
        return store(function(*args, **kwargs), out)

    with_out.without_out = function  # type: ignore[attr-defined]
    return cast("Callable[P, R]", with_out)


def without_out(function: Callable[..., R]) -> Callable[..., R]:
    """The function as it is below ``takes_out``: what methods and operators call, for theirs is no ``out=``."""
    return getattr(function, "without_out", function)
