"""Reductions of large arrays: parts that the cache holds, shared out to the threads, then joined.

Over the dimensions before, among and after those that are folded, an array in one block of memory is a box of extents
(outer, n, inner). It is cut into smaller boxes; ``part`` folds each of them, and ``join`` folds what came of them. Small
arrays, float16 (whose partial sums would be rounded) and arrays that lie otherwise are one box.

All functions here take the folded dimensions as a tuple, counted from the front.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import libraries, tuning
from metagrad.kernels.chunks import cut, even_chunks, map_chunks, spread
from metagrad.kernels.compiled import extremes
from metagrad.kernels.compiled import reductions as compiled
from metagrad.kernels.compiled.choice import use_compiled, use_formula
from metagrad.kernels.compiled.compiler import available
from metagrad.kernels.copying import converts, copied
from metagrad.kernels.threads import get_num_threads

_SINGLE, _LONG = np.dtype(np.float32), np.dtype(np.int64)
# Loops over rows and over columns, which compiling leaves as they are here.
_ROW_SUMS, _COLUMN_SUMS = compiled.row_sums, compiled.column_sums
_ROW_PRODUCTS, _COLUMN_PRODUCTS = compiled.row_products, compiled.column_products
_ROW_SQUARES, _ROW_DEVIATIONS = compiled.row_squares, compiled.row_deviations
_COLUMN_DEVIATIONS = compiled.column_deviations
_ROW_LARGEST, _COLUMN_LARGEST = extremes.row_largest, extremes.column_largest
_ROW_SMALLEST, _COLUMN_SMALLEST = extremes.row_smallest, extremes.column_smallest
_ROW_MOST, _ROW_LEAST = extremes.row_most, extremes.row_least
_BY_STRIPS = (_ROW_SUMS, _ROW_SQUARES, _ROW_DEVIATIONS)

Part = Callable[..., Array]  # part(x, axis, *others): x folded over axis, which keeps extent 1


def is_large(x: object) -> TypeGuard[np.ndarray]:
    """Whether an array is worth cutting."""
    return type(x) is np.ndarray and x.size >= tuning.REDUCTION_LARGE and x.dtype.itemsize != 2


def fold(x: Array, axis: tuple[int, ...], part: Part, join: np.ufunc, *others: Array, once: float = 0.0) -> Array:
    """``part(x, axis, *others)`` with extent 1 in ``axis``, where ``join`` is the ufunc that makes one part of two.

    others: arrays with the shape of the result, of which ``part`` gets what belongs to its box. once: if ``part``
    reads x once and makes no array of its size, the nanoseconds that an element takes; then the cache is no help, and each
    thread gets one box, as every further one costs a wait for the interpreter.
    """
    if not is_large(x):
        return part(x, axis, *others)
    last = _last_run(axis)
    if len(last) < len(axis) and x.flags.c_contiguous and not others:
        return join.reduce(fold(x, last, part, join, once=once), axis=axis[: -len(last)], keepdims=True)
    extents = _extents(x, axis)
    if extents is not None:
        y = _fold_boxes(x.reshape(extents), part, join, [a.reshape(extents[0], 1, extents[2]) for a in others], once)
        return y.reshape(_kept(x.shape, axis))
    if x.T.flags.c_contiguous and not x.flags.c_contiguous:
        return fold(x.T, _mirrored(x, axis), part, join, *[a.T for a in others], once=once).T
    return part(x, axis, *others)


def _by_loop(
    x: Array,
    axis: tuple[int, ...],
    join: np.ufunc,
    rows: Callable[..., None],
    columns: Callable[..., None] | None = None,
    others: Sequence[Array] = (),
    dtype: np.dtype[Any] | None = None,
) -> Array | None:
    """``fold`` by a compiled loop over rows (N, M), or one over columns (O, N, M), where there is one for x; else None.

    A few parts for each thread, which ``join`` folds where they are parts of one row or column. others: arrays that broadcast to
    the result, of which a loop gets an element for each row (N), or column (O, M). dtype: the result's; without it, it is x's,
    and there are loops for floats alone.
    """
    if not (use_compiled if dtype is None else use_formula)(x, tuning.REDUCTION_LARGE):
        return None
    if len(axis) == x.ndim and x.flags.c_contiguous and not others:
        return _by_parts(x.reshape(1, -1, 1), join, rows, [], dtype).reshape(_kept(x.shape, axis))
    if x.T.flags.c_contiguous and not x.flags.c_contiguous:
        found = _by_loop(x.T, _mirrored(x, axis), join, rows, columns, [a.T for a in others], dtype)
        return None if found is None else found.T
    last = _last_run(axis)
    if len(last) < len(axis) and x.flags.c_contiguous:
        found = _by_loop(x, last, join, rows, columns, others, dtype)
        return None if found is None else join.reduce(found, axis=axis[: -len(last)], keepdims=True)
    extents = _extents(x, axis) if x.flags.c_contiguous else None
    if extents is None or 1 < extents[2] < tuning.REDUCTION_COLUMNS or (extents[2] > 1 and columns is None):
        return None
    if extents[2] > 1 and _pieces(*extents)[1] > tuning.REDUCTION_ROWS:
        return None
    shape = _kept(x.shape, axis)
    beside = [np.broadcast_to(a, shape).reshape(extents[0], extents[2]).astype(x.dtype) for a in others]  # copies
    return _by_parts(x.reshape(extents), join, rows if extents[2] == 1 else columns, beside, dtype).reshape(shape)


def _by_parts(
    x: Array, join: np.ufunc, loop: Callable[..., None] | None, beside: list[Array], dtype: np.dtype[Any] | None
) -> Array:
    """A loop's (O, M) of x (O, N, M), with others (O, M) beside; in parts of N where O has too few for all threads."""
    assert loop is not None
    outer, n, inner = x.shape
    count, height = _pieces(outer, n, inner)
    last = (inner,) if inner > 1 else ()
    parts = np.empty((outer * count, *last), dtype or x.dtype)
    whole = x if count * height == n else x[:, : count * height]
    arrays = [whole.reshape(outer * count, height, *last)]
    for a in beside:
        each = np.repeat(a, count, axis=0) if count > 1 else a
        arrays.append(each if inner > 1 else each[:, 0])
    arrays.append(parts)
    spread(loop, arrays, numbers=[tuning.REDUCTION_STRIP] if loop in _BY_STRIPS else ())
    if count > 1:
        parts = join.reduce(parts.reshape(outer, count, *last), axis=1)
    parts = parts.reshape(outer, inner)
    if count * height < n:
        parts = join(parts, _by_parts(x[:, count * height :], join, loop, beside, dtype))
    return parts


