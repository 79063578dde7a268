"""Convolution of NumPy arrays on compiled loops: those in one or two dimensions.

``compiled/convolution.py`` has the loops; here the padded image is laid out, the way is chosen, and images are shared out to
threads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import map_chunks, split, threads_worth
from metagrad.kernels.compiled import convolution as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.compiled.products import panel_width, panels
from metagrad.kernels.windows import Windows, counts, sizes

_ONE = Windows(extent=1, size=1, stride=1, low=0, high=0, dilation=1, count=1)  # the axis that one dimension lacks


def serves(x: Array, windows: Sequence[Windows], groups: int) -> bool:
    """Whether these loops serve a convolution of x (N, C, *L)."""
    if not use_compiled(x, tuning.CONVOLUTION_LOOPS_WORTH):
        return False
    if len(windows) > 2 or not all(w.low >= 0 for w in windows):
        return False
    return groups == 1 or x.shape[1] >= tuning.CONVOLUTION_GROUP * groups or all(w.stride == 1 for w in windows)


class Layout:
    """Where the elements of a padded image (C, H, V) stand, where windows begin, and how far a filter's elements are from there."""

    def __init__(self, channels: int, windows: Sequence[Windows]) -> None:
        first, second = self.windows = (_ONE,) * (2 - len(windows)) + tuple(windows)
        height, pitch = (max(w.low + w.extent, (w.count - 1) * w.stride + w.reach) for w in self.windows)
        self.numbers = np.array([first.low, second.low, height, pitch])
        c, a, b = np.ogrid[:channels, : first.size, : second.size]
        self.steps = ((c * height + a * first.dilation) * pitch + b * second.dilation).reshape(-1)
        self.count = first.count * second.count
        images, i, j = np.ogrid[: max(1, tuning.CONVOLUTION_PLACES // self.count), : first.count, : second.count]
        self.places = ((images * channels * height + i * first.stride) * pitch + j * second.stride).reshape(-1)
        self.has_steps_of_one = first.stride == second.stride == 1
        self.across = (first.count - 1) * pitch + second.count  # windows, with those that lie across two rows

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
        """What belongs to windows, (N, M, *O) as (N, M, O, P), in order in memory."""
        found = g.reshape(*g.shape[:2], *counts(self.windows))
        return found if found.flags.carray else found.copy()

    def holds_filters(self, filters: int, width: int) -> bool:
        """Whether a register should hold filters rather than windows, of which it then computes some in vain."""
        if not self.has_steps_of_one:
            return True
        lanes, size = width // 2, len(self.steps)
        by_windows = size * -(-self.across // width) * width / self.count  # multiplications for a result
        return (size + tuning.CONVOLUTION_TURNING) * -(-filters // lanes) * lanes / filters < by_windows


def _registers(filters: int, lanes: int) -> int:
    """How many registers a panel of filters fills, one or two: as few as leave none empty."""
    return 2 - (-(-filters // lanes) % 2 if filters <= 3 * lanes else 0)


def _over_images(job: Callable[[slice], Array], images: int, results: int, size: int) -> list[Array]:
    """The results of a job for each thread's images, for so many results, each a sum of ``size`` products."""
    threads = threads_worth(results * (size + tuning.CONVOLUTION_TURNING), tuning.CONVOLUTION_LOOPS_WORTH_THREADS)
    return map_chunks(job, split(images, threads), threads)


def convolve(x: Array, w: Array, b: Array | None, windows: Sequence[Windows], groups: int = 1) -> Array:
    """y[n, m] = Σ_c Σ_k w[m, c, k] x[n, c, positions of k] + b[m], with c over the channels of m's group."""
    layout, width = Layout.of(w.shape[1], tuple(windows)), panel_width(x.dtype)
    y = np.empty((len(x), len(w), *counts(windows)), x.dtype)
    images, results = layout.plane(x), layout.results(y)
    filters, matrix = len(w) // groups, w.reshape(groups, len(w) // groups, -1)
    bias = (np.zeros(len(w), x.dtype) if b is None else b.copy()).reshape(groups, filters)
    is_small = layout.holds_filters(filters, width)
    packed = _packed(matrix, width // 2) if is_small else matrix.copy()
    places = layout.places if groups == 1 else layout.places[: layout.count]

    def job(some: slice) -> Array:
        ins, outs = _grouped(images[some], groups), _grouped(results[some], groups)
        if is_small:
            fixed = (layout.numbers, layout.steps, places, width // 2)
            compiled.convolve_small(ins, packed, bias, *fixed, outs.reshape(*outs.shape[:2], -1))
        else:
            compiled.convolve(ins, packed, bias, layout.numbers, layout.steps, width, outs)
        return y

    _over_images(job, len(x), y.size, len(layout.steps))
    return y


def _packed(matrix: Array, lanes: int) -> Array:
    """Filters (G, M, K) as panels (G, ⌈M/W⌉, K, W)."""
    return np.stack([panels(own.T, _registers(len(own), lanes)) for own in matrix])


def _grouped(x: Array, groups: int) -> Array:
    """(N, C, *) as (N G, C/G, *)."""
    return x.reshape(len(x) * groups, x.shape[1] // groups, *x.shape[2:])


def weight_gradient(x: Array, g: Array, windows: Sequence[Windows], groups: int = 1) -> Array:
    """w[m, c, k] = Σ x[n, c, position of k in window o] g[n, m, o] over all images n and windows o."""
    channels, filters = x.shape[1] // groups, g.shape[1] // groups
    layout, lanes = Layout.of(channels, tuple(windows)), panel_width(x.dtype) // 2
    images, results = layout.plane(x), layout.results(g)
    width = _registers(filters, lanes) * lanes
    places = layout.places if groups == 1 else layout.places[: layout.count]

    def job(some: slice) -> Array:
        grad = np.zeros((groups, -(-filters // width), len(layout.steps), width), x.dtype)
        ins, outs = _grouped(images[some], groups), _grouped(results[some], groups)
        fixed = (layout.numbers, layout.steps, places, lanes)
        compiled.weight_gradient(ins, outs.reshape(*outs.shape[:2], -1), *fixed, grad)
        return grad

    total, *others = _over_images(job, len(x), g.size, len(layout.steps))
    for other in others:
        total += other
    found = total.swapaxes(2, 3).reshape(groups, -1, len(layout.steps))[:, :filters]
    return np.ascontiguousarray(found.reshape(groups * filters, channels, *sizes(windows)))
