"""``out=``: the result of a function written into a tensor that is there already.

An op declares ``out`` among its parameters, for readers and for ``inspect.signature``, and leaves the work to the
decorator ``takes_out``, the outermost of its decorators:

>>> import metagrad
>>> y = metagrad.empty(2)
>>> metagrad.exp(metagrad.zeros(2), out=y) is y
True
>>> y
tensor([1., 1.])
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, recording
from metagrad.autograd.views import bump, check_writable
from metagrad.base import dtypes
from metagrad.ops.operands import not_a_tensor

P = ParamSpec("P")
R = TypeVar("R")


def takes_out(function: Callable[P, R], exactly: bool = False) -> Callable[P, R]:
    """Serve the ``out=`` that a function declares, so that its body need not: it only ever sees None.

    What is written into ``out`` is not recorded: PyTorch's rule, and its error. exactly: ``out`` must have the result's
    dtype; otherwise the result is converted, if its dtype's category is not above that of ``out``. The function so made
    raises RuntimeError if an argument or ``out`` requires grad, and what ``store`` raises.

    >>> import metagrad
    >>> y = metagrad.empty(0, dtype=metagrad.float64)
    >>> metagrad.add(metagrad.ones(2), 1, out=y)
    tensor([2., 2.], dtype=metagrad.float64)
    """

    @functools.wraps(function)
    def with_out(*args: Any, out: object = None, **kwargs: Any) -> Any:
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
        return store(function(*args, **kwargs), out, exactly)

    with_out.without_out = function  # type: ignore[attr-defined]
    return cast("Callable[P, R]", with_out)


def takes_exact_out(function: Callable[P, R]) -> Callable[P, R]:
    """``takes_out`` for a function that writes no other dtype than its result's.

    >>> import metagrad
    >>> metagrad.complex(metagrad.ones(1), metagrad.ones(1), out=metagrad.empty(1, dtype=metagrad.complex128))
    Traceback (most recent call last):
    RuntimeError: expected out= to have dtype metagrad.complex64, but got metagrad.complex128: make it of that dtype
    """
    return takes_out(function, exactly=True)


def store(result: Any, out: object, exactly: bool = False) -> Any:
    """Give ``out`` (a tensor, or as many tensors as there are results) the values of ``result``, and its shape.

    Indices that come with values need an ``out`` of their own dtype. Raises RuntimeError where the result's dtype does
    not fit into that of ``out``, and TypeError where ``out`` is no tensor, or not as many as there are results.

    >>> import metagrad
    >>> store(metagrad.ones(2), metagrad.empty(0, dtype=metagrad.int64))
    Traceback (most recent call last):
    RuntimeError: result type metagrad.float32 can't be cast to the desired output type metagrad.int64 of out=
    """
    if not isinstance(result, tuple):
        _write(result, out, exactly)
        return out
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        got = f"{len(out)} of them" if isinstance(out, (tuple, list)) else type(out).__name__
        raise TypeError(f"out: expected a tuple of {len(result)} tensors, one for each result, got {got}")
    for part, o in zip(result, out, strict=True):
        if isinstance(part, tuple):
            store(part, o, exactly)
        else:
            _write(part, o, exactly or part is getattr(result, "indices", None))
    return type(result)(out)


def _write(result: Variable, out: object, exactly: bool) -> None:
    """Give one tensor the values of another, and its shape."""
    if not isinstance(out, Variable):
        raise TypeError(f"out: expected a tensor, got {type(out).__name__}")
    if exactly and out.dtype is not result.dtype:
        raise RuntimeError(f"expected out= to have dtype {result.dtype}, but got {out.dtype}: make it of that dtype")
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise RuntimeError(f"result type {result.dtype} can't be cast to the desired output type {out.dtype} of out=")
    check_writable(out)
    if tuple(out.array.shape) != tuple(result.array.shape):
        out.resize_(tuple(result.array.shape))  # type: ignore[attr-defined]
    out.array[...] = result.array
    bump(out)


def without_out(function: Callable[..., R]) -> Callable[..., R]:
    """The function as it is below ``takes_out``: what operators call, for theirs is no ``out=``.

    >>> import metagrad
    >>> without_out(metagrad.exp)(metagrad.zeros(1))
    tensor([1.])
    """
    below: Callable[..., R] = getattr(function, "without_out", function)
    return below if getattr(function, "__wrapped__", None) is below else function


def as_method(function: Callable[..., R]) -> Callable[..., R]:
    """A function that takes ``out=`` as a method of its first argument, which takes none: it raises TypeError.

    >>> import metagrad
    >>> metagrad.ones(2).exp(out=metagrad.empty(2))
    Traceback (most recent call last):
    TypeError: exp() got an unexpected keyword argument 'out': as a method it takes none, use metagrad.exp(x, out=...)
    """
    bare = without_out(function)

    @functools.wraps(bare)
    def method(*args: Any, **kwargs: Any) -> R:
        if kwargs and "out" in kwargs:
            raise no_out(bare.__name__)
        return bare(*args, **kwargs)

    method.__signature__ = signature_without_out(bare)  # type: ignore[attr-defined]
    return method


def signature_without_out(function: Callable[..., Any]) -> inspect.Signature:
    """What a method shows that takes all that a function takes, but for its ``out=``.

    >>> import metagrad
    >>> list(signature_without_out(metagrad.sum).parameters)
    ['input', 'dim', 'keepdim', 'dtype']
    """
    declared = inspect.signature(function)
    return declared.replace(parameters=[p for p in declared.parameters.values() if p.name != "out"])


def no_out(name: str) -> TypeError:
    """What to raise where a method was given ``out=``.

    >>> no_out("exp_").args[0]
    "exp_() got an unexpected keyword argument 'out': as a method it takes none, use metagrad.exp(x, out=...)"
    """
    function = name.removesuffix("_")
    return TypeError(
        f"{name}() got an unexpected keyword argument 'out': as a method it takes none, use metagrad.{function}(x, out=...)"
    )
