"""Positions of many numbers in sorted ones, on all threads."""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks, spread
from metagrad.kernels.compiled import searching as compiled
from metagrad.kernels.compiled.choice import are_there_loops, use_compiled

_WIDTH = 64  # weights between two running sums that are kept
_LOOP = compiled.positions  # which compiling leaves as it is here: the loop over rows calls it


def positions(edges: Array, values: Array, right: bool) -> Array:
    """How many of the sorted edges (N) are smaller than each value, or also equal; or of edges (*, N) for values (*, M).

    >>> positions(np.array([1, 3, 5]), np.array([3, 6]), False).tolist()
    [1, 3]
    """
    edges, values = [np.asarray(a, order="C") for a in (edges, values)]  # 0-d values stay without dimensions
    found = np.empty(values.shape, np.int64)
    if edges.ndim > 1:
        _in_rows(_as_rows(edges), _as_rows(values), _as_rows(found), right)
        return found
    flat, places = values.reshape(-1), found.reshape(-1)
    if _takes_loop(edges, values):
        spread(_LOOP, [flat, places.view(np.uint64)], [edges], [int(right)])
        return found
    side = "right" if right else "left"

    def work(s: slice) -> None:
        places[s] = np.searchsorted(edges, flat[s], side)  # type: ignore[call-overload]

    map_chunks(work, cut(len(flat), tuning.SEARCH_CHUNK))
    return found


def _in_rows(edges: Array, values: Array, found: Array, right: bool) -> None:
    if _takes_loop(edges, values):
        spread(compiled.positions_in_rows, [values, edges, found.view(np.uint64)], (), [int(right)])
        return
    for row, query, places in zip(edges, values, found, strict=True):
        places[...] = np.searchsorted(row, query, "right" if right else "left")


def _takes_loop(edges: Array, values: Array) -> bool:
    large = values.size >= tuning.SEARCH_LARGE and edges.size
    return bool(large and edges.dtype == values.dtype and edges.dtype.char in "fdlqi" and are_there_loops())


def _as_rows(x: Array) -> Array:
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


class Weights:
    """Rows of weights (R, N), with N > 0: their totals, in float64, nan where one is negative; and whom a share of them falls to.

    >>> weights = Weights(np.array([[1.0, 0.0, 1.0]]))
    >>> weights.totals.tolist(), weights.places(np.array([[0.25, 0.75]])).tolist()
    ([2.0], [[0, 2]])
    """

    def __init__(self, rows: Array) -> None:
        self.rows = rows
        self.by_loop = use_compiled(rows) and rows.flags.carray
        if self.by_loop:
            self.totals, self.starts = np.empty(len(rows)), np.empty((len(rows), -(-rows.shape[1] // _WIDTH)))
            spread(compiled.sums_of_weights, [rows, self.starts, self.totals], (), [_WIDTH])
        else:
            self.rows = rows.astype(np.float64)
            self.totals = np.where((self.rows < 0).any(1), np.nan, self.rows.sum(1))

    def places(self, shares: Array) -> Array:
        """Of shares (R, M) from 0 to 1: how many running sums of a row are at most that share of its total."""
        if self.by_loop:
            found, numbers = np.empty(shares.shape, np.int64), shares * self.totals[:, None]
            elements = self.rows.size  # as much work as that, for memory is far
            spread(compiled.places_by_weight, [found, numbers, self.rows, self.starts], (), [_WIDTH], elements)
            return found
        ends = self.rows.cumsum(axis=1)
        below = [np.searchsorted(e, d, side="right") for e, d in zip(ends, shares * ends[:, -1:], strict=True)]
        return np.minimum(np.reshape(np.asarray(below, np.int64), shares.shape), self.rows.shape[1] - 1)
