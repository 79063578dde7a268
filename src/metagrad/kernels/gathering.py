"""Elements taken from, and added at, indices along one dimension: ``gather``, ``scatter_add``, the gradient of a lookup.

Everything an index does in NumPy it does element by element, with an iterator over all the dimensions. Among the elements in
one line, at numbers computed before, it takes a fraction of the time; a compiled loop needs no such numbers.
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks, threads_worth
from metagrad.kernels.compiled import gathering as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.libraries import at, is_on_gpu


class IndexAlong(tuple[Array, ...]):
    """An index for ``x[...]`` that is an array along ``axis``, and keeps its position in the other dimensions."""

    axis: int = 0

    @classmethod
    def of(cls, grid: list[Array], axis: int) -> IndexAlong:
        """The index, one array for each dimension."""
        index = cls(grid)
        index.axis = axis
        return index


def fits(x: Array, index: object) -> bool:
    """Whether x is a large array in order in memory, and the index one along a dimension, as large in the others."""
    if index.__class__ is not IndexAlong or x.__class__ is not np.ndarray or not x.flags.carray or not x.size:
        return False
    i, axis = index[index.axis], index.axis
    shape = (*x.shape[:axis], i.shape[axis], *x.shape[axis + 1 :])
    return i.size >= tuning.GATHER_LARGE and i.shape == shape


def take_along(x: Array, index: IndexAlong) -> Array:
    """x[index], for an index that fits."""
    axis = index.axis
    source, i = _boxes(x, axis), _numbers(index)
    y = np.empty(i.shape, x.dtype)
    loop, base = use_compiled(x), _base(source)

    def work(some: slice) -> None:
        if loop and source.shape[2] == 1:
            compiled.take_in_rows(source[some, :, 0], i[some, :, 0], y[some, :, 0])
        elif loop:
            compiled.take_along(source[some], i[some], y[some])
        else:
            numbers = i[some] * source.shape[2]
            numbers += base[some]
            np.take(source.reshape(-1), numbers, out=y[some], mode="clip")  # they are within: checked by the caller

    map_chunks(work, cut(len(i), max(1, tuning.GATHER_CHUNK // max(1, i[0].size))))
    return y.reshape(index[axis].shape)


def add_along(y: Array, index: IndexAlong, x: Array) -> None:
    """y[index] += x, as often as an element is named, for an index that fits and x of its shape and y's dtype."""
    axis = index.axis
    i, target = _numbers(index), _boxes(y, axis)
    terms = np.require(np.broadcast_to(x, index[axis].shape), None, ["C", "W"]).reshape(i.shape)
    if use_compiled(y):
        some = cut(len(i), max(1, tuning.GATHER_CHUNK // max(1, i[0].size)))
        if target.shape[2] == 1:
            map_chunks(lambda s: compiled.add_in_rows(target[s, :, 0], i[s, :, 0], terms[s, :, 0]), some)
        else:
            map_chunks(lambda s: compiled.add_along(target[s], i[s], terms[s]), some)
        return
    numbers = i * target.shape[2] + _base(target)
    np.add.at(y.reshape(-1), numbers.reshape(-1), terms.reshape(-1))


def add_rows(y: Array, rows: Array, x: Array) -> None:
    """y[rows[n]] += x[n], as often as a row is named; rows (N), y (R, *), x (N, *)."""
    if (
        is_on_gpu(y)
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
    if use_compiled(terms):
        columns = cut(width, max(tuning.GATHER_COLUMNS, -(-width // threads_worth(terms.size, tuning.GATHER_LARGE))))
        map_chunks(lambda c: compiled.add_rows(target, rows, terms, c.start, c.stop), columns)
        return
    numbers = rows[:, None] * width + np.arange(width)
    np.add.at(target.reshape(-1), numbers.reshape(-1), terms.reshape(-1))


def _boxes(x: Array, axis: int) -> Array:
    """x as (outer, n, inner): the dimensions before, the one itself, those after; in memory that loops take."""
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    return np.require(x.reshape(outer, x.shape[axis], inner), None, ["C", "W"])


def _numbers(index: IndexAlong) -> Array:
    """The index as boxes."""
    return _boxes(index[index.axis].astype(np.int64, copy=False), index.axis)


def _base(x: Array) -> Array:
    """The number of the first element along the middle dimension, for each of the others: (outer, 1, inner)."""
    outer, n, inner = x.shape
    return np.arange(outer)[:, None, None] * (n * inner) + np.arange(inner)
