"""``ufunc.at`` without loops of our own: numbers combined, in order, with elements that an index may name several times.

NumPy's is fast along one line alone. So whole rows are combined one after the other, by one call for each, and elements at their
numbers in one line, chunk by chunk: NumPy holds the interpreter meanwhile, so that other threads would be of no help.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, even_chunks, map_chunks
from metagrad.kernels.threads import get_num_threads


def combine_rows(ufunc: np.ufunc, y: Array, numbers: Array, x: Array) -> None:
    """y[:, numbers[n]] = ufunc(y[:, numbers[n]], x[:, n]); y (outer, extent, inner) in order, numbers (N), x (outer, N, inner).

    >>> y = np.zeros((1, 3, 2))
    >>> combine_rows(np.add, y, np.array([2, 0, 2]), np.ones((1, 3, 2)))
    >>> y[0, :, 0].tolist()
    [1.0, 0.0, 2.0]
    """
    inner = y.shape[2]
    with np.errstate(all="ignore"):
        if len(y) == 1 < inner <= tuning.COMBINED_BY_TURNS and _by_turns(ufunc, y[0], numbers, x[0]):
            return
        if len(y) == 1 and inner >= tuning.COMBINED_ROW and _once_each(ufunc, y[0], numbers, x[0]):
            return
        if inner >= tuning.COMBINED_ROW:
            order = numbers.tolist()
            for target, terms in zip(y, x, strict=True):
                for row, term in zip(map(target.__getitem__, order), terms, strict=True):
                    ufunc(row, term, out=row)
        elif inner == 1 and len(numbers) >= tuning.COMBINED_LINE:
            for target, terms in zip(y[..., 0], x[..., 0], strict=True):
                ufunc.at(target, numbers, terms)
        else:
            combine_elements(ufunc, y, np.broadcast_to(numbers[:, None], x.shape), x)


def _once_each(ufunc: np.ufunc, y: Array, numbers: Array, x: Array) -> bool:
    """Whether it has been done: where a row of y is named once at most, and there is work for all threads."""
    if x.size < tuning.POINTWISE_LARGE or np.bincount(numbers, minlength=1).max() > 1:
        return False

    def work(some: slice) -> None:
        y[numbers[some]] = ufunc(y.take(numbers[some], 0), x[some])

    map_chunks(work, even_chunks(len(x), max(1, tuning.POINTWISE_CHUNK // x.shape[1]), get_num_threads()))
    return True


def _by_turns(ufunc: np.ufunc, y: Array, numbers: Array, x: Array) -> bool:
    """First the first row of x for each row of y, all at once, then the second of those that have one, and so on: for each row in
    order. y (extent, inner), x (N, inner). Whether it has been done: not if so many turns would take longer than row by row.
    """
    if len(numbers) < tuning.COMBINED_LINE:
        return False
    order = np.argsort(numbers, kind="stable")
    line = numbers[order]
    starts = np.flatnonzero(np.concatenate([[True], line[1:] != line[:-1]]))
    counts = np.diff(starts, append=len(line))
    turns = int(counts.max())
    if turns * tuning.COMBINED_IN_A_TURN > len(line):
        return False
    for turn in range(turns):
        places = starts[counts > turn] + turn
        rows = line[places]
        y[rows] = ufunc(y.take(rows, 0), x.take(order[places], 0))
    return True


def combine_elements(ufunc: np.ufunc, y: Array, numbers: Array, x: Array) -> None:
    """y[o, numbers[o, n, i], i] = ufunc(…, x[o, n, i]); y (outer, extent, inner) in order, numbers and x (outer, N, inner).

    >>> y = np.zeros((1, 2, 2))
    >>> combine_elements(np.maximum, y, np.array([[[0, 1], [0, 0]]]), np.array([[[1.0, 2.0], [3.0, 4.0]]]))
    >>> y.tolist()
    [[[3.0, 4.0], [0.0, 2.0]]]
    """
    if not x.size:
        return
    outer, extent, inner = y.shape
    within = np.arange(inner)
    line = y.reshape(-1)
    with np.errstate(all="ignore"):
        for o in cut(outer, max(1, tuning.GATHER_CHUNK // x[0].size)):
            starts = np.arange(o.start, o.stop)[:, None, None] * (extent * inner) + within
            for n in cut(x.shape[1], max(1, tuning.GATHER_CHUNK // inner)):
                flat = numbers[o, n] * inner if inner > 1 else numbers[o, n]
                ufunc.at(line, (flat + starts).reshape(-1), x[o, n].reshape(-1))
