"""Running an elementwise formula over large arrays a piece at a time, so that its passes stay in the cache, on all threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.kernels.threads import get_num_threads, run_on_threads

# A formula passes over its arrays a dozen times. Over whole arrays each pass goes to main memory; a piece of 65,536
# float32 numbers is 256 KB, and the few pieces of one round stay near the core. Pieces of 16,384 spend more on calls.
BLOCK = 65_536


def in_blocks(formula: Callable[..., None], arrays: tuple[Any, ...], settings: tuple[Any, ...]) -> None:
    """``formula(*pieces, *settings)`` for the pieces that cover ``arrays``, all of the first one's shape.

    An array may be None, and stays None. Arrays that cannot be flattened without a copy, and a GPU's, for which a call is
    the expense, come in one piece. Threads take the pieces by turns, so that all end at about the same time.

    >>> total, parts = np.zeros(100_000), np.ones(100_000)
    >>> def add(total, part, times):
    ...     total += times * part
    >>> in_blocks(add, (total, parts), (2.0,))
    >>> float(total.min()), float(total.max())
    (2.0, 2.0)
    """
    size = arrays[0].size
    if size <= BLOCK or not all(a is None or (isinstance(a, np.ndarray) and a.flags.c_contiguous) for a in arrays):
        formula(*arrays, *settings)
        return
    flat = [None if a is None else a.reshape(-1) for a in arrays]
    starts = range(0, size, BLOCK)

    def share(mine: range) -> None:
        for start in mine:
            formula(*[None if a is None else a[start : start + BLOCK] for a in flat], *settings)

    threads = min(get_num_threads(), len(starts) // 2)
    if threads > 1:
        run_on_threads([lambda mine=starts[i::threads]: share(mine) for i in range(threads)])  # type: ignore[misc]
    else:
        share(starts)


def in_blocks_by_part(formula: Callable[..., None], arrays: tuple[Any, ...], settings: tuple[Any, ...]) -> None:
    """``in_blocks`` over the real and the imaginary parts, as if they were arrays of their own; as it is if real."""
    if arrays[0].dtype.kind != "c":
        in_blocks(formula, arrays, settings)
        return
    for part in ("real", "imag"):
        in_blocks(formula, tuple([None if a is None else getattr(a, part) for a in arrays]), settings)
