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

from typing import Any, NamedTuple

import numpy as np

from metagrad.autograd.devices import apart
from metagrad.autograd.variable import Variable
from metagrad.autograd.writing import bump, check_writable
from metagrad.base import dtypes
from metagrad.base.dtypes import scalar_name
from metagrad.base.result_order import memory_by
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels.copying import assign
from metagrad.ops.overlap import is_same_place


class Rule(NamedTuple):
    """What a function asks of its ``out``, and how it writes into it.

    exactly: ``out`` must have the result's dtype. anything: the result is converted to whatever dtype ``out`` has. Else the
    dtype's category must not be below the result's. apart: ``out`` must share no memory with an argument. quiet: that it
    gets another shape is no reason to warn. flat: the function has no gradient, so that its arguments may require one. error:
    what is raised where a dtype does not fit; words: what it says of the dtypes ``wanted`` and ``given`` where ``exactly``
    does not hold.
    """

    exactly: bool = False
    anything: bool = False
    apart: bool = False
    quiet: bool = False
    flat: bool = False
    error: type[Exception] = RuntimeError
    words: str = ""


PLAIN = Rule()


def store(result: Any, out: object, rule: Rule = PLAIN) -> Any:
    """Give ``out`` (a tensor, or as many tensors as there are results) the values of ``result``, and its shape.

    Indices, and values that come with them, need an ``out`` of their own dtype. Raises RuntimeError where the result's dtype does
    not fit into that of ``out``, and TypeError where ``out`` is no tensor, or not as many as there are results.

    >>> import metagrad
    >>> store(metagrad.ones(2), metagrad.empty(0, dtype=metagrad.int64))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: result type Float can't be cast to the desired output type Long: Expected result to be safely castable...
    """
    if not isinstance(result, tuple):
        _write(result, out, rule)
        return out
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        if isinstance(out, (tuple, list)):
            raise TypeError(
                f"expected tuple of {len(result)} elements but got {len(out)}: a tensor for each result, in out="
            )
        raise TypeError(f"argument 'out' must be tuple of Tensors, not {type(out).__name__}")
    if hasattr(result, "indices"):
        rule = rule._replace(exactly=True)
    for part, o in zip(result, out, strict=True):
        if isinstance(part, tuple):
            store(part, o, rule)
        else:
            _write(part, o, rule)
    return type(result)(out)


def _write(result: Variable, out: object, rule: Rule) -> None:
    """Give one tensor the values of another, and its shape."""
    if not isinstance(out, Variable):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    _check_dtype(result.dtype, out.dtype, rule)
    check_writable(out)
    if tuple(out.array.shape) != tuple(result.array.shape):
        if out.array.size and not rule.quiet:
            warn(
                f"An output with one or more elements was resized since it had shape {list(out.array.shape)}, which is not "
                f"that of the result, {list(result.array.shape)}: give an empty tensor, or one of that shape",
                UserWarning,
            )
        out.resize_(tuple(result.array.shape))  # type: ignore[attr-defined]
        if not result.array.flags.c_contiguous:
            out.array = memory_by(result.array, out.array.dtype)
    _copy(out.array, result.array)
    bump(out)


def _copy(out: Array, values: Array) -> None:
    """Values into memory where they may lie already, or turned round."""
    if is_same_place(out, values):
        return
    if isinstance(out, np.ndarray) and isinstance(values, np.ndarray) and not np.may_share_memory(out, values):
        assign(out, values)
    else:
        if (mixed := apart((out, values))) is not None:
            raise mixed
        out[...] = values


def _check_dtype(given: dtypes.dtype, wanted: dtypes.dtype, rule: Rule) -> None:
    """Raise unless a result of one dtype may be written into a tensor of another."""
    if rule.exactly and wanted is not given:
        if rule.words:
            raise RuntimeError(rule.words.format(wanted=scalar_name(given), given=scalar_name(wanted)))
        names = dtypes.cpp_name(given), dtypes.cpp_name(wanted)
        raise RuntimeError(
            f"Expected out tensor to have dtype {names[0]}, but got {names[1]} instead: make out= of {given}"
        )
    if not rule.anything and not dtypes.can_cast(given, wanted):
        into = f"can't be cast to the desired output type {scalar_name(wanted)}"
        if rule.error is TypeError:
            raise TypeError(f"input types {into} of out=: they make {scalar_name(given)}")
        raise RuntimeError(
            f"result type {scalar_name(given)} {into}: Expected result to be safely castable from {scalar_name(given)} dtype, "
            f"but got result with dtype {scalar_name(wanted)}"
        )


def in_its_dtype(name: str, out: Variable, arguments: dict[str, Any]) -> None:
    """Have a function that takes ``dtype`` compute in that of ``out``; RuntimeError if another is asked for.

    >>> import metagrad
    >>> metagrad.sum(metagrad.tensor([1.5, 2.5]), 0, out=metagrad.tensor(0))  # of 1 and 2
    tensor(3)
    """
    asked = arguments.get("dtype")
    if asked is not None:
        _check_dtype(dtypes.of(asked), out.dtype, Rule(exactly=True))
    arguments["dtype"] = out.dtype


def of_truth_values(name: str, out: Variable, arguments: dict[str, Any]) -> None:
    """RuntimeError unless ``out`` is of bool, or of uint8, which served for it once.

    >>> import metagrad
    >>> metagrad.any(metagrad.ones(2), out=metagrad.tensor(0))
    Traceback (most recent call last):
    RuntimeError: any only supports bool tensor for result, got: Long
    """
    if out.dtype not in (dtypes.bool_, dtypes.uint8):
        raise RuntimeError(f"{name} only supports bool tensor for result, got: {scalar_name(out.dtype)}")


def of_real_numbers(name: str, out: Variable, arguments: dict[str, Any]) -> None:
    """RuntimeError unless ``out`` is of a floating-point dtype.

    >>> import metagrad
    >>> metagrad.fft.irfft(metagrad.ones(2), out=metagrad.empty(2, dtype=metagrad.complex64))
    Traceback (most recent call last):
    RuntimeError: irfft expects a floating point output tensor, but got ComplexFloat
    """
    if not out.dtype.is_floating_point:
        raise RuntimeError(f"{name} expects a floating point output tensor, but got {scalar_name(out.dtype)}")
