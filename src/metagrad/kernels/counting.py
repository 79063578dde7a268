"""Counts of large arrays' numbers, numbers repeated, and whether numbers are among others: on all threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks, spread
from metagrad.kernels.compiled import counting as compiled
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.searching import positions
from metagrad.kernels.threads import get_num_threads

_MOST_PLACES = 1 << 20  # of a table that says of each integer in a range whether it is among some


def extent(x: Array) -> tuple[int, int]:
    """The smallest and the largest of some integers.

    >>> extent(np.array([3, 1, 2]))
    (1, 3)
    """
    if not _is_large(x):
        return int(x.min()), int(x.max())
    flat = x.reshape(-1)
    found = map_chunks(lambda s: (flat[s].min(), flat[s].max()), cut(flat.size, tuning.SEARCH_CHUNK))
    return int(min(low for low, _ in found)), int(max(high for _, high in found))


def counts(x: Array, most: int, least: int) -> Array:
    """``np.bincount(x, minlength=least)`` in int64, of integers up to ``most``, none of which is negative.

    >>> counts(np.array([1, 3, 1]), 3, 0).tolist()
    [0, 2, 0, 1]
    """
    bins = max(most + 1, least)
    if not _is_large(x) or bins > x.size or x.dtype.char not in "bhilqBHI":
        return np.bincount(x, minlength=least).astype(np.int64, copy=False)
    return _in_blocks(compiled.count, x.view(f"u{x.itemsize}"), bins)


def cells(x: Array, low: float, high: float, bins: int) -> Array | None:
    """How many x fall into bins of one width, by ⌊(x − low) bins / (high − low)⌋ in x's dtype; None where no loop counts them."""
    if not _is_large(x) or x.dtype.char not in "fd" or bins > x.size:
        return None
    return _in_blocks(compiled.count_cells, x, bins, np.array([low, high, bins, high - low], x.dtype))


def between(x: Array, edges: Array) -> Array | None:
    """How many x lie between edges of about one distance, the last one included; None where no loop counts them."""
    bins = len(edges) - 1
    if not _is_large(x) or x.dtype != edges.dtype or x.dtype.char not in "fd" or bins > x.size:
        return None
    width = edges[-1] - edges[0]
    if not (width > 0 and np.isfinite(width) and np.isfinite(bins / width)):
        return None
    return _in_blocks(compiled.count_between, x, bins, edges)


def _in_blocks(loop: Callable[..., None], x: Array, bins: int, *tables: Array) -> Array:
    """The sums of the blocks' counts."""
    blocks = max(1, min(tuning.SPREAD_PARTS * get_num_threads(), x.size // (tuning.COUNTED_FOR_A_BIN * bins)))
    length = -(-x.size // blocks)
    each = np.zeros((-(-x.size // length), bins), np.int64)
    spread(loop, [np.arange(len(each)), each], [x.reshape(-1), *tables], [length], elements=x.size)
    return each.sum(0)


def repeated(n: int, times: Array | int) -> Array:
    """The numbers 0 to n − 1, each as often as ``times`` says: one number, or one for each.

    >>> repeated(2, np.array([1, 3])).tolist()
    [0, 1, 1, 1]
    """
    lines = np.arange(n)
    stops = np.cumsum(np.broadcast_to(np.asarray(times, np.int64), n))
    total = int(stops[-1]) if n else 0
    if total < tuning.SEARCH_LARGE or not are_there_loops():
        return np.repeat(lines, times)
    y = np.empty(total, np.int64)
    spread(compiled.repeat, [lines, np.concatenate([[0], stops[:-1]]), stops], [y], elements=total)
    return y


def places_in_rows(firsts: Array, lengths: Array, dtype: np.dtype[np.signedinteger]) -> Array:
    """(2, sum of lengths): the number of each row, and the columns from the row's first one on, as often as ``lengths`` says.

    >>> places_in_rows(np.array([0, 1]), np.array([1, 2]), np.dtype(np.int64)).tolist()
    [[0, 1, 1], [0, 1, 2]]
    """
    lines, stops = np.arange(len(lengths)), np.cumsum(lengths)
    starts = stops - lengths
    y = np.empty((2, int(stops[-1]) if len(stops) else 0), dtype)
    if y.size >= tuning.SEARCH_LARGE and are_there_loops():
        for loop, numbers, row in ((compiled.repeat, lines, y[0]), (compiled.count_up, firsts, y[1])):
            spread(loop, [numbers, starts, stops], [row], elements=row.size)
    else:
        y[0] = np.repeat(lines, lengths)
        y[1] = np.arange(y.shape[1]) - np.repeat(starts - firsts, lengths)
    return y


def are_among(x: Array, numbers: Array) -> Array:
    """``np.isin(x, numbers)``.

    >>> are_among(np.array([1, 2, 3]), np.array([3, 1])).tolist()
    [True, False, True]
    """
    if not _is_large(x) or not numbers.size or x.dtype != numbers.dtype or x.dtype.char not in "fdlqi":
        return np.isin(x, numbers)
    found, flat = np.empty(x.shape, bool), x.reshape(-1)
    seen = found.reshape(-1).view(np.uint8)
    low, high = extent(numbers) if x.dtype.kind == "i" else (0, _MOST_PLACES)
    if high - low < _MOST_PLACES:
        table = np.zeros(high - low + 1, np.uint8)
        table[numbers.reshape(-1).astype(np.int64) - low] = 1
        spread(compiled.in_table, [flat, seen], [table], [low])
    else:
        line = np.sort(numbers, axis=None)
        spread(compiled.is_there, [flat, positions(line, flat, False).view(np.uint64), seen], [line])
    return found


def _is_large(x: Array) -> bool:
    return type(x) is np.ndarray and x.size >= tuning.SEARCH_LARGE and x.flags.c_contiguous and are_there_loops()
