"""Running sums, products, extremes and ln Σ eˣ of large arrays, on all threads.

Compiled loops take the elements in order. Without them, only sums are more than NumPy's call.

Each sum waits for the one before it, so a processor that could add eight numbers at once adds one. Across the dimension
whole rows are added instead. Along rows, a row is cut into strips: the sums of the strips, then their running sums, are
where each strip starts from. That is added to its first element, and the running sums inside all strips are then one
product with a triangle of ones.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, even_chunks, map_chunks, split
from metagrad.kernels.compiled import scans as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.copying import flipped
from metagrad.kernels.libraries import accumulate
from metagrad.kernels.reductions import is_large
from metagrad.kernels.threads import get_num_threads

_WIDER: dict[str, type[np.number[Any]]] = {"f": np.float64, "F": np.complex128}


def running_sum(x: Array, axis: int) -> Array:
    """yᵢ = Σ_{j≤i} xⱼ along one dimension, in the dtype of x."""
    if not is_large(x) or not x.flags.c_contiguous or x.dtype.kind not in "fiu":
        return _by_numpy(x, axis)
    if x.dtype.kind != "f":
        return _of_integers(x, axis)
    if takes_loop(x):
        outer, n, inner = _extents(x, axis)
        if inner == 1 and outer < tuning.SCAN_ROWS and n >= tuning.SCAN_CHUNK:
            return _of_long_rows(x.reshape(outer, n)).reshape(x.shape)
        (y,) = _by_loop(compiled.running_sums, compiled.running_sums_of_columns, x, axis, (x.dtype,))
        return y
    outer, n, inner = _extents(x, axis)
    if inner >= tuning.SCAN_COLUMNS:
        return _of_columns(x.reshape(outer, n, inner)).reshape(x.shape)
    if inner == 1 and n >= 4 * tuning.SCAN_STRIP:
        y = _of_rows(x.reshape(outer, n))
        if y is not None:
            return y.reshape(x.shape)
    return _by_numpy(x, axis)


def _by_numpy(x: Array, axis: int) -> Array:
    """NumPy's running sums; those of float32 in float64, and rounded once: errors do not add up, and a sum may leave
    float32's range and come back."""
    wide = _WIDER.get(x.dtype.char)
    if wide is None or not isinstance(x, np.ndarray):
        return np.cumsum(x, axis=axis, dtype=x.dtype if wide is None else wide).astype(x.dtype, copy=False)
    return np.add.accumulate(x.astype(wide), axis).astype(x.dtype)  # half the time of np.cumsum's


def _of_integers(x: Array, axis: int) -> Array:
    """NumPy's running sums of integers, rows shared out to all threads."""
    outer, n, inner = _extents(x, axis)
    if inner > 1:
        return accumulated(np.add, x, axis)
    y = np.empty_like(x)
    source, target = x.reshape(outer, n), y.reshape(outer, n)
    chunks = even_chunks(outer, outer, get_num_threads(), n * tuning.POINTWISE_COST_READ_ONCE)
    map_chunks(lambda some: np.add.accumulate(source[some], 1, out=target[some]), chunks)
    return y


def running_sum_from_the_end(x: Array, axis: int) -> Array:
    """yᵢ = Σ_{j≥i} xⱼ along one dimension: the gradient of running sums."""
    y = running_sum(flipped(x, (axis,), np.empty(x.shape, x.dtype)), axis)
    return flipped(y, (axis,), np.empty(x.shape, x.dtype))


def running_product(x: Array, axis: int) -> Array:
    """yᵢ = Π_{j≤i} xⱼ along one dimension, multiplied in float64 and rounded once; x takes a loop."""
    return _by_loop(compiled.running_products, compiled.running_products_of_columns, x, axis, (x.dtype,))[0]


def running_largest(x: Array, axis: int, sign: int) -> tuple[Array, Array]:
    """The largest of the first elements along one dimension, and its index; for sign −1 the smallest; x takes a loop."""
    kinds, s = (x.dtype, np.dtype(np.int64)), x.dtype.type(sign)
    values, index = _by_loop(compiled.running_largest, compiled.running_largest_of_columns, x, axis, kinds, s)
    return values, index


def running_logsumexp(x: Array, axis: int) -> Array:
    """yᵢ = ln Σ_{j≤i} e^xⱼ along one dimension; x takes a loop."""
    return _by_loop(compiled.running_logsumexp, compiled.running_logsumexp_of_columns, x, axis, (x.dtype,))[0]


