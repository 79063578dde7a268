"""Elements taken from, and added at, indices along one dimension: ``gather``, ``scatter_add``, the gradient of a lookup.

Everything an index does in NumPy it does element by element, with an iterator over all the dimensions. Among the elements in
one line, at numbers computed before, it takes a fraction of the time; a compiled loop needs no such numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array, Number
from metagrad.kernels import libraries, tuning
from metagrad.kernels.chunks import cut, even_chunks, map_chunks, spread, threads_worth
from metagrad.kernels.combining import combine_elements, combine_rows
from metagrad.kernels.compiled import gathering as compiled
from metagrad.kernels.compiled import picking
from metagrad.kernels.compiled.choice import are_there_loops, use_compiled
from metagrad.kernels.libraries import at
from metagrad.kernels.reductions import is_large
from metagrad.kernels.threads import get_num_threads


class IndexAlong(tuple[Array, ...]):
    """An index for ``x[...]`` that is an array along ``axis``, and keeps its position in the other dimensions."""

    axis: int = 0

    @classmethod
    def of(cls, grid: list[Array], axis: int) -> IndexAlong:
        """The index, one array for each dimension."""
        index = cls(grid)
        index.axis = axis
        return index


BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}  # by the bytes of an element


def in_bits(x: Array, shape: tuple[int, ...]) -> Array:
    """An array in order as unsigned integers of its elements' width, as which loops move what they need not understand."""
    return x.view(BITS[x.dtype.itemsize]).reshape(shape)


def of_its_dtype(x: Array | Number, y: Array) -> Array | Number:
    """A Python number that is to be put into an array of floats as one of the array's dtype; anything else as it is."""
    return np.array(x, y.dtype) if isinstance(x, float) and y.dtype.char in "fd" else x


def moves_by_loop(x: Array) -> bool:
    """Whether compiled loops move the elements of such an array."""
    return x.dtype.itemsize in BITS and are_there_loops()


def fits(x: Array, index: object) -> bool:
    """Whether x is a large array in order in memory, and the index one along a dimension, as large in the others."""
    if index.__class__ is not IndexAlong or x.__class__ is not np.ndarray or not x.flags.carray or not x.size:
        return False
    i, axis = index[index.axis], index.axis
    shape = (*x.shape[:axis], i.shape[axis], *x.shape[axis + 1 :])
    return i.size >= tuning.GATHER_LARGE and i.shape == shape


def is_outside(index: Array, count: int, low: int = 0) -> bool:
    """Whether an index is below ``low``, or ``count`` and more: ``libraries.is_outside``, on all threads."""
    if not is_large(index) or not index.flags.c_contiguous:
        return libraries.is_outside(index, low, count)
    numbers = index.reshape(-1)
    if are_there_loops() and index.dtype == np.int64:
        wrong = np.zeros(1, np.int64)
        spread(picking.look_outside, [numbers], [wrong], [low, count])
        return bool(wrong[0])
    chunks = cut(len(numbers), tuning.POINTWISE_CHUNK_READ_ONCE)
    return any(map_chunks(lambda s: libraries.is_outside(numbers[s], low, count), chunks))


def take_along(x: Array, index: IndexAlong) -> Array:
    """x[index], for an index that fits."""
    source, i = _boxes(x, index.axis), _numbers(index)
    y = np.empty(i.shape, x.dtype)
    if moves_by_loop(x):
        _take_by_loop(in_bits(source, source.shape), i.view(np.uint64), in_bits(y, y.shape))
        return y.reshape(index[index.axis].shape)
    base, line = _base(source), source.reshape(-1)

    def work(some: slice) -> None:
        numbers = i[some] + base[some] if source.shape[2] == 1 else i[some] * source.shape[2]
        if source.shape[2] > 1:
            numbers += base[some]
        np.take(line, numbers, out=y[some], mode="clip")  # they are within: checked by the caller

    map_chunks(work, _of_boxes(i))
    return y.reshape(index[index.axis].shape)


