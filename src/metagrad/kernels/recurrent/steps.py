"""The order in which one direction of a recurrent layer visits packed steps, and the states each step starts from.

Packed rows stand step after step, step t in rows ``start`` to ``start + sizes[t]``, sequences in order of falling length. So
the running sequences are always the first ones, and

* forwards, a step has no more sequences than the step before it: it starts from that step's first rows;
* backwards, it may have more: those that join in start from their initial state.

The gradient goes the other way. One buffer of state gradients, a row for each sequence, serves both directions: rows of
sequences that are not running keep the gradient of their final, or for their initial, state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from metagrad.base.typing import Array

Visits = list[tuple[int, int, int]]  # (first row, last row + 1, number of sequences) of each step, in order
Gradients = tuple[Array | None, list[Array], list[Array | None]]  # of x, where it needs one, the states, the weights


class Inputs(NamedTuple):
    """What one direction of a layer computes with: x (N, I) packed, its initial states (B, *), its weights and biases."""

    x: Array
    states: Sequence[Array]
    weights: Sequence[Array]


def visits(sizes: Sequence[int], reverse: bool) -> Visits:
    """The steps in the order in which one direction visits them."""
    found, start = [], 0
    for size in sizes:
        found.append((start, start + size, size))
        start += size
    return found[::-1] if reverse else found


def rows_of(array: Array, order: Visits) -> list[Array]:
    """The rows of an array (N, *) that belong to each visit."""
    return [array[start:stop] for start, stop, _ in order]


def gate_rows_of(array: Array, order: Visits) -> list[Array]:
    """The same of an array with the gates in front, (G, N, *)."""
    return [array[:, start:stop] for start, stop, _ in order]


def leading(array: Array, order: Visits) -> list[Array]:
    """For each visit, the part of a buffer (B, *) that belongs to the running sequences."""
    views = {size: array[:size] for size in {size for _, _, size in order}}
    return [views[size] for _, _, size in order]


def leading_gates(flat: Array, gates: int, width: int, order: Visits) -> list[Array]:
    """For each visit, (G, size, width) at the beginning of a flat buffer: contiguous whatever the size."""
    views = {}
    for size in {size for _, _, size in order}:
        views[size] = flat[: gates * size * width].reshape(gates, size, width)
    return [views[size] for _, _, size in order]


def entering(before: Array, initial: Array, size: int) -> Array:
    """The states (size, *) a step starts from, given those (*, *) that the visit before it ended with."""
    running = len(before)
    if size <= running:
        return before if size == running else before[:size]
    return np.concatenate([before, initial[running:size]])


def all_entering(states: Array, initial: Array, order: Visits, out: Array) -> Array:
    """The states every step starts from, (N, *), in the rows of the step; ``states`` (N, *) are those it ends with."""
    first, last = order[0], order[-1]
    if first[2] == last[2]:  # all steps have as many: each starts from the rows beside its own
        later, earlier = (slice(first[2], None), slice(None, -first[2]))[:: 1 if first[0] == 0 else -1]
        out[first[0] : first[1]], out[later] = initial, states[earlier]
        return out
    before = initial[:0]
    for start, stop, size in order:
        running = min(len(before), size)
        out[start : start + running] = before[:running]
        out[start + running : stop] = initial[running:size]
        before = states[start:stop]
    return out


def product_with_entering(grad: Array, states: Array, initial: Array, order: Visits, out: Array) -> Array:
    """Σₜ ∂aₜᵀ hₜ₋₁, the gradient (*, A, P) of a recurrent weight, for ∂a (*, N, A) and the states h (N, P) steps end with.

    ``out`` (N, P) is memory for the states that steps start from. Where all steps have the same number of sequences, those are
    the same rows, one step further: there are two products then, of which the first is small, unless copying is less work
    than adding up two gradients.
    """
    turned = np.swapaxes(grad, -1, -2)
    (start, stop, size), (*_, last_size) = order[0], order[-1]
    if size != last_size or len(order) == 1:
        return np.matmul(turned, all_entering(states, initial, order, out))
    later, earlier = (slice(size, None), slice(None, -size)) if start == 0 else (slice(None, -size), slice(size, None))
    if len(states) < grad.shape[-1]:
        out[start:stop], out[later] = initial, states[earlier]
        return np.matmul(turned, out)
    total = np.matmul(turned[..., start:stop], initial)
    total += np.matmul(turned[..., later], states[earlier])
    return total


def final(states: Array, order: Visits) -> Array:
    """Each sequence's last state, (B, *): that of its own last visit."""
    sizes = [size for _, _, size in order]
    last = np.empty((max(sizes), *states.shape[1:]), states.dtype)
    for (start, stop, size), following in zip(order, [*sizes[1:], 0], strict=True):
        if following < size:
            last[following:size] = states[start + following : stop]
    return last
