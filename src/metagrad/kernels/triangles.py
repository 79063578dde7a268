"""The triangles of large matrices, on all threads.

Of some rows, columns up to the first one's diagonal lie below it in all of them, those from the last one's on above it in all;
only for the few columns between must each element be asked.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks


def triangle(x: Array, lower: bool, diagonal: int) -> Array:
    """``np.tril(x, diagonal)``, or ``np.triu``: zeros above or below a diagonal of matrices (*, m, n).

    >>> triangle(np.ones((2, 3)), True, 0).tolist(), triangle(np.ones((2, 3)), False, 1).tolist()
    ([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]], [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    """
    y, (m, n) = np.empty(x.shape, x.dtype), x.shape[-2:]
    last = diagonal if lower else diagonal - 1  # of row 0, the last column that is on the left side

    def work(rows: slice) -> None:
        from_, to = x[..., rows, :], y[..., rows, :]
        first, end = min(max(rows.start + last + 1, 0), n), min(max(rows.stop + last, 0), n)
        kept, cleared = (slice(0, first), slice(end, n)) if lower else (slice(end, n), slice(0, first))
        to[..., kept] = from_[..., kept]
        to[..., cleared] = 0
        if first < end:
            left = np.arange(first, end) <= np.arange(rows.start + last, rows.stop + last)[:, None]
            to[..., first:end] = np.where(left if lower else ~left, from_[..., first:end], np.zeros((), x.dtype))

    map_chunks(work, cut(m, tuning.TRIANGLE_ROWS))
    return y
