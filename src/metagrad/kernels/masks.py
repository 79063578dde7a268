"""Elements where a mask holds, found, taken and put by all threads.

How many elements of each block are meant is counted first: so it is known where those of a block stand among all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from metagrad.base.typing import Array, Number
from metagrad.kernels import reductions, tuning
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import masks as compiled
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.gathering import BITS, in_bits, of_its_dtype
from metagrad.kernels.one_call import of_few


class _Counted(NamedTuple):
    """A mask in one line as bytes, the numbers of its blocks, and where the elements of each begin and end among all."""

    mask: Array
    blocks: Array
    starts: Array
    stops: Array


def nonzero(x: Array) -> list[Array]:
    """``np.nonzero(x)``, of x with dimensions: for each, where the elements that are not 0 stand.

    >>> [index.tolist() for index in nonzero(np.array([[0, 1], [2, 0]]))]
    [[0, 1], [1, 0]]
    """
    if not _is_large(x) or x.dtype.kind == "V":
        return _by_numpy(x) if x.ndim > 1 and _is_long(x) and x.shape[-1] >= tuning.NONZERO_ROW else list(np.nonzero(x))
    counted = _counted(x if x.dtype == bool else x != 0)
    numbers = np.empty(counted.stops[-1], np.int64)
    _by_blocks(compiled.numbers, counted, numbers)
    indices: list[Array] = []
    for extent in x.shape[:0:-1]:
        remainders = np.empty_like(numbers)
        spread(compiled.divide, [numbers, remainders], (), [extent])
        indices.insert(0, remainders)
    return [numbers, *indices]


def _by_numpy(x: Array) -> list[Array]:
    """``np.nonzero`` of long rows by the numbers in one line, which NumPy finds in a tenth of the time."""
    line, width = np.flatnonzero(x), x.shape[-1]
    starts = np.arange(0, x.size + 1, width)
    counts = np.diff(np.searchsorted(line, starts))
    line -= np.repeat(starts[:-1], counts)
    return [*[np.repeat(i, counts) for i in np.unravel_index(np.arange(len(counts)), x.shape[:-1])], line]


def selected(x: Array, mask: Array) -> Array | None:
    """``x[mask]`` of a mask of x's shape; None where that is left to NumPy."""
    if _is_long(mask) and _is_long(x) and x.shape == mask.shape and not are_there_loops():
        return x.reshape(-1).take(np.flatnonzero(mask))
    if not _fits(x, mask):
        return None
    counted = _counted(mask)
    y = np.empty(counted.stops[-1], x.dtype)
    _by_blocks(compiled.select, counted, in_bits(x, (-1,)), in_bits(y, (-1,)))
    return y


def put(y: Array, mask: Array, x: Array | Number) -> bool:
    """``y[mask] = x`` of a mask of y's shape; whether it has been done, or is left to NumPy."""
    if not _fits(y, mask) or not y.flags.writeable:
        return False
    x = of_its_dtype(x, y)
    if not isinstance(x, (np.ndarray, np.generic)) or x.dtype != y.dtype or x.ndim > 1:
        return False
    if any(np.may_share_memory(y, a) for a in (mask, x)):
        return False
    target = in_bits(y, (-1,))
    if x.size == 1:
        spread(compiled.fill, [mask.view(np.uint8).reshape(-1), target], [in_bits(np.array(x), (1,))])
        return True
    counted = _counted(mask)
    if x.size != counted.stops[-1]:
        return False
    _by_blocks(compiled.put, counted, target, in_bits(np.require(x, None, ["C", "W"]), (-1,)))
    return True


def _is_long(x: object) -> bool:
    return type(x) is np.ndarray and x.size >= tuning.MASK_LARGE and x.flags.c_contiguous


def _is_large(x: object) -> bool:
    return _is_long(x) and are_there_loops()


def _fits(x: Array, mask: Array) -> bool:
    return _is_large(mask) and _is_large(x) and x.shape == mask.shape and x.dtype.itemsize in BITS


def _counted(mask: Array) -> _Counted:
    mask = mask.view(np.uint8).reshape(-1)
    blocks = np.arange(-(-len(mask) // tuning.MASK_BLOCK))
    counts = np.empty_like(blocks)
    spread(compiled.count, [blocks, counts], [mask], [tuning.MASK_BLOCK], elements=len(mask))
    stops = np.cumsum(counts)
    return _Counted(mask, blocks, stops - counts, stops)


def _by_blocks(loop: Callable[..., None], counted: _Counted, *arrays: Array) -> None:
    """A loop over the blocks of a mask and of arrays, if anything in them is meant."""
    if counted.stops[-1]:
        parts = [counted.blocks, counted.starts, counted.stops]
        spread(loop, parts, [counted.mask, *arrays], [tuning.MASK_BLOCK], elements=len(counted.mask))


def how_many(x: Array, axis: tuple[int, ...]) -> Array:
    """How many x are not 0, in int64.

    >>> how_many(np.array([[3.0, 0.0], [0.0, 0.0]]), (1,)).tolist()
    [1, 0]
    """
    are = of_few(np.not_equal, x, x.dtype.type(0)) if reductions.is_large(x) and x.dtype.kind != "b" else None
    return reductions.sum(x != 0 if are is None else are, axis, False)
