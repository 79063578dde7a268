"""Maxima and sums over windows, one axis after the other.

The largest element of a rectangle is the largest of its rows' largest: so k passes for each axis do what kᵈ would do over all
elements of a window. A pass for element j of every window is a few calls on slices: no window is ever copied out.

Ties go to the element that comes first, row by row, and nan wins over all, the last of several: the last axis must be
taken first for that. ``winners`` say for each axis which element of its window won.

Planes (R, *L) are independent, and worked on in blocks that stay in the cache, on several threads.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks, threads_worth
from metagrad.kernels.compiled import windows as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.libraries import filled, gpu_windows, is_on_gpu, looks_at
from metagrad.kernels.matmul import multiply_along
from metagrad.kernels.threads import blas_on_one_thread
from metagrad.kernels.windows import Uneven, Windows, counts, extents, starts_of
from metagrad.kernels.workspace import Workspace

Axes = Sequence[Windows | Uneven]


def _over_planes(job: Callable[[slice], None], planes: int, axes: Axes, like: Array, least: int | None = None) -> None:
    """Do ``job`` for all planes, block by block; on several threads from so many elements and passes on."""
    if not isinstance(like, np.ndarray):
        job(slice(None))
        return
    size, passes = math.prod(extents(axes)), sum([w.size for w in axes])
    threads = threads_worth(planes * size * passes, tuning.POOLING_WORTH_THREADS if least is None else least)
    length = max(1, min(tuning.POOLING_BLOCK // max(1, size), -(-planes // threads)))
    if length >= planes:
        job(slice(0, planes))
    else:
        map_chunks(job, cut(planes, length), threads)


def _stages(planes: int, axes: Axes) -> list[tuple[int, ...]]:
    """The shapes from the input to the result, the last axis taken first."""
    shape = [planes, *extents(axes)]
    found = [tuple(shape)]
    for d in reversed(range(len(axes))):
        shape[d + 1] = axes[d].count
        found.append(tuple(shape))
    return found


class _Memory:
    """Memory for what a block of planes needs in between: NumPy's from the pool, other libraries' own."""

    def __init__(self, like: Array) -> None:
        self.like, self.workspace = like, Workspace() if isinstance(like, np.ndarray) else None

    def empty(self, shape: Sequence[int], dtype: Any) -> Array:
        """An array of arbitrary content that must not outlive this object."""
        if self.workspace is None:
            return np.empty(shape, dtype, like=self.like)
        return self.workspace.empty(tuple(shape), dtype)


def _kept(mask: Array, x: Array) -> Array:
    """x where the mask holds, else 0; by its bits, for inf · 0 is nan, and ``np.where`` takes ten times as long."""
    if isinstance(x, np.ndarray) and x.dtype.kind == "f":
        return np.bitwise_and(x.view(f"i{x.itemsize}"), np.negative(mask.view(np.int8))).view(x.dtype)
    return np.where(mask, x, np.zeros((), x.dtype, like=x))


def _shared_out(g: Array, winners: Array, size: int) -> Iterator[Array]:
    """For every j, g where element j of the window won, else 0; the last of them is what the others leave."""
    rest = g
    for j in range(size - 1):
        kept = _kept(winners == j, g)
        if isinstance(g, np.ndarray) and g.dtype.kind == "f":
            bits = f"i{g.itemsize}"
            rest = np.bitwise_xor(rest.view(bits), kept.view(bits)).view(g.dtype)
        yield kept
    yield rest if rest is not g or size == 1 else _kept(winners == size - 1, g)


def max_pool(x: Array, axes: Axes) -> tuple[Array, list[Array]]:
    """The largest elements (R, *O) of windows over planes (R, *L), and the winners of each axis, the last axis first.

    A GPU's kernel finds all axes' winners at once: their places in the planes, int64, are the only array of them.
    """
    if _gpu_serves(x, axes):
        y, places = gpu_windows().max_pool(x, axes)
        return y, [places]
    stages = _stages(len(x), axes)
    y = np.empty(stages[-1], x.dtype, like=x)
    winners = [
        np.empty(shape, np.uint8 if w.size < 256 else np.int32, like=x)
        for shape, w in zip(stages[1:], reversed(axes), strict=True)
    ]
    if _has_loops(x, axes):
        (columns, rows), fixed = winners, _numbers(tuple(axes))
        _compiled(lambda r: compiled.max_pool(x[r], *fixed, y[r], rows[r], columns[r]), x, axes)
        return y, winners

    def job(planes: slice) -> None:
        may_have_nan = x.dtype.kind == "f" and y.size > 0
        best(planes, may_have_nan and not looks_at(y))
        if may_have_nan and looks_at(y) and np.isnan(y[planes].max()):
            best(planes, True)

    def best(planes: slice, nan: bool) -> None:
        memory, found = _Memory(x), x[planes]
        for i, w in enumerate(reversed(axes)):
            last = i == len(axes) - 1
            out = y[planes] if last else memory.empty((len(found), *stages[i + 1][1:]), x.dtype)
            _max_along(found, len(axes) - i, w, out, winners[i][planes], memory, nan)
            found = out

    _over_planes(job, len(x), axes, x)
    return y, winners


def _gpu_serves(x: Array, axes: Axes) -> bool:
    return is_on_gpu(x) and gpu_windows().serve(x, axes)


def _are_places(winners: Sequence[Array]) -> bool:
    """Whether winners are as a GPU's kernel gives them."""
    return winners[0].dtype == np.int64


