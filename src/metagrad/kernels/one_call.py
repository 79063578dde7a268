"""A ufunc of large arrays that broadcast: parts of the result on all threads, by a compiled loop where there is one."""

from __future__ import annotations

import functools
import math
import re
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.base.layouts import inverse, place_of
from metagrad.base.result_order import order_by
from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.chunks import map_chunks, perform_formula, perform_parts, rows_joined
from metagrad.kernels.compiled.choice import are_there_loops, use_formula
from metagrad.kernels.compiled.entries import Work, bits_of
from metagrad.kernels.compiled.expressions import CURVES
from metagrad.kernels.compiled.formulas import COLUMN, ELEMENTS, EXACT, ROW, loop_of, of_ufunc
from metagrad.kernels.copying import chunks_of, copied_in_order
from metagrad.kernels.quicker import quickest


def in_parts(ufunc: np.ufunc, inputs: Sequence[Array], memory: Array | None = None) -> Array | None:
    """``ufunc(*inputs)`` of numbers of one dtype, which the result has too, in ``memory`` if given; None for others.

    >>> in_parts(np.add, [np.ones((2, 1)), np.ones(2)]).tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    kind = inputs[0].dtype if inputs[0].__class__ is np.ndarray else None
    if kind is None or kind.kind not in "fiu":
        return None
    for a in inputs:
        if a.__class__ is not np.ndarray or a.dtype != kind:
            return None
    if kind.kind != "f" and _result_of(ufunc, kind, len(inputs)) != kind:
        return None
    y = _memory_like(inputs) if memory is None else memory
    if not by_loop(ufunc, inputs, y):
        _by_numpy(ufunc, inputs, y)
    return y


@functools.cache
def _result_of(ufunc: np.ufunc, kind: np.dtype[Any], count: int) -> np.dtype[Any]:
    """The dtype that a ufunc gives for so many operands of one dtype."""
    return ufunc.resolve_dtypes((*[kind] * count, None))[-1]


class Parted(np.ndarray[Any, Any]):
    """A large array whose ufuncs are computed in parts, where they can be; what they give is an ordinary array.

    >>> x = np.ones(2).view(Parted)
    >>> type(x * np.ones(2))
    <class 'numpy.ndarray'>
    >>> np.add(x, 1, out=x).tolist()
    [2.0, 2.0]
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        given = [x.view(np.ndarray) if x.__class__ is Parted else x for x in inputs]
        for name, value in settings.items():
            if name == "out":
                settings[name] = tuple([x.view(np.ndarray) if x.__class__ is Parted else x for x in value])
            elif value.__class__ is Parted:
                settings[name] = value.view(np.ndarray)
        found = in_parts(ufunc, given) if method == "__call__" and ufunc.nout == 1 and not settings else None
        return getattr(ufunc, method)(*given, **settings) if found is None else found


def is_nan(x: Array) -> Array:
    """Where elements are not a number.

    >>> is_nan(np.array([1.0, np.nan])).tolist()
    [False, True]
    """
    if x.__class__ is np.ndarray and x.flags.c_contiguous and x.dtype.kind == "f":
        found = np.empty(x.shape, bool)
        if by_loop(np.isnan, (x,), found):
            return found
    return np.isnan(x)


def of_few(ufunc: np.ufunc, x: Array, *others: Array | Number) -> Array | None:
    """``ufunc(x, *others)`` of a large array, and of others of its shape and dtype, or numbers of its kind; None if not of those.

    >>> of_few(np.greater, np.ones(2), 0.5).tolist(), of_few(np.bitwise_or, np.ones(2, int), 2).tolist()
    ([True, True], [3, 3])
    """
    if x.__class__ is not np.ndarray or x.dtype.kind not in "fiub":
        return None
    given = [x]
    for y in others:
        fits = isinstance(y, (int, float) if x.dtype.kind == "f" else int) and (
            x.dtype.kind != "b" or isinstance(y, bool)
        )
        try:
            with np.errstate(over="ignore"):  # a number may be infinite as a half
                other = np.asarray(y, x.dtype) if fits else np.asarray(y) if isinstance(y, np.generic) else y
        except OverflowError:
            return None
        if other.__class__ is not np.ndarray or other.dtype != x.dtype or other.shape not in (x.shape, ()):
            return None
        given.append(other)
    found = np.empty_like(x, dtype=_result_of(ufunc, x.dtype, len(given)))
    if not by_loop(ufunc, given, found):
        if not all(a.flags.c_contiguous for a in given):
            return None
        _by_numpy(ufunc, given, found)
    return found


