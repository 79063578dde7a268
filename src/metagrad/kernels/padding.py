"""Arrays with elements in front of their dimensions and behind, and the gradient of that, by compiled loops over rows."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.base.channels_last import channels_behind
from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import gathering, padding
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.copying import assign, copied_in_order
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
    inner = _numbers(before, x.shape)
    outer = np.zeros(1, np.int64)
    while inner and len(outer) < tuning.PADDED_PARTS:
        outer = _sums(outer, inner.pop(0))
    rows = functools.reduce(_sums, inner, np.zeros(1, np.int64))
    parts = [in_bits(y, (len(outer), len(rows), len(columns))), outer]
    whole = [rows, in_bits(x, (-1, x.shape[-1])), columns, in_bits(np.array([value], x.dtype), (1,))]
    spread(padding.padded_rows, parts, whole, _run(columns), elements=y.size)
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
    y = np.zeros(shape, g.dtype)
    rows = functools.reduce(_sums, _numbers(before, shape), np.zeros(1, np.int64))
    to = y.reshape(-1, shape[-1])
    first, following = np.full(len(to), -1), np.empty(len(rows), np.int64)
    gathering.chain(rows, first, following)
    whole = [following, g.reshape(len(rows), -1), columns]
    spread(padding.folded_rows, [to, first], whole, _run(columns), elements=g.size)
    return y


# ------------------------------------------------ without loops


def padded_from_inside(x: Array, positions: Sequence[Array]) -> Array | None:
    """``padded`` of a large array whose elements all stand in the result, around them what is repeated; None for others.

    >>> padded_from_inside(np.array([1, 2, 3]), [np.array([1, 0, 1, 2])]) is None
    True
    """
    inside = _inside(x, positions, x.shape)
    if inside is None:
        return None
    y = np.empty([len(p) for p in positions], x.dtype)
    assign(y[inside], x)
    for _, whole, d in _margins(inside, positions):
        for margin in (slice(0, inside[d].start), slice(inside[d].stop, None)):
            y[whole(margin)] = y[whole(inside[d].start + positions[d][margin])]
    return y


def folded_by_margins(g: Array, positions: Sequence[Array], shape: Sequence[int]) -> Array | None:
    """The transpose of ``padded_from_inside``: what stands in the margins is added to what it repeats."""
    inside = _inside(g, positions, shape)
    if inside is None or g.dtype.char not in "fd":
        return None
    y = copied_in_order(g)
    for n, whole, d in reversed(_margins(inside, positions)):
        for k in (*range(inside[d].start), *range(inside[d].start + n, len(positions[d]))):
            y[whole(inside[d].start + positions[d][k])] += y[whole(k)]
    return copied_in_order(y[inside])


def _inside(x: Array, positions: Sequence[Array], shape: Sequence[int]) -> tuple[slice, ...] | None:
    """Where all elements of what is padded stand in the result, in their order; x: the larger or the smaller of both arrays."""
    if x.__class__ is not np.ndarray or x.size < tuning.POINTWISE_LARGE or not x.flags.c_contiguous or 0 in shape:
        return None
    if channels_behind(x) != tuple(range(x.ndim)):
        return None
    runs = [_run(p) for p in positions]
    if not all(b - a == n and p[a] == 0 for (a, b), p, n in zip(runs, positions, shape, strict=True)):
        return None
    return tuple([slice(a, b) for a, b in runs])


def _margins(inside: tuple[slice, ...], positions: Sequence[Array]) -> list[tuple[int, Callable[[Any], Any], int]]:
    """The dimensions that have margins: how much is inside, what makes an index along them an index of the array, their number."""
    return [
        (s.stop - s.start, lambda i, d=d: (slice(None),) * d + (i,) + inside[d + 1 :], d)  # type: ignore[misc]
        for d, (s, p) in enumerate(zip(inside, positions, strict=True))
        if s.stop - s.start < len(p)
    ]


def _numbers(positions: Sequence[Array], shape: Sequence[int]) -> list[Array]:
    """Numbers for all dimensions but the last: their sum is the row that one of the result comes from, negative for none."""
    step = math.prod(shape[:-1])
    outside, numbers = -step - 1, []  # with which no sum is positive
    for p, n in zip(positions, shape, strict=False):
        step //= n or 1
        numbers.append(np.where(p < 0, outside, p * step))
    return numbers


def _sums(a: Array, b: Array) -> Array:
    """aᵢ + bⱼ, one row after the other."""
    return (a[:, None] + b).reshape(-1)


def _run(columns: Array) -> tuple[int, int]:
    """From where to where the longest run of positions goes of which each follows the one before, and none is negative."""
    ends = np.flatnonzero((np.diff(columns) != 1) | (columns[:-1] < 0)) + 1
    edges = np.array([0, *ends, len(columns)])
    longest = int(np.argmax(np.diff(edges)))
    start, stop = int(edges[longest]), int(edges[longest + 1])
    return (start, stop) if columns[start] >= 0 else (0, 0)
