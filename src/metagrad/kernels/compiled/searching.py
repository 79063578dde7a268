"""Where numbers would have to be put into sorted ones, by halving, many at once.

A number that is compared with the middle of what is left says which half to go on with: where its half starts grows by the half's
length, or does not. The lengths are the same for all numbers, so each step is one loop over many of them, and a processor does
several at once. Starts are unsigned: a signed one might count from the end. nan comes after all numbers, as in NumPy.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native

_TOGETHER = 512  # numbers that go through all steps before others do: they and their starts stay in the cache


@native
def _step_left(values: Array, starts: Array, edges: Array, half: np.uint64) -> None:
    before = half - np.uint64(1)
    for k in range(len(values)):
        v = values[k]
        e = edges[starts[k] + before]
        starts[k] += half if (e < v) | ((v != v) & (e == e)) else np.uint64(0)


@native
def _step_right(values: Array, starts: Array, edges: Array, half: np.uint64) -> None:
    before = half - np.uint64(1)
    for k in range(len(values)):
        v = values[k]
        e = edges[starts[k] + before]
        starts[k] += np.uint64(0) if (e > v) | ((e != e) & (v == v)) else half


@native
def positions(values: Array, found: Array, edges: Array, right: int) -> None:
    """found = how many edges are smaller than each value, or, if ``right``, also equal."""
    for first in range(0, len(values), _TOGETHER):
        some = values[first : first + _TOGETHER]
        starts = found[first : first + _TOGETHER]
        starts[:] = 0
        rest = len(edges)
        while rest > 0:
            half = (rest + 1) // 2
            if right:
                _step_right(some, starts, edges, np.uint64(half))
            else:
                _step_left(some, starts, edges, np.uint64(half))
            rest -= half


@native
def positions_in_rows(values: Array, edges: Array, found: Array, right: int) -> None:
    """``positions`` for each row of values (R, M) in its row of edges (R, N)."""
    for r in range(len(values)):
        positions(values[r], found[r], edges[r], right)
