"""Cosines and directions of rows, and their gradients: by a compiled loop, or BLAS's inner products over chunks."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import cosines as compiled
from metagrad.kernels.rows import by_rows, for_loop, row_products, takes_loop


def cosines(x: Array, y: Array, eps: float) -> tuple[Array, Array, Array]:
    """xᵢ · yᵢ / (max(‖xᵢ‖, ε) max(‖yᵢ‖, ε)) of rows x and y (N, M), ‖xᵢ‖ and ‖yᵢ‖, all (N).

    >>> cosines(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0]]), 1e-8)
    (array([0.6]), array([5.]), array([1.]))
    """
    found = z, of_x, of_y = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    if takes_loop(x):
        spread(compiled.cosines, [for_loop(x), for_loop(y, x.dtype), *found], numbers=[eps])
        return found

    def work(s: slice) -> None:
        for a, norm in ((x[s], of_x[s]), (y[s], of_y[s])):
            np.sqrt(row_products(a, a)[:, 0], out=norm)
        r, t = np.maximum(of_x[s], eps), np.maximum(of_y[s], eps)
        products = row_products(x[s], y[s])[:, 0]
        np.divide(products / r, t, out=z[s])
        large = np.flatnonzero(~np.isfinite(products))  # rows of large numbers, whose norms are larger still
        if large.size:
            z[s][large] = row_products(x[s][large] / r[large, None], y[s][large] / t[large, None])[:, 0]

    with np.errstate(all="ignore"):
        by_rows(work, x)
    return found


def gradient(x: Array, y: Array, z: Array, of_x: Array, of_y: Array, g: Array, eps: float) -> Array:
    """The gradient of x from g, that of z: g r (s y − z x/‖x‖), r = 1/max(‖x‖, ε) and s likewise; of a zero x without z."""
    grad = np.empty_like(x)
    if takes_loop(x):
        arrays = [for_loop(a, x.dtype) for a in (x, y, z, of_x, of_y, g)]
        spread(compiled.cosines_backward, [*arrays, grad], numbers=[eps])
        return grad

    def work(s: slice) -> None:
        r, norm = 1 / np.maximum(of_x[s], eps), of_x[s]
        along = np.where(norm > 0, g[s] * z[s] * r / norm, 0).astype(x.dtype)
        np.multiply(y[s], (g[s] * r / np.maximum(of_y[s], eps))[:, None], out=grad[s])
        grad[s] -= x[s] * along[:, None]

    with np.errstate(all="ignore"):
        by_rows(work, x)
    return grad


def directions(x: Array, eps: float) -> tuple[Array, Array]:
    """xᵢ / max(‖xᵢ‖, ε) of rows x (N, M), and ‖xᵢ‖ (N, 1), by NumPy.

    >>> directions(np.array([[3.0, 4.0]]), 1e-8)
    (array([[0.6, 0.8]]), array([[5.]]))
    """
    y, norms = np.empty_like(x), np.empty((len(x), 1), x.dtype)

    def work(s: slice) -> None:
        np.sqrt(row_products(x[s], x[s]), out=norms[s])
        np.divide(x[s], np.maximum(norms[s], eps), out=y[s])

    with np.errstate(all="ignore"):
        by_rows(work, x)
    return y, norms


def gradient_of_directions(g: Array, x: Array, norms: Array, eps: float) -> Array:
    """(g − x (x · g) / ‖x‖²) / ‖x‖ of rows, where ‖x‖ ≥ ε, else g / ε; ‖x‖ = norms (N, 1)."""
    grad = np.empty_like(x)

    def work(s: slice) -> None:
        size = np.maximum(norms[s], eps)
        along = np.where(norms[s] < eps, x.dtype.type(0), row_products(x[s], g[s]) / size / size)
        np.subtract(g[s], np.multiply(x[s], along, out=grad[s]), out=grad[s])
        grad[s] /= size

    with np.errstate(all="ignore"):
        by_rows(work, x)
    return grad
