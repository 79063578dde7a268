"""How one convolution is cut into tiles, some images or some rows of one, whose columns stay in the cache.

What there is to know of a convolution before its numbers are seen: see ``convolution.py``, which has the letters and the kernels.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, deal, map_chunks, threads_worth
from metagrad.kernels.windows import Windows, counts, sizes

R = TypeVar("R")


class Tile(NamedTuple):
    """Images, and of their windows the rows (along the first axis of windows)."""

    images: slice
    rows: slice


class Work:
    """The extents of one convolution, and how it is cut into tiles."""

    def __init__(
        self, images: int, channels: int, filters: int, windows: Sequence[Windows], groups: int, wide: bool = True
    ) -> None:
        self.images, self.channels, self.filters, self.groups = images, channels, filters, groups
        self.windows, self.counts = tuple(windows), counts(windows)
        self.size = math.prod(sizes(windows))
        self.height = self.counts[0]
        spread = tuple([max(w.extent + w.low, w.extent + w.high, w.count) for w in windows[1:]])
        across = (math.prod(spread) - math.prod(self.counts[1:])) * filters // groups
        self.is_wide = (
            wide
            and len(windows) > 1
            and across <= tuning.CONVOLUTION_ACROSS
            and all(w.stride == 1 and w.low >= 0 <= w.high for w in windows)
        )
        self.wide = spread if self.is_wide else self.counts[1:]
        self.inside = tuple([slice(0, n) for n in self.counts[1:]])
        self.row = math.prod(self.wide)
        self.multiplications = images * filters * (channels // groups) * self.size * self.row * self.height
        self.is_pointwise = all(w.size == 1 and w.stride == 1 and w.low == 0 and w.count == w.extent for w in windows)
        self.kept, inner = _kept(windows), [_over_kept(w) for w in windows]
        self.padded = _wide_extents(inner, self.wide) if self.is_wide else _padded_extents(inner)
        self.is_padded = self.padded != [w.extent for w in inner]
        self.image = tuple([slice(w.low, w.low + w.extent) for w in inner])  # where in the padded one it lies
        self._tiles: dict[tuple[int, bool], list[list[Tile]]] = {}

    @staticmethod
    @functools.lru_cache(maxsize=256)
    def of(
        images: int, channels: int, filters: int, windows: tuple[Windows, ...], groups: int, wide: bool = True
    ) -> Work:
        """The work of one convolution, kept: the layers of a model ask for the same ones again and again."""
        return Work(images, channels, filters, windows, groups, wide)

    def columns_of_image(self) -> tuple[int, ...]:
        """The shape of what all windows see of one image, (C, *K, *O)."""
        return (self.channels, *sizes(self.windows), *self.counts)

    def columns(self, x: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Shape and strides of what all windows see of padded images x, (C, *K, N, *O): a window's elements, then its position."""
        image, channel, *along = x.strides
        shape = (self.channels, *sizes(self.windows), len(x), self.height, *self.wide)
        elements = [w.dilation * b for w, b in zip(self.windows, along, strict=True)]
        return shape, (channel, *elements, image, *[w.stride * b for w, b in zip(self.windows, along, strict=True)])

    def tiles(self, split_images: bool = True) -> list[list[Tile]]:
        """For each thread, its tiles in order; ``split_images``: whether two threads may work on one image."""
        threads = threads_worth(self.multiplications, tuning.CONVOLUTION_WORTH_THREADS)
        found = self._tiles.get((threads, split_images))
        if found is None:
            found = self._tiles[threads, split_images] = self._cut(threads, split_images)
        return found

    def _cut(self, threads: int, split_images: bool) -> list[list[Tile]]:
        split_images = split_images and self.images < threads
        images, rows = self._tile_extents(threads, split_images)
        tiles = [[Tile(some, part) for part in cut(self.height, rows)] for some in cut(self.images, images)]
        if split_images:
            return deal(list(itertools.chain.from_iterable(tiles)), threads)
        return [list(itertools.chain.from_iterable(share)) for share in deal(tiles, threads)]

    def _tile_extents(self, threads: int, split_images: bool) -> tuple[int, int]:
        """How many images a tile has and, if one, how many rows: as the cache holds, but no fewer than make a broad matrix."""
        per_row = self.channels * self.size * self.row
        images = min(self._fitting(per_row * self.height, self.height * self.row), max(1, -(-self.images // threads)))
        if images > 1:
            return images, self.height
        rows = min(self._fitting(per_row, self.row), self.height)
        return 1, min(rows, -(-self.height // threads)) if split_images else rows

    def _fitting(self, elements: int, columns: int) -> int:
        """How many parts make a tile, each with so many elements and columns of the im2col matrix."""
        return max(tuning.CONVOLUTION_TILE // max(1, elements), -(-tuning.CONVOLUTION_BROAD // max(1, columns)), 1)

    def run(self, job: Callable[[list[Tile]], R], shares: list[list[Tile]]) -> list[R]:
        """The results of a job for each thread's tiles."""
        if len(shares) == 1 and self.multiplications < tuning.BLAS_STARTS_THREADS:  # BLAS starts none by itself
            return [job(shares[0])]
        return map_chunks(job, shares, len(shares), blas=True)

    def gradient_rows(self, g: Array, tile: Tile, memory: Array) -> Array:
        """The gradient of a tile as a matrix for each group, (G, M/G, windows)."""
        part = np.swapaxes(g[tile.images, :, tile.rows], 0, 1)
        wide = self.lent(memory, part.shape[1], part.shape[2])
        if self.is_wide:
            wide[...] = 0
        wide[..., *self.inside] = part
        return wide.reshape(self.groups, self.filters // self.groups, -1)

    def lent(self, memory: Array, images: int, rows: int) -> Array:
        """Memory as results (M, images, rows, *wide)."""
        shape = (self.filters, images, rows, *self.wide)
        return memory[: math.prod(shape)].reshape(shape)


def strided(x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
    """NumPy's ``as_strided``; by the constructor where elements are in order in memory, which takes a tenth of its time.

    >>> strided(np.arange(4), (3, 2), (8, 8)).tolist()
    [[0, 1], [1, 2], [2, 3]]
    """
    if x.flags.c_contiguous:
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return as_strided(x, shape, strides)


def _kept(windows: Sequence[Windows]) -> tuple[slice, ...] | None:
    """The part of images (N, C, *L) that negative padding leaves; None where there is none."""
    cuts = [(max(0, -w.low), max(0, -w.high)) for w in windows]
    if not any(map(any, cuts)):
        return None
    inside = [slice(a, max(a, w.extent - b)) for w, (a, b) in zip(windows, cuts, strict=True)]
    return slice(None), slice(None), *inside


def _over_kept(w: Windows) -> Windows:
    """Windows over the part that negative padding leaves."""
    extent = w.extent - max(0, -w.low) - max(0, -w.high)
    return w._replace(extent=max(0, extent), low=max(0, w.low), high=max(0, w.high))


def _padded_extents(windows: Sequence[Windows]) -> list[int]:
    """The extents that all windows together need."""
    return [max(w.low + w.extent, (w.count - 1) * w.stride + w.reach) for w in windows]


def _wide_extents(windows: Sequence[Windows], wide: tuple[int, ...]) -> list[int]:
    """The extents of a wide layout, and rows of zeros for the windows that go on behind the last row."""
    first, *inner = windows
    beyond = sum((w.reach - 1) * math.prod(wide[i + 1 :]) for i, w in enumerate(inner))
    return [_padded_extents([first])[0] + -(-beyond // math.prod(wide)), *wide]
