"""The order of large arrays' elements, by sorting numbers of 64 bits that hold an element and its index.

Sorting indices by what they point to looks up an element at every comparison. Here each element's bits become an integer that
is in the same order, the upper half of a key, and the element's index its lower half; NumPy sorts keys eight at a time:

    x = 0.5, −1.0, 0.5    keys: (0.5, 0), (−1.0, 1), (0.5, 2)    sorted: (−1.0, 1), (0.5, 0), (0.5, 2)

Equal elements stay in their order, as their indices differ; −0 equals 0, and nan is larger than any number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import libraries, tuning
from metagrad.kernels.chunks import cut, map_chunks, split
from metagrad.kernels.compiled import ranking as compiled
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.threads import get_num_threads

_INDEX = (1 << 32) - 1  # the lower half of a key
_NAN = np.int32(0x7FFFFFFF)  # larger than the bits of any number


def ascending(x: Array, axis: int) -> Array:
    """The indices that sort a dimension: ``np.argsort(x, axis, kind="stable")``.

    >>> ascending(np.array([3.0, 1.0, 2.0]), 0).tolist()
    [1, 2, 0]
    """
    x = _numbers(x)
    if not _has_keys(x, axis):
        return np.argsort(x, axis=axis, kind="stable")
    return _by_keys(x, axis, x.shape[axis], False, _sort)


def descending(x: Array, axis: int) -> Array:
    """The indices that sort a dimension from the largest to the smallest; equal elements stay in their order.

    >>> descending(np.array([3.0, 1.0, 3.0]), 0).tolist()
    [0, 2, 1]
    """
    x = _numbers(x)
    if not _has_keys(x, axis):
        backwards = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
        return x.shape[axis] - 1 - backwards  # sorting from the end keeps equal elements in their order
    return _by_keys(x, axis, x.shape[axis], True, _sort)


def extreme(x: Array, axis: int, k: int, largest_ones: bool) -> Array:
    """The indices of the k largest or smallest elements along a dimension, in order: the first k of all.

    >>> extreme(np.array([3.0, 1.0, 2.0]), 0, 2, True).tolist()
    [0, 2]
    """
    x = _numbers(x)
    if 0 < k <= min(tuning.SORT_FEW, x.shape[axis]) and _takes_loop(x):
        return _by_lines(x, axis, k, lambda rows: _first_few(rows, k, largest_ones))
    if not 0 < k < x.shape[axis] or not _has_keys(x, axis):
        order = descending(x, axis) if largest_ones else ascending(x, axis)
        return order[(*[slice(None)] * axis, slice(0, k))].copy()  # in order in memory

    def bring_forward(keys: Array) -> Array:
        if len(keys) == 1 and keys.size > 2 * k * _parts(keys):
            keys = _best_of_parts(keys, k)
        keys.partition(k - 1, axis=1)
        keys[:, :k].sort(axis=1)
        return keys

    if x.dtype == np.float32 and k * tuning.SORT_PROMISING <= x.shape[axis]:
        return _by_keys(x, axis, k, largest_ones, bring_forward, lambda rows: _promising(rows, k, largest_ones))
    return _by_keys(x, axis, k, largest_ones, bring_forward)


def ranked(x: Array, axis: int, rank: int) -> Array:
    """The index along ``axis``, whose extent becomes 1, of the element with a rank, from 0 for the smallest.

    >>> ranked(np.array([3.0, 1.0, 2.0]), 0, 1).tolist()
    [2]
    """
    x = _numbers(x)
    near = _near_rank(x, axis, rank)
    if near is not None:
        return near[0][ranked(x.reshape(-1)[near[0]], 0, near[1])].reshape((1,) * x.ndim)
    if not _has_keys(x, axis):
        return np.take(np.argsort(x, axis=axis, kind="stable"), [rank], axis)

    def bring_forward(keys: Array) -> Array:
        keys.partition(rank, axis=1)
        return keys[:, rank:]

    return _by_keys(x, axis, 1, False, bring_forward)


def _near_rank(x: Array, axis: int, rank: int) -> tuple[Array, int] | None:
    """Of one long line the indices of few elements, among which a sample says that the one with a rank is, and its rank among
    them; None for others, and where it is not among them, or they are many.
    """
    n = x.size
    if x.__class__ is not np.ndarray or x.shape[axis] != n or n < tuning.SORT_SAMPLED * tuning.SORT_SAMPLE:
        return None
    line = x.reshape(-1)
    sample = np.sort(line[:: n // tuning.SORT_SAMPLE])
    at, apart = rank * len(sample) // n, 2 * math.isqrt(len(sample))  # four standard deviations
    low = sample[at - apart] if at >= apart else line.min()
    high = sample[at + apart] if at + apart < len(sample) else line.max()

    def look(part: slice) -> tuple[int, Array]:
        some = line[part]
        return int(np.count_nonzero(some < low)), np.flatnonzero((some >= low) & (some <= high)) + part.start

    counts, found = zip(*map_chunks(look, cut(n, tuning.SORT_CHUNK)), strict=True)
    near, left = np.concatenate(found), rank - sum(counts)
    return (near, left) if 0 <= left < len(near) < n // 2 else None


def most_frequent(x: Array, axis: int) -> Array:
    """The last index along ``axis``, whose extent becomes 1, of the most frequent element, the smallest of several. If none
    comes twice, nan is before the others.

    >>> most_frequent(np.array([2, 1, 2, 3, 1]), 0).tolist()
    [4]
    """
    x = _numbers(x)
    if x.__class__ is np.ndarray:
        return _by_lines(x, axis, 1, _most_frequent)
    return np.moveaxis(_most_frequent(np.moveaxis(x, axis, -1)), -1, axis)


def _most_frequent(x: Array) -> Array:
    """The same along the last dimension: sorted, it is the end of the longest run of equal ones."""
    ascending, position = np.sort(x, axis=-1), np.arange(x.shape[-1], like=x)
    new = np.concatenate([np.ones_like(x[..., :1], bool), ascending[..., 1:] != ascending[..., :-1]], axis=-1)
    length = position - libraries.accumulate(np.maximum, np.where(new, position, 0), new.ndim - 1)
    longest = np.argmax(length, axis=-1, keepdims=True)
    found = x == np.take_along_axis(ascending, longest, -1)
    last = x.shape[-1] - 1 - np.argmax(found[..., ::-1], axis=-1, keepdims=True)
    nan = x != x
    if not nan.any():
        return last
    first = (length.max(axis=-1, keepdims=True) == 0) & nan.any(axis=-1, keepdims=True)
    return np.where(first, np.argmax(nan, axis=-1, keepdims=True), last)


def _numbers(x: Array) -> Array:
    """What NumPy sorts nan to the end of: not bfloat16, whose numbers float32 holds."""
    return x.astype(np.float32) if x.dtype.kind == "V" else x


def _has_keys(x: Array, axis: int) -> bool:
    """Whether an array is large, and its elements fit into half a key."""
    if x.__class__ is not np.ndarray or x.size < tuning.SORT_LARGE or x.shape[axis] > _INDEX:
        return False
    kind, width = x.dtype.kind, x.dtype.itemsize
    if not x.dtype.isnative or kind not in "fiub" or kind == "f" and width > 4:
        return False
    return width <= 4 and x.dtype.char != "I" or int(x.max()) - int(x.min()) <= np.iinfo(np.int32).max


def _by_keys(
    x: Array, axis: int, kept: int, reversed_: bool, arrange: Callable[[Array], Array],
    some_keys: Callable[[Array], Array | None] = lambda rows: None,
) -> Array:  # fmt: skip
    """The indices in the first ``kept`` keys of each line along ``axis``, as ``arrange`` returns them.

    some_keys: gives keys of some elements of rows, all that can be among those kept, or None.
    """
    least = int(x.min()) if x.dtype.kind in "iu" and x.dtype.itemsize > 4 or x.dtype.char == "I" else 0

    def order_of(rows: Array) -> Array:
        keys = some_keys(rows)
        return arrange(_keys(rows, least, reversed_) if keys is None else keys)[:, :kept] & _INDEX

    return _by_lines(x, axis, kept, order_of)


def _by_lines(x: Array, axis: int, kept: int, order_of: Callable[[Array], Array]) -> Array:
    """What ``order_of`` makes, ``kept`` indices, of each line along ``axis``, given several as the rows of a matrix."""
    lines = np.moveaxis(x, axis, -1)
    order = np.empty((*x.shape[:axis], kept, *x.shape[axis + 1 :]), np.int64)
    found, n = np.moveaxis(order, axis, -1), x.shape[axis]

    def work(places: tuple[slice, ...]) -> None:
        some = lines[places]
        found[places] = order_of(np.require(some, None, ["C", "W"]).reshape(-1, n)).reshape(*some.shape[:-1], kept)

    map_chunks(work, _boxes(lines.shape))
    return order


def _takes_loop(x: Array) -> bool:
    large = x.__class__ is np.ndarray and x.size >= tuning.SORT_LARGE
    return large and x.dtype.char in "fdlqihbB" and are_there_loops()


def _first_few(rows: Array, k: int, largest_ones: bool) -> Array:
    """The indices of the first k of each row; of a single long one each part is searched on its own, and then what was found."""
    if len(rows) == 1 and rows.size >= 2 * tuning.SORT_CHUNK:
        line, parts = rows[0], split(rows.size, _parts(rows))
        each = map_chunks(lambda s: _first_few(rows[:, s], k, largest_ones)[0] + s.start, parts)
        candidates = np.concatenate(each)
        return candidates[_first_few(line[candidates][None], k, largest_ones)]
    order = np.empty((len(rows), k), np.int64)
    compiled.first_few(rows, order, np.empty(k, rows.dtype), int(largest_ones))
    return order


def _boxes(shape: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Chunks of lines, cut along the longest dimension but the last."""
    outer = shape[:-1]
    if not outer:
        return [(slice(None),)]
    longest = outer.index(max(outer))
    each = math.prod(shape) // max(1, outer[longest])
    chunks = cut(outer[longest], max(1, tuning.SORT_CHUNK // max(1, each)))
    return [(*[slice(None)] * longest, chunk) for chunk in chunks]


def _keys(rows: Array, least: int, reversed_: bool) -> Array:
    """The keys of rows of elements, of which none is smaller than ``least`` if they are wide integers."""
    keys = np.empty(rows.shape, np.int64)

    def work(part: slice) -> None:
        some, to = rows[:, part], keys[:, part]
        to[...] = _bits(some) if some.dtype.kind == "f" else some - some.dtype.type(least) if least else some
        if reversed_:
            np.invert(to, out=to)
        np.left_shift(to, 32, out=to)
        np.bitwise_or(to, np.arange(part.start, part.stop), out=to)

    map_chunks(work, cut(rows.shape[1], tuning.SORT_CHUNK))
    return keys


def _promising(rows: Array, k: int, largest_ones: bool) -> Array | None:
    """Keys of the elements of each row that can be among the first k, filled up with the largest key; None if they are
    not few. k groups have an extreme as far out as the k-th of all groups' extremes, or farther.
    """
    n = rows.shape[1]
    groups = max(tuning.SORT_GROUPS * k, min(tuning.SORT_GROUPS_LEAST, n // 4))
    depth = n // groups
    inside = rows[:, : depth * groups].reshape(len(rows), depth, groups)
    ends = inside.max(axis=1) if largest_ones else inside.min(axis=1)
    if np.isnan(rows.max()):
        return None
    bound = np.partition(ends, groups - k if largest_ones else k - 1, axis=1)[
        :, [groups - k if largest_ones else k - 1]
    ]
    found = np.flatnonzero(rows >= bound if largest_ones else rows <= bound)
    row, column = np.divmod(found, n)
    counts = np.bincount(row, minlength=len(rows))
    most = int(counts.max())
    if most * 4 > n:
        return None
    keys = np.full((len(rows), most), np.iinfo(np.int64).max)
    bits = _bits(rows.reshape(-1)[found]).astype(np.int64)
    keys[row, np.arange(len(found)) - (np.cumsum(counts) - counts)[row]] = (
        ~bits if largest_ones else bits
    ) << 32 | column
    return keys


def _bits(x: Array) -> Array:
    """Integers of 32 bits in the order of these floats."""
    x = np.add(x, 0, dtype=np.float32)  # −0 + 0 = 0
    bits = x.view(np.int32)
    ordered = bits ^ ((bits >> 31) & _NAN)  # the larger a negative number's bits, the smaller it is
    np.copyto(ordered, _NAN, where=x != x)
    return ordered


# ------------------------------------------------ a single long line, on all threads


def _sort(keys: Array) -> Array:
    """Rows of keys in order; of a single long one each thread sorts a part, when smaller ones have been brought before larger."""
    if len(keys) > 1 or keys.size < 2 * tuning.SORT_CHUNK:
        keys.sort(axis=1)
        return keys
    parts = split(keys.size, get_num_threads())
    if len(parts) > 1:
        keys.partition([part.start for part in parts[1:]], axis=1)
    map_chunks(lambda part: keys[:, part].sort(axis=1), parts)
    return keys


def _parts(keys: Array) -> int:
    return -(-keys.size // tuning.SORT_CHUNK)


def _best_of_parts(keys: Array, k: int) -> Array:
    """The k smallest keys of each part of a single line, among which are the k smallest of all."""

    def work(part: slice) -> Array:
        keys[:, part].partition(min(k, part.stop - part.start) - 1, axis=1)
        return keys[:, part][:, :k]

    return np.concatenate(map_chunks(work, split(keys.size, _parts(keys))), axis=1)
