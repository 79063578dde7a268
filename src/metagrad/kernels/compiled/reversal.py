"""Rows in reverse order, and rows from wherever they lie to wherever they go."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.atomic import copy
from metagrad.kernels.compiled.compiler import native, native_stream


@native_stream
def reversed_rows(x: Array, y: Array) -> None:
    """y[i, j] = x[i, n − 1 − j]; both (R, n)."""
    last = np.uint64(x.shape[1] - 1)  # an unsigned index never counts from the end, so that many are read at once
    for i in range(len(x)):
        for j in range(x.shape[1]):
            y[i, j] = x[i, last - np.uint64(j)]


@native
def copy_rows(targets: Array, sources: Array, count: int) -> None:
    """So many bytes from each of the addresses ``sources`` to that of ``targets``."""
    for i in range(len(targets)):
        copy(targets[i], sources[i], count)
