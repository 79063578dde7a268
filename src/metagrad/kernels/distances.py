"""Distances of all pairs of points, and their gradients.

‖x − y‖² = ‖x‖² + ‖y‖² − 2 x · y, and the products of all pairs are one product of matrices. But where points are near each other
the difference of such numbers has lost its digits: these pairs, and those whose squares are not finite, are found, and computed
from their differences. What all points have in common is taken off them first, so that few are near compared with their size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, map_chunks, spread
from metagrad.kernels.compiled import distances as compiled
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.gathering import add_rows

_LEAST = 0.125  # of ‖x‖² + ‖y‖², that ‖x − y‖² is: three bits are lost


class Near(NamedTuple):
    """The pairs (i, j) whose distances are computed from their differences."""

    i: Array
    j: Array


# ------------------------------------------------ p = 2


def euclidean(x: Array, y: Array) -> tuple[Array, Near]:
    """dᵢⱼ = ‖xᵢ − yⱼ‖ of rows x (P, M), y (R, M); and the pairs that are near each other.

    >>> euclidean(np.array([[0.0, 0.0], [3.0, 4.0]]), np.zeros((1, 2)))[0].tolist()
    [[0.0], [5.0]]
    """
    with np.errstate(all="ignore"):
        a, b = _centred(x, y)
        d, xx, yy = a @ b.T, np.einsum("ij,ij->i", a, a), np.einsum("ij,ij->i", b, b)
        near = Near(*np.nonzero(d < 0)) if _finish(d, xx, yy) else Near(np.zeros(0, np.int64), np.zeros(0, np.int64))
        if len(near.i):
            d[near] = _of_pairs(near, x, y)
    return d, near


def _centred(x: Array, y: Array) -> tuple[Array, Array]:
    middle = y.mean(0)
    return x - middle, y - middle


def _finish(d: Array, xx: Array, yy: Array) -> bool:
    """Make distances of products; whether there are near ones, marked by −1."""
    if are_there_loops() and d.size >= tuning.DISTANCES_LOOP:
        found = np.zeros(len(d), np.int64)
        spread(compiled.of_products, [d, xx, found], [yy], [_LEAST])
        return bool(found.any())

    def work(rows: slice) -> bool:
        some, sizes = d[rows], xx[rows, None] + yy
        some *= -2
        some += sizes
        sizes *= sizes.dtype.type(_LEAST)
        is_near = ~((some > sizes) & (some < np.inf))
        np.sqrt(some, out=some)
        found = bool(is_near.any())
        if found:
            some[is_near] = -1
        return found

    return any(map_chunks(work, cut(len(d), max(1, tuning.DISTANCES_CHUNK // len(yy)))))


def _of_pairs(near: Near, x: Array, y: Array) -> Array:
    d = np.empty(len(near.i), x.dtype)
    if are_there_loops() and d.size * x.shape[1] >= tuning.DISTANCES_LOOP:
        spread(compiled.of_pairs, [*map(np.ascontiguousarray, near), d], [x, y], elements=d.size * x.shape[1])
        return d

    def work(some: slice) -> None:
        difference = x[near.i[some]] - y[near.j[some]]
        d[some] = np.sqrt(np.einsum("ij,ij->i", difference, difference))

    map_chunks(work, cut(len(d), max(1, tuning.DISTANCES_CHUNK // x.shape[1])))
    return d


def euclidean_gradients(
    grad: Array, d: Array, near: Near, x: Array, y: Array, needs: tuple[bool, bool]
) -> tuple[Array | None, Array | None]:
    """∂L/∂xᵢ = Σⱼ wᵢⱼ (xᵢ − yⱼ), w = ∂L/∂d / d, and ∂L/∂yⱼ, where needed; nothing of pairs that are one point."""
    with np.errstate(all="ignore"):
        w = np.empty_like(d)

        def divide(rows: slice) -> None:
            np.divide(grad[rows], d[rows], out=w[rows])

        map_chunks(divide, cut(len(d), max(1, tuning.DISTANCES_CHUNK // d.shape[1])))
        of_near = np.where(d[near] == 0, 0, w[near])
        w[near] = 0
        a, b = _centred(x, y)
        for_x = w.sum(1)[:, None] * a - w @ b if needs[0] else None
        for_y = (np.ones(len(w), w.dtype) @ w)[:, None] * b - w.T @ a if needs[1] else None
        if of_near.any():
            for some in cut(len(of_near), max(1, tuning.DISTANCES_CHUNK)):
                i, j = near.i[some], near.j[some]
                terms = of_near[some, None] * (x[i] - y[j])
                if for_x is not None:
                    add_rows(for_x, i, terms)
                if for_y is not None:
                    add_rows(for_y, j, -terms)
    return for_x, for_y


# ------------------------------------------------ p = 1 and p = ∞


def of_sizes(x: Array, y: Array, p: float) -> Array:
    """dᵢⱼ = Σₖ |xᵢₖ − yⱼₖ| of rows x (P, M), y (R, M); for p = ∞ the largest of them.

    >>> of_sizes(np.array([[0.0, 0.0], [3.0, 4.0]]), np.zeros((1, 2)), 1).tolist()
    [[0.0], [7.0]]
    """
    d = np.empty((len(x), len(y)), x.dtype)
    if are_there_loops():
        spread(compiled.of_sizes, [d, x], [y], [int(p == np.inf)], elements=d.size * x.shape[1])
        return d

    def work(rows: slice) -> None:
        _lengths(x[rows, None] - y, p, d[rows])

    map_chunks(work, cut(len(x), max(1, tuning.DISTANCES_CHUNK // y.size)))
    return d


def of_sizes_above(x: Array, p: float) -> Array:
    """The same of all pairs i < j of the rows x (N, M), row by row.

    >>> of_sizes_above(np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]]), np.inf).tolist()
    [4.0, 1.0, 3.0]
    """
    n = len(x)
    rows = np.arange(n)
    starts, d = rows * (2 * n - rows - 1) // 2, np.empty(n * (n - 1) // 2, x.dtype)
    if are_there_loops():
        spread(compiled.of_sizes_above, [rows, starts], [d, x], [int(p == np.inf)], elements=d.size * x.shape[1])
        return d

    def work(i: int) -> None:
        _lengths(x[i] - x[i + 1 :], p, d[starts[i] : starts[i] + n - i - 1])

    map_chunks(work, range(n - 1))
    return d


def _lengths(difference: Array, p: float, out: Array) -> None:
    np.abs(difference, out=difference)
    if p == np.inf:
        difference.max(-1, out=out)
    else:
        difference.sum(-1, out=out)


def gradient_of_sizes(grad: Array, d: Array | None, x: Array, y: Array) -> Array:
    """∂L/∂xᵢ = Σⱼ ∂L/∂dᵢⱼ sign(xᵢ − yⱼ); for p = ∞, with the distances d, only where |xᵢ − yⱼ| is dᵢⱼ."""
    gradient = np.empty_like(x)
    grad = np.ascontiguousarray(grad)
    if are_there_loops():
        if d is None:
            spread(compiled.signs_of_sizes, [gradient, x, grad], [y], elements=grad.size * x.shape[1])
        else:
            parts = [gradient, x, grad, np.ascontiguousarray(d)]
            spread(compiled.signs_of_largest, parts, [y], elements=grad.size * x.shape[1])
        return gradient

    def work(rows: slice) -> None:
        for i in range(rows.start, rows.stop):
            signs = np.sign(x[i] - y)
            if d is not None:
                signs *= np.abs(x[i] - y) == d[i, :, None]
            np.dot(grad[i], signs, out=gradient[i])

    with np.errstate(invalid="ignore"):
        map_chunks(work, cut(len(x), max(1, tuning.DISTANCES_CHUNK // y.size)), blas=True)
    return gradient
