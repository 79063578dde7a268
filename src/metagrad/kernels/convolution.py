"""Convolution of NumPy arrays as products of matrices, over tiles that stay in the cache.

For a tile (some images, or some rows of one image) the elements each window sees are copied side by side (*im2col*): into a
matrix of *columns*, with a row for each weight of a filter, and a column for each window. Then

* the result is  weights @ columns,
* the gradient of the weights is  gradient @ columnsᵀ, summed over tiles,
* the gradient of the input is  weightsᵀ @ gradient, a matrix of the shape of the columns, each element of which is added
  to the position it was copied from. With stride 1 it is cheaper to see it as a convolution itself: of the gradient, with the
  filters turned round.

Columns are copied again in the backward pass rather than kept: they are as many times larger than the input as a window
has elements, and copying them costs a tenth of the product. Groups are a batch of products; one filter for each channel
(a depthwise convolution) is the case of groups with one row.

Rows of small images are short, and many short copies are slow. With stride 1 the rows are therefore laid out *wide*: next to
each other, with zeros in between that are the padding behind one row and in front of the next. Windows then may go on from
the end of a row into the next one, so that a row of columns is one long copy; the results of windows that lie across two
rows are left out.

Letters: N images, C channels, G groups, M filters, K elements of a window, P windows; x (N, C, *L), w (M, C/G, *K),
y and its gradient g (N, M, *O). Nothing here conjugates complex numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import batch_convolution, depthwise, direct_convolution, tuning
from metagrad.kernels.convolution_tiles import Tile, Work, strided
from metagrad.kernels.threads import run_in_turn
from metagrad.kernels.windows import Windows, extents, mirrored, phases, sizes
from metagrad.kernels.workspace import Workspace


class Columns:
    """im2col: makes the columns of one tile after the other."""

    def __init__(self, x: Array, work: Work, share: list[Tile], memory: Workspace) -> None:
        self.x, self.work = x if work.kept is None else x[work.kept], work
        images = max([t.images.stop - t.images.start for t in share])
        rows = max([t.rows.stop - t.rows.start for t in share])
        self.memory = memory.empty((images * rows * work.row * work.channels * work.size,), x.dtype)
        self.ready: slice | None = None
        seen = self.x
        if work.is_padded:
            self.buffer = seen = memory.empty((images, work.channels, *work.padded), x.dtype)
            self.buffer[...] = 0
        self.view = strided(seen, *work.columns(seen))
        self.before = (slice(None),) * (1 + len(work.windows))

    def of(self, tile: Tile) -> Array:
        """The columns of a tile, (G, C/G · K, windows), until the next are made."""
        images = tile.images
        if self.work.is_padded:
            count = images.stop - images.start
            if self.ready != images:
                self.buffer[:count, :, *self.work.image] = self.x[images]
                self.ready = images
            images = slice(0, count)
        seen = self.view[*self.before, images, tile.rows]
        columns = self.memory[: seen.size].reshape(seen.shape)
        columns[...] = seen
        return columns.reshape(self.work.groups, self.work.channels // self.work.groups * self.work.size, -1)


def _thinned(x: Array, windows: Sequence[Windows]) -> tuple[Array, Sequence[Windows]]:
    """Images without the elements that no window sees, where windows of one element are a stride apart."""
    if any(v.size > 1 or v.low or (v.count - 1) * v.stride >= v.extent for v in windows):
        return x, windows
    if all(v.stride == 1 for v in windows):
        return x, windows
    seen = x[:, :, *[slice(0, (v.count - 1) * v.stride + 1, v.stride) for v in windows]]
    return np.ascontiguousarray(seen), tuple([Windows(v.count, 1, 1, 0, 0, 1, v.count) for v in windows])


def convolve(x: Array, w: Array, b: Array | None, windows: Sequence[Windows], groups: int) -> Array:
    """y[n, m] = Σ_c Σ_k w[m, c, k] x[n, c, positions of k] + b[m], with c over the channels of m's group."""
    x, windows = _thinned(x, windows)
    work = Work.of(x.shape[0], x.shape[1], w.shape[0], tuple(windows), groups)
    y = np.empty((work.images, work.filters, *work.counts), x.dtype)
    bias = None if b is None else b.reshape(-1, *[1] * (1 + len(work.counts)))
    if not y.size or not w.size:
        y[...] = 0 if bias is None else bias[:, 0]
        return y
    if depthwise.serves(x, windows, groups):
        return depthwise.convolve(x, w, b, windows)
    if direct_convolution.serves(x, windows, groups):
        return direct_convolution.convolve(x, w, b, windows, groups)
    narrow = Work.of(x.shape[0], x.shape[1], w.shape[0], tuple(windows), groups, wide=False)
    if batch_convolution.serves(narrow):
        return batch_convolution.convolve(x, w, b, narrow)
    matrix = w.reshape(groups, work.filters // groups, -1)
    if work.is_pointwise:
        _convolve_points(x, matrix, bias, y, work)
        return y

    def job(share: list[Tile]) -> None:
        memory = Workspace()
        columns = Columns(x, work, share, memory)
        broad = columns.memory.size // (work.channels * work.size)
        result = memory.empty((work.filters * broad,), y.dtype)
        for tile in share:
            matrices = columns.of(tile)
            part = y[tile.images, :, tile.rows]
            wide = work.lent(result, part.shape[0], part.shape[2])
            np.matmul(matrix, matrices, out=wide.reshape(groups, work.filters // groups, -1))
            if bias is not None:
                wide += bias
            part[...] = np.swapaxes(wide[..., *work.inside], 0, 1)

    work.run(job, work.tiles())
    return y


def _convolve_points(x: Array, matrix: Array, bias: Array | None, y: Array, work: Work) -> None:
    """Windows of one element: the images are the columns."""
    shape = (work.images, work.groups)
    columns, results = x.reshape(*shape, work.channels // work.groups, -1), y.reshape(*shape, matrix.shape[1], -1)

    def job(share: list[Tile]) -> None:
        for tile in share:
            np.matmul(matrix, columns[tile.images], out=results[tile.images])
            if bias is not None:
                y[tile.images] += bias[:, 0]

    whole = slice(0, work.height)
    shares = [
        [Tile(tile.images, whole) for tile in share if tile.rows.start == 0] for share in work.tiles(split_images=False)
    ]
    work.run(job, shares)


def bias_gradient(g: Array) -> Array:
    """b[m] = Σ g[n, m, o] over all images n and windows o: whole images are added up first, or rows of windows by BLAS."""
    (images, filters), windows = g.shape[:2], math.prod(g.shape[2:])
    if windows > tuning.REDUCTION_STRIP or images > tuning.REDUCTION_ROWS or not g.size:
        return g.sum((0, *range(2, g.ndim)))
    if g.size < tuning.REDUCTION_LARGE:
        return g.reshape(images, -1).sum(0).reshape(filters, -1).sum(1)
    rows, ones = g.reshape(-1, windows), np.ones(windows, g.dtype)
    (sums,) = run_in_turn([lambda: rows.dot(ones)])
    return sums.reshape(images, filters).sum(0)


def input_gradient(g: Array, w: Array, windows: Sequence[Windows], groups: int) -> Array:
    """x[n, c, i] = Σ w[m, c, k] g[n, m, o] over the m of c's group and all (k, o) whose position is i."""
    channels = w.shape[1] * groups
    if w.shape[0] <= 2 * channels or direct_convolution.serves(g, windows, groups):
        if all(v.stride == 1 for v in windows):
            return convolve(g, _turned(w, groups), None, [mirrored(v) for v in windows], groups)
        if all(v.dilation == 1 for v in windows):
            return _by_phases(g, w, windows, groups)
    work = Work.of(g.shape[0], channels, w.shape[0], tuple(windows), groups, wide=False)
    x = np.zeros((work.images, channels, *extents(windows)), g.dtype)
    if not x.size or not g.size:
        return x
    matrix = np.ascontiguousarray(np.swapaxes(w.reshape(groups, work.filters // groups, -1), 1, 2))

    def job(share: list[Tile]) -> None:
        memory = Workspace()
        adder = _Adder(x, work, share, memory)
        wide = memory.empty((adder.broad * work.filters,), g.dtype)
        for tile in share:
            adder.add(tile, matrix, work.gradient_rows(g, tile, wide))

    work.run(job, work.tiles(split_images=False))
    return x


def _by_phases(g: Array, w: Array, windows: Sequence[Windows], groups: int) -> Array:
    """The same for strides: for every remainder of a position by the stride, a convolution with the elements that reach it."""
    x = np.zeros((len(g), w.shape[1] * groups, *extents(windows)), g.dtype)
    for parts in itertools.product(*[phases(v) for v in windows]):
        over = [p.over for p in parts]
        if all(v.size and v.count for v in over):
            seeing = _turned(w[:, :, *[p.seeing for p in parts]], groups)
            x[:, :, *[p.elements for p in parts]] = convolve(g, seeing, None, over, groups)
    return x


def _turned(w: Array, groups: int) -> Array:
    """The filters (M, C/G, *K) that carry gradients back: (C, M/G, *K), each turned round."""
    spatial = w.shape[2:]
    grouped = w.reshape(groups, -1, *w.shape[1:])
    swapped = np.swapaxes(grouped, 1, 2)[:, :, :, *[slice(None, None, -1)] * len(spatial)]
    return np.ascontiguousarray(swapped).reshape(groups * w.shape[1], -1, *spatial)


class _Adder:
    """Adds the columns of tiles to the positions they stand for."""

    def __init__(self, x: Array, work: Work, share: list[Tile], memory: Workspace) -> None:
        self.x, self.work = x, work
        images = max(t.images.stop - t.images.start for t in share)
        self.broad = images * max(t.rows.stop - t.rows.start for t in share) * work.row
        self.columns = memory.empty((self.broad * work.channels * work.size,), x.dtype)
        self.parts = [v.parts() for v in work.windows]

    def add(self, tile: Tile, matrix: Array, gradient: Array) -> None:
        """Add matrix @ gradient, the columns of a tile."""
        work, images = self.work, self.x[tile.images]
        rows = tile.rows.stop - tile.rows.start
        broad = len(images) * rows * work.row
        columns = self.columns[: broad * work.channels * work.size].reshape(work.groups, -1, broad)
        np.matmul(matrix, gradient, out=columns)
        shape = (work.channels, *sizes(work.windows), len(images), rows, *work.counts[1:])
        columns = columns.reshape(shape)
        for k in np.ndindex(*sizes(work.windows)):
            results, elements = zip(*[parts[j] for parts, j in zip(self.parts, k, strict=True)], strict=True)
            (first, last), stride = _within(results[0], tile.rows), work.windows[0].stride
            if first >= last:
                continue
            start = elements[0].start + (first - results[0].start) * stride
            chosen = slice(start, start + (last - first - 1) * stride + 1, stride)
            target = images[:, :, chosen, *elements[1:]]
            source = columns[:, *k, :, first - tile.rows.start : last - tile.rows.start, *results[1:]]
            np.add(target, np.swapaxes(source, 0, 1), out=target)


def _within(a: slice, b: slice) -> tuple[int, int]:
    return max(a.start, b.start), min(a.stop, b.stop)


def weight_gradient(x: Array, g: Array, windows: Sequence[Windows], groups: int, wide: bool = True) -> Array:
    """w[m, c, k] = Σ x[n, c, position of k in window o] g[n, m, o] over all images n and windows o."""
    x, windows = _thinned(x, windows)
    work = Work.of(x.shape[0], x.shape[1], g.shape[1], tuple(windows), groups, wide)
    shape = (groups, work.filters // groups, work.channels // groups * work.size)
    if not x.size or not g.size:
        return np.zeros((work.filters, work.channels // groups, *sizes(windows)), x.dtype)
    if depthwise.serves(x, windows, groups):
        return depthwise.weight_gradient(x, g, windows)
    is_deep = groups == 1 or work.filters >= tuning.CONVOLUTION_GROUP * groups
    if is_deep and direct_convolution.serves(x, windows, groups):
        return direct_convolution.weight_gradient(x, g, windows, groups)
    narrow = Work.of(x.shape[0], x.shape[1], g.shape[1], tuple(windows), groups, wide=False)
    if batch_convolution.serves(narrow):
        return batch_convolution.weight_gradient(x, g, narrow)

    def job(share: list[Tile]) -> Array:
        memory = Workspace()
        columns = Columns(x, work, share, memory)
        wide = memory.empty((columns.memory.size // (work.channels * work.size) * work.filters,), g.dtype)
        total, each = np.empty(shape, x.dtype), memory.empty(shape, x.dtype)
        for i, tile in enumerate(share):
            matrices = np.swapaxes(columns.of(tile), 1, 2)
            np.matmul(work.gradient_rows(g, tile, wide), matrices, out=each if i else total)
            if i:
                total += each
        return total

    total, *others = work.run(job, work.tiles())
    for other in others:
        total += other
    if work.is_wide and not np.isfinite(total).all():  # maybe only because of inf · 0 in windows across two rows
        return weight_gradient(x, g, windows, groups, wide=False)
    return total.reshape(work.filters, work.channels // groups, *sizes(windows))
