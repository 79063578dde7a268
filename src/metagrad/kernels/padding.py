"""Arrays with elements in front of their dimensions and behind, and the gradient of that, by compiled loops over rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metagrad.base.channels_last import channels_behind
from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import gathering, padding
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.gathering import in_bits, moves_by_loop


def fits(x: Array) -> bool:
    """Whether a loop pads an array: a large one, in order in memory."""
    is_large = x.__class__ is np.ndarray and x.ndim > 0 and x.size >= tuning.COMPILED_WORTH
    in_order = is_large and x.flags.c_contiguous and channels_behind(x) == tuple(range(x.ndim))
    return in_order and x.flags.aligned and moves_by_loop(x)


def padded(x: Array, positions: Sequence[Array], value: Number = 0) -> Array:
    """y[i, j, …] = x[p₀[i], p₁[j], …], p the positions in each dimension, or the value where one is negative; x fits.

    >>> padded(np.array([[1, 2, 3]]), [np.array([0]), np.array([-1, 0, 1, 2, 1])], 7).tolist()
    [[7, 1, 2, 3, 2]]
    """
    *before, columns = positions
    y = np.empty([len(p) for p in positions], x.dtype)
    if not y.size:
        return y
    rows, source = _rows(before, x.shape), in_bits(x, (-1, x.shape[-1]))
    number = in_bits(np.array([value], x.dtype), (1,))
    spread(
        padding.padded_rows,
        [in_bits(y, (len(rows), len(columns))), rows],
        [source, columns, number],
        _run(columns),
        elements=y.size,
    )
    return y


def folds(g: Array) -> bool:
    """Whether a loop makes the gradient of padding from that of its result: one of float32 or float64."""
    return use_compiled(g) and fits(g)


def folded(g: Array, positions: Sequence[Array], shape: Sequence[int]) -> Array:
    """The transpose of ``padded``: y[p₀[i], p₁[j], …] += g[i, j, …], of this shape; no position is negative; g folds.

    >>> folded(np.array([[7.0, 1.0, 2.0]]), [np.array([0]), np.array([0, 0, 1])], (1, 2)).tolist()
    [[8.0, 2.0]]
    """
    *before, columns = positions
    rows, y = _rows(before, shape), np.zeros(shape, g.dtype)
    to = y.reshape(-1, shape[-1])
    first, following = np.full(len(to), -1), np.empty(len(rows), np.int64)
    gathering.chain(rows, first, following)
    whole = [following, g.reshape(len(rows), -1), columns]
    spread(padding.folded_rows, [to, first], whole, _run(columns), elements=g.size)
    return y


def _rows(positions: Sequence[Array], shape: Sequence[int]) -> Array:
    """The number of the row that each row of a result comes from, −1 where it comes from none."""
    rows = np.zeros((), np.int64)
    for p, n in zip(positions, shape, strict=False):  # the last dimension is the row itself
        lower = rows[..., None]
        rows = np.where((lower < 0) | (p < 0), -1, lower * n + p)
    return rows.reshape(-1)


def _run(columns: Array) -> tuple[int, int]:
    """From where to where the longest run of positions goes of which each follows the one before, and none is negative."""
    ends = np.flatnonzero((np.diff(columns) != 1) | (columns[:-1] < 0)) + 1
    edges = np.array([0, *ends, len(columns)])
    longest = int(np.argmax(np.diff(edges)))
    start, stop = int(edges[longest]), int(edges[longest + 1])
    return (start, stop) if columns[start] >= 0 else (0, 0)
