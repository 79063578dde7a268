"""What streams of random numbers draw in the plain way; one that gives PyTorch's numbers (``mersenne.py``) has ways of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base.typing import Array


class PlainDraws:
    """For a class with the methods ``integers`` and ``standard_normal`` of ``numpy.random.Generator``."""

    def positive_int32(self: Any, shape: tuple[int, ...]) -> Array:
        """Integers from 0 to the largest of int32."""
        return self.integers(0, 2**31, shape)

    def half_uniform(self: Any, shape: tuple[int, ...], steps: float) -> Array:
        """Uniform numbers for a dtype of half precision that has so many steps from 0 to 1: float32, none of which rounds to 1."""
        return np.floor(self.random(shape, dtype=np.float32) * np.float32(steps)) / np.float32(steps)

    def half_normal(self: Any, shape: tuple[int, ...]) -> Array:
        """Normal numbers for a dtype of half precision: float32."""
        return self.standard_normal(shape, np.float32)

    def normal_in_pairs(self: Any, shape: tuple[int, ...]) -> Array:
        """Normal numbers for memory that does not lie row by row."""
        return self.standard_normal(shape)

    def scaled(self, numbers: Any, factor: float, offset: float) -> Any:
        """numbers · factor + offset; both parts of complex ones are moved."""
        return numbers * factor + (complex(offset, offset) if numbers.dtype.kind == "c" else offset)
