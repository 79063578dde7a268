"""Convolution spelled out: the reference implementation of ``metagrad.kernels.convolution``.

The three maps come from one sum, T = Σ x[n, c, position of k in window o] · w[m, c, k] · y[n, m, o]: each is the derivative of
T with respect to one of its three factors. They are written in NumPy's functions, so that they run on tensors (recorded, and
differentiable any number of times) and on the arrays of any library that answers NumPy's protocols.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.windows import Windows, counts, mirrored, sizes
from metagrad.ops.index.indexing import Embed


def padded(x: Array, windows: Sequence[Windows]) -> Array:
    """x (N, C, *L) with zeros around it, and without what negative padding cuts off."""
    inside = tuple(slice(max(0, -w.low), w.extent - max(0, -w.high)) for w in windows)
    x = x[(slice(None), slice(None), *inside)]
    lows = [max(0, w.low) for w in windows]
    reached = [(w.count - 1) * w.stride + w.reach for w in windows]
    extents = [max(low + n, r) for low, n, r in zip(lows, x.shape[2:], reached, strict=True)]
    inside_padding = tuple(slice(low, low + n) for low, n in zip(lows, x.shape[2:], strict=True))
    return Embed.on(x, shape=(*x.shape[:2], *extents), index=(slice(None), slice(None), *inside_padding))


def columns(x: Array, windows: Sequence[Windows]) -> Array:
    """The elements of every window, (N, C, K, P): K of them in each of P windows."""
    x = padded(x, windows)
    picked = []
    for k in np.ndindex(*sizes(windows)):
        starts = [j * w.dilation for j, w in zip(k, windows, strict=True)]
        seen = [slice(a, a + (w.count - 1) * w.stride + 1, w.stride) for a, w in zip(starts, windows, strict=True)]
        picked.append(x[(slice(None), slice(None), *seen)])
    return np.stack(picked, axis=2).reshape((*x.shape[:2], len(picked), math.prod(counts(windows))))


def convolve(x: Array, w: Array, b: Array | None, windows: Sequence[Windows], groups: int) -> Array:
    """y = weights @ columns: x (N, C, *L), w (M, C/G, *K), b (M) or None, y (N, M, *O)."""
    (images, channels), filters = x.shape[:2], w.shape[0]
    seen = columns(x, windows)
    weights = channels // groups * seen.shape[2]
    y = np.matmul(
        w.reshape((groups, filters // groups, weights)), seen.reshape((images, groups, weights, seen.shape[3]))
    ).reshape((images, filters, *counts(windows)))
    return y if b is None else y + b.reshape((filters, *[1] * len(windows)))


def input_gradient(g: Array, w: Array, windows: Sequence[Windows], groups: int) -> Array:
    """A convolution of the gradient (N, M, *O), its elements put ``stride`` apart, with the filters turned round."""
    (images, filters), per_group = g.shape[:2], w.shape[1]
    apart = [(v.count - 1) * v.stride + 1 for v in windows]
    apart_by_stride = tuple(slice(None, None, v.stride) for v in windows)
    spread = Embed.on(g, shape=(images, filters, *apart), index=(slice(None), slice(None), *apart_by_stride))
    grouped = w.reshape((groups, filters // groups, *w.shape[1:]))
    turned = np.flip(np.swapaxes(grouped, 1, 2), axis=tuple(range(3, 3 + len(windows))))
    over = [mirrored(v._replace(stride=1, count=n)) for v, n in zip(windows, apart, strict=True)]
    return convolve(spread, turned.reshape((groups * per_group, filters // groups, *w.shape[2:])), None, over, groups)


def weight_gradient(x: Array, g: Array, windows: Sequence[Windows], groups: int) -> Array:
    """gradient @ columnsᵀ, summed over the images."""
    (images, channels), filters = x.shape[:2], g.shape[1]
    seen = columns(x, windows)
    weights = channels // groups * seen.shape[2]
    each = np.matmul(
        g.reshape((images, groups, filters // groups, seen.shape[3])),
        np.swapaxes(seen.reshape((images, groups, weights, seen.shape[3])), 2, 3),
    )
    return each.sum(0).reshape((filters, channels // groups, *sizes(windows)))
