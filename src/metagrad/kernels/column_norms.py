"""Batch norm of rows x (N, M): a mean and a weight for each column. Chunks of rows on all threads, compiled or not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import reductions
from metagrad.kernels.compiled import normalization as compiled
from metagrad.kernels.rows import by_rows, takes_loop


def moments(x: Array) -> tuple[Array, Array]:
    """μ and Σ (x − μ)² of the columns, both (M)."""
    mean = (reductions.sum(x, (0,), False) / x.dtype.type(len(x))).astype(x.dtype)

    def squares(some: Array) -> Array:
        d = some - mean
        return np.einsum("ij,ij->j", d, d)

    loop = _added(compiled.column_squares) if takes_loop(x) else None
    return mean, _joined(x, lambda s: loop(x[s], mean) if loop else squares(x[s]))


def gradient_moments(g: Array, x: Array, mean: Array) -> tuple[Array, Array]:
    """Σ g and Σ g (x − μ) of the columns, both (M)."""
    loop = _added(compiled.column_moments) if takes_loop(x) else None

    def along(s: slice) -> Array:
        return loop(g[s], x[s], mean) if loop else np.einsum("ij,ij->j", g[s], x[s] - mean)

    return reductions.sum(g, (0,), False), _joined(x, along)


def scaled(x: Array, mean: Array, scale: Array, shift: Array) -> Array:
    """(x − μ) s + t; μ, s and t (M)."""
    z = np.empty_like(x)

    def formula(x: Array, mean: Array, scale: Array, shift: Array, z: Array) -> None:
        np.subtract(x, mean, out=z)
        z *= scale
        z += shift

    work = compiled.scaled_columns if takes_loop(x) else formula
    by_rows(lambda s: work(x[s], mean, scale, shift, z[s]), *x.shape)
    return z


def gradient(g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array) -> Array:
    """g s − (x − μ) p − q; μ, s, p = ``along`` and q = ``total`` (M)."""
    grad_x = np.empty_like(x)

    def formula(g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array, grad_x: Array) -> None:
        np.subtract(mean, x, out=grad_x)
        grad_x *= along
        grad_x -= total
        grad_x += g * scale

    work = compiled.gradient_of_columns if takes_loop(x) else formula
    by_rows(lambda s: work(g[s], x[s], mean, scale, along, total, grad_x[s]), *x.shape)
    return grad_x


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
