"""A stream of random numbers that are drawn on a GPU, with the methods of ``numpy.random.Generator`` that ops use."""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.device import device as Device
from metagrad.base.device import move
from metagrad.base.typing import Array, Sizes
from metagrad.kernels import philox
from metagrad.ops.create.draws import PlainDraws

STATE_BYTES = 16  # the key and the number of the next block, of 8 bytes each: what PyTorch's generator of a GPU has


class DeviceStream(PlainDraws):
    """The blocks of Philox from number ``position`` on, under a key, on one device.

    >>> a, b = (DeviceStream(5, Device("cpu")) for _ in range(2))
    >>> bool((a.random((2, 3)) == b.random((2, 3))).all()), a.position
    (True, 3)
    """

    def __init__(self, key: int, device: Device, position: int = 0) -> None:
        self.key, self.device, self.position = key, device, position

    def words(self, count: int) -> Array:
        """The next words (count), uint32; what is left of their last block is not used."""
        found = philox.words(self.key, self.position, count, move(np.zeros(1, np.uint32), self.device))
        self.position += -(-count // 4)
        return found

    def random(self, size: Sizes = (), dtype: type[np.floating] = np.float64) -> Array:
        """Uniform numbers in [0, 1): 24 random bits for float32, 53 for float64."""
        shape, count = _extents(size)
        if np.dtype(dtype) == np.float32:
            return ((self.words(count) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)
        return ((self._double_words(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)

    def standard_normal(self, size: Sizes = (), dtype: type[np.floating] = np.float64) -> Array:
        """Normal numbers, by Box and Muller (1958): a uniform angle, and a length √(−2 ln u)."""
        shape, count = _extents(size)
        half = -(-count // 2)
        u = self.random((2, half), dtype)
        length, angle = np.sqrt(-2 * np.log1p(-u[0])), 2 * math.pi * u[1]
        both = np.concatenate([length * np.cos(angle), length * np.sin(angle)])
        return both[:count].astype(dtype, copy=False).reshape(shape)

    def integers(
        self, low: int, high: int, size: Sizes = (), dtype: type[np.integer] = np.int64, endpoint: bool = False
    ) -> Array:
        """Integers from ``low`` to ``high`` (excluded, unless ``endpoint``): 64 random bits modulo their number."""
        shape, count = _extents(size)
        drawn, many = self._double_words(count), high - low + endpoint
        if many < 2**64:
            drawn = drawn % np.uint64(many)
        return (drawn + np.uint64(low % 2**64)).astype(dtype).reshape(shape)  # wraps around to negative ones

    def exponential(self, scale: float = 1.0, size: Sizes = ()) -> Array:
        """Exponential numbers with this mean: −ln(1 − u)."""
        return -np.log1p(-self.random(size)) * scale

    def standard_cauchy(self, size: Sizes = ()) -> Array:
        """Cauchy numbers: tan π(u − ½)."""
        return np.tan(math.pi * (self.random(size) - 0.5))

    def bernoulli(self, chance: Array | float, size: Sizes = ()) -> Array:
        """True with this chance, one for all or one for each."""
        return self.random(size) < chance

    def kept(self, shape: tuple[int, ...], p: float) -> Array:
        """What dropout keeps: False with probability p."""
        return self.random(shape, np.float32) >= p

    def drawn_seed(self) -> int:
        """A seed for a stream of its own, computed on the CPU: the GPU is not waited for."""
        high, low = map(int, philox.words(self.key, self.position, 2, np.zeros(1, np.uint32)))
        self.position += 1
        return (high << 32 | low) >> 1

    def permutation(self, n: int) -> Array:
        """The numbers below n in random order: the order of as many random numbers."""
        return np.argsort(self._double_words(n), kind="stable")

    def _double_words(self, count: int) -> Array:
        pairs = self.words(2 * count).astype(np.uint64).reshape(-1, 2)
        return pairs[:, 0] << np.uint64(32) | pairs[:, 1]


def _extents(size: Sizes) -> tuple[tuple[int, ...], int]:
    shape = (size,) if isinstance(size, int) else tuple(size)
    return shape, math.prod(shape)
