"""Images sampled at positions between their pixels, and the gradients of that, in NumPy's passes over all positions.

Along each axis a result is made of a few taps, pixels with a weight: two for linear interpolation, four for cubic, one for the
nearest. A pixel outside is one more, behind the others, that is 0.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, even_chunks, map_chunks, split
from metagrad.kernels.threads import get_num_threads


class Sampling(NamedTuple):
    """How positions are understood: as ``grid_sample`` has it; align: whether −1 and 1 are the centres of the outer pixels."""

    mode: str
    padding: str
    align: bool


class _Taps(NamedTuple):
    """What the results are made of along an axis, tap by tap, each (B, P): pixels, whether there are such if that is not certain,
    weights, and the weights' derivatives by the position where they are wanted."""

    numbers: list[Array]
    inside: list[Array]
    weights: list[Array]
    slopes: list[Array]


def fits(x: Array, grid: Array) -> bool:
    """Whether images and grid are what these kernels take."""
    return (
        x.__class__ is grid.__class__ is np.ndarray
        and x.dtype == grid.dtype
        and x.dtype.char in "fd"
        and x.size > 0 < grid.size
    )


def sampled(x: Array, grid: Array, how: Sampling) -> Array:
    """x (B, C, *L) at the positions grid (B, *O, len(L)), the last axis first: (B, C, *O).

    >>> sampled(np.float32([[[[0, 4]]]]), np.zeros((1, 1, 1, 2), np.float32), Sampling("bilinear", "zeros", True)).tolist()
    [[[[2.0]]]]
    """
    images, positions, extents = _flat(x, grid)
    y = np.empty((*x.shape[:2], positions.shape[1]), x.dtype)

    def work(part: tuple[slice, slice]) -> None:
        some, channels = part
        memory = np.empty((channels.stop - channels.start, y.shape[2]), y.dtype)
        for few in _together(some, positions, how):
            with np.errstate(all="ignore"):
                corners = _corners(positions[few], extents, how, False)
                for b, (image, result) in enumerate(zip(images[few], y[few], strict=True)):
                    _sum_up(result[channels], _with_nothing(image[channels], how), corners, b, memory)

    map_chunks(work, _parts(y, 4 ** len(extents) if how.mode == "bicubic" else 2 ** len(extents)))
    return y.reshape(*x.shape[:2], *grid.shape[1:-1])


def gradients(
    x: Array, grid: Array, g: Array, how: Sampling, needs: Sequence[bool]
) -> tuple[Array | None, Array | None]:
    """The gradients of x and of the grid, for the gradient g of the result; None for what is not needed."""
    images, positions, extents = _flat(x, grid)
    sent = np.ascontiguousarray(g).reshape(*x.shape[:2], positions.shape[1])
    grad_images = np.empty_like(images) if needs[0] else None
    moves = needs[1] and how.mode != "nearest"

    def work(part: tuple[slice, slice]) -> Array | None:
        some, channels = part
        grad_positions = np.zeros_like(positions[some]) if moves else None
        for few in _together(some, positions, how):
            with np.errstate(all="ignore"):
                corners = _corners(positions[few], extents, how, moves)
                for b, (image, of_result) in enumerate(zip(images[few], sent[few, channels], strict=True)):
                    if grad_images is not None:
                        _add_back(grad_images[few.start + b, channels], of_result, corners, b)
                    if grad_positions is not None:
                        moved = grad_positions[few.start - some.start + b]
                        _add_moves(moved, _with_nothing(image[channels], how), of_result, corners, b)
        return grad_positions

    parts = _parts(sent, 5 * 4 ** len(extents) if how.mode == "bicubic" else 5 * 2 ** len(extents))
    found = map_chunks(work, parts)
    grad_x = None if grad_images is None else grad_images.reshape(x.shape)
    if not needs[1]:
        return grad_x, None
    grad_grid = np.zeros(positions.shape, grid.dtype)
    for (some, _), moved in zip(parts, found, strict=True):
        if moved is not None:
            grad_grid[some] += moved
    return grad_x, grad_grid.reshape(grid.shape)


