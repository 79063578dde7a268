"""Where a large pointwise op writes its result: into memory that is there already, for an op in place and for ``out=``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable
from metagrad.base.typing import Array
from metagrad.kernels import tuning

R = TypeVar("R")


class _Destination(threading.local):
    """Where ``result_into`` and ``first_result_into`` want this thread's results."""

    ops: tuple[type[Function], ...] = ()
    memory: Array = None
    out: Array = None


_wanted = _Destination()


def result_into(ops: tuple[type[Function], ...], x: Array, compute: Callable[[], R]) -> R:
    """``compute()``, in which one of these ops that has x among its inputs may write its result into x."""
    _wanted.ops, _wanted.memory = ops, x
    try:
        return compute()
    finally:
        _wanted.ops, _wanted.memory = (), None


@contextmanager
def first_result_into(out: Array) -> Iterator[None]:
    """Inside, the first pointwise result of this shape and dtype is written there: what the function returns, or a step to it."""
    before, _wanted.out = _wanted.out, out
    try:
        yield
    finally:
        _wanted.out = before


def may_be_written_first(out: Array, arguments: Iterable[object]) -> bool:
    """Whether a large ``out`` may be written to before the function is done: nothing that it is given lies there.

    >>> y = np.ones(1 << 20, np.float32)
    >>> may_be_written_first(y, [np.ones(2), 2.0]), may_be_written_first(y, [y[:2]])
    (True, False)
    """
    if out.__class__ is not np.ndarray or out.size < tuning.POINTWISE_LARGE:
        return False
    if not out.flags.c_contiguous or not out.flags.writeable:
        return False
    for x in arguments:
        a = x.array if isinstance(x, Variable) else x
        if a.__class__ is np.ndarray:
            if np.may_share_memory(a, out):
                return False
        elif a is not None and not isinstance(a, (bool, int, float, complex, str, np.generic)):
            return False
    return True


def destination(node: Function, inputs: Sequence[object]) -> Array | None:
    """The memory asked for by ``result_into``, if it is this op's input and no other input lies across it."""
    x = _wanted.memory
    if x is None or node.__class__ not in _wanted.ops:
        return None
    is_input = False
    for a in inputs:
        if a is x:
            is_input = True
        elif isinstance(a, np.ndarray) and (
            np.may_share_memory(a, x) or a.ndim and a.shape != x.shape and not _have_shape(x.shape, [a])
        ):
            return None
    return x if is_input else None


def room(node: Function, inputs: Sequence[object], dtype: np.dtype[Any] | None = None) -> Array | None:
    """Memory for the result of a pointwise op: as ``destination``, or what ``first_result_into`` has, if it fits, once.

    dtype: that of the result; without it, it is the inputs'.
    """
    out = _wanted.out
    if out is None:
        return None if _wanted.memory is None else destination(node, inputs)
    arrays = [a for a in inputs if isinstance(a, np.ndarray)]
    if not arrays or any((dtype or a.dtype) != out.dtype for a in arrays):
        return None
    if not _have_shape(out.shape, arrays, of_all=True):
        return None
    _wanted.out = None
    return out


def _have_shape(shape: tuple[int, ...], arrays: Sequence[Array], of_all: bool = False) -> bool:
    """Whether arrays broadcast to a shape; of_all: to no smaller one. Those that broadcast to none are left to the op's error."""
    if arrays and all(a.shape == shape for a in arrays):
        return True
    try:
        return np.broadcast_shapes(*([] if of_all else [shape]), *[a.shape for a in arrays]) == shape
    except ValueError:
        return False