def by_loop(ufunc: np.ufunc, inputs: Sequence[Array], y: Array) -> bool:
    """Whether y has been filled with ``ufunc(*inputs)`` by a compiled loop."""
    if not _takes_loop(inputs[0], y):
        return False
    if not y.flags.c_contiguous:
        if not y.T.flags.c_contiguous:
            return False
        y, inputs = y.T, [a.T if a.ndim == y.ndim else a for a in inputs]
    if _of_alike(ufunc, inputs, y):
        return True
    forms, kinds, arrays, numbers, width, shape = [], [], [], [], 0, y.shape
    for a in inputs:
        form, columns = (ELEMENTS, 0) if a.shape == shape else _form(a.shape, shape)
        forms.append(form)
        kinds.append(a.dtype.char)
        if form == "n":
            numbers.append(a.item())
            if a.dtype.kind != "f" and not -EXACT < numbers[-1] < EXACT:
                return False
            continue
        if form == ELEMENTS and not a.flags.c_contiguous and ufunc.__name__ in CURVES.get(a.dtype.char, ()):
            a = copied_in_order(a)  # which costs less than a call of the function for each element
        flags = a.flags
        if form is None or not flags.c_contiguous or not flags.aligned or (columns and width not in (0, columns)):
            return False
        width = width or columns
        arrays.append(a.view(np.uint16) if a.dtype.char == "e" else a)
    program = of_ufunc(ufunc, tuple(forms), tuple(kinds), y.dtype.char)
    if program is None or not y.flags.aligned:
        return False
    perform_formula(program, [*arrays, y.view(np.uint16) if y.dtype.char == "e" else y], numbers, width)
    return True


_known: dict[Any, int] = {}  # the addresses of loops by what they do to arrays of which dtypes


def _of_alike(ufunc: np.ufunc, inputs: Sequence[Array], y: Array) -> bool:
    """``by_loop`` of arrays of the result's shape, in order in memory, and of numbers, as most often: with little to be asked."""
    values: list[int] = []
    shape, size, numbers, places, kinds = y.shape, y.size, [], [], ""
    for a in (*inputs, y):
        kinds += a.dtype.char
        if a.shape == shape:
            flags = a.flags
            if not flags.c_contiguous or not flags.aligned:
                return False
            place = place_of(a)
            places.append(place)
            values += (place, size)
        elif a.ndim or kinds[-1] not in "fd":
            return False
        else:
            kinds += "n"
            numbers.append(bits_of(a.item()))
    same = None
    if len(set(places)) < len(places):
        if len(set(kinds) - {"n"}) > 1:
            return False
        same = tuple(map(places.index, places))
    address = _known.get((ufunc, kinds, same))
    if address is None:
        address = _address(ufunc, kinds, same or tuple(range(len(places))))
        if not address:
            return False
        _known[ufunc, kinds, same] = address
    perform_parts(Work(address, array("q", values + numbers)), size, size, y)
    return True


def _address(ufunc: np.ufunc, kinds: str, same: tuple[int, ...]) -> int:
    """Where the loop for operands of these dtypes is, "n" after that of a number, the last one the result's; 0 without one."""
    *operands, out = re.findall("[^n]n?", kinds)
    program = of_ufunc(ufunc, tuple([k[1:] or ELEMENTS for k in operands]), tuple([k[0] for k in operands]), out)
    return 0 if program is None else loop_of(program, same)


def _takes_loop(x: Array, y: Array) -> bool:
    """Whether there are compiled loops for an operand and a result of these dtypes: results may be bools."""
    if x.dtype.char == "e" and y.dtype.char in "e?":
        return y.size >= tuning.COMPILED_WORTH and are_there_loops()
    if y.dtype.kind == "b" == x.dtype.kind:
        return y.size >= tuning.POINTWISE_LARGE and are_there_loops()
    return use_formula(y) if y.dtype == x.dtype else y.size >= tuning.COMPILED_WORTH and use_formula(x, 0)


