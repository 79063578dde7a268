"""Scaled dot-product attention in blocks: array in, array out.

The scores of all heads, L x S each, are never there at once. A block is a few sequences and heads, or some rows of one head,
whose scores stay in the cache from their product to the product with the values. What is kept for the gradient is one number
for each row, ln Σ e^score: with it the backward pass computes a block's probabilities again (Dao et al. 2022). Dropout's
zeros are drawn again too, from one seed for each block, unless they were drawn before, for all scores at once. With Numba, large
inputs take the loops of ``attention_loops.py``, which give the same, but for keys that are nan and that no query sees.

Letters: q (N, H, L, E), k (N, H, S, E), v (N, H, S, V), y (N, H, L, V); sequences, heads, queries, keys. Any strides will do.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from metagrad.base.typing import Array, DTypeLike
from metagrad.kernels import attention_loops, tuning
from metagrad.kernels.chunks import cut, map_chunks, threads_worth
from metagrad.kernels.quicker import exponential


class Settings(NamedTuple):
    """What does not depend on the inputs: ``removed`` (boolean) and ``bias`` (added) are broadcast to (N, H, L, S).

    drawn: the seed of dropout's zeros, or True for each score (N, H, L, S) that it keeps.
    """

    scale: float
    causal: bool = False
    removed: Array | None = None
    bias: Array | None = None
    dropout: float = 0.0
    drawn: int | Array = 0


class Block(NamedTuple):
    """Some sequences, heads and queries, the keys they can see, and the block's number, which fixes its dropout."""

    number: int
    n: slice
    h: slice
    rows: slice
    keys: slice


def blocks(shape: tuple[int, ...], causal: bool) -> list[list[Block]]:
    """The blocks of scores (N, H, L, S), those that share keys together: their sums belong to one thread."""
    n, h, rows, keys = shape
    length, heads, height = _block_extents(shape)
    numbers = itertools.count()
    return [
        [
            Block(next(numbers), some, head, queries, slice(0, min(queries.stop, keys) if causal else keys))
            for queries in cut(rows, height)
        ]
        for some in cut(n, length)
        for head in cut(h, heads)
    ]


