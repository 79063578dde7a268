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

from typing import Any

from metagrad.autograd.variable import Variable
from metagrad.autograd.views import bump, check_writable
from metagrad.base import dtypes
from metagrad.base.dtypes import scalar_name
from metagrad.base.result_order import memory_by
from metagrad.base.warning import warn


def store(result: Any, out: object, exactly: bool = False) -> Any:
    """Give ``out`` (a tensor, or as many tensors as there are results) the values of ``result``, and its shape.

    Indices that come with values need an ``out`` of their own dtype. Raises RuntimeError where the result's dtype does
    not fit into that of ``out``, and TypeError where ``out`` is no tensor, or not as many as there are results.

    >>> import metagrad
    >>> store(metagrad.ones(2), metagrad.empty(0, dtype=metagrad.int64))
    Traceback (most recent call last):
    RuntimeError: result type Float can't be cast to the desired output type Long of out=
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
        given, wanted = scalar_name(result.dtype), scalar_name(out.dtype)
        raise RuntimeError(f"result type {given} can't be cast to the desired output type {wanted} of out=")
    check_writable(out)
    if tuple(out.array.shape) != tuple(result.array.shape):
        if out.array.size:
            warn(
                f"An output with one or more elements was resized since it had shape {list(out.array.shape)}, which is not "
                f"that of the result, {list(result.array.shape)}: give an empty tensor, or one of that shape",
                UserWarning,
            )
        out.resize_(tuple(result.array.shape))  # type: ignore[attr-defined]
        if not result.array.flags.c_contiguous:
            out.array = memory_by(result.array, out.array.dtype)
    out.array[...] = result.array
    bump(out)
