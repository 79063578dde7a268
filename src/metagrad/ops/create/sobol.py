"""Sobol sequences: points of a cube that are spread more evenly than random ones.

A coordinate is a sum of binary digits, combined by XOR. Point i differs from the one before it by one direction number
only, that of the lowest zero bit of i − 1 (the Gray code of Antonov and Saleev, 1979).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.typing import Array, DTypeLike
from metagrad.ops.create.direction_numbers import BITS, directions
from metagrad.ops.create.random import default_generator

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["SobolEngine"]


class SobolEngine:
    """Points of a Sobol sequence in [0, 1)^dimension, in order; the numbers are PyTorch's.

    dimension: 1 to 21201; beyond 64 the direction numbers come from SciPy (the extra ``scipy``).
    scramble: a random linear scrambling of the digits and a random shift (Matoušek 1998; Owen 1998). Every point is then
    uniformly distributed, and the points of one sequence stay as even.
    seed: of the scrambling. The random numbers of a seed are those PyTorch draws, so the points are the same as well;
    without one they come from metagrad's own generator, whose numbers are not PyTorch's.

    The first point has the precision of the default dtype at the time the engine is made.

    Raises ValueError for a dimension out of range.

    >>> import metagrad
    >>> metagrad.quasirandom.SobolEngine(dimension=3).draw(4)
    tensor([[0.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.5000],
            [0.7500, 0.2500, 0.2500],
            [0.2500, 0.7500, 0.7500]])
    """

    MAXBIT = BITS
    MAXDIM = 21201

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(
                f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}], got {dimension}"
            )
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        state = directions(dimension)
        shift = np.zeros(dimension, np.int64)
        if scramble:
            state, shift = _scrambled(state, seed)
        self.sobolstate: Tensor = wrap(state)
        self.shift: Tensor = wrap(shift)
        self.quasi: Tensor = wrap(shift.copy())
        self._first_point = (shift / 2**BITS).astype(dtypes.get_default_dtype().dtype)
        self.num_generated = 0

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: DTypeLike = None) -> Tensor:
        """The next n points (n, dimension), of the default dtype, float32 or float64.

        ``out``: a tensor that gets the shape and the values, and is returned.

        Raises NotImplementedError for another dtype, RuntimeError for a negative n or beyond the 2^30 points there are.

        >>> import metagrad
        >>> metagrad.quasirandom.SobolEngine(1).draw(3)
        tensor([[0.0000],
                [0.5000],
                [0.7500]])
        """
        kind = dtypes.get_default_dtype() if dtype is None else dtypes.of(dtype)
        if kind not in (dtypes.float32, dtypes.float64):
            raise NotImplementedError(
                f"Sobol points are drawn as float32 or float64, not {kind}: convert them with .to()"
            )
        points = self._advance(n).astype(kind.dtype) * kind.dtype.type(2.0**-BITS)
        if n and self.num_generated == n:
            points[0] = self._first_point
        drawn: Tensor = wrap(points)
        return drawn if out is None else out.resize_(drawn.shape).copy_(drawn)

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: DTypeLike = None) -> Tensor:
        """The next 2^m points, with which the number of points drawn must be a power of two: only those are balanced.

        Raises ValueError if it is not.

        >>> import metagrad
        >>> metagrad.quasirandom.SobolEngine(2).draw_base2(3).shape
        metagrad.Size([8, 2])
        """
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueError(
                f"Sobol points are balanced in numbers that are powers of two; {self.num_generated} and 2**{m} make "
                f"{total}: use SobolEngine.draw({n}) if that does not matter"
            )
        return self.draw(n, out=out, dtype=dtype)

    def fast_forward(self, n: int) -> SobolEngine:
        """Leave out the next n points; returns the engine.

        >>> import metagrad
        >>> metagrad.quasirandom.SobolEngine(1).fast_forward(2).draw()
        tensor([[0.7500]])
        """
        self._check(n)
        self.num_generated += n
        last = max(self.num_generated - 1, 0)
        gray = last ^ last >> 1
        used = self.sobolstate.array[:, [k for k in range(BITS) if gray >> k & 1]]
        self.quasi = wrap(self.shift.array ^ np.bitwise_xor.reduce(used, axis=1))
        return self

    def reset(self) -> SobolEngine:
        """Back to the first point, with the same scrambling; returns the engine."""
        self.quasi = wrap(self.shift.array.copy())
        self.num_generated = 0
        return self

    def _advance(self, n: int) -> Array:
        """The next n points as integers below 2^30, (n, dimension)."""
        self._check(n)
        index = np.arange(max(self.num_generated, 1), self.num_generated + n, dtype=np.int64)  # without the first point
        lowest_zero = np.frexp(~(index - 1) & index)[1] - 1
        steps = self.sobolstate.array.T[lowest_zero]
        points = np.bitwise_xor.accumulate(np.concatenate([self.quasi.array[None], steps]), axis=0)
        self.quasi = wrap(points[-1].copy())
        found: Array = points[1:] if self.num_generated or not n else points
        self.num_generated += n
        return found

    def _check(self, n: int) -> None:
        if n < 0:
            raise RuntimeError(f"the number of points must not be negative, got {n}")
        if self.num_generated + n > 2**BITS:
            raise RuntimeError(
                f"a Sobol sequence of {BITS} digits has 2**{BITS} points: {self.num_generated} and {n} are more"
            )

    def __repr__(self) -> str:
        parts = [f"dimension={self.dimension}"]
        parts += ["scramble=True"] if self.scramble else []
        parts += [] if self.seed is None else [f"seed={self.seed}"]
        return f"{type(self).__name__}({', '.join(parts)})"


def _scrambled(state: Array, seed: int | None) -> tuple[Array, Array]:
    """Direction numbers times a random lower triangular matrix of digits in each dimension, and a random shift."""
    dimension = len(state)
    bits = _bits(dimension * (BITS + BITS * BITS), seed)
    shift = bits[: dimension * BITS].reshape(dimension, BITS) << np.arange(BITS)
    lower = np.tril(bits[dimension * BITS :].reshape(dimension, BITS, BITS))
    lower[:, np.arange(BITS), np.arange(BITS)] = 1
    weights = np.arange(BITS - 1, -1, -1)  # digits from the first one on
    digits = state[:, :, None] >> weights & 1
    product = np.matmul(digits.astype(np.float32), lower.swapaxes(1, 2).astype(np.float32)).astype(np.int64) & 1
    return (product << weights).sum(axis=2), shift.sum(axis=1)


def _bits(count: int, seed: int | None) -> Array:
    """Random bits, int64: of the Mersenne Twister with a seed, the last bit of each number; else of metagrad's generator."""
    if seed is None:
        return np.asarray(default_generator.numpy.integers(0, 2, count, np.int64))
    words = np.random.RandomState(seed % 2**32).bytes(4 * count)
    return np.frombuffer(words, "<u4").astype(np.int64) & 1
