"""Layer norm, RMS norm and the norms of channels, forward and back, by chunks of rows: every pass but the first over a chunk
finds it in the cache.

What a forward pass keeps for the gradient is given back last, as a tuple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import normalization as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.rows import by_rows, for_loop, row_products, row_sums, sums_by_loop, takes_loop, with_row

Kept = tuple[Array, ...]


def _filled(parameter: Array | None, value: float, x: Array) -> Array:
    """A parameter, or the number that changes nothing, for each column of x; as compiled loops take it."""
    m = x.shape[1]
    return np.full(m, value, x.dtype) if parameter is None else for_loop(parameter, x.dtype)


# ------------------------------------------------ a weight for each column


def layer_norm(x: Array, w: Array | None, b: Array | None, eps: float, keep: bool) -> tuple[Array, Kept]:
    """z = w y + b, y = (x − μ) r, r = (σ² + ε)^−½ of rows x (N, M); and what the gradient needs, if ``keep``."""
    n, m = x.shape
    z, scale = np.empty_like(x), np.empty((n, 1), x.dtype, like=x)
    if takes_loop(x):
        x, z, mean, r = for_loop(x), np.empty(x.shape, x.dtype), np.empty(n, x.dtype), scale[:, 0]
        spread(compiled.layer_norm, [x, z, mean, r], [_filled(w, 1, x), _filled(b, 0, x)], [float(eps)])
        return z, (x, mean, r)
    kept = np.empty_like(x) if keep else z  # never z itself, which its user may write into

    def work(rows: slice) -> None:
        y, out, r = kept[rows], z[rows], scale[rows]
        mean = row_sums(x[rows]) / m
        np.subtract(x[rows], mean, out=y)
        np.divide(row_products(y, y), m, out=r)
        near = r < mean * mean * compiled.NEAR
        if near.__class__ is np.ndarray and near.any():  # their mean's rounding is seen; a GPU is not waited for
            near = near[:, 0]
            y[near] -= row_sums(y[near]) / m
            r[near] = row_products(y[near], y[near]) / m
        r += eps
        np.sqrt(r, out=r)
        np.divide(1, r, out=r)
        y *= r
        if w is not None:
            with_row(np.multiply, y, w, out)
        elif keep:
            np.copyto(out, y)
        if b is not None:
            with_row(np.add, out, b, out)

    with np.errstate(all="ignore"):
        by_rows(work, x)
    return z, (kept, scale) if keep else ()


def layer_norm_backward(grad: Array, w: Array | None, kept: Kept, needs: list[bool]) -> tuple[Any, Any, Any]:
    """The gradients of x, w and b from that of z: see ``LayerNorm``."""
    n, m = grad.shape
    if len(kept) == 3:
        x, mean, r = kept
        grad_x = np.empty(x.shape, x.dtype)
        arrays = (for_loop(grad, x.dtype), x, mean, r, grad_x, _filled(w, 1, x))
        sums = sums_by_loop(compiled.layer_norm_backward, x, (2, m), arrays)
        return grad_x, sums[0] if needs[1] else None, sums[1] if needs[2] else None
    grad_x = np.empty_like(grad)

    def work(rows: slice) -> tuple[Any, Any]:
        g, out, normal, r = grad[rows], grad_x[rows], kept[0][rows], kept[1][rows]
        grad_w = np.einsum("ij,ij->j", g, normal) if needs[1] else None
        grad_b = np.add.reduce(g, axis=0) if needs[2] else None
        if w is not None:
            with_row(np.multiply, g, w, out)
            g = out
        along, mean = row_products(g, normal) / m, row_sums(g) / m
        np.subtract(g, normal * along, out=out)
        out -= mean
        out *= r
        return grad_w, grad_b

    found = by_rows(work, grad)
    nothing = np.zeros(m, grad.dtype, like=grad)
    grad_w = sum([part for part, _ in found], nothing) if needs[1] else None
    grad_b = sum([part for _, part in found], nothing) if needs[2] else None
    return grad_x, grad_w, grad_b


def rms_norm(x: Array, w: Array | None, eps: float) -> tuple[Array, Array]:
    """z = w x r, r = (Σ x² / M + ε)^−½ of rows x (N, M); and r (N, 1)."""
    n, m = x.shape
    z, scale = np.empty_like(x), np.empty((n, 1), x.dtype)
    if takes_loop(x):
        spread(compiled.rms_norm, [for_loop(x), z, scale[:, 0]], [_filled(w, 1, x)], [float(eps)])
        return z, scale

    def work(rows: slice) -> None:
        r, out = scale[rows], z[rows]
        np.divide(row_products(x[rows], x[rows]), m, out=r)
        r += eps
        np.sqrt(r, out=r)
        np.divide(1, r, out=r)
        np.multiply(x[rows], r, out=out)
        if w is not None:
            with_row(np.multiply, out, w, out)

    with np.errstate(all="ignore"):
        by_rows(work, x)
    return z, scale


def rms_norm_backward(grad: Array, x: Array, w: Array | None, scale: Array) -> tuple[Array, Array]:
    """The gradients of x and w from that of z: see ``RMSNorm``."""
    n, m = x.shape
    grad_x = np.empty_like(x)
    if takes_loop(x):
        arrays = (for_loop(grad, x.dtype), for_loop(x), scale[:, 0], grad_x, _filled(w, 1, x))
        return grad_x, sums_by_loop(compiled.rms_norm_backward, x, (m,), arrays)

    def work(rows: slice) -> Array:
        out, r = grad_x[rows], scale[rows]
        normal = np.multiply(x[rows], r)
        grad_w = np.einsum("ij,ij->j", grad[rows], normal)
        g = grad[rows] if w is None else np.multiply(grad[rows], w, out=out)
        normal *= row_products(g, normal) / m
        np.subtract(g, normal, out=out)
        out *= r
        return grad_w

    return grad_x, sum(by_rows(work, x), np.zeros(m, x.dtype, like=x))


# ------------------------------------------------ a group of rows, as one loop


def takes_groups(x: Array) -> bool:
    """Whether a compiled loop norms matrices x (N, K, M) by themselves."""
    return use_compiled(x) and x.flags.carray and x.shape[1] * x.shape[2] <= tuning.ROWS_ADDED_IN_TURN


def group_norm(x: Array, w: Array, b: Array, eps: float) -> tuple[Array, Array, Array]:
    """z = w (x − μ) r + b of matrices x (N, K, M), w and b (G, K) for one after the other; and μ and r, both (N)."""
    z, mean, scale = np.empty_like(x), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    whole = [for_loop(p, x.dtype) for p in (w, b)]
    spread(compiled.group_norm, [x, z, mean, scale, _turns(len(x), len(w))], whole, [float(eps)])
    return z, mean, scale


def _turns(matrices: int, groups: int) -> Array:
    """The group of each matrix."""
    return np.arange(matrices) % groups


def group_norm_backward(g: Array, w: Array, x: Array, mean: Array, scale: Array) -> tuple[Array, Array, Array]:
    """The gradient of x from that of z; and Σ g and Σ g (x − μ) of every row, both (N, K)."""
    grad_x, total, along = np.empty_like(x), np.empty(x.shape[:2], x.dtype), np.empty(x.shape[:2], x.dtype)
    parts = [g, x, mean, scale, grad_x, total, along, _turns(len(x), len(w))]
    spread(compiled.group_norm_backward, parts, [for_loop(w, x.dtype)])
    return grad_x, total, along


# ------------------------------------------------ a weight for each row


def moments(x: Array) -> tuple[Array, Array]:
    """μ and Σ (x − μ)² of rows x (N, M), both (N)."""
    mean, squares = np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)

    def work(rows: slice) -> None:
        np.divide(row_sums(x[rows])[:, 0], x.shape[1], out=mean[rows])
        squares[rows] = row_products(x[rows], x[rows])[:, 0]
        if not about_zero(squares[rows], mean[rows], x.shape[1]):
            d = x[rows] - mean[rows, None]
            squares[rows] = row_products(d, d)[:, 0]
            if (squares[rows] < mean[rows] ** 2 * (x.shape[1] * compiled.NEAR)).any():  # the mean's rounding is seen
                rest = row_sums(d)[:, 0] / x.shape[1]
                mean[rows] += rest
                squares[rows] -= rest * rest * x.shape[1]

    _by_loop_or_rows(compiled.moments, work, x, mean, squares, is_short=True)
    return mean, squares


def _by_loop_or_rows(
    loop: Callable[..., None], work: Callable[[slice], None], *arrays: Array, is_short: bool = False
) -> None:
    """A compiled loop over the rows of all arrays, or work on slices of them: as the first one, (N, M), has it."""
    if takes_loop(arrays[0]):
        spread(loop, arrays)
    else:
        with np.errstate(all="ignore"):
            by_rows(work, arrays[0], is_short)


def about_zero(squares: Array, mean: Array, count: int) -> bool:
    """Whether numbers with these Σ x² and μ lie about 0, so that Σ x² − n μ², which ``squares`` is then made, loses few digits."""
    means = mean * mean * squares.dtype.type(count)
    if not (np.isfinite(squares) & (squares >= 2 * means)).all():
        return False
    squares -= means
    return True


def are_near(mean: Array, r: Array) -> bool:
    """Whether all means are a few standard deviations 1/r from 0, so that they may be taken off after the multiplication."""
    return bool(np.abs(mean * r).max(initial=0) <= tuning.NEAR_MEAN)


def scaled_rows(x: Array, mean: Array, scale: Array, shift: Array, near: bool) -> Array:
    """(x − μ) s + t of rows x (N, M); μ, s and t (N). near: as ``are_near`` says."""
    z, rest = np.empty_like(x), shift - mean * scale

    def work(rows: slice) -> None:
        if near:
            np.multiply(x[rows], scale[rows, None], out=z[rows])
            z[rows] += rest[rows, None]
            return
        np.subtract(x[rows], mean[rows, None], out=z[rows])
        z[rows] *= scale[rows, None]
        z[rows] += shift[rows, None]

    _by_loop_or_rows(compiled.scaled_rows, work, x, mean, scale, shift, z)
    return z


def gradient_moments(g: Array, x: Array, mean: Array, near: bool) -> tuple[Array, Array]:
    """Σ g and Σ g (x − μ) of rows g and x (N, M), both (N)."""
    total, along = np.empty_like(mean), np.empty_like(mean)

    def work(rows: slice) -> None:
        total[rows] = row_sums(g[rows])[:, 0]
        if near:
            along[rows] = row_products(g[rows], x[rows])[:, 0] - mean[rows] * total[rows]
        else:
            along[rows] = row_products(g[rows], x[rows] - mean[rows, None])[:, 0]

    _by_loop_or_rows(compiled.gradient_moments, work, g, x, mean, total, along, is_short=near)
    return total, along


def gradient_of_rows(g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array, near: bool) -> Array:
    """g s − (x − μ) p − q of rows g and x (N, M); μ, s, p = ``along`` and q = ``total`` (N)."""
    grad_x, rest = np.empty_like(x), total - mean * along

    def work(rows: slice) -> None:
        if near:
            d = x[rows] * along[rows, None]
            d += rest[rows, None]
        else:
            d = x[rows] - mean[rows, None]
            d *= along[rows, None]
            d += total[rows, None]
        np.multiply(g[rows], scale[rows, None], out=grad_x[rows])
        grad_x[rows] -= d

    _by_loop_or_rows(compiled.gradient_of_rows, work, g, x, mean, scale, along, total, grad_x)
    return grad_x
