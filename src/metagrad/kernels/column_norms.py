"""Batch norm of rows x (N, M): a mean and a weight for each column. Chunks of rows on all threads, compiled or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import reductions
from metagrad.kernels.chunks import rows_joined
from metagrad.kernels.compiled import normalization as compiled
from metagrad.kernels.rows import by_rows, takes_loop


def moments(x: Array) -> tuple[Array, Array]:
    """μ and Σ (x − μ)² of the columns, both (M)."""
    count, (x, times) = len(x), _long_rows(x)
    mean = (_folded(reductions.sum(x, (0,), False), times) / x.dtype.type(count)).astype(x.dtype)
    wide = np.tile(mean, times)

    def squares(some: Array) -> Array:
        with np.errstate(all="ignore"):
            d = some - wide
            return np.einsum("ij,ij->j", d, d)

    loop = _added(compiled.column_squares) if takes_loop(x) else None
    return mean, _folded(_joined(x, lambda s: loop(x[s], wide) if loop else squares(x[s])), times)


def gradient_moments(g: Array, x: Array, mean: Array) -> tuple[Array, Array]:
    """Σ g and Σ g (x − μ) of the columns, both (M)."""
    (x, times), (g, _) = _long_rows(x), _long_rows(g)
    wide = np.tile(mean, times)
    loop = _added(compiled.column_moments) if takes_loop(x) else None

    def along(s: slice) -> Array:
        return loop(g[s], x[s], wide) if loop else np.einsum("ij,ij->j", g[s], x[s] - wide)

    return _folded(reductions.sum(g, (0,), False), times), _folded(_joined(x, along), times)


def _long_rows(x: Array) -> tuple[Array, int]:
    """Several short rows as one, and how many: columns that hold the same channel are folded onto each other afterwards."""
    times = rows_joined(*x.shape) if x.flags.c_contiguous else 1
    return x.reshape(len(x) // times, -1) if times > 1 else x, times


def _folded(sums: Array, times: int) -> Array:
    return sums.reshape(times, -1).sum(axis=0) if times > 1 else sums


def scaled(x: Array, mean: Array, scale: Array, shift: Array) -> Array:
    """(x − μ) s + t; μ, s and t (M)."""
    z = np.empty_like(x)
    (x, times), (out, _) = _long_rows(x), _long_rows(z)
    mean, scale, shift = (np.tile(v, times) for v in (mean, scale, shift))

    def formula(x: Array, mean: Array, scale: Array, shift: Array, z: Array) -> None:
        np.subtract(x, mean, out=z)
        z *= scale
        z += shift

    work = compiled.scaled_columns if takes_loop(x) else formula
    by_rows(lambda s: work(x[s], mean, scale, shift, out[s]), *x.shape)
    return z


def gradient(g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array) -> Array:
    """g s − (x − μ) p − q; μ, s, p = ``along`` and q = ``total`` (M)."""
    found = np.empty_like(x)
    (g, times), (x, _), (grad_x, _) = _long_rows(g), _long_rows(x), _long_rows(found)
    mean, scale, along, total = (np.tile(v, times) for v in (mean, scale, along, total))

    def formula(g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array, grad_x: Array) -> None:
        np.subtract(mean, x, out=grad_x)
        grad_x *= along
        grad_x -= total
        grad_x += g * scale

    work = compiled.gradient_of_columns if takes_loop(x) else formula
    by_rows(lambda s: work(g[s], x[s], mean, scale, along, total, grad_x[s]), *x.shape)
    return found


def _added(loop: Callable[..., None]) -> Callable[..., Array]:
    """A loop that adds to its last argument, begun with zeros."""

    def run(*arrays: Array) -> Array:
        sums = np.zeros_like(arrays[-1])
        loop(*arrays, sums)
        return sums

    return run


def _joined(x: Array, work: Callable[[slice], Array]) -> Array:
    """What comes of chunks of rows, added up."""
    return np.add.reduce(by_rows(work, *x.shape), axis=0)
