"""How often each number occurs, or falls into each of some bins; numbers written as often as they are asked for.

Blocks of the numbers are counted each on its own, so that threads do not write to the same counts.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_exact


@native
def _count(counts: Array, x: Array) -> None:
    for k in range(len(x)):
        counts[x[k]] += 1


@native
def count(blocks: Array, counts: Array, x: Array, length: int) -> None:
    """counts[b, n] = how often n is in block b of ``length`` elements of x, which are unsigned; counts (B, N) begin as 0."""
    for b in range(len(blocks)):
        _count(counts[b], x[blocks[b] * length : (blocks[b] + 1) * length])


@native_exact
def _count_cells(counts: Array, x: Array, limits: Array) -> None:
    low, high, bins, width = limits[0], limits[1], limits[2], limits[3]
    last = len(counts) - 1
    for k in range(len(x)):
        v = x[k]
        if low <= v <= high:
            counts[min(int((v - low) * bins / width), last)] += 1


@native
def count_cells(blocks: Array, counts: Array, x: Array, limits: Array, length: int) -> None:
    """The same for bin ⌊(x − low) bins / width⌋, or the last one; limits: low, high, bins, width, of x's dtype."""
    for b in range(len(blocks)):
        _count_cells(counts[b], x[blocks[b] * length : (blocks[b] + 1) * length], limits)


@native
def _count_between(counts: Array, x: Array, edges: Array) -> None:
    last = len(counts) - 1
    low, high = edges[0], edges[last + 1]
    scale = (last + 1) / (high - low)
    for k in range(len(x)):
        v = x[k]
        if low <= v <= high:
            n = min(int((v - low) * scale), last)
            while n > 0 and v < edges[n]:
                n -= 1
            while n < last and v >= edges[n + 1]:
                n += 1
            counts[n] += 1


@native
def count_between(blocks: Array, counts: Array, x: Array, edges: Array, length: int) -> None:
    """The same for the bin n with edgesₙ ≤ x < edgesₙ₊₁, in the last one also =; a first guess supposes edges at one distance."""
    for b in range(len(blocks)):
        _count_between(counts[b], x[blocks[b] * length : (blocks[b] + 1) * length], edges)


@native
def repeat(lines: Array, starts: Array, stops: Array, y: Array) -> None:
    """yₖ = linesᵣ for k from startsᵣ to stopsᵣ."""
    for r in range(len(lines)):
        for k in range(starts[r], stops[r]):
            y[k] = lines[r]


@native
def count_up(lines: Array, starts: Array, stops: Array, y: Array) -> None:
    """yₖ = linesᵣ + k − startsᵣ for k from startsᵣ to stopsᵣ."""
    for r in range(len(lines)):
        for k in range(starts[r], stops[r]):
            y[k] = lines[r] + (k - starts[r])


@native
def in_table(x: Array, found: Array, table: Array, low: int) -> None:
    """foundₖ = table[xₖ − low], or 0 beyond the table; of integers."""
    for k in range(len(x)):
        place = np.uint64(x[k]) - np.uint64(low)
        found[k] = table[place] if place < np.uint64(len(table)) else np.uint8(0)


@native
def is_there(x: Array, places: Array, found: Array, numbers: Array) -> None:
    """foundₖ = whether xₖ is the number at placesₖ, where it would have to be put into the sorted numbers."""
    last = np.uint64(len(numbers) - 1)
    for k in range(len(x)):
        found[k] = numbers[min(places[k], last)] == x[k]
