"""Sums of few elements each, as those of the gradient of what was repeated: each element is added to all sums at once."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks
from metagrad.kernels.threads import get_num_threads


def sum_of_few(x: Array) -> Array:
    """Σ x over N, x (O, N, M): (O, M).

    >>> sum_of_few(np.ones((2, 3, 4))).tolist()
    [[3.0, 3.0, 3.0, 3.0], [3.0, 3.0, 3.0, 3.0]]
    """
    outer, n, inner = x.shape
    y, threads = np.empty((outer, inner), x.dtype), get_num_threads()
    d, beside = (0, n * inner) if outer >= threads else (1, n * outer)

    def add(some: slice) -> None:
        part = x[some] if d == 0 else x[..., some]
        out = y[some] if d == 0 else y[:, some]
        np.add(part[:, 0], part[:, 1], out=out)
        for i in range(2, n):
            np.add(out, part[:, i], out=out)

    with np.errstate(all="ignore"):
        length = max(1, tuning.REDUCTION_CHUNK // beside)
        map_chunks(add, even_chunks(y.shape[d], length, threads, beside * tuning.POINTWISE_COST))
    return y
