"""Attention by the compiled loops of ``compiled/attention.py``: which inputs they serve, and how these are handed over.

A thread takes one head after another. With dropout it takes as many as have their zeros from one stream in ``attention.py``,
whose blocks these are, so that a seed gives the same ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad.base.layouts import places_of
from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import threads_worth
from metagrad.kernels.compiled import attention as loops
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.compiled.entries import work_of
from metagrad.kernels.compiled.products import panel_width
from metagrad.kernels.threads import perform


def serve(q: Array, k: Array, v: Array, settings: Any) -> bool:
    """Whether there are loops for these inputs, and they are worth it: enough queries, rows that fill panels."""
    if q.shape[2] < tuning.ATTENTION_LOOP_LEAST or not use_compiled(q, 0) or not q.dtype == k.dtype == v.dtype:
        return False
    width = panel_width(q.dtype)
    filled = all(4 * n >= 3 * width * -(-n // width) for n in (q.shape[3], v.shape[3]))
    drawn_by_seed = not settings.dropout or isinstance(settings.drawn, int)
    work = math.prod(q.shape) * k.shape[2]
    return filled and drawn_by_seed and work >= tuning.ATTENTION_LOOP_WORTH


def attend(arrays: list[Array], totals: Array, settings: Any, groups: list[list[Any]], back: bool) -> None:
    """Of q, k and v, y and totals, which are filled; or, going back, of q, k, v, y and its gradient the three others.

    groups: with dropout, the blocks of each thread's part, each with a stream of its own.
    """
    n, h, rows, size = arrays[3].shape
    keys, depth, dtype, p = arrays[1].shape[2], arrays[0].shape[3], totals.dtype, settings.dropout
    kind, mask = _mask(settings, (n, h), dtype)
    given = [_in_rows(a) for a in (*arrays[:4], mask, *arrays[4:])]
    places = np.stack([places_of(a, 2) for a in given], axis=1)
    steps = np.array([a.strides[2] for a in given])
    units, height = np.array([(i, i + 1, i) for i in range(n * h)]), rows
    states = np.zeros((1, 4), np.int64)
    if p:
        firsts = [group[0] for group in groups]
        heads = [(b.n.start * h + b.h.start, (b.n.stop - 1) * h + b.h.stop) for b in firsts]
        units, height = np.array([(*some, i) for i, some in enumerate(heads)]), firsts[0].rows.stop
        seeds = [settings.drawn + b.number for group in groups for b in group]
        states = np.stack([np.random.SFC64(seed).state["state"]["state"] for seed in seeds]).view(np.int64)
    factors = np.array([settings.scale, 0 if p >= 1 else 1 / (1 - p), 1, 0], dtype)
    numbers = [keys, depth, size, height, int(settings.causal), kind, round(p * 65536), int(back), panel_width(dtype)]
    work = work_of(loops.attend, [units], [places, steps, totals.reshape(n * h, rows), factors, states], numbers)
    threads = threads_worth(totals.size * keys * (depth + size), tuning.ATTENTION_WORTH_THREADS)
    perform(work, len(units), len(units) if threads > 1 else 1)


def _mask(settings: Any, heads: tuple[int, int], dtype: Any) -> tuple[int, Array]:
    """What kind of mask there is, and the mask (N, H, L, S); numbers for it that nobody reads where there is none."""
    assert settings.removed is None or settings.bias is None
    if settings.removed is not None:
        return loops.REMOVED, settings.removed.view(np.uint8)
    if settings.bias is not None:
        return loops.BIAS, settings.bias.astype(dtype, copy=False)
    return loops.NOTHING, np.broadcast_to(np.zeros((), dtype), (*heads, 1, 1))


def _in_rows(x: Array) -> Array:
    """x (N, H, L, E), or a copy of it whose rows' elements lie side by side: once where it is repeated."""
    if x.strides[3] == x.itemsize and x.flags.aligned:
        return x
    once = x[tuple([slice(1) if step == 0 else slice(None) for step in x.strides[:3]])]
    return np.broadcast_to(np.ascontiguousarray(once), x.shape)
