"""Attention, head by head and some queries at a time, and its gradients, on the tiles of ``products.py``.

The scores of a few queries with all keys that they can see are made, become probabilities and are multiplied with the values
while the cache holds them. Where a query sees the keys up to its own, keys that none of the few sees are left out. A head's
matrices are first copied to where tiles read them, in rows and, for products with their transposes, in panels. Rows and columns
are as many as fill tiles, with zeros at their ends.

Letters: q (L, E), k (S, E), v (S, V), y (L, V) of a head, whose rows begin ``steps`` bytes apart from its ``places`` on. A unit
is a run of heads whose dropout is drawn together, block by block of queries, as in ``kernels/attention.py``.
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.atomic import carray, pointer
from metagrad.kernels.compiled.compiler import native, native_sums
from metagrad.kernels.compiled.extremes import largest_of
from metagrad.kernels.compiled.matrix_products import fill_panels
from metagrad.kernels.compiled.products import FIRST, tile_of_8
from metagrad.kernels.compiled.reductions import product_of
from metagrad.kernels.compiled.transcendental import exp

_DEPTH, _QUERIES = tuning.PRODUCT_DEPTH, tuning.ATTENTION_LOOP_QUERIES
Q, K, V, Y, MASK, GRAD, GRAD_Q, GRAD_K, GRAD_V = range(9)
"""Columns of ``places`` and of ``steps``."""
NOTHING, REMOVED, BIAS = range(3)
"""What a mask is: none; bytes, 1 where no attention may go; numbers to add to the scores."""
_ONE, _3, _11, _16, _24, _40 = map(np.uint64, (1, 3, 11, 16, 24, 40))


@native
def attend(
    units: Array, places: Array, steps: Array, totals: Array, factors: Array, states: Array, keys: int, depth: int, size: int,
    height: int, causal: int, mask: int, limit: int, back: int, width: int,
) -> None:  # fmt: skip
    """y, and ln Σ e^score into totals (N·H, L); or, going back, the gradients of q, k and v. With p the probabilities,
    ∂L/∂score = p · (∂L/∂p − Σ ∂L/∂y y).

    units (U, 3): their first heads, their last ones + 1, their numbers; factors: the scale, what dropout multiplies with, 1, 0;
    states (B, 4): where the streams of blocks begin; depth, size: E, V; height: queries of a block; limit: bits below it are
    struck, 0 without dropout; width: columns of a panel. Both ways are one function, which is sooner compiled than two.
    """
    rows, blocks, queries = totals.shape[1], (totals.shape[1] + height - 1) // height, min(_QUERIES, height)
    scale, one, zero = factors[0], factors[2], factors[3]
    q, y = _matrix(queries, depth, width, factors), _matrix(queries, size, width, factors)
    k, v = _matrix(keys, depth, width, factors), _matrix(keys, size, width, factors)
    scores = _matrix(queries, keys + width, width, factors)  # longer rows, lest all begin at one place in the cache
    turned_k, bits = _panels(keys, depth, width, factors), np.empty(0, np.uint16)
    others = keys if back else 0
    grad_q, grad_y = _matrix(queries, depth, width, factors), _matrix(queries, size, width, factors)
    grad_k, grad_v = _matrix(others, depth, width, factors), _matrix(others, size, width, factors)
    grads, turned_v = _matrix(queries, others + width, width, factors), _panels(others, size, width, factors)
    for u in range(len(units)):
        for head in range(units[u, 0], units[u, 1]):
            place, before = places[head], head - units[u, 0]
            _load(k, place[K], steps[K], keys, depth, scale)
            _load(v, place[V], steps[V], keys, size, one)
            _turn(turned_k, k, keys)
            _turn(turned_v, v, keys)
            _clear(grad_k)
            _clear(grad_v)
            for first in range(0, rows, height):
                last = min(first + height, rows)
                seen = min(last, keys) if causal else keys
                if limit and before == 0:
                    heads = units[u, 1] - units[u, 0]
                    bits = _drawn(states[units[u, 2] * blocks + first // height], heads * (last - first) * seen)
                for i in range(first, last, queries):
                    count = min(queries, last - i)
                    visible = min(i + count, keys) if causal else keys
                    drawn = (before * (last - first) + i - first) * seen
                    _load(q, place[Q] + i * steps[Q], steps[Q], count, depth, one)
                    _multiply(q, turned_k, scores, visible)
                    _hide(scores, place[MASK] + i * steps[MASK], steps[MASK], i, count, visible, causal, mask)
                    if back:
                        _load(y, place[Y] + i * steps[Y], steps[Y], count, size, one)
                        _load(grad_y, place[GRAD] + i * steps[GRAD], steps[GRAD], count, size, one)
                        _multiply(grad_y, turned_v, grads, visible)
                        _drop(grads, bits, drawn, seen, count, visible, limit, factors[1])
                        for r in range(count):
                            _probabilities(scores, grads, r, visible, totals[head, i + r], product_of(grad_y[r], y[r]))
                        _clear_beyond(grads, visible)
                        _add_product(grads.T, q, grad_k, visible, count, width)
                        _clear(grad_q)
                        _add_product(grads, k, grad_q, count, visible, width)
                        _store(place[GRAD_Q] + i * steps[GRAD_Q], steps[GRAD_Q], grad_q, count, depth, one)
                    else:
                        for r in range(count):
                            top = largest_of(scores[r, :visible])
                            top = zero if top == -np.inf else top
                            total = _exponentials(scores, r, visible, top)
                            total = total if total else one
                            _scale(scores, r, visible, one / total)
                            totals[head, i + r] = math.log(total) + top
                    _drop(scores, bits, drawn, seen, count, visible, limit, factors[1])
                    _clear_beyond(scores, visible)
                    if back:
                        _add_product(scores.T, grad_y, grad_v, visible, count, width)
                    else:
                        _clear(y)
                        _add_product(scores, v, y, count, visible, width)
                        _store(place[Y] + i * steps[Y], steps[Y], y, count, size, one)
            if back:
                _store(place[GRAD_K], steps[GRAD_K], grad_k, keys, depth, scale)
                _store(place[GRAD_V], steps[GRAD_V], grad_v, keys, size, one)


# ------------------------------------------------ matrices, where tiles read them


@native
def _matrix(rows: int, columns: int, width: int, like: Array) -> Array:
    """Zeros, in rows that panels fill; and as many rows as tiles fill."""
    return np.zeros(((rows + 7) // 8 * 8, (columns + width - 1) // width * width), like.dtype)


@native
def _panels(rows: int, columns: int, width: int, like: Array) -> Array:
    """Memory for the transpose of such a matrix."""
    return np.empty(((rows + width - 1) // width, columns, width), like.dtype)


@native
def _load(target: Array, place: int, step: int, rows: int, columns: int, factor: Array) -> None:
    """target = factor · the matrix at a place."""
    for i in range(rows):
        row, source = target[i, :columns], carray(pointer(place + i * step), (columns,), target.dtype)
        for j in range(columns):
            row[j] = factor * source[j]


@native
def _store(place: int, step: int, x: Array, rows: int, columns: int, factor: Array) -> None:
    """factor · x to a place."""
    for i in range(rows):
        row, target = x[i, :columns], carray(pointer(place + i * step), (columns,), x.dtype)
        for j in range(columns):
            target[j] = factor * row[j]


@native
def _turn(panels: Array, x: Array, rows: int) -> None:
    """panels = xᵀ, of so many rows of x."""
    for p in range(len(panels)):
        fill_panels(panels[p : p + 1], x.T, FIRST, panels.shape[1], p * panels.shape[2], rows)


@native
def _clear(x: Array) -> None:
    for i in range(len(x)):
        row = x[i]
        for j in range(len(row)):
            row[j] = 0


@native
def _clear_beyond(scores: Array, visible: int) -> None:
    """0 in the columns that fill the last tile."""
    for i in range(len(scores)):
        for j in range(visible, (visible + 7) // 8 * 8):
            scores[i, j] = 0


@native
def _multiply(x: Array, panels: Array, out: Array, visible: int) -> None:
    """out = x w for w in panels, all of them that have a visible column."""
    depth, width = panels.shape[1:]
    for p in range((visible + width - 1) // width):
        for i in range(len(out)):
            row = out[i, p * width : (p + 1) * width]
            for j in range(width):
                row[j] = 0
        for i in range(0, len(out), 8):
            tile_of_8(x, None, None, i, 0, depth, panels[p], None, out, p * width)


@native
def _add_product(x: Array, w: Array, out: Array, rows: int, depth: int, width: int) -> None:
    """out += x w of so many rows and so deep."""
    for first in range(0, depth, _DEPTH):
        last = min(first + _DEPTH, depth)
        for j in range(0, out.shape[1], width):
            for i in range(0, rows, 8):
                tile_of_8(x, None, None, i, first, last, w[first:last, j : j + width], None, out, j)


# ------------------------------------------------ rows of scores


@native
def _hide(scores: Array, place: int, step: int, i: int, count: int, visible: int, causal: int, mask: int) -> None:
    """−∞ where no attention may go, and the bias added; the first row is that of query i, and the mask's is at a place."""
    for r in range(count):
        row = scores[r, :visible]
        if mask == REMOVED:
            removed = carray(pointer(place + r * step), (visible,), np.uint8)
            for j in range(visible):
                row[j] = -np.inf if removed[j] else row[j]
        if mask == BIAS:
            bias = carray(pointer(place + r * step), (visible,), scores.dtype)
            for j in range(visible):
                row[j] += bias[j]
        if causal:
            for j in range(i + r + 1, visible):
                row[j] = -np.inf


