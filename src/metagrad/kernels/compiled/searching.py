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


@native
def sums_of_weights(x: Array, starts: Array, totals: Array, width: int) -> None:
    """totals = the sums of rows of weights x (R, N), in float64; nan, if one is negative. starts[r, b] = those before b · width."""
    for r in range(len(x)):
        total, least = np.float64(0), x[r, 0]
        for b in range(starts.shape[1]):
            starts[r, b] = total
            for k in range(b * width, min(b * width + width, x.shape[1])):
                total += x[r, k]
                least = min(least, x[r, k])
        totals[r] = np.nan if least < 0 else total


@native
def places_by_weight(found: Array, numbers: Array, x: Array, starts: Array, width: int) -> None:
    """found = how many of a row's running sums are at most each of the row's numbers (R, M), but no more than N − 1."""
    for r in range(len(found)):
        for m in range(found.shape[1]):
            number, low, high = numbers[r, m], 0, starts.shape[1]
            while high - low > 1:
                middle = (low + high) // 2
                if starts[r, middle] <= number:
                    low = middle
                else:
                    high = middle
            place, total = low * width, starts[r, low]
            while place < x.shape[1] - 1:
                total += x[r, place]
                if total > number:
                    break
                place += 1
            found[r, m] = place
