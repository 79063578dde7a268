"""Blocks of arrays whose dimensions lie in any order, and rows from wherever they lie to wherever they go."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.atomic import carray, copy, pointer
from metagrad.kernels.compiled.compiler import native, native_stream


@native_stream
def copy_blocks(
    blocks: Array,
    shape: Array,
    to: Array,
    of: Array,
    like: Array,
    target: int,
    source: int,
    height: int,
    width: int,
) -> None:
    """The blocks of these numbers of one array to those of another: so many rows, and elements of them, of the last two
    dimensions. to, of: the steps of the dimensions; a row lies side by side, or is read from its end to its start.

    like: an array of their dtype.
    """
    outer = len(shape) - 2
    rows, columns, size = shape[outer], shape[outer + 1], like.itemsize
    across, down = (columns + width - 1) // width, (rows + height - 1) // height
    for k in range(len(blocks)):
        above, y, x = blocks[k] // across, 0, 0
        j = (blocks[k] - above * across) * width
        n, rest = min(width, columns - j), above // down
        i = (above - rest * down) * height
        for d in range(outer - 1, -1, -1):
            left = rest // shape[d]
            y, x = y + (rest - left * shape[d]) * to[d], x + (rest - left * shape[d]) * of[d]
            rest = left
        y, x = target + size * (y + j), source + size * (x + j * of[outer + 1])
        for r in range(i, min(i + height, rows)):
            a = carray(pointer(y + size * r * to[outer]), (n,), like.dtype)
            if of[outer + 1] == 1:
                b = carray(pointer(x + size * r * of[outer]), (n,), like.dtype)
                for c in range(n):
                    a[c] = b[c]
            else:
                b = carray(pointer(x + size * (r * of[outer] - n + 1)), (n,), like.dtype)
                last = np.uint64(n - 1)  # an unsigned index never counts from the end, so that many are read at once
                for c in range(n):
                    a[c] = b[last - np.uint64(c)]


@native
def copy_rows(targets: Array, sources: Array, count: int) -> None:
    """So many bytes from each of the addresses ``sources`` to that of ``targets``."""
    for i in range(len(targets)):
        copy(targets[i], sources[i], count)
