"""Where the results of resizing come from along an axis, and with what weights."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from metagrad.base.typing import Array, DTypeLike
from metagrad.kernels.chunks import split
from metagrad.kernels.grid_samples import cubic_weights

Block: TypeAlias = tuple[slice, slice, Array]  # rows of a matrix, columns of it, and what stands there
_BLOCK = 64  # rows of a matrix, mostly of zeros, that are multiplied together

__all__ = ["ANTIALIASED", "TAPS", "Taps", "in_whole_numbers"]


class _Taps(NamedTuple):
    extent: int
    index: Array
    weights: Array


class Taps(_Taps):
    """What the results along an axis are made of: Σ_t ``weights[t, o]`` · x[``index[t, o]``], index rising with o."""

    def blocks(self, dtype: DTypeLike, transposed: bool = False) -> list[Block]:
        """The same as a matrix (O, L), or its transpose: the parts of it that are not 0 alone, some rows at a time."""
        kept = self.__dict__.setdefault("kept", {})
        if (dtype, transposed) not in kept:
            kept[dtype, transposed] = self._blocks(dtype, transposed)
        return kept[dtype, transposed]

    def _blocks(self, dtype: DTypeLike, transposed: bool) -> list[Block]:
        count = self.index.shape[1]
        outputs = np.broadcast_to(np.arange(count), self.index.shape).reshape(-1)
        inputs, weights = self.index.reshape(-1), self.weights.astype(dtype).reshape(-1)
        of, to, rows = (outputs, inputs, self.extent) if transposed else (inputs, outputs, count)
        found = []
        for s in split(rows, max(1, max(count, self.extent) // _BLOCK)):
            here = (to >= s.start) & (to < s.stop)
            low, high = (int(of[here].min()), int(of[here].max()) + 1) if here.any() else (0, 1)
            part = np.zeros((s.stop - s.start, high - low), dtype)
            np.add.at(part, (to[here] - s.start, of[here] - low), weights[here])
            found.append((s, slice(low, high), part))
        return found

    @functools.cached_property
    def repeats(self) -> int:
        """How often each element is there in turn, if that is all; else 0.

        >>> TAPS["nearest"](2, 6, None, False, np.float32).repeats, TAPS["nearest"](2, 3, None, False, np.float32).repeats
        (3, 0)
        """
        times = self.index.shape[1] // max(1, self.extent)
        repeated = np.repeat(np.arange(self.extent), times)
        return times if np.array_equal(self.index, repeated[None]) and bool((self.weights == 1).all()) else 0

    @functools.cached_property
    def picks(self) -> bool:
        """Whether each result is one element."""
        return len(self.index) == 1 and bool((self.weights == 1).all())


def _step(n: int, o: int, scale: float | None, align: bool, real: Array) -> Array:
    """The distance between the positions in the input that results come from."""
    if align:
        return real((n - 1) / (o - 1)) if o > 1 else real(0)
    return real(1 / scale) if scale else real(n) / real(o)


def _centres(n: int, o: int, scale: float | None, align: bool, real: Array) -> Array:
    """Those positions: the corners' centres on each other if aligned, else the corners."""
    step, at = _step(n, o, scale, align, real), np.arange(o, dtype=real)
    return step * at if align else step * (at + real(0.5)) - real(0.5)


def below(n: int, o: int, scale: float | None, align: bool, real: Array, shift: float = 0.0) -> Taps:
    """The element whose position is nearest below; ``shift`` 0.5: that of the pixel the result's centre falls into."""
    step = _step(n, o, scale, False, np.float32)
    index = np.floor((np.arange(o, dtype=np.float32) + np.float32(shift)) * step).astype(np.int64)
    return Taps(n, np.minimum(index, n - 1)[None], np.ones((1, o), real))


def _nearest(n: int, o: int, scale: float | None, align: bool, real: Array) -> Taps:
    """The element below, in images; where the extent stays or doubles, each element once or twice, whatever the factor."""
    return below(n, o, None if o in (n, 2 * n) else scale, align, real)