def accumulated(ufunc: np.ufunc, x: Array, axis: int, wide: type[np.number[Any]] | None = None) -> Array:
    """``ufunc.accumulate`` along one dimension, in a wider dtype and rounded once if one is given; on all threads.

    >>> accumulated(np.multiply, np.array([[2.0, 3.0, 4.0]]), 1).tolist()
    [[2.0, 6.0, 24.0]]
    """
    outer, n, inner = _extents(x, axis)
    dear = ufunc is np.logaddexp
    turned = outer if inner == 1 and (dear or wide and n <= tuning.SCAN_TURNED) else 0  # others do not pay for turning
    in_cache = not wide and not dear and x.nbytes < tuning.SCAN_BYTES  # where NumPy's order of reading costs nothing
    if in_cache or not (is_large(x) and x.flags.c_contiguous and max(turned, inner) >= tuning.SCAN_COLUMNS):
        return accumulate(ufunc, x, axis) if wide is None else accumulate(ufunc, x.astype(wide), axis).astype(x.dtype)
    y, kind = np.empty_like(x), wide or x.dtype
    source, target = (a.reshape(outer, n) if inner == 1 else a.reshape(outer, n, inner) for a in (x, y))
    threads = (
        get_num_threads() if ufunc is np.logaddexp else 1
    )  # others take less time than to wait for the interpreter

    def rows(some: slice) -> None:  # as columns, for NumPy takes the elements of a row one by one
        terms = np.array(source[some].T, kind, order="C")
        for before, here in itertools.pairwise(terms):
            ufunc(before, here, out=here)
        target[some] = terms.T

    def columns(chunk: tuple[int, slice]) -> None:
        o, some = chunk
        total = source[o, 0, some].astype(kind)
        target[o, 0, some] = total
        for term, here in zip(source[o, 1:, some], target[o, 1:, some], strict=True):
            here[...] = ufunc(total, term, out=total)

    if inner == 1:
        map_chunks(rows, even_chunks(outer, max(tuning.SCAN_COLUMNS, tuning.POINTWISE_CHUNK // n), threads), threads)
    else:
        map_chunks(columns, [(o, some) for some in split(inner, threads) for o in range(outer)], threads)
    return y


def extremes_of_rows(ufunc: np.ufunc, x: Array) -> tuple[Array, Array]:
    """The largest or smallest of the first elements of each row of x (N, M), and where the last such stands.

    In log₂ M passes: when each element stands for the d up to it, it is joined to what stands d places before.

    >>> [found.tolist() for found in extremes_of_rows(np.maximum, np.array([[1, 3, 2, 3]]))]
    [[[1, 3, 3, 3]], [[0, 1, 1, 3]]]
    """
    n, y, index = x.shape[1], np.empty_like(x), np.empty(x.shape, np.int64)

    def work(some: slice) -> None:
        now, free, d = x[some], [np.empty_like(x[some]), y[some]], 1
        while d < n:
            after = free[0]
            after[:, :d] = now[:, :d]
            ufunc(now[:, :-d], now[:, d:], out=after[:, d:])
            now, free, d = after, [free[1], after], 2 * d
        y[some] = now
        reached = np.equal(x[some], now)
        reached |= np.isnan(x[some])
        places = np.flatnonzero(reached)
        index[some] = np.repeat(places % n, np.diff(places, append=reached.size)).reshape(-1, n)

    map_chunks(work, even_chunks(len(x), max(1, tuning.SPECIAL_CHUNK // n), get_num_threads()))
    return y, index


def takes_loop(x: Array) -> bool:
    """Whether compiled loops serve an array."""
    return use_compiled(x) and x.flags.carray


def _extents(x: Array, axis: int) -> tuple[int, int, int]:
    """The extents before, of and after a dimension."""
    return math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])


def _by_loop(
    rows: Callable[..., None],
    columns: Callable[..., None],
    x: Array,
    axis: int,
    kinds: tuple[np.dtype[Any], ...],
    *numbers: Any,
) -> list[Array]:
    """Results of these dtypes, by a loop along rows or one down columns, shared out to the threads."""
    outer, n, inner = _extents(x, axis)
    results = [np.empty(x.shape, kind) for kind in kinds]
    if inner == 1:
        source, *targets = [a.reshape(outer, n) for a in (x, *results)]
        some = cut(outer, max(4, -(-outer // get_num_threads())))
        map_chunks(lambda s: rows(source[s], *numbers, *[t[s] for t in targets]), some)
        return results
    source, *targets = [a.reshape(outer, n, inner) for a in (x, *results)]
    widths = cut(inner, -(-inner // get_num_threads()) if outer == 1 else inner)
    chunks = [(o, w.start, w.stop) for o in range(outer) for w in widths]
    map_chunks(lambda c: columns(source[c[0]], *numbers, *[t[c[0]] for t in targets], *c[1:]), chunks)
    return results


def _of_long_rows(x: Array) -> Array:
    """Few rows: each is cut into parts that are added up by themselves, and then moved by the sum of those before."""
    y, count = np.empty_like(x), 4 * get_num_threads()
    length = x.shape[1] // count
    for row, sums in zip(x, y, strict=True):
        terms, parts = (a[: count * length].reshape(count, length) for a in (row, sums))
        map_chunks(lambda s, t=terms, p=parts: compiled.running_sums(t[s], p[s]), cut(count, 4))  # type: ignore[misc]
        ends = np.cumsum(parts[:, -1])
        map_chunks(lambda i, p=parts, e=ends: compiled.add_to_row(p[i], e[i - 1]), range(1, count))  # type: ignore[misc]
        rest = slice(count * length, None)
        compiled.running_sums(row[None, rest], sums[None, rest])
        sums[rest] += ends[-1]
    return y


def _of_columns(x: Array) -> Array:
    y = np.empty_like(x)

    def work(chunk: tuple[int, slice]) -> None:
        o, columns = chunk
        terms, sums = x[o, :, columns], y[o, :, columns]
        if len(terms) >= tuning.SCAN_LOSES_DIGITS:
            total = np.zeros(terms.shape[1])
            for term, here in zip(terms, sums, strict=True):
                np.add(total, term, out=total)
                here[...] = total
            return
        before = sums[0]
        before[...] = terms[0]
        for term, here in zip(terms[1:], sums[1:], strict=True):
            before = np.add(before, term, out=here)

    widths = cut(x.shape[2], -(-x.shape[2] // get_num_threads()))
    map_chunks(work, [(o, columns) for columns in widths for o in range(len(x))])
    return y


def _of_rows(x: Array) -> Array | None:
    """None if a sum is infinite or nan: in a product, 0 · ∞ would make all of its strip nan."""
    if len(x) == 1 and x.shape[1] >= 4 * tuning.SCAN_ROW:
        return _of_one_row(x[0])
    (rows, n), strip = x.shape, _strip(x.shape[1])
    y, strips = np.empty_like(x), n // strip
    inside = strips * strip
    ones = np.ones(strip, x.dtype)
    triangle = np.triu(np.ones((strip, strip), x.dtype))

    def work(chunk: slice) -> bool:
        terms = x[chunk, :inside].reshape(-1, strip)
        ends = np.cumsum((terms @ ones).reshape(-1, strips), axis=1)
        shifted = terms.copy()
        shifted.reshape(-1, strips, strip)[:, 1:, 0] += ends[:, :-1]
        if inside == n:
            np.matmul(shifted, triangle, out=y[chunk].reshape(-1, strip))
        else:
            y[chunk, :inside] = (shifted @ triangle).reshape(-1, inside)
            y[chunk, inside:] = np.cumsum(x[chunk, inside:], axis=1) + ends[:, -1:]
        return bool(np.isfinite(ends).all())

    is_finite = map_chunks(work, cut(rows, max(1, tuning.SCAN_CHUNK // n)), blas=True)
    return y if all(is_finite) else None


@functools.cache
def _strip(n: int) -> int:
    """The length of strips that a row of n elements is cut into: near the usual one, without a rest if there is such a length."""
    usual = tuning.SCAN_STRIP
    return next((s for s in sorted(range(usual - 8, usual + 9), key=lambda s: abs(s - usual)) if n % s == 0), usual)


def _of_one_row(x: Array) -> Array | None:
    """The row is cut into rows of their own, whose sums start from where those before end."""
    rows = len(x) // tuning.SCAN_ROW
    inside = rows * tuning.SCAN_ROW
    y = np.empty_like(x)
    found = _of_rows(x[:inside].reshape(rows, -1))
    if found is None:
        return None
    ends = np.cumsum(found[:, -1])
    sums = y[:inside].reshape(rows, -1)
    sums[0] = found[0]

    def work(chunk: slice) -> None:
        np.add(found[1:][chunk], ends[:-1][chunk, None], out=sums[1:][chunk])

    map_chunks(work, even_chunks(rows - 1, rows, get_num_threads()))
    np.cumsum(x[inside:], out=y[inside:])
    y[inside:] += ends[-1]
    return y if np.isfinite(ends[-1]) else None