def _flat(x: Array, grid: Array) -> tuple[Array, Array, tuple[int, ...]]:
    """Images (B, C, L) and positions (B, P, axes)."""
    extents = x.shape[2:]
    images = np.ascontiguousarray(x).reshape(*x.shape[:2], math.prod(extents))
    return images, grid.reshape(len(grid), math.prod(grid.shape[1:-1]), len(extents)), extents


def _parts(y: Array, passes: int) -> list[tuple[slice, slice]]:
    """Images and channels of them, for each thread some, of results (B, C, P)."""
    count, channels, positions = y.shape
    threads = get_num_threads()
    some = even_chunks(count, max(1, -(-count // threads)), threads, channels * positions * passes)
    if len(some) * 2 > threads or channels * positions * passes < tuning.HEAD_START:
        return [(s, slice(0, channels)) for s in some]
    return list(itertools.product(some, split(channels, threads // len(some))))


def _together(some: slice, positions: Array, how: Sampling) -> list[slice]:
    """The images whose pixels' numbers and weights are in memory at once."""
    taps = positions.shape[1] * (4 if how.mode == "bicubic" else 2) ** positions.shape[2]
    return [
        slice(some.start + few.start, some.start + few.stop)
        for few in cut(some.stop - some.start, max(1, tuning.GRID_TAPS // max(1, taps)))
    ]


def _with_nothing(image: Array, how: Sampling) -> Array:
    """An image (C, L) with a pixel more, of 0, if positions may be outside."""
    if how.padding != "zeros":
        return image
    longer = np.zeros((len(image), image.shape[1] + 1), image.dtype)
    longer[:, :-1] = image
    return longer


class _Corners(NamedTuple):
    """For each combination of taps: the pixels' numbers, the products of the weights, and their derivatives along the axes."""

    numbers: Array  # (K, B, P)
    weights: list[Array | None]
    slopes: list[list[Array]]


def _corners(positions: Array, extents: Sequence[int], how: Sampling, moves: bool) -> _Corners:
    axes = len(extents)
    along = [_taps(positions[..., axes - 1 - d], n, how, moves) for d, n in enumerate(extents)]
    choices = list(itertools.product(*[range(len(t.numbers)) for t in along]))
    numbers = np.empty((len(choices), *positions.shape[:2]), np.int64)
    weights: list[Array | None] = []
    slopes = []
    for number, choice in zip(numbers, choices, strict=True):
        number[...] = along[0].numbers[choice[0]]
        for taps, k, n in zip(along[1:], choice[1:], extents[1:], strict=True):
            number *= n
            number += taps.numbers[k]
        if along[0].inside:
            inside = [taps.inside[k] for taps, k in zip(along, choice, strict=True)]
            np.copyto(number, math.prod(extents), where=~functools.reduce(np.logical_and, inside))
        parts = [taps.weights[k] for taps, k in zip(along, choice, strict=True) if taps.weights]
        weights.append(math.prod(parts[1:], start=parts[0]) if parts else None)
        slopes.append(
            [
                math.prod([*parts[:d], *parts[d + 1 :]], start=taps.slopes[k])
                for d, (taps, k) in enumerate(zip(along, choice, strict=True))
                if moves
            ]
        )
    return _Corners(numbers, weights, slopes)


def _taps(g: Array, n: int, how: Sampling, moves: bool) -> _Taps:
    real = g.dtype.type
    unit = real((n - 1) / 2 if how.align else n / 2)
    x = (g + real(1)) / real(2) * real(n - 1) if how.align else ((g + real(1)) * real(n) - real(1)) / real(2)
    turn: Array | None = None
    if how.mode != "bicubic":
        x, turn = _placed(x, n, how)
    if how.mode == "nearest":
        return _found([np.rint(x)], n, how, [], [])
    low = np.floor(x)
    right = x - low
    if how.mode == "bilinear":
        slope = unit if turn is None else turn * unit
        up = low + real(1)
        return _found([low, up], n, how, [up - x, right], [-slope, slope])
    whole = [_placed(low + real(k), n, how)[0] for k in (-1, 0, 1, 2)]
    slopes = [s * unit for s in _cubic_slopes(right)] if moves else []
    return _found(whole, n, how, cubic_weights(right), slopes)


def _found(whole: list[Array], n: int, how: Sampling, weights: list[Array], slopes: list[Array]) -> _Taps:
    inside = [(a >= 0) & (a <= n - 1) for a in whole] if how.padding == "zeros" else []
    return _Taps([np.clip(a, 0, n - 1).astype(np.int64) for a in whole], inside, weights, slopes)


def _placed(x: Array, n: int, how: Sampling) -> tuple[Array, Array | None]:
    """Positions moved to where there are pixels, and the derivative of that; None where nothing is moved."""
    if how.padding == "zeros":
        return x, None
    turn: Array = np.ones((), x.dtype)
    if how.padding == "reflection":
        low, span = (0.0, float(n - 1)) if how.align else (-0.5, float(n))
        if span <= 0:
            return np.zeros_like(x), np.zeros_like(x)
        far = np.abs(x - low)
        even = np.floor(far / span) % 2 == 0
        beyond = np.fmod(far, span)
        turn = np.where(even, 1, -1).astype(x.dtype) * np.sign(x - low)
        x = np.where(even, beyond, span - beyond) + x.dtype.type(low)
    above, below = x > 0, x < n - 1
    return np.where(above, np.where(below, x, x.dtype.type(n - 1)), x.dtype.type(0)), turn * (above & below)


def cubic_weights(t: Any, a: float = -0.75) -> list[Any]:
    """Weights of the four pixels around a position at distance t in [0, 1] from the second (Keys 1981).

    >>> cubic_weights(0.5)
    [-0.09375, 0.59375, 0.59375, -0.09375]
    """

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic_slopes(t: Array, a: float = -0.75) -> list[Array]:
    """Their derivatives by t."""

    def near(x: Array) -> Array:
        return (3 * (a + 2) * x - 2 * (a + 3)) * x

    def far(x: Array) -> Array:
        return (3 * a * x - 10 * a) * x + 8 * a

    return [far(t + 1), near(t), -near(1 - t), -far(2 - t)]


def _sum_up(y: Array, image: Array, corners: _Corners, b: int, memory: Array) -> None:
    """y (C, P), the weighted sum of an image's pixels."""
    for k, (numbers, weights) in enumerate(zip(corners.numbers[:, b], corners.weights, strict=True)):
        to = memory if k else y
        np.take(image, numbers, 1, out=to, mode="clip")
        if weights is not None:
            np.multiply(to, weights[b], out=to)
        if k:
            y += memory


def _add_back(grad_image: Array, sent: Array, corners: _Corners, b: int) -> None:
    """An image's gradient (C, L): each result's goes to the pixels it was made of."""
    numbers, length = corners.numbers[:, b].reshape(-1), grad_image.shape[1]
    weights = None if corners.weights[0] is None else np.stack([w[b] for w in corners.weights if w is not None])
    for target, g in zip(grad_image, sent, strict=True):
        terms = g if weights is None else g * weights
        target[...] = np.bincount(numbers, terms.reshape(-1), length + 1)[:length]


def _add_moves(grad_positions: Array, image: Array, sent: Array, corners: _Corners, b: int) -> None:
    """The gradient of positions (P, axes): what each pixel is worth, times how its weight changes."""
    memory, axes = np.empty_like(sent), grad_positions.shape[1]
    for numbers, slopes in zip(corners.numbers[:, b], corners.slopes, strict=True):
        np.take(image, numbers, 1, out=memory, mode="clip")
        worth = np.multiply(memory, sent, out=memory).sum(0)
        for d, slope in enumerate(slopes):
            grad_positions[:, axes - 1 - d] += worth * slope[b]