def _pieces(outer: int, n: int, inner: int) -> tuple[int, int]:
    """Into how many pieces of which height N is cut: without a rest unless O is 1."""
    wanted = -(-tuning.REDUCTION_PARTS * get_num_threads() // outer)
    if inner > 1:
        wanted = max(wanted, -(-n // tuning.REDUCTION_ROWS))
    wanted = min(wanted, n)
    if outer > 1:
        wanted = next((count for count in range(wanted, min(2 * wanted, n)) if n % count == 0), 1)
    return wanted, n // wanted


def _last_run(axis: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the dimensions at the end that follow each other: they are folded first if there are others.

    >>> _last_run((0, 2, 3))
    (2, 3)
    """
    first = len(axis) - 1
    while first > 0 and axis[first] == axis[first - 1] + 1:
        first -= 1
    return axis[first:] if first >= 0 else axis


def _mirrored(x: Array, axis: tuple[int, ...]) -> tuple[int, ...]:
    """The same dimensions of the transposed array."""
    return tuple(sorted(x.ndim - 1 - d for d in axis))


def _fold_boxes(x: Array, part: Part, join: np.ufunc, others: list[Array], once: float) -> Array:
    """``fold`` of x (outer, n, inner) over n, with others (outer, 1, inner): (outer, 1, inner)."""
    depths, heights, widths = _shares(x.shape, once) if once else _boxes(x.shape)
    boxes = [(d, j, w) for d in depths for j in range(len(heights)) for w in widths]
    is_last = x.shape[2] == 1  # the last dimension is what is folded: NumPy is faster if it sees that

    def folded(box: tuple[slice, int, slice]) -> Array:
        d, j, w = box
        inside, beside = x[d, heights[j], w], [a[d, :, w] for a in others]
        if is_last:
            return part(inside[..., 0], (1,), *[a[..., 0] for a in beside])[..., None]
        return part(inside, (1,), *beside)

    found = map_chunks(folded, boxes)
    parts = np.empty((x.shape[0], len(heights), x.shape[2]), found[0].dtype)
    for (d, j, w), y in zip(boxes, found, strict=True):
        parts[d, j : j + 1, w] = y
    return parts if len(heights) == 1 else join.reduce(parts, axis=1, keepdims=True, dtype=parts.dtype)


def _boxes(extents: tuple[int, int, int]) -> list[list[slice]]:
    """Where to cut each dimension so that boxes stay in the cache, with as many elements as may be from each row."""
    outer, n, inner = extents
    size = min(tuning.REDUCTION_CHUNK, -(-outer * n * inner // get_num_threads()))
    width = min(inner, size)
    height = min(n, -(-size // width), n if inner == 1 else tuning.REDUCTION_ROWS)
    depth = -(-size // (n * inner)) if height == n and width == inner else 1
    return [cut(outer, depth), cut(n, height), cut(inner, width)]


def _shares(extents: tuple[int, int, int], cost: float) -> list[list[slice]]:
    """Where to cut a dimension so that each thread gets one box, and the calling one the largest. cost: of an element."""
    threads = get_num_threads()
    longest = max(extents)
    axis = next(d for d in (0, 1, 2) if extents[d] >= min(longest, 16 * threads))
    lengths = [extents[0], extents[1] if extents[2] == 1 else min(extents[1], tuning.REDUCTION_ROWS), extents[2]]
    cuts = [cut(extent, length) for extent, length in zip(extents, lengths, strict=True)]
    cuts[axis] = even_chunks(extents[axis], lengths[axis], threads, cost * math.prod(extents) / extents[axis])
    return cuts


def _extents(x: Array, axis: tuple[int, ...]) -> tuple[int, int, int] | None:
    """The extents before, of and after dimensions that follow each other; None for others, and for strided memory."""
    return _box(x.shape, axis) if axis and x.flags.c_contiguous else None


@functools.lru_cache(1024)
def _box(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, int, int] | None:
    first, last = min(axis), max(axis)
    if last - first + 1 != len(axis):
        return None
    return math.prod(shape[:first]), math.prod(shape[first : last + 1]), math.prod(shape[last + 1 :])


def dropped(y: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """The result of a fold as the caller wants it."""
    return y if keepdims else y.reshape(_left(y.shape, axis))


@functools.lru_cache(1024)
def _left(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([n for d, n in enumerate(shape) if d not in axis])


def _is_rows(x: Array, axis: tuple[int, ...]) -> bool:
    """Whether x is a part whose rows are folded."""
    return x.size >= tuning.REDUCTION_CHUNK // 2 and x.ndim == 2 and axis == (1,)


def _by_blas(x: Array, axis: tuple[int, ...]) -> Array | None:
    """Σ x as products with ones, which BLAS is faster at than NumPy's sum; None for arrays that fold does not cut."""
    extents = _extents(x, axis) if x.dtype.char in "fd" else None
    if extents is None or 0 in extents:
        return None
    from metagrad.kernels.sums_by_blas import columns_sum, rows_sum

    outer, n, inner = extents
    sums = rows_sum(x.reshape(outer, n)) if inner == 1 else columns_sum(x.reshape(extents))
    return sums.reshape(_kept(x.shape, axis))


@functools.lru_cache(1024)
def _kept(shape: tuple[int, ...], axis: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([1 if d in axis else m for d, m in enumerate(shape)])


def _sum(x: Array, axis: tuple[int, ...]) -> Array:
    return np.add.reduce(x, axis=axis, keepdims=True)


def _are_few(x: Array, outer: int, n: int, inner: int) -> bool:
    """Whether each sum of x (O, N, M) over N has few elements. Compiled loops are sooner done where O and M are large."""
    return x.dtype.char in "fd" and 2 <= n <= tuning.REDUCTION_FEW and (outer == 1 or inner < n or not available())


def sum(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """Σ x; of bools, how many are True."""
    if not is_large(x):
        return x.sum(axis=axis, keepdims=keepdims)
    extents = _extents(x, axis) if len(axis) < x.ndim else None
    if extents and _are_few(x, *extents):
        from metagrad.kernels.few import sum_of_few

        return dropped(sum_of_few(x.reshape(extents)).reshape(_kept(x.shape, axis)), axis, keepdims)
    whole = x.view(np.int8) if x.dtype.kind == "b" else x
    found = _by_loop(whole, axis, np.add, _ROW_SUMS, _COLUMN_SUMS, dtype=_LONG if whole.dtype.char in "bl" else None)
    found = _by_blas(x, axis) if found is None else found
    return dropped(fold(x, axis, _sum, np.add, once=tuning.PASS_COST) if found is None else found, axis, keepdims)


def counts(x: object) -> bool:
    """Whether ``sum`` counts which bools are True with less ado than what adds them up as integers."""
    return is_large(x) and x.dtype.kind == "b"


def sum_of_halves(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """Σ x of float16 numbers, in float32."""
    if converts(x, _SINGLE):
        return sum(copied(x, _SINGLE), axis, keepdims)
    return x.sum(axis=axis, keepdims=keepdims, dtype=_SINGLE)


def _product(x: Array, axis: tuple[int, ...]) -> Array:
    """Π x: parts of a row are multiplied with each other, which the processor does for many elements at once, then what came of
    all rows, several of which are turned into columns.
    """
    if not _is_rows(x, axis) or x.shape[1] < tuning.PRODUCT_ROW:
        return np.multiply.reduce(x, axis=axis, keepdims=True)
    m = x.shape[1]
    longest = tuning.PRODUCT_PART * -(-m // (tuning.PRODUCT_PART * tuning.REDUCTION_ROWS))
    length = min(longest, m // tuning.PRODUCT_PARTS) // 4 * 4
    n = m // length * length
    found = []
    for some in cut(len(x), max(1, tuning.PRODUCT_BLOCK // m)):
        y = np.multiply.reduce(x[some, :n].reshape(-1, m // length, length), axis=1)
        y[:, : m - n] *= x[some, n:]
        few = max(1, 16 // y.itemsize)  # elements that are copied as one
        together = y.view(np.complex128) if few > 1 else y
        columns = np.multiply.reduce(np.ascontiguousarray(together.T).view(y.dtype), axis=0)
        found.append(np.multiply.reduce(columns.reshape(-1, few), axis=1, keepdims=True))
    return np.concatenate(found)


def prod(x: Array, axis: int, keepdims: bool) -> Array:
    """Π x over one dimension."""
    if not is_large(x):
        return x.prod(axis=axis, keepdims=keepdims)
    found = _by_loop(x, (axis,), np.multiply, _ROW_PRODUCTS, _COLUMN_PRODUCTS)
    cost = tuning.PASS_COST if x.size == x.shape[axis] else tuning.PRODUCT_COST
    return dropped(fold(x, (axis,), _product, np.multiply, once=cost) if found is None else found, (axis,), keepdims)


def _extremes(
    x: Array, axis: tuple[int, ...], join: np.ufunc, floats: tuple[Any, Any], rows: Callable[..., None]
) -> Array | None:
    return _by_loop(x, axis, join, rows, dtype=x.dtype) if x.dtype.kind in "iu" else _by_loop(x, axis, join, *floats)


def largest(x: Array, axis: tuple[int, ...]) -> Array:
    """The largest x, with extent 1 in ``axis``."""
    if converts(x, _SINGLE):
        return largest(copied(x, _SINGLE), axis).astype(x.dtype)
    found = _extremes(x, axis, np.maximum, (_ROW_LARGEST, _COLUMN_LARGEST), _ROW_MOST) if is_large(x) else None
    return fold(x, axis, libraries.largest, np.maximum, once=tuning.PASS_COST) if found is None else found


def smallest(x: Array, axis: tuple[int, ...]) -> Array:
    """The smallest x, with extent 1 in ``axis``."""
    if converts(x, _SINGLE):
        return smallest(copied(x, _SINGLE), axis).astype(x.dtype)
    found = _extremes(x, axis, np.minimum, (_ROW_SMALLEST, _COLUMN_SMALLEST), _ROW_LEAST) if is_large(x) else None
    return fold(x, axis, libraries.smallest, np.minimum, once=tuning.PASS_COST) if found is None else found


def _of_truths(part: Callable[..., Array]) -> Part:
    return lambda x, axis: part(x if x.dtype == bool else x != 0, axis=axis, keepdims=True)


def any(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """Whether some x is not 0."""
    return dropped(fold(x, axis, _of_truths(np.any), np.logical_or), axis, keepdims)


def all(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """Whether no x is 0."""
    return dropped(fold(x, axis, _of_truths(np.all), np.logical_and), axis, keepdims)


def _squares(x: Array, axis: tuple[int, ...]) -> Array:
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.dtype.itemsize <= 8 and _is_rows(x, axis):
        from metagrad.kernels.sums_by_blas import strips_sum

        return strips_sum(x, x)
    squares = (x * np.conjugate(x)).real if x.dtype.kind == "c" else x * x
    return squares.sum(axis=axis, keepdims=True)


def sum_of_squares(x: Array, axis: tuple[int, ...]) -> Array:
    """Σ |x|², with extent 1 in ``axis``."""
    found = _by_loop(x, axis, np.add, _ROW_SQUARES) if is_large(x) else None
    if found is not None:
        return found
    return fold(x, axis, _squares, np.add, once=tuning.SUM_COST * (x.ndim - 1 in axis))  # rows need no array of squares


def _deviations(x: Array, axis: tuple[int, ...], mean: Array) -> Array:
    return _squares(x - mean, axis)


def sum_of_deviations(x: Array, axis: tuple[int, ...], mean: Array) -> Array:
    """Σ |x − x̄|², with extent 1 in ``axis``, as in the mean."""
    found = _by_loop(x, axis, np.add, _ROW_DEVIATIONS, _COLUMN_DEVIATIONS, [mean]) if is_large(x) else None
    return fold(x, axis, _deviations, np.add, mean) if found is None else found


def _exponentials(x: Array, axis: tuple[int, ...], shift: Array) -> Array:
    return np.exp(x - shift).sum(axis=axis, keepdims=True)


def sum_of_exponentials(x: Array, axis: tuple[int, ...], shift: Array) -> Array:
    """Σ e^(x − shift), with extent 1 in ``axis``, as in the shift."""
    return fold(x, axis, _exponentials, np.add, shift)
