"""What an index names in an array, taken, replaced and added to, by the kernel that fits; in arrays not NumPy's, by theirs."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array, Index, Number
from metagrad.kernels import gathering, masks, picking, tuning
from metagrad.kernels.libraries import at, is_on_gpu


def mask_of(index: Index) -> Array | None:
    """NumPy's mask that an index consists of, or None.

    >>> mask_of((np.array([True]),)), mask_of(np.array([1])) is None
    (array([ True]), True)
    """
    if index.__class__ is tuple and len(index) == 1:
        index = index[0]
    return index if index.__class__ is np.ndarray and index.dtype.kind == "b" else None


def taken(x: Array, index: Array | tuple[Array, ...]) -> Array:
    """x[index], a copy, in order in memory.

    >>> taken(np.array([[1, 2], [3, 4]]), (np.array([1, 0]), np.array([0, 0])))
    array([3, 1])
    """
    if not isinstance(x, np.ndarray):
        return x[index]
    if gathering.fits(x, index):
        return gathering.take_along(x, index)  # type: ignore[arg-type]
    if x.size >= tuning.GATHER_LARGE:
        mask = mask_of(index)
        y = picking.taken(x, index) if mask is None else masks.selected(x, mask)
        if y is not None:
            return y
    axis = _single_axis(index) if index.__class__ is tuple and len(index) > 1 else None
    # NumPy may lay out the result as the index lies; here its elements are in order in memory, as in PyTorch
    return np.asarray(x[index], order="C") if axis is None else np.take(x, index[axis], axis)


def put_at(y: Array, index: Index | tuple[Array, ...], x: Array | Number) -> None:
    """y[index] = x.

    >>> y = np.zeros(3)
    >>> put_at(y, np.array([0, 2]), 5.0)
    >>> y.tolist()
    [5.0, 0.0, 5.0]
    """
    if y.__class__ is np.ndarray and y.size >= tuning.GATHER_LARGE:
        mask = mask_of(index)
        if mask is not None and masks.put(y, mask, x) or gathering.put_along(y, index, x) or picking.put(y, index, x):
            return
    y[index] = x


def add_at(y: Array, index: Array | tuple[Array, ...], x: Array) -> None:
    """y[index] += x, repeated indices several times; halves are added up in float32 and rounded once.

    >>> y = np.array([2048.0], np.float16)
    >>> add_at(y, np.array([0, 0]), np.ones(2, np.float16))
    >>> y.tolist()
    [2050.0]
    """
    total = y.astype(np.float32) if y.dtype == np.float16 else y
    axis = _single_axis(index) if isinstance(y, np.ndarray) and isinstance(x, np.ndarray) else None
    if axis == 0:
        gathering.add_rows(total, index[0] if isinstance(index, tuple) else index, x.astype(total.dtype, copy=False))
    elif gathering.fits(total, index) and isinstance(x, np.ndarray):
        gathering.add_along(total, index, x.astype(total.dtype, copy=False))  # type: ignore[arg-type]
    elif isinstance(x, np.ndarray) and picking.add(total, index, x.astype(total.dtype, copy=False)):
        pass
    else:
        at(np.add, total, index, x)
    if total is not y:
        y[...] = total


def combine_at(ufunc: np.ufunc, y: Array, index: Array | tuple[Array, ...], x: Array | Number) -> None:
    """y[index] = ufunc(y[index], x), repeated indices several times.

    >>> y = np.ones(3)
    >>> combine_at(np.multiply, y, np.array([0, 0, 2]), np.array([2.0, 3.0, 5.0]))
    >>> y.tolist()
    [6.0, 1.0, 5.0]
    """
    if not gathering.combine_along(ufunc, y, index, x) and not picking.combine(ufunc, y, index, x):
        at(ufunc, y, index, x)


def add_to_zeros(y: Array, index: Array | tuple[Array, ...], x: Array) -> None:
    """y[index] += x, repeated indices several times, for y that is 0.

    >>> y = np.zeros((2, 2))
    >>> add_to_zeros(y, (slice(None), np.array([1, 1])), np.ones((2, 2)))
    >>> y
    array([[0., 2.],
           [0., 2.]])
    """
    axis = _single_axis(index)
    if axis is None:
        add_at(y, index, x)
    elif x.size and not (axis and picking.add(y, index, x)):
        rows = index if axis == 0 and not isinstance(index, tuple) else index[axis]
        add_rows(np.moveaxis(y, axis, 0), rows % y.shape[axis], np.moveaxis(x, axis, 0))


def add_rows(y: Array, rows: Array, x: Array) -> None:
    """y[rows[i]] = Σ of the x[i] with the same row, for y that is 0 there; rows (n), y (R, *), x (n, *).

    If no row comes twice, storing is enough.

    >>> y = np.zeros((3, 2))
    >>> add_rows(y, np.array([2, 0, 2]), np.ones((3, 2)))
    >>> y
    array([[1., 1.],
           [0., 0.],
           [2., 2.]])
    """
    if is_on_gpu(y):
        at(np.add, y, rows, x)
        return
    met = np.zeros(len(y), bool, like=y)
    met[rows] = True
    if np.count_nonzero(met) == len(rows):
        y[rows] = x
        return
    total = y.astype(np.float32) if y.dtype == np.float16 else y  # halves are added up in float32
    gathering.add_rows(total, rows, x.astype(total.dtype, copy=False))
    if total is not y:
        y[...] = total


def _single_axis(index: Array | tuple[Array, ...]) -> int | None:
    """The dimension that a vector of integers selects from while all others are taken whole, or None."""
    parts = index if isinstance(index, tuple) else (index,)
    chosen = [i for i, p in enumerate(parts) if not (isinstance(p, slice) and p == slice(None))]
    if len(chosen) != 1 or chosen[0] != len(parts) - 1:
        return None
    rows = parts[chosen[0]]
    return chosen[0] if getattr(rows, "ndim", 0) == 1 and rows.dtype.kind in "iu" else None