def _take_by_loop(x: Array, i: Array, y: Array) -> None:
    if x.shape[2] == 1:
        x, i, y = x[..., 0], i[..., 0], y[..., 0]
        spread(compiled.take_in_rows, [i, x, y])
        return
    rows = cut(i.shape[0] * i.shape[1], max(1, tuning.GATHER_CHUNK // i.shape[2]))
    map_chunks(lambda s: compiled.take_along(x, i, y, s.start, s.stop), rows)


def put_along(y: Array, index: object, x: Array | Number) -> bool:
    """y[index] = x, of an element named twice the last; whether it has been done: for an index that fits, and x of y's dtype."""
    if index.__class__ is not IndexAlong or not fits(y, index) or not y.flags.writeable:
        return False
    x = of_its_dtype(x, y)
    i = index[index.axis]
    if not isinstance(x, np.ndarray) or x.dtype != y.dtype or x.ndim and x.shape != i.shape:
        return False
    if np.may_share_memory(x, y) or np.may_share_memory(i, y):
        return False
    values = x if x.ndim else np.full(i.shape, x)
    _put_in_boxes(_boxes(y, index.axis), _numbers(index), _boxes(values, index.axis))
    return True


def _put_in_boxes(y: Array, i: Array, x: Array) -> None:
    if not moves_by_loop(y):
        base = np.arange(y.shape[2])

        def work(some: slice) -> None:
            numbers = i[some] + _starts(y[some]) if y.shape[2] == 1 else i[some] * y.shape[2] + base + _starts(y[some])
            y[some].reshape(-1)[numbers.reshape(-1)] = x[some].reshape(-1)

        map_chunks(work, _of_boxes(i))
        return
    _write_by_loop(compiled.put_in_rows, compiled.put_along, i, in_bits(y, y.shape), in_bits(x, x.shape))


def add_along(y: Array, index: IndexAlong, x: Array) -> None:
    """y[index] += x, as often as an element is named, for an index that fits and x of its shape and y's dtype."""
    i, target, shape = _numbers(index), _boxes(y, index.axis), index[index.axis].shape
    x = x if x.shape == shape else np.broadcast_to(x, shape)  # which may not be written to, so that it is copied below
    terms = np.require(x, None, ["C", "W"]).reshape(i.shape)
    if y.dtype.char in "fdlqi" and are_there_loops():
        _write_by_loop(compiled.add_in_rows, compiled.add_along, i, target, terms)
        return
    combine_elements(np.add, target, i, terms)


def _write_by_loop(
    in_rows: Callable[..., None], along: Callable[..., None], i: Array, y: Array, x: Array, *numbers: int
) -> None:
    """By boxes if there are some for each thread, else by columns: threads write to different elements."""
    i, width = i.view(np.uint64), i.shape[2]
    if width == 1:
        spread(in_rows, [i[..., 0], y[..., 0], x[..., 0]], (), numbers)
    elif len(i) >= get_num_threads():
        map_chunks(lambda s: along(i[s], y[s], x[s], *numbers, 0, width), _of_boxes(i))
    else:
        columns = _shares_of_columns(width, i.size)
        map_chunks(lambda c: along(i, y, x, *numbers, c.start, c.stop), columns)


_KINDS = {
    np.add: compiled.ADD, np.multiply: compiled.MULTIPLY, np.maximum: compiled.LARGEST, np.minimum: compiled.SMALLEST,
}  # fmt: skip


def combine_along(ufunc: np.ufunc, y: Array, index: object, x: Array | Number) -> bool:
    """y[index] = ufunc(y[index], x), as often as an element is named; whether it has been done, or is left to NumPy."""
    if index.__class__ is not IndexAlong or not fits(y, index) or y.dtype.char not in "fdlq":
        return False
    terms, shape = np.asarray(x), index[index.axis].shape
    if ufunc not in _KINDS or terms.dtype != y.dtype and not (y.dtype.kind == "i" and terms.dtype.kind in "bi"):
        return False
    terms = _boxes(np.broadcast_to(terms, shape).astype(y.dtype, copy=False), index.axis)
    target = _boxes(y, index.axis)
    if not are_there_loops():
        combine_elements(ufunc, target, _numbers(index), terms)
        return True
    _write_by_loop(compiled.combine_in_rows, compiled.combine_along, _numbers(index), target, terms, _KINDS[ufunc])
    return True


def add_rows(y: Array, rows: Array, x: Array) -> None:
    """y[rows[n]] += x[n], as often as a row is named; rows (N), y (R, *), x (N, *)."""
    if (
        not isinstance(y, np.ndarray)
        or y.ndim < 2
        or y.dtype != x.dtype
        or not y.flags.carray
        or not x.size
        or x.shape[1:] != y.shape[1:]
    ):
        at(np.add, y, rows, x)
        return
    rows, width = rows.astype(np.int64, copy=False) % len(y), math.prod(y.shape[1:])
    target, terms = y.reshape(len(y), width), np.require(x, None, ["C", "W"]).reshape(len(rows), width)
    if use_compiled(terms, tuning.GATHER_LARGE):
        add_rows_by_loop(target, rows.view(np.uint64), terms)
        return
    combine_rows(np.add, target[None], rows, terms[None])


def add_rows_by_loop(y: Array, numbers: Array, x: Array) -> None:
    """y[numbers[n]] += x[n]: the x of a row are chained up first, so that threads write to different rows; y (R, D), x (N, D)."""
    first, following = np.full(len(y), -1), np.empty(len(numbers), np.int64)
    compiled.chain(numbers, first, following)
    spread(compiled.add_rows, [y, first], [following, x], elements=x.size)


def add_scaled_rows(y: Array, rows: Array, numbers: Array, scale: Array, x: Array) -> None:
    """y[rowsₙ] += scaleₙ x[numbersₙ]; rows, numbers and scale (N), none of them negative; y (R, D), x (M, D)."""
    elements = len(rows) * x.shape[1]
    if not (use_compiled(x, 1) and elements >= tuning.COMPILED_WORTH and y.flags.carray):
        if not _add_equal_runs(y, rows, numbers, scale, x):
            add_rows(y, rows, x[numbers] * scale[:, None])
        return
    rows, numbers = (np.ascontiguousarray(a, np.int64) for a in (rows, numbers))
    whole = [numbers.view(np.uint64), np.require(scale, y.dtype, ["C"]), np.require(x, y.dtype, ["C"])]
    begins = np.empty(len(y) + 1, np.int64)
    if compiled.find_runs(rows, begins):
        spread(compiled.add_runs, [y, begins[:-1], begins[1:]], whole, elements=elements)
        return
    first, following = np.full(len(y), -1), np.empty(len(rows), np.int64)
    compiled.chain(rows.view(np.uint64), first, following)
    spread(compiled.add_scaled_rows, [y, first], [following, *whole], elements=elements)


def _add_equal_runs(y: Array, rows: Array, numbers: Array, scale: Array, x: Array) -> bool:
    """``add_scaled_rows`` where each row is named as often as any, one after the other, as in bags of one size; whether so."""
    count = len(rows) // max(1, len(y))
    if (
        not count
        or len(rows) != count * len(y)
        or not y.size
        or not all(a.__class__ is np.ndarray for a in (y, rows, x))
    ):
        return False
    if y.dtype.char not in "fd" or not (rows.reshape(-1, count) == np.arange(len(y))[:, None]).all():
        return False
    of_row, factors = numbers.reshape(-1, count), scale.reshape(-1, 1, count)

    def work(some: slice) -> None:
        y[some] += np.matmul(factors[some], x.take(of_row[some], 0))[:, 0]

    cost = count * x.shape[1] * tuning.POINTWISE_COST_READ_ONCE
    map_chunks(
        work, even_chunks(len(y), max(1, tuning.POINTWISE_CHUNK // (count * x.shape[1])), get_num_threads(), cost)
    )
    return True


def _of_boxes(i: Array) -> list[slice]:
    """Chunks of the first dimension; few where NumPy works on them, for between its calls threads wait for each other."""
    size = max(1, i[0].size)
    if are_there_loops():
        return cut(len(i), max(1, tuning.GATHER_CHUNK // size))
    return even_chunks(len(i), max(1, tuning.POINTWISE_CHUNK // size), threads_worth(i.size, tuning.GATHER_CHUNK))


def _shares_of_columns(width: int, elements: int) -> list[slice]:
    """Columns of a matrix for each thread that so many elements are worth."""
    return cut(width, max(tuning.GATHER_COLUMNS, -(-width // threads_worth(elements, tuning.GATHER_LARGE))))


def _boxes(x: Array, axis: int) -> Array:
    """x as (outer, n, inner): the dimensions before, the one itself, those after; in memory that loops take."""
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    return np.require(x.reshape(outer, x.shape[axis], inner), None, ["C", "W"])


def _numbers(index: IndexAlong) -> Array:
    """The index as boxes."""
    return _boxes(index[index.axis].astype(np.int64, copy=False), index.axis)


def _base(x: Array) -> Array:
    """The number of the first element along the middle dimension, for each of the others: (outer, 1, inner)."""
    return _starts(x) + np.arange(x.shape[2])


def _starts(x: Array) -> Array:
    """The number of each box's first element: (outer, 1, 1)."""
    outer, n, inner = x.shape
    return np.arange(outer)[:, None, None] * (n * inner)