@native_sums
def _exponentials(scores: Array, r: int, visible: int, top: Array) -> Array:
    """Row r = exp(row − top), and its sum."""
    total, row = scores.dtype.type(0), scores[r, :visible]
    for j in range(visible):
        row[j] = exp(row[j] - top)
        total += row[j]
    return total


@native
def _scale(scores: Array, r: int, visible: int, factor: Array) -> None:
    row = scores[r, :visible]
    for j in range(visible):
        row[j] *= factor


@native
def _probabilities(scores: Array, grads: Array, r: int, visible: int, total: Array, along: Array) -> None:
    """Of a row's scores the probabilities, and of the gradient of these that of the scores."""
    row, grad = scores[r, :visible], grads[r, :visible]
    for j in range(visible):
        p = exp(row[j] - total)
        row[j] = p
        grad[j] = (grad[j] - along) * p


# ------------------------------------------------ dropout


@native
def _drawn(state: Array, count: int) -> Array:
    """So many numbers of 16 bits of the stream that stands at a state: NumPy's SFC64."""
    bits = np.empty((count + 3) // 4 * 4, np.uint16)
    a, b, c, n = np.uint64(state[0]), np.uint64(state[1]), np.uint64(state[2]), np.uint64(state[3])
    for i in range(0, len(bits), 4):
        word = a + b + n
        n += _ONE
        a = b ^ (b >> _11)
        b = c + (c << _3)
        c = ((c << _24) | (c >> _40)) + word
        for k in range(4):
            bits[i + k] = word
            word >>= _16
    return bits


@native
def _drop(x: Array, bits: Array, first: int, step: int, count: int, visible: int, limit: int, factor: Array) -> None:
    """What bits below the limit strike becomes 0, the rest is multiplied with a factor; a row's bits are a step further."""
    for r in range(count if limit else 0):
        row, drawn = x[r, :visible], bits[first + r * step : first + r * step + visible]
        for j in range(visible):
            row[j] *= factor if drawn[j] >= limit else x.dtype.type(0)
