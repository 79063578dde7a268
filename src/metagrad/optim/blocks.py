"""Running a pointwise formula over large arrays a chunk at a time, so that its passes stay in the cache, on all threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, threads_worth
from metagrad.kernels.fused import in_place
from metagrad.kernels.libraries import is_on_gpu


def in_blocks(
    formula: Callable[..., None], arrays: tuple[Any, ...], settings: tuple[Any, ...], worth_threads: int = 0
) -> None:
    """``formula(*chunks, *settings)`` for the chunks that cover ``arrays``, all of the first one's shape.

    worth_threads: elements from which the chunks are shared out to threads.

    An array may be None, and stays None. Halves are computed with in float32, for the square of a gradient of 256 is infinite
    in float16, and each array is rounded once, at the end. Arrays that cannot be flattened without a copy come in one chunk, and
    a GPU's in one kernel.

    >>> total, parts = np.zeros(100_000), np.ones(100_000)
    >>> def add(total, part, times):
    ...     total += times * part
    >>> in_blocks(add, (total, parts), (2.0,))
    >>> float(total.min()), float(total.max())
    (2.0, 2.0)
    """
    if arrays[0].dtype.char in "eE":
        _in_single(formula, arrays, settings, worth_threads)
        return
    if not isinstance(arrays[0], np.ndarray) and is_on_gpu(arrays[0]) and in_place(formula, arrays, settings):
        return
    size, length = arrays[0].size, tuning.OPTIMIZER_CHUNK
    if size <= length or not all(a is None or (isinstance(a, np.ndarray) and a.flags.c_contiguous) for a in arrays):
        formula(*arrays, *settings)
        return
    flat = [None if a is None else a.reshape(-1) for a in arrays]
    threads = threads_worth(size, max(worth_threads, 2 * length))
    chunks = even_chunks(size, length, threads)

    def work(chunk: slice) -> None:
        formula(*[None if a is None else a[chunk] for a in flat], *settings)

    map_chunks(work, chunks, threads)


def _in_single(
    formula: Callable[..., None], arrays: tuple[Any, ...], settings: tuple[Any, ...], worth_threads: int
) -> None:
    """``in_blocks`` with float32 copies of the arrays, whose values they then take, all but the gradient, the second one."""
    wide = tuple([None if a is None else a.astype(np.float32) for a in arrays])
    in_blocks(formula, wide, settings, worth_threads)
    with np.errstate(over="ignore"):
        for i, a in enumerate(arrays):
            if a is not None and i != 1:
                a[...] = wide[i]


def in_blocks_by_part(formula: Callable[..., None], arrays: tuple[Any, ...], settings: tuple[Any, ...]) -> None:
    """``in_blocks`` over the real and the imaginary parts, as if they were arrays of their own; as it is if real."""
    if arrays[0].dtype.kind != "c":
        in_blocks(formula, arrays, settings)
        return
    for part in ("real", "imag"):
        in_blocks(formula, tuple([None if a is None else getattr(a, part) for a in arrays]), settings)