def _exact(n: int, o: int, scale: float | None, align: bool, real: Array) -> Taps:
    return below(n, o, scale, align, real, 0.5)


def _linear(n: int, o: int, scale: float | None, align: bool, real: Array) -> Taps:
    """The two elements on either side, by their distance."""
    if n == o:
        return Taps(n, np.arange(n)[None], np.ones((1, n), real))
    position = np.maximum(_centres(n, o, scale, align, real), 0)
    low = np.minimum(position.astype(np.int64), n - 1)
    right = np.clip(position - low.astype(real), 0, 1)
    return Taps(n, np.stack([low, np.minimum(low + 1, n - 1)]), np.stack([1 - right, right]))


def _cubic(n: int, o: int, scale: float | None, align: bool, real: Array) -> Taps:
    """Four elements, those beyond the edge being the edge's."""
    position = _centres(n, o, scale, align, real)
    low = np.minimum(np.floor(position).astype(np.int64), n - 1)
    weights = cubic_weights(np.clip(position - low.astype(real), 0, 1))
    return Taps(n, np.clip(np.stack([low - 1, low, low + 1, low + 2]), 0, n - 1), np.stack(weights).astype(real))


def in_whole_numbers(taps: Taps) -> tuple[Taps, float]:
    """Weights for bytes, as whole numbers of 16 bits, and the unit they count: Pillow's and PyTorch's arithmetic."""
    weights = taps.weights.copy()
    # Beyond an edge its element counts several times: one weight for all of them.
    for t in range(len(weights) - 1, 0, -1):
        again = taps.index[t] == taps.index[t - 1]
        weights[t - 1] += np.where(again, weights[t], 0)
        weights[t] = np.where(again, 0, weights[t])
    bits = min(22, max(0, math.ceil(math.log2((2**15 - 0.5) / weights.max())) - 1))
    counted = weights * 2.0**bits
    return taps._replace(weights=np.trunc(counted + np.copysign(0.5, counted))), 2.0**bits


def _triangle(x: Array) -> Array:
    return np.maximum(1 - np.abs(x), 0)


def _keys(x: Array, a: float = -0.5) -> Array:
    x = np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _lanczos(x: Array) -> Array:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


def _filtered(shape: Callable[[Array], Array], radius: float) -> Callable[..., Taps]:
    """Weights of a filter that is widened, where the result is smaller, until it leaves nothing out: no aliasing."""

    def taps(n: int, o: int, scale: float | None, align: bool, real: Array) -> Taps:
        if n == o:
            return Taps(n, np.arange(n)[None], np.ones((1, n), real))
        step = _step(n, o, scale, align, real)
        widened = max(step, real(1))
        centre = step * (np.arange(o, dtype=real) + real(0.5))
        first = np.maximum((centre - real(radius) * widened + real(0.5)).astype(np.int64), 0)
        last = np.minimum((centre + real(radius) * widened + real(0.5)).astype(np.int64), n)
        offsets = np.arange(max(1, int((last - first).max())))[:, None]
        index = first + offsets
        weights = np.where(index < last, shape((index - centre + real(0.5)) / widened), 0)
        total = weights.sum(0)
        return Taps(n, np.minimum(index, n - 1), (weights / np.where(total == 0, 1, total)).astype(real))

    return taps


_kept = functools.lru_cache(maxsize=64)  # a model asks for the same ones again and again

TAPS: dict[str, Callable[..., Taps]] = {
    "nearest": _kept(_nearest), "nearest-exact": _kept(_exact), "linear": _kept(_linear), "bilinear": _kept(_linear),
    "trilinear": _kept(_linear), "bicubic": _kept(_cubic),
}  # fmt: skip
ANTIALIASED = {
    "bilinear": _kept(_filtered(_triangle, 1)), "bicubic": _kept(_filtered(_keys, 2)), "lanczos": _kept(_filtered(_lanczos, 3)),
}  # fmt: skip