@functools.lru_cache(1024)
def _form(own: tuple[int, ...], shape: tuple[int, ...]) -> tuple[str | None, int]:
    """How an array's shape broadcasts to another ("n": a number; None: in another way), and how long the rows of that are."""
    if own == shape:
        return ELEMENTS, 0
    if math.prod(own) == 1:
        return "n", 0
    own = (1,) * (len(shape) - len(own)) + own
    first = next((d for d, n in enumerate(own) if n != 1), len(own))
    if own[first:] == shape[first:]:
        return ROW, math.prod(shape[first:])
    last = next((d for d in range(len(own), 0, -1) if own[d - 1] != 1), 0)
    if own[:last] == shape[:last]:
        return COLUMN, math.prod(shape[last:])
    return None, 0


_together = functools.lru_cache(1024)(np.broadcast_shapes)


def _memory_like(inputs: Sequence[Array]) -> Array:
    """Memory for a result, in the order in memory that PyTorch gives it."""
    first = inputs[0]
    if first.ndim and all(a.shape == first.shape or not a.ndim for a in inputs):
        shape = first.shape
    else:
        shape = _together(*[a.shape for a in inputs])
    if all(a.flags.c_contiguous for a in inputs if a.shape == shape):
        return np.empty(shape, first.dtype)
    order = order_by(shape, inputs)
    return np.empty([shape[d] for d in order], first.dtype).transpose(inverse(order))


def _by_numpy(ufunc: np.ufunc, inputs: Sequence[Array], y: Array) -> None:
    alike = _alike(inputs, y)
    arrays, out = alike or _flattened(inputs, y)
    compute = quickest(ufunc)
    if alike and inputs[0].dtype == np.float16:
        from metagrad.kernels.halves import by_singles

        compute = by_singles(ufunc)
    axis, chunks = chunks_of(out, max(inputs[0].itemsize, y.itemsize))

    def run(s: slice) -> None:
        compute(*[_part(a, s, axis, out.ndim) for a in arrays], out=_part(out, s, axis, out.ndim))

    with np.errstate(all="ignore"):  # which resets the buffers' size, too
        if not alike and out.shape[-1:] >= (tuning.UNBUFFERED_ROW,):
            np.setbufsize(tuning.SHORT_BUFFER)
        map_chunks(run, chunks)


def _alike(inputs: Sequence[Array], y: Array) -> tuple[list[Array], Array] | None:
    """Arrays in order in memory as vectors, where all are of one shape, as most often: then there is less to ask."""
    for a in (*inputs, y):
        if a.shape != y.shape or not a.flags.c_contiguous:
            return None
    return [a.reshape(-1) for a in inputs], y.reshape(-1)


def _flattened(inputs: Sequence[Array], y: Array) -> tuple[list[Array], Array]:
    """Arrays in order in memory as vectors, or matrices whose rows are as long as the smaller arrays; others as they are."""
    small = [a for a in inputs if a.shape != y.shape and a.size > 1]
    lengths = {a.size for a in small}
    repeated = all(a.shape == y.shape[y.ndim - a.ndim :] for a in small) and len(lengths) <= 1
    if not repeated or not all(a.flags.c_contiguous for a in (*inputs, y)):
        return list(inputs), y
    length = max(lengths, default=max(1, y.size))
    times = rows_joined(y.size // length, length)
    rows = (-1, *[times * n for n in lengths])
    ones = [
        a.reshape(())
        if a.size == 1 != y.size
        else a.reshape(rows)
        if a.shape == y.shape
        else np.tile(a.reshape(-1), times)
        for a in inputs
    ]
    return ones, y.reshape(rows)


def _part(a: Array, chunk: slice, axis: int, dims: int) -> Array:
    """What belongs to a chunk of the result along one of its dimensions."""
    d = axis - (dims - a.ndim)
    return a[(slice(None),) * d + (chunk,)] if d >= 0 and a.shape[d] > 1 else a