def _block_extents(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """How many sequences, heads and queries a block has: whole heads if their scores fit into it, else some queries of one."""
    n, h, rows, keys = shape
    fitting = max(1, tuning.ATTENTION_BLOCK // max(1, rows * keys))  # how many heads
    if rows * keys > tuning.ATTENTION_BLOCK:
        return 1, 1, max(tuning.ATTENTION_QUERIES, tuning.ATTENTION_BLOCK // keys)
    if fitting < h:
        return 1, fitting, max(1, rows)
    return min(max(1, fitting // max(1, h)), max(1, -(-n // tuning.ATTENTION_PARTS))), max(1, h), max(1, rows)


def _drawn_together(shape: tuple[int, ...], settings: Settings) -> list[list[Block]]:
    """The blocks whose numbers fix dropout's zeros; none without dropout."""
    return blocks(shape, settings.causal) if settings.dropout else []


def kept(block: Block, shape: tuple[int, ...], settings: Settings, dtype: DTypeLike) -> Array:
    """0 where dropout strikes a block's probabilities, 1 / (1 − p) elsewhere; the same each time."""
    p, count = settings.dropout, math.prod(shape)
    if p >= 1:
        return np.zeros(shape, dtype)
    if isinstance(settings.drawn, int):
        bits = np.random.SFC64(settings.drawn + block.number).random_raw(-(-count // 4)).view(np.uint16)[:count]
        stays = bits.reshape(shape) >= round(p * 65536)
    else:
        stays = settings.drawn[block.n, block.h, block.rows, block.keys]
    return np.multiply(stays, np.asarray(1 / (1 - p), dtype))


@functools.cache
def _above(rows: int, keys: int, top: int) -> Array:
    return np.arange(keys) > np.arange(top, top + rows)[:, None]


def _scores(q: Array, k: Array, b: Block, settings: Settings) -> Array:
    """A block of q kᵀ · scale, −∞ where no attention may go."""
    s = np.matmul(q[b.n, b.h, b.rows] * np.asarray(settings.scale, q.dtype), np.swapaxes(k[b.n, b.h, b.keys], -1, -2))
    if settings.bias is not None:
        s += settings.bias[b.n, b.h, b.rows, b.keys]
    if settings.removed is not None:
        np.copyto(s, -np.inf, where=settings.removed[b.n, b.h, b.rows, b.keys])
    if settings.causal:
        np.copyto(s, -np.inf, where=_above(s.shape[-2], s.shape[-1], b.rows.start))
    return s


def _run(work: Callable[[list[Block]], None], groups: list[list[Block]], cost: int) -> None:
    """``work(group)`` for all groups, on all threads if there is enough of it."""
    if cost <= tuning.BLAS_STARTS_THREADS:  # BLAS need not be held to one thread: it starts none for so little
        for group in groups:
            work(group)
        return
    map_chunks(work, groups, threads_worth(cost, tuning.ATTENTION_WORTH_THREADS), blas=True)


def forward(q: Array, k: Array, v: Array, settings: Settings) -> tuple[Array, Array]:
    """y = softmax(q kᵀ · scale) v, and ln Σ e^score (N, H, L, 1); rows that may look nowhere are 0."""
    shape = (*q.shape[:3], k.shape[2])
    y = np.empty_like(q, shape=(*q.shape[:3], v.shape[3])) if q.flags.c_contiguous else _like(q, v.shape[3])
    totals = np.zeros((*q.shape[:3], 1), q.dtype)
    if attention_loops.serve(q, k, v, settings):
        attention_loops.attend([q, k, v, y], totals, settings, _drawn_together(shape, settings), False)
        return y, totals

    def work(group: list[Block]) -> None:
        for b in group:
            s = _scores(q, k, b, settings)
            top = s.max(axis=-1, keepdims=True)
            np.copyto(top, 0, where=np.isneginf(top))
            s -= top
            exponential(s, out=s)
            total = s.sum(axis=-1, keepdims=True)
            np.copyto(total, 1, where=total == 0)
            totals[b.n, b.h, b.rows] = np.log(total) + top
            if settings.dropout:
                s *= kept(b, s.shape, settings, s.dtype)
            np.divide(np.matmul(s, v[b.n, b.h, b.keys]), total, out=y[b.n, b.h, b.rows])

    _run(work, blocks(shape, settings.causal), math.prod(shape) * (q.shape[3] + v.shape[3]))
    return y, totals


def _like(q: Array, width: int) -> Array:
    """An array for y whose dimensions lie in memory in the order of q's."""
    order = sorted(range(3), key=lambda d: -abs(q.strides[d]) if q.shape[d] > 1 else 0)
    whole = np.empty((*[q.shape[d] for d in order], width), q.dtype)
    return whole.transpose(*[order.index(d) for d in range(3)], 3)


def backward(
    q: Array, k: Array, v: Array, y: Array, totals: Array, grad: Array, settings: Settings
) -> tuple[Array, Array, Array]:
    """∂L/∂q, ∂L/∂k and ∂L/∂v for ∂L/∂y. With p the probabilities, ∂L/∂score = p · (∂L/∂p − Σ ∂L/∂y y)."""
    shape = (*q.shape[:3], k.shape[2])
    grad_q, grad_k, grad_v = _like(q, q.shape[3]), _like(k, k.shape[3]), _like(v, v.shape[3])
    if attention_loops.serve(q, k, v, settings):
        arrays = [q, k, v, y, grad, grad_q, grad_k, grad_v]
        attention_loops.attend(arrays, totals, settings, _drawn_together(shape, settings), True)
        return grad_q, grad_k, grad_v
    scale = np.asarray(settings.scale, q.dtype)

    def work(group: list[Block]) -> None:
        for b in group:
            first = b.rows.start == 0
            here, there = (b.n, b.h, b.rows), (b.n, b.h, b.keys)
            if first:
                grad_k[b.n, b.h], grad_v[b.n, b.h] = 0, 0
            p = _scores(q, k, b, settings)
            p -= totals[here]
            exponential(p, out=p)
            g = grad[here]
            row = np.einsum("nhle,nhle->nhl", g, y[here])[..., None]
            grad_p = np.matmul(g, np.swapaxes(v[there], -1, -2))
            if settings.dropout:
                scales = kept(b, p.shape, settings, p.dtype)
                grad_p *= scales
                scales *= p
                grad_v[there] += np.matmul(np.swapaxes(scales, -1, -2), g)
            else:
                grad_v[there] += np.matmul(np.swapaxes(p, -1, -2), g)
            grad_p -= row
            grad_p *= p
            np.multiply(np.matmul(grad_p, k[there]), scale, out=grad_q[here])
            grad_k[there] += np.matmul(np.swapaxes(grad_p, -1, -2), q[here] * scale)

    _run(work, blocks(shape, settings.causal), 3 * math.prod(shape) * (q.shape[3] + v.shape[3]))
    return grad_q, grad_k, grad_v
