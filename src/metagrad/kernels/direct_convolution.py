"""Convolution of NumPy arrays on compiled loops: those of stride 1, in one or two dimensions, without groups.

``compiled/convolution.py`` has the loops; here the padded image is laid out, and images are shared out to threads.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import map_chunks, split, threads_worth
from metagrad.kernels.compiled import convolution as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.compiled.products import panel_width
from metagrad.kernels.windows import Windows, counts, sizes

_ONE = Windows(extent=1, size=1, stride=1, low=0, high=0, dilation=1, count=1)  # the axis that one dimension lacks


def serves(x: Array, windows: Sequence[Windows], groups: int) -> bool:
    """Whether these loops serve a convolution of x (N, C, *L)."""
    if not use_compiled(x, tuning.CONVOLUTION_LOOPS_WORTH):
        return False
    return groups == 1 and len(windows) <= 2 and all(w.stride == 1 and w.low >= 0 for w in windows)


class Layout:
    """Where the elements of a padded image (C, H, V) stand, and where what each element of a filter sees begins."""

    def __init__(self, channels: int, windows: Sequence[Windows]) -> None:
        first, second = self.windows = (_ONE,) * (2 - len(windows)) + tuple(windows)
        height, pitch = (max(w.low + w.extent, w.count - 1 + w.reach) for w in self.windows)
        self.numbers = np.array([first.low, second.low, height, pitch])
        c, a, b = np.ogrid[:channels, : first.size, : second.size]
        self.starts = ((c * height + a * first.dilation) * pitch + b * second.dilation).reshape(-1)

    @staticmethod
    @functools.lru_cache(maxsize=256)
    def of(channels: int, windows: tuple[Windows, ...]) -> Layout:
        """The layout, made once: a model asks for the same ones at every step."""
        return Layout(channels, windows)

    def plane(self, x: Array) -> Array:
        """Images (N, C, *L) with two axes of extents, in order in memory."""
        found = x.reshape(*x.shape[:2], *(w.extent for w in self.windows))
        return found if found.flags.carray else found.copy()

    def results(self, g: Array) -> Array:
        """The same for what belongs to windows, (N, M, *O)."""
        found = g.reshape(*g.shape[:2], *counts(self.windows))
        return found if found.flags.carray else found.copy()


def _over_images(job: Callable[[slice], Array], images: int, multiplications: int) -> list[Array]:
    """The results of a job for each thread's images."""
    threads = threads_worth(multiplications, tuning.CONVOLUTION_LOOPS_WORTH_THREADS)
    return map_chunks(job, split(images, threads), threads)


def convolve(x: Array, w: Array, b: Array | None, windows: Sequence[Windows]) -> Array:
    """y[n, m] = Σ_c Σ_k w[m, c, k] x[n, c, positions of k] + b[m]."""
    layout, filters = Layout.of(x.shape[1], tuple(windows)), len(w)
    y = np.empty((len(x), filters, *counts(windows)), x.dtype)
    images, results, matrix = layout.plane(x), layout.results(y), w.reshape(filters, -1).copy()
    bias = np.zeros(filters, x.dtype) if b is None else b.copy()
    width = panel_width(x.dtype)

    def job(some: slice) -> Array:
        compiled.convolve(images[some], matrix, bias, layout.numbers, layout.starts, width, results[some])
        return y

    _over_images(job, len(x), matrix.size * len(x) * math.prod(counts(windows)))
    return y


def weight_gradient(x: Array, g: Array, windows: Sequence[Windows]) -> Array:
    """w[m, c, k] = Σ x[n, c, position of k in window o] g[n, m, o] over all images n and windows o."""
    layout, filters, width = Layout.of(x.shape[1], tuple(windows)), g.shape[1], panel_width(x.dtype)
    images, results = layout.plane(x), layout.results(g)
    columns = -(-filters // width) * width

    def job(some: slice) -> Array:
        grad = np.zeros((len(layout.starts), columns), x.dtype)
        compiled.weight_gradient(images[some], results[some], layout.numbers, layout.starts, width, grad)
        return grad

    total, *others = _over_images(job, len(x), len(layout.starts) * filters * len(x) * math.prod(counts(windows)))
    for other in others:
        total += other
    return total[:, :filters].T.reshape(filters, x.shape[1], *sizes(windows))
