"""Numbers at equal distances: large arrays of them chunk by chunk, on all threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.compiled.ramps import ramp as loop
from metagrad.kernels.threads import get_num_threads

_LARGEST = 2**62  # of products that int64 surely has


def ramp(count: int, by: float, first: float, dtype: np.dtype[Any]) -> Array:
    """first + i by, i = 0 … count − 1, computed in int64 if both are ints, else in float64, and rounded to the dtype.

    >>> ramp(3, 0.5, 1, np.dtype(np.float32))
    array([1. , 1.5, 2. ], dtype=float32)
    """
    if count < tuning.RAMP_LARGE or isinstance(by * first, complex) or abs(by) * count + abs(first) > _LARGEST:
        return (np.arange(count) * by + first).astype(dtype)
    y, numbers = np.empty(count, dtype), (by, first) if isinstance(by * first, int) else (float(by), float(first))
    if are_there_loops() and dtype.char in "fdlqi":
        some = even_chunks(count, count, get_num_threads())
        map_chunks(lambda s: loop(y[s], s.start, *numbers), some)
        return y
    indices = np.arange(
        min(count, tuning.RAMP_CHUNK), dtype=type(numbers[0])
    )  # a pass that also converts takes ten times as long
    if isinstance(by * first, int):  # exact, so that one sum for each is enough
        indices *= int(by)

    def by_numpy(s: slice) -> None:
        if isinstance(by * first, int):
            np.add(indices[: s.stop - s.start], int(s.start * by + first), out=y[s], casting="unsafe")
            return
        some = indices[: s.stop - s.start] + float(s.start)
        some *= numbers[0]
        y[s] = np.add(some, numbers[1], out=some)

    map_chunks(by_numpy, even_chunks(count, tuning.RAMP_CHUNK, get_num_threads()))
    return y
