"""Elements and rows taken, put and added at an index of whole numbers, for several dimensions or one: ``x[i, j]``, ``x[:, i]``.

NumPy walks through all dimensions for each element. Here an index becomes numbers first, which say where in one line an element
lies, or a row of those that are taken together:

    x[i, j] of x (N, M)    numbers i M + j

x is then (outer, extent, inner): the dimensions before the index, those that it names, counted through, those after. Indices may
count from the end. One that is out of range is left to NumPy, which says so, before anything is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, spread
from metagrad.kernels.combining import combine_rows
from metagrad.kernels.compiled import picking as compiled
from metagrad.kernels.compiled.choice import are_there_loops, use_compiled
from metagrad.kernels.gathering import BITS, add_rows_by_loop, in_bits, is_outside, of_its_dtype
from metagrad.kernels.threads import get_num_threads

_TAKE = compiled.take  # which compiling leaves as it is here: the loops of ``gathering.py`` call it
_ALL = slice(None)
_FOR_AN_INDEX = 8  # elements that are copied, side by side, in the time that NumPy takes for an index


class Located(NamedTuple):
    """What an index names in an array (outer, extent, inner): numbers below the extent; and the shape of what is taken."""

    outer: int
    extent: int
    inner: int
    numbers: Array
    shape: tuple[int, ...]


def located(x: Array, index: object) -> Located | None:
    """What ``x[index]`` takes, if that is many elements, x lies in order, and the index is of integers side by side.

    >>> located(np.zeros((2, 3)), (slice(None), np.array([1]))) is None  # few elements
    True
    """
    parts = index if index.__class__ is tuple else (index,)
    if not any(p.__class__ is np.ndarray and p.size >= tuning.PICK_INDICES for p in parts):
        return None
    if x.__class__ is not np.ndarray or x.dtype.itemsize not in BITS or not x.flags.c_contiguous or not x.size:
        return None
    first = next((d for d, part in enumerate(parts) if not _is_all(part)), 0)
    last = len(parts)
    while last > first and _is_all(parts[last - 1]):
        last -= 1
    arrays = parts[first:last]
    if not arrays or len(parts) > x.ndim or not all(map(_are_numbers, arrays)):
        return None
    shape = _broadcast([a.shape for a in arrays])
    before, named, after = x.shape[:first], x.shape[first:last], x.shape[last:]
    outer, inner = math.prod(before), math.prod(after)
    if shape is None or outer * math.prod(shape) * (inner + _FOR_AN_INDEX) < tuning.PICK_LARGE:
        return None
    numbers = _numbers(arrays, named, shape)
    return numbers if numbers is None else Located(outer, math.prod(named), inner, numbers, (*before, *shape, *after))


def taken(x: Array, index: object) -> Array | None:
    """``x[index]``, in order in memory; None where that is left to NumPy."""
    at = located(x, index)
    if at is None:
        return None
    y = np.empty(at.shape, x.dtype)
    source, target = in_bits(x, (at.outer, at.extent, at.inner)), in_bits(y, (at.outer, -1, at.inner))
    numbers, outer = _single_outer(at)
    source, target = source.reshape(outer, -1, at.inner), target.reshape(outer, -1, at.inner)
    if not are_there_loops():
        _take_by_numpy(source, numbers.view(np.int64), target)
    elif outer > 1:
        spread(compiled.take_in_each, [source[..., 0], target[..., 0]], [numbers])
    elif at.inner > 1:
        spread(compiled.take_rows, [target[0], numbers], [source[0]])
    else:
        spread(_TAKE, [numbers, target.reshape(-1)], [source.reshape(-1)])
    return y


def _take_by_numpy(x: Array, numbers: Array, y: Array) -> None:
    """y = x[:, numbers], all within; x (outer, extent, inner), in chunks of one dimension that is long enough."""
    if len(x) > 1:
        rows = even_chunks(len(y), max(1, tuning.POINTWISE_CHUNK // y[0].size), get_num_threads())
        map_chunks(lambda s: np.take(x[s], numbers, 1, out=y[s], mode="clip"), rows)
    else:
        some = even_chunks(y.shape[1], max(1, tuning.POINTWISE_CHUNK // y.shape[2]), get_num_threads())
        map_chunks(lambda s: np.take(x[0], numbers[s], 0, out=y[0, s], mode="clip"), some)


def put(y: Array, index: object, x: Array | Number) -> bool:
    """``y[index] = x``, of an element named twice the last; whether it has been done, or is left to NumPy."""
    at = _where_to_write(y, index, x)
    values = None if at is None else _values(y, at, x)
    if at is None or values is None:
        return False
    target = in_bits(y, (at.outer, at.extent, at.inner))
    numbers, outer = _single_outer(at)
    source = in_bits(values, (outer, -1, at.inner)) if values.size > 1 else in_bits(values, (1, 1, 1))
    target = target.reshape(outer, -1, at.inner)
    if not are_there_loops():
        target[:, numbers.view(np.int64)] = source
    elif outer > 1:
        spread(compiled.put_in_each, [target[..., 0], source[..., 0]], [numbers])
    elif at.inner > 1:
        last = np.full(target.shape[1], -1)
        compiled.find_last(numbers, last)
        spread(compiled.put_rows, [target[0], last], [source[0]], elements=source.size)
    else:
        compiled.put(target.reshape(-1), numbers, source.reshape(-1))
    return True


def add(y: Array, index: object, x: Array) -> bool:
    """``y[index] += x``, as often as an element is named; whether it has been done, or is left to NumPy. Floats alone."""
    if not use_compiled(y, 0):
        return combine(np.add, y, index, x)
    at = _where_to_write(y, index, x)
    if at is None or x.__class__ is not np.ndarray or x.shape != at.shape or x.dtype != y.dtype:
        return False
    numbers, outer = _single_outer(at)
    target = y.reshape(outer, -1, at.inner)
    terms = np.require(x, None, ["C", "W"]).reshape(outer, -1, at.inner)  # which Numba asks of what is not shared out
    if outer > 1:
        spread(compiled.add_in_each, [target[..., 0], terms[..., 0]], [numbers])
    elif at.inner > 1:
        add_rows_by_loop(target[0], numbers, terms[0])
    else:
        compiled.add(target.reshape(-1), numbers, terms.reshape(-1))
    return True


def combine(ufunc: np.ufunc, y: Array, index: object, x: Array | Number) -> bool:
    """``y[index] = ufunc(y[index], x)``, as often as an element is named; whether it has been done. Real numbers alone."""
    at = _where_to_write(y, index, x) if isinstance(y, np.ndarray) and y.dtype.char in "fdlq" else None
    if (
        at is None
        or not isinstance(x, np.ndarray)
        or x.shape != at.shape
        or not np.can_cast(x.dtype, y.dtype, "same_kind")
    ):
        return False
    boxes = (at.outer, -1, at.inner)
    combine_rows(ufunc, y.reshape(boxes), at.numbers.view(np.int64), x.astype(y.dtype, copy=False).reshape(boxes))
    return True


def _is_all(part: object) -> bool:
    return part.__class__ is slice and part == _ALL


def _are_numbers(part: object) -> bool:
    return part.__class__ is np.ndarray and part.dtype.char in "ilq"


def _broadcast(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes) if len(shapes) > 1 else shapes[0]
    except ValueError:
        return None


def _numbers(arrays: Sequence[Array], extents: Sequence[int], shape: tuple[int, ...]) -> Array | None:
    """Where an index points in so many dimensions counted through, in one dimension; None if that is outside."""
    if len(arrays) == 1 and not is_outside(arrays[0], extents[0]):
        return np.ascontiguousarray(arrays[0], np.int64).reshape(-1).view(np.uint64)
    numbers, wrong = np.zeros(math.prod(shape), np.int64), np.zeros(1, np.int64)
    for i, extent in zip(arrays, extents, strict=True):
        flat = np.ascontiguousarray(np.broadcast_to(i, shape), np.int64).reshape(-1)
        if are_there_loops():
            spread(compiled.number, [flat, numbers], [wrong], [extent])
        elif is_outside(flat, extent, -extent):
            return None
        else:
            numbers *= extent
            numbers += np.where(flat < 0, flat + extent, flat) if flat.min() < 0 else flat
    return None if wrong[0] else numbers.view(np.uint64)


def _single_outer(at: Located) -> tuple[Array, int]:
    """The numbers, and what is left outside: rows of two elements and more are numbered through all of it."""
    if at.outer == 1 or at.inner < 2:
        return at.numbers, at.outer
    starts = np.arange(at.outer, dtype=np.uint64) * np.uint64(at.extent)
    return (starts[:, None] + at.numbers).reshape(-1), 1


def _where_to_write(y: Array, index: object, x: Array | Number) -> Located | None:
    """``located``, where y can be written to and neither the index nor x lies in its memory."""
    at = located(y, index)
    if at is None or not y.flags.writeable:
        return None
    parts = index if index.__class__ is tuple else (index,)
    shares = any(isinstance(a, np.ndarray) and np.may_share_memory(a, y) for a in (*parts, x))
    return None if shares else at


def _values(y: Array, at: Located, x: Array | Number) -> Array | None:
    """x in y's dtype and the shape of what is put, or as one element; None for what NumPy must convert, or refuse."""
    x = of_its_dtype(x, y)
    if not isinstance(x, np.ndarray | np.generic) or x.dtype != y.dtype:
        return None
    if x.size == 1 and at.outer == at.inner == 1:
        return np.array(x).reshape(1)
    try:
        return np.ascontiguousarray(x if x.shape == at.shape else np.broadcast_to(x, at.shape))
    except ValueError:
        return None
