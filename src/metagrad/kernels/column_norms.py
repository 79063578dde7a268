"""Batch norm of rows x (N, M): a mean and a weight for each column. Chunks of rows on all threads, compiled or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import rows_joined, spread
from metagrad.kernels.compiled import normalization as compiled
from metagrad.kernels.normalization import about_zero
from metagrad.kernels.rows import by_rows, for_loop, parts_by_loop, sums_by_loop, takes_loop


def moments(x: Array) -> tuple[Array, Array]:
    """μ and Σ (x − μ)² of the columns, both (M)."""
    count, (x, times) = len(x), _long_rows(x)
    if takes_loop(x):
        return _joined(*parts_by_loop(compiled.column_squares, x, (3, x.shape[1]), [for_loop(x)]), times)
    with np.errstate(all="ignore"):
        total, squares = _sums(lambda some: (_column_sums(some), np.einsum("ij,ij->j", some, some)), times, x)
        mean = (total / x.dtype.type(count)).astype(x.dtype)
        if about_zero(squares, mean, count):
            return mean, squares
        wide = np.tile(mean, times)

        def centred(some: Array) -> tuple[Array]:
            d = some - wide
            return (np.einsum("ij,ij->j", d, d),)

        return mean, _sums(centred, times, x)[0]


def _sums(work: Callable[..., tuple[Array, ...]], times: int, *arrays: Array) -> list[Array]:
    """The sums over all rows that ``work(chunks of the arrays)`` has of a chunk, ``times`` rows as one."""
    parts = by_rows(lambda rows: work(*[a[rows] for a in arrays]), arrays[0])
    kind = arrays[0].dtype
    return [
        _folded(np.add.reduce(some, axis=0, dtype=np.float64).astype(kind), times) for some in zip(*parts, strict=True)
    ]


def _column_sums(x: Array) -> Array:
    """Σ of every column of a chunk, of which the rows are added in turn, some at a time."""
    edges = range(0, len(x), tuning.REDUCTION_ROWS)
    return np.add.reduce([np.add.reduce(x[i : i + tuning.REDUCTION_ROWS], axis=0) for i in edges], axis=0)


def _joined(edges: Array, parts: Array, times: int) -> tuple[Array, Array]:
    """μ and Σ (x − μ)² over all rows from those of parts (P, 3, M) of them, ``times`` rows as one (Chan et al. 1983)."""
    count = (edges[:, 1] - edges[:, 0])[:, None, None]
    means, squares, _ = np.moveaxis(parts.reshape(len(parts), 3, times, -1).astype(np.float64), 1, 0)
    with np.errstate(all="ignore"):
        mean = (count * means).sum(axis=(0, 1)) / (times * count.sum())
        apart = squares + count * (means - mean) ** 2
        return mean.astype(parts.dtype), apart.sum(axis=(0, 1)).astype(parts.dtype)


def gradient_moments(g: Array, x: Array, mean: Array, near: bool) -> tuple[Array, Array]:
    """Σ g and Σ g (x − μ) of the columns, both (M)."""
    (x, times), (g, _) = _long_rows(x), _long_rows(g)
    wide = np.tile(mean, times)
    if takes_loop(x):
        sums = sums_by_loop(compiled.column_moments, x, (2, len(wide)), [for_loop(a, x.dtype) for a in (g, x, wide)])
        return _folded(sums[0], times), _folded(sums[1], times)

    def work(g: Array, x: Array) -> tuple[Array, Array]:
        return _column_sums(g), np.einsum("ij,ij->j", g, x if near else x - wide)

    total, along = _sums(work, times, g, x)
    return total, along - mean * total if near else along


def _long_rows(x: Array) -> tuple[Array, int]:
    """Several short rows as one, and how many: columns that hold the same channel are folded onto each other afterwards."""
    times = rows_joined(*x.shape) if x.flags.c_contiguous else 1
    return x.reshape(len(x) // times, -1) if times > 1 else x, times


def _folded(sums: Array, times: int) -> Array:
    return sums.reshape(times, -1).sum(axis=0, dtype=np.float64).astype(sums.dtype) if times > 1 else sums


def scaled(x: Array, mean: Array, scale: Array, shift: Array, near: bool) -> Array:
    """(x − μ) s + t; μ, s and t (M). near: as ``are_near`` says."""
    z = np.empty_like(x)
    (x, times), (out, _) = _long_rows(x), _long_rows(z)
    mean, scale, shift = (np.tile(v, times) for v in (mean, scale, shift))

    rest = shift - mean * scale

    def formula(x: Array, z: Array) -> None:
        if near:
            np.multiply(x, scale, out=z)
            z += rest
        else:
            np.subtract(x, mean, out=z)
            z *= scale
            z += shift

    if takes_loop(x):
        spread(compiled.scaled_columns, [for_loop(x), out], [for_loop(v, x.dtype) for v in (mean, scale, shift)])
    else:
        by_rows(lambda s: formula(x[s], out[s]), x)
    return z


def gradient(g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array, near: bool) -> Array:
    """g s − (x − μ) p − q; μ, s, p = ``along`` and q = ``total`` (M)."""
    found = np.empty_like(x)
    (g, times), (x, _), (grad_x, _) = _long_rows(g), _long_rows(x), _long_rows(found)
    mean, scale, along, total = (np.tile(v, times) for v in (mean, scale, along, total))

    rest = mean * along - total

    def formula(g: Array, x: Array, grad_x: Array) -> None:
        if near:
            np.multiply(x, -along, out=grad_x)
            grad_x += rest
        else:
            np.subtract(mean, x, out=grad_x)
            grad_x *= along
            grad_x -= total
        grad_x += g * scale

    if takes_loop(x):
        whole = [for_loop(v, x.dtype) for v in (mean, scale, along, total)]
        spread(compiled.gradient_of_columns, [for_loop(g, x.dtype), for_loop(x), grad_x], whole)
    else:
        by_rows(lambda s: formula(g[s], x[s], grad_x[s]), x)
    return found
