"""Convolution of each channel by itself (*depthwise*: as many groups as channels), on compiled loops.

A result is a sum of a few products, one for each element of a filter, so the arrays pass by once and nothing is copied but the
planes into their padding. The letters are those of ``convolution.py``; a group's M/G filters see one channel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import depthwise as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.direct_convolution import Layout
from metagrad.kernels.rows import for_loop
from metagrad.kernels.windows import Windows, counts, sizes


def serves(x: Array, windows: Sequence[Windows], groups: int) -> bool:
    """Whether these loops serve a convolution of x (N, C, *L) in groups."""
    return (
        1 < groups == x.shape[1]
        and len(windows) <= 2
        and all(w.low >= 0 for w in windows)
        and use_compiled(x, tuning.CONVOLUTION_LOOPS_WORTH)
    )


def _shared(x: Array, windows: Sequence[Windows]) -> tuple[Layout, Array, Array]:
    """Where elements stand; the planes (N C, *); and the numbers of the layout, with the strides."""
    layout = Layout.of(1, tuple(windows))
    numbers = np.concatenate([layout.numbers, [w.stride for w in layout.windows]])
    return layout, for_loop(layout.plane(x).reshape(-1, *(w.extent for w in layout.windows))), numbers


def convolve(x: Array, w: Array, b: Array | None, windows: Sequence[Windows]) -> Array:
    """y[n, m] = Σ_k w[m, k] x[n, c, positions of k] + b[m], c the channel of m's group."""
    layout, planes, numbers = _shared(x, windows)
    channels, each = x.shape[1], len(w) // x.shape[1]
    y = np.empty((len(x), len(w), *counts(windows)), x.dtype)
    results = y.reshape(len(planes), each, *counts(layout.windows))
    filters = for_loop(w.reshape(channels, each, -1), x.dtype)
    bias = (np.zeros(len(w), x.dtype) if b is None else for_loop(b, x.dtype)).reshape(channels, each)
    turns = np.arange(len(planes)) % channels
    spread(compiled.convolve, [results, planes, turns], [filters, bias, numbers, layout.steps])
    return y


def weight_gradient(x: Array, g: Array, windows: Sequence[Windows]) -> Array:
    """w[m, k] = Σ x[n, c, position of k in window o] g[n, m, o] over all images n and windows o."""
    layout, planes, numbers = _shared(x, windows)
    each = g.shape[1] // x.shape[1]
    results = for_loop(g.reshape(len(planes), each, *counts(layout.windows)), x.dtype)
    sums = np.empty((len(planes), each, len(layout.steps)), x.dtype)

    def total(is_wide: bool) -> Array:
        spread(compiled.weight_gradient, [results, planes, sums], [numbers, layout.steps], [int(is_wide)])
        return sums.reshape(len(x), -1).sum(axis=0)

    is_wide = math.prod(w.stride for w in windows) <= tuning.DEPTHWISE_APART
    found = total(is_wide)
    if is_wide and not np.isfinite(found).all():  # maybe only because of inf · 0 in windows across two rows
        found = total(is_wide=False)
    return found.reshape(g.shape[1], 1, *sizes(windows))
