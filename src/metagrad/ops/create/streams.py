"""A stream of random numbers on the CPU: NumPy's generator, and the draws of Bernoulli's that dropout makes.

Imported when the first number is drawn, for ``numpy.random`` takes time to import.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from metagrad.base.typing import Array, Sizes
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, share_out
from metagrad.ops.create.draws import PlainDraws


class Stream(PlainDraws, np.random.Generator):
    """Numbers of NumPy's SFC64, the fastest of its bit generators.

    >>> a, b = Stream(5), Stream(5)
    >>> bool((a.random(3) == b.random(3)).all())
    True
    """

    STATE_BYTES = 56  # four words of the bit generator, two for the half word that it may hold back, and the seed

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.SFC64(seed))

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        """Normal numbers; many of them ``in_blocks``."""
        if out is not None or not _are_many(size):
            return super().standard_normal(size, dtype, out)
        return self.in_blocks(size, dtype, lambda stream, y: stream.standard_normal(dtype=y.dtype, out=y))

    def integers(
        self, low: Any, high: Any = None, size: Any = None, dtype: Any = np.int64, endpoint: bool = False
    ) -> Any:
        """Integers from ``low`` on, below ``high`` or up to it; many of them ``in_blocks``."""
        if not _are_many(size) or np.ndim(low) or np.ndim(high):
            return super().integers(low, high, size, dtype, endpoint)

        def draw(stream: np.random.Generator, y: Array) -> None:
            y[:] = stream.integers(low, high, len(y), dtype, endpoint)

        return self.in_blocks(size, dtype, draw)

    def in_blocks(self, size: Sizes, dtype: Any, draw: Callable[[np.random.Generator, Array], object]) -> Array:
        """Numbers of blocks, each from a stream of its own, on all threads; the same ones however many those are."""
        y, first = np.empty(size, dtype), self.drawn_seed()
        flat = y.reshape(-1)

        def work(blocks: Iterator[slice]) -> None:
            for block in blocks:
                number = block.start // tuning.RANDOM_BLOCK
                draw(np.random.Generator(np.random.SFC64(first + number)), flat[block])

        share_out(work, cut(flat.size, tuning.RANDOM_BLOCK))
        return y

    def bernoulli(self, chance: Array | float, size: Sizes = ()) -> Array:
        """True with this chance, one for all or one for each."""
        return np.asarray(self.random(size) < chance)

    def kept(self, shape: tuple[int, ...], p: float) -> Array:
        """What dropout keeps (shape): False with probability p; of a large array to 16 bits, which come four at a time."""
        size = math.prod(shape)
        if size < tuning.DROPOUT_BY_BITS or not 0.01 <= p <= 0.99:  # a rare chance needs more bits
            return np.asarray(self.random(shape, np.float32) >= p)
        bits: Any = self.bit_generator.random_raw(-(-size // 4))
        return np.asarray(bits.view(np.uint16)[:size].reshape(shape) >= round(p * 2**16))

    def drawn_seed(self) -> int:
        """A seed for a stream of its own."""
        return int(self.integers(2**63 - 1))

    def state_bytes(self, seed: int) -> Array:
        """Where the stream stands, and the seed that it began with (bytes)."""
        state: Any = self.bit_generator.state
        words = np.zeros(7, np.uint64)
        words[:4] = state["state"]["state"]
        words[4:] = state["has_uint32"], state["uinteger"], seed
        return words.view(np.uint8)

    def go_on_from(self, state: Array) -> int:
        """Stand where ``state_bytes`` was called, and return the seed."""
        words = state.view(np.uint64)
        now: Any = self.bit_generator.state
        now["state"]["state"] = words[:4].copy()
        now["has_uint32"], now["uinteger"] = int(words[4]), int(words[5])
        self.bit_generator.state = now
        return int(words[6])


def _are_many(size: Any) -> bool:
    extents = size if isinstance(size, (tuple, list)) else (size or 1,)
    return math.prod(extents) >= 2 * tuning.RANDOM_BLOCK
