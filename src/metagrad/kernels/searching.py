"""Positions of many numbers in sorted ones, on all threads."""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks, spread
from metagrad.kernels.compiled import searching as compiled
from metagrad.kernels.compiled.choice import are_there_loops

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