def _has_loops(like: Array, axes: Axes) -> bool:
    """Whether compiled loops serve these windows over arrays like this one: those of one size over two axes."""
    if len(axes) != 2 or not use_compiled(like, tuning.POOLING_LOOPS_WORTH) or not like.flags.carray:
        return False
    return all(isinstance(w, Windows) and w.size < 256 for w in axes)


@functools.lru_cache(maxsize=256)  # the layers of a model ask for the same ones again and again
def _numbers(axes: tuple[Windows, Windows]) -> tuple[Array, Array, Array, Array]:
    """What the loops must know of two axes: stride, padding, dilation of each; then what ``_inside`` says."""
    down, across = (np.array([w.stride, w.low, w.dilation]) for w in axes)
    return down, across, _inside(axes[0]), _inside(axes[1])


def _inside(w: Windows) -> Array:
    """Of each window the number of its first element that is no padding, and that of the first behind those."""
    starts = np.arange(w.count) * w.stride - w.low
    return np.stack(
        [np.maximum(0, -(starts // w.dilation)), np.minimum(w.size, (w.extent - 1 - starts) // w.dilation + 1)]
    )


def _compiled(loop: Callable[[slice], None], like: Array, axes: Axes) -> None:
    """A compiled loop for all planes."""
    _over_planes(loop, len(like), axes, like, tuning.POOLING_LOOPS_WORTH_THREADS)


def largest(x: Array, axes: Axes) -> Array:
    """``max_pool`` without the winners, for those who want no gradient."""
    if _gpu_serves(x, axes):
        return gpu_windows().max_pool(x, axes)[0]
    y = np.empty((len(x), *counts(axes)), x.dtype, like=x)

    def job(planes: slice) -> None:
        y[planes] = _largest(x[planes], axes)

    _over_planes(job, len(x), axes, x)
    return y


def _largest(x: Array, axes: Axes) -> Array:
    """The same for a block of planes, one axis after the other."""
    for i, w in enumerate(axes):
        parts: Any = w.parts()
        before = (slice(None),) * (i + 1)
        if isinstance(w, Windows) and w.size > 1 and w.are_inside:
            (_, first), (_, second), *others = parts
            found = np.maximum(x[*before, first], x[*before, second])
            for _, elements in others:
                np.maximum(found, x[*before, elements], out=found)
        else:
            shape = (*x.shape[: i + 1], w.count, *x.shape[i + 2 :])
            found = filled(shape, -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min, x.dtype, x)
            for results, elements in parts:
                found[*before, results] = np.maximum(found[*before, results], x[*before, elements])
        x = found
    return x


def _max_along(
    x: Array, axis: int, w: Windows | Uneven, y: Array, winners: Array, memory: _Memory, may_be_nan: bool
) -> None:
    before = (slice(None),) * axis
    copy, better, also = memory.empty(y.shape, y.dtype), memory.empty(y.shape, bool), memory.empty(y.shape, bool)
    unseen = w.count  # windows from here on have been given an element
    parts: Any = w.parts()
    for j, (results, elements) in enumerate(parts):
        seen = x[*before, elements]
        if j == 0:
            winners[...] = 0
            if seen.shape == y.shape:
                y[...] = seen
                unseen = 0
                continue
            y[...] = -np.inf if y.dtype.kind == "f" else np.iinfo(y.dtype).min
        whole = seen.shape == y.shape
        region = (...,) if whole else (*before, results if isinstance(results, slice) else slice(0, len(results)))
        p, larger, nan = copy[region], better[region], also[region]
        p[...] = seen  # three calls read it, and rows that stand apart are slow to read
        best, winner = (y, winners) if whole else (y[*before, results], winners[*before, results])
        if j == 1 and whole and not unseen and not may_be_nan and winners.dtype == np.uint8:
            np.greater(p, best, out=winners.view(bool))
            np.maximum(best, p, out=best)
            continue
        np.greater(p, best, out=larger)
        if may_be_nan:
            np.logical_or(larger, np.not_equal(p, p, out=nan), out=larger)
        if unseen and isinstance(results, slice) and results.start < unseen:
            larger[*before, slice(0, unseen - results.start)] = True
            unseen = results.start
        np.maximum(best, p, out=best)
        np.maximum(winner, larger.view(np.uint8) * winner.dtype.type(j), out=winner)
        if not isinstance(results, slice):
            y[*before, results], winners[*before, results] = best, winner


def positions(winners: Sequence[Array], axes: Axes) -> Array:
    """Where in its plane each maximum was found, counted row by row, (R, *O) int64."""
    if _are_places(winners):
        return winners[0]
    found: Array | None = None
    below = 1
    for i, (won, w) in enumerate(zip(winners, reversed(axes), strict=True)):
        starts, step = starts_of(w)
        shape = (-1, *[1] * i)
        here = np.asarray(starts, np.int64, like=won).reshape(shape) + won.astype(np.int64) * step
        before = 0 if found is None else np.take_along_axis(found, here, len(axes) - i)
        found = here * below + before
        below *= w.extent
    return found


def to_winners(g: Array, winners: Sequence[Array], axes: Axes) -> Array:
    """Planes (R, *L) with the elements of g (R, *O) added where the maxima were found, zero elsewhere."""
    if _are_places(winners):
        return gpu_windows().to_winners(g, winners[0], axes)
    if _has_loops(g, axes):
        x, (columns, rows), both = np.zeros((len(g), *extents(axes)), g.dtype), winners, _numbers(tuple(axes))
        _compiled(lambda r: compiled.to_winners(g[r], rows[r], columns[r], *both, x[r]), g, axes)
        return x
    x = np.empty((len(g), *extents(axes)), g.dtype, like=g)

    def job(planes: slice) -> None:
        memory, found = _Memory(g), g[planes]
        for i, w in enumerate(axes):
            last = i == len(axes) - 1
            shape = (*found.shape[: i + 1], w.extent, *found.shape[i + 2 :])
            out = x[planes] if last else memory.empty(shape, g.dtype)
            if not w.partition:
                out[...] = 0
            before, won = (slice(None),) * (i + 1), winners[len(axes) - 1 - i][planes]
            for (results, elements), kept in zip(w.parts(), _shared_out(found, won, w.size), strict=True):
                _put(out, before, elements, kept[*before, results], w.disjoint)
            found = out

    _over_planes(job, len(g), axes, g)
    return x


def _put(x: Array, before: tuple[slice, ...], elements: Any, values: Array, disjoint: bool) -> None:
    """Add values to the elements; they may be stored where no other window has them."""
    if disjoint:
        x[*before, elements] = values
    elif isinstance(elements, slice):
        target = x[*before, elements]
        np.add(target, values, out=target)
    else:
        for i, e in enumerate(elements):  # one may occur several times
            x[*before, e] += values[*before, i]


def from_winners(x: Array, winners: Sequence[Array], axes: Axes) -> Array:
    """The elements (R, *O) of planes (R, *L) that stand where the maxima were found: the transpose of ``to_winners``."""
    if _are_places(winners):
        return gpu_windows().from_winners(x, winners[0])
    found = x
    for i, (won, w) in enumerate(zip(winners, reversed(axes), strict=True)):
        before = (slice(None),) * (len(axes) - i)
        out = np.zeros(won.shape, x.dtype, like=x)
        for j, (results, elements) in enumerate(w.parts()):
            kept = _kept(won[*before, results] == j, found[*before, elements])
            _put(out, before, results, kept, False)
        found = out
    return found


def sum_pool(x: Array, axes: Axes) -> Array:
    """The sums (R, *O) of windows over planes (R, *L)."""

    def along(found: Array, out: Array, before: tuple[slice, ...], w: Windows | Uneven) -> None:
        if by_matrix and isinstance(w, Uneven):
            _multiply(_members(w, x.dtype), found, out, len(before))
            return
        out[...] = 0
        for results, elements in w.parts():
            _put(out, before, results, found[*before, elements], False)

    by_matrix = _suits_a_matrix(x, axes)
    return _axis_by_axis(along, x, axes, counts(axes))


def spread(g: Array, axes: Axes) -> Array:
    """Planes (R, *L) in which each element is the sum of the g (R, *O) of its windows: the transpose of ``sum_pool``."""

    def along(found: Array, out: Array, before: tuple[slice, ...], w: Windows | Uneven) -> None:
        if by_matrix and isinstance(w, Uneven):
            _multiply(_members(w, g.dtype).T, found, out, len(before))
            return
        if not w.partition:
            out[...] = 0
        for results, elements in w.parts():
            _put(out, before, elements, found[*before, results], w.disjoint)

    by_matrix = _suits_a_matrix(g, axes)
    return _axis_by_axis(along, g, axes, extents(axes))


def _suits_a_matrix(x: Array, axes: Axes) -> bool:
    """Whether windows of different sizes are added up by products: where sums are finite, for 0 times infinity is nan."""
    uneven = [w.count * w.extent for w in axes if isinstance(w, Uneven)]
    if not uneven or max(uneven) > tuning.POOLING_MATRIX or x.__class__ is not np.ndarray:
        return False
    if x.dtype.char not in "fd" or not x.size:
        return False
    terms = math.prod(max(w.count, w.extent) for w in axes)  # of a sum, at most, whichever way
    return bool(max(float(x.max()), -float(x.min())) * terms < np.finfo(x.dtype).max)


@functools.lru_cache(maxsize=64)
def _members(w: Uneven, dtype: np.dtype[Any]) -> Array:
    """A matrix (O, L): 1 where an element is in a window, else 0."""
    found = np.zeros((w.count, w.extent), dtype)
    for row, start, length in zip(found, w.starts, w.lengths, strict=True):
        row[start : start + length] = 1
    return found


def _multiply(matrix: Array, x: Array, out: Array, axis: int) -> None:
    """A matrix times every vector along an axis of x."""
    outer, after = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    small = x.size * len(matrix) <= tuning.BLAS_STARTS_THREADS
    with contextlib.nullcontext() if small else blas_on_one_thread():
        whole = slice(None), slice(None), matrix
        multiply_along([whole], x.reshape(outer, x.shape[axis], after), out.reshape(outer, len(matrix), after))


def _axis_by_axis(along: Callable[..., None], x: Array, axes: Axes, lengths: Sequence[int]) -> Array:
    """``along(x, y, slices of the axes before, windows)`` for each axis, which fills y, as long along that axis as it says."""
    y = np.empty((len(x), *lengths), x.dtype, like=x)

    def job(planes: slice) -> None:
        found = x[planes]
        for i, w in enumerate(axes):
            shape = (*found.shape[: i + 1], lengths[i], *found.shape[i + 2 :])
            out = y[planes] if i == len(axes) - 1 else np.empty(shape, x.dtype, like=x)
            along(found, out, (slice(None),) * (i + 1), w)
            found = out

    _over_planes(job, len(x), axes, x)
    return y
