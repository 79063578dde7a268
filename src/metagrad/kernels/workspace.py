"""Memory that is used again. Fresh memory costs: the system clears each page when it is first touched, and for the buffers
of a recurrent layer that takes a good part of the time of the arithmetic.

A ``Workspace`` lends arrays, and gives their memory back when it dies. What it lends must not outlive it. The memory is cut
from large slabs, for which the system can use large pages.
"""

from __future__ import annotations

import math
import threading

import numpy as np
import numpy.typing as npt

from metagrad.base.typing import Array
from metagrad.kernels import tuning


class _Pool:
    """Idle blocks by size class; classes are an eighth of a power of two apart."""

    def __init__(self) -> None:
        self._idle: dict[int, list[Array]] = {}
        self._slab = np.empty(0, np.uint8)
        self._used = 0
        self._lock = threading.Lock()

    def take(self, size: int) -> Array:
        """A block of at least ``size`` bytes, and not of much more."""
        step = max(4096, 1 << max(0, size.bit_length() - 4))
        wanted = -(-size // step) * step
        with self._lock:
            for candidate in range(wanted, wanted + wanted // 2 + 1, step):
                blocks = self._idle.get(candidate)
                if blocks:
                    return blocks.pop()
            return self._cut(wanted)

    def _cut(self, size: int) -> Array:
        """A new block, from the slab in use or a new one."""
        if self._used + size > self._slab.size:
            slab = np.empty(max(size, tuning.SLAB) + tuning.ALIGNMENT, np.uint8)
            self._slab, self._used = slab[-slab.ctypes.data % tuning.ALIGNMENT :], 0
        start, self._used = self._used, self._used + size
        return self._slab[start : start + size]

    def give(self, block: Array) -> None:
        """Take a block back."""
        with self._lock:
            self._idle.setdefault(block.size, []).append(block)

    def clear(self) -> None:
        """Let go of all idle memory."""
        with self._lock:
            self._idle.clear()
            self._slab, self._used = np.empty(0, np.uint8), 0


_pool = _Pool()


class Workspace:
    """Lends arrays until it dies.

    >>> Workspace().empty((2, 3), np.float32).shape
    (2, 3)
    """

    def __init__(self) -> None:
        self._lent: list[Array] = []

    def empty(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """An array of arbitrary content."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size < tuning.LENT_FROM:
            return np.empty(shape, dtype)
        block = _pool.take(size)
        self._lent.append(block)
        return block[:size].view(dtype).reshape(shape)

    def __del__(self) -> None:
        for block in self._lent:
            _pool.give(block)


release_memory = _pool.clear
