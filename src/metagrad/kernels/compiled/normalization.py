"""Layer norm, RMS norm and the norms of channels, row by row: sums of a row are in the dtype of the array, in an order that the
compiler chooses."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_inlined, native_sums
from metagrad.kernels.compiled.reductions import product_of, squares_of, sum_of

NEAR = 2.0**-12  # of squared mean: variances below are of rows whose mean's rounding would be seen


@native_sums
def _moment(g: Array, x: Array, mean: Array) -> Array:
    """Σⱼ gⱼ (xⱼ − μ)."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += g[j] * (x[j] - mean)
    return total


@native_sums
def _weighted_moments(g: Array, w: Array, x: Array, mean: Array) -> tuple[Array, Array]:
    """Σⱼ gⱼ wⱼ and Σⱼ gⱼ wⱼ (xⱼ − μ)."""
    total, along = x.dtype.type(0), x.dtype.type(0)
    for j in range(len(x)):
        t = g[j] * w[j]
        total += t
        along += t * (x[j] - mean)
    return total, along


@native_sums
def _rest(x: Array, mean: Array) -> Array:
    """Σⱼ (xⱼ − μ), which is 0 but for what the mean was rounded by."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += x[j] - mean
    return total


@native_inlined
def _moments_of(x: Array) -> tuple[Array, Array]:
    """μ and Σ (x − μ)²; where all x are near to each other, μ once more from their distances to it."""
    m = x.dtype.type(len(x))
    mean = sum_of(x) / m
    squares = squares_of(x, mean)
    if squares < mean * mean * m * x.dtype.type(NEAR):
        mean += _rest(x, mean) / m
        squares = squares_of(x, mean)
    return mean, squares


# ------------------------------------------------ a weight for each column: layer norm and RMS norm


@native
def _scaled(x: Array, mean: Array, r: Array, w: Array, b: Array, z: Array) -> None:
    for j in range(len(x)):
        z[j] = (x[j] - mean) * r * w[j] + b[j]


@native
def layer_norm(x: Array, z: Array, mean: Array, scale: Array, w: Array, b: Array, eps: float) -> None:
    """z = w (x − μ) r + b, r = (σ² + ε)^−½ of rows x (N, M); μ and r (N) are kept."""
    one, m = x.dtype.type(1), x.dtype.type(x.shape[1])
    for i in range(len(x)):
        mean[i], squares = _moments_of(x[i])
        scale[i] = one / np.sqrt(squares / m + eps)
        _scaled(x[i], mean[i], scale[i], w, b, z[i])


@native
def rms_norm(x: Array, z: Array, scale: Array, w: Array, eps: float) -> None:
    """z = w x r, r = (Σ x² / M + ε)^−½ of rows x (N, M); r (N) is kept."""
    one, m = x.dtype.type(1), x.dtype.type(x.shape[1])
    for i in range(len(x)):
        scale[i] = one / np.sqrt(product_of(x[i], x[i]) / m + eps)
        for j in range(x.shape[1]):
            z[i, j] = x[i, j] * scale[i] * w[j]


@native
def _gradient_of_row(
    g: Array,
    w: Array,
    x: Array,
    mean: Array,
    r: Array,
    total: Array,
    along: Array,
    grad_x: Array,
    grad_w: Array,
    grad_b: Array,
) -> None:
    for j in range(len(x)):
        d = x[j] - mean
        grad_x[j] = r * (g[j] * w[j] - total - d * along)
        grad_w[j] += g[j] * (d * r)
        grad_b[j] += g[j]


@native
def layer_norm_backward(
    edges: Array, sums: Array, g: Array, x: Array, mean: Array, scale: Array, grad_x: Array, w: Array
) -> None:
    """The gradient of x from g, that of z; those of w and b from the rows between two edges are added to their sums (2, M)."""
    m = x.dtype.type(x.shape[1])
    for p in range(len(edges)):
        for i in range(edges[p, 0], edges[p, 1]):
            r = scale[i]
            total, along = _weighted_moments(g[i], w, x[i], mean[i])
            factor = along * r * r / m
            _gradient_of_row(g[i], w, x[i], mean[i], r, total / m, factor, grad_x[i], sums[p, 0], sums[p, 1])


@native
def rms_norm_backward(edges: Array, grad_w: Array, g: Array, x: Array, scale: Array, grad_x: Array, w: Array) -> None:
    """The gradient of x from g, that of z; that of w from the rows between two edges is added to its sum (M)."""
    m, zero = x.dtype.type(x.shape[1]), x.dtype.type(0)
    for p in range(len(edges)):
        for i in range(edges[p, 0], edges[p, 1]):
            r = scale[i]
            along = _weighted_moments(g[i], w, x[i], zero)[1] * r * r / m
            for j in range(x.shape[1]):
                grad_x[i, j] = r * (g[i, j] * w[j] - x[i, j] * along)
            for j in range(x.shape[1]):
                grad_w[p, j] += g[i, j] * (x[i, j] * r)


# ------------------------------------------------ a weight for each row: batch norm; a group of rows: group norm


@native
def _scaled_row(x: Array, mean: Array, scale: Array, shift: Array, z: Array) -> None:
    for j in range(len(x)):
        z[j] = (x[j] - mean) * scale + shift


@native
def _gradient_by_row(g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array, grad_x: Array) -> None:
    for j in range(len(x)):
        grad_x[j] = g[j] * scale - (x[j] - mean) * along - total


@native
def group_norm(x: Array, z: Array, mean: Array, scale: Array, turns: Array, w: Array, b: Array, eps: float) -> None:
    """z = w (x − μ) r + b, r = (σ² + ε)^−½ of matrices x (N, K, M); μ, r (N); w and b (G, K) of those that have the turn (N)."""
    one, m = x.dtype.type(1), x.dtype.type(x.shape[1] * x.shape[2])
    for n in range(len(x)):
        numbers = x[n].reshape(-1)
        mean[n], squares = _moments_of(numbers)
        scale[n] = one / np.sqrt(squares / m + eps)
        for k in range(x.shape[1]):
            s, t = scale[n] * w[turns[n], k], b[turns[n], k]
            _scaled_row(x[n, k], mean[n], s, t, z[n, k])


@native
def group_norm_backward(
    g: Array, x: Array, mean: Array, scale: Array, grad_x: Array, total: Array, along: Array, turns: Array, w: Array
) -> None:
    """The gradient of x from g, that of z; and Σ g and Σ g (x − μ) of every row, both (N, K)."""
    m = x.dtype.type(x.shape[1] * x.shape[2])
    for n in range(len(x)):
        t, a, r, group = x.dtype.type(0), x.dtype.type(0), scale[n], turns[n]
        for k in range(x.shape[1]):
            total[n, k], along[n, k] = sum_of(g[n, k]), _moment(g[n, k], x[n, k], mean[n])
            t += w[group, k] * total[n, k]
            a += w[group, k] * along[n, k]
        t, a = r * t / m, r * r * r * a / m
        for k in range(x.shape[1]):
            s = r * w[group, k]
            _gradient_by_row(g[n, k], x[n, k], mean[n], s, a, t, grad_x[n, k])


@native
def moments(x: Array, mean: Array, squares: Array) -> None:
    """μ and Σ (x − μ)² of rows x (N, M)."""
    for i in range(len(x)):
        mean[i], squares[i] = _moments_of(x[i])


@native
def scaled_rows(x: Array, mean: Array, scale: Array, shift: Array, z: Array) -> None:
    """z = (x − μ) s + t of rows x (N, M); μ, s and t (N)."""
    for i in range(len(x)):
        _scaled_row(x[i], mean[i], scale[i], shift[i], z[i])


@native
def gradient_moments(g: Array, x: Array, mean: Array, total: Array, along: Array) -> None:
    """Σ g and Σ g (x − μ) of rows g and x (N, M)."""
    for i in range(len(x)):
        total[i] = sum_of(g[i])
        along[i] = _moment(g[i], x[i], mean[i])


@native
def gradient_of_rows(g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array, grad_x: Array) -> None:
    """g s − (x − μ) p − q of rows g and x (N, M); μ, s, p = ``along`` and q = ``total`` (N)."""
    for i in range(len(x)):
        _gradient_by_row(g[i], x[i], mean[i], scale[i], along[i], total[i], grad_x[i])


# ------------------------------------------------ a weight for each column, means of columns: batch norm of rows


@native
def _add_moments(g: Array, x: Array, h: Array, y: Array, mean: Array, total: Array, along: Array) -> None:
    """Of a row of the gradient and of the input, and of the next row of both."""
    for j in range(len(x)):
        total[j] += g[j] + h[j]
        along[j] += g[j] * (x[j] - mean[j]) + h[j] * (y[j] - mean[j])


@native
def _add_four(a: Array, b: Array, c: Array, d: Array, y: Array) -> None:
    for j in range(len(y)):
        y[j] += (a[j] + b[j]) + (c[j] + d[j])


@native
def _add_rows(x: Array, y: Array) -> None:
    """y += Σᵢ xᵢ, four rows at a time: y is read and written as often."""
    whole = len(x) // 4 * 4
    for i in range(0, whole, 4):
        _add_four(x[i], x[i + 1], x[i + 2], x[i + 3], y)
    for i in range(whole, len(x)):
        for j in range(len(y)):
            y[j] += x[i, j]


@native
def _add_two_squares(a: Array, b: Array, mean: Array, y: Array, rest: Array) -> None:
    for j in range(len(y)):
        d, e = a[j] - mean[j], b[j] - mean[j]
        y[j] += d * d + e * e
        rest[j] += d + e


@native
def _add_squares(x: Array, mean: Array, y: Array, rest: Array) -> None:
    """y += Σᵢ (xᵢ − μ)² and rest += Σᵢ (xᵢ − μ), two rows at a time."""
    for i in range(0, len(x) - 1, 2):
        _add_two_squares(x[i], x[i + 1], mean, y, rest)
    for i in range(len(x) // 2 * 2, len(x)):
        for j in range(len(y)):
            d = x[i, j] - mean[j]
            y[j] += d * d
            rest[j] += d


@native
def column_squares(edges: Array, y: Array, x: Array) -> None:
    """μⱼ = Σᵢ xᵢⱼ / n and Σᵢ (xᵢⱼ − μⱼ)² over the n rows i between two edges are put into y (3, M), of zeros, for x (N, M).

    The third row is for Σᵢ (xᵢⱼ − μⱼ): what rounding took from the mean, which is then put right.
    """
    for p in range(len(edges)):
        mean, squares, rest = y[p, 0], y[p, 1], y[p, 2]
        some = x[edges[p, 0] : edges[p, 1]]
        _add_rows(some, mean)
        for j in range(len(mean)):
            mean[j] /= x.dtype.type(len(some))
        _add_squares(some, mean, squares, rest)
        for j in range(len(mean)):
            d = rest[j] / x.dtype.type(len(some))
            mean[j] += d
            squares[j] -= d * rest[j]


@native
def column_moments(edges: Array, y: Array, g: Array, x: Array, mean: Array) -> None:
    """Σᵢ gᵢⱼ and Σᵢ gᵢⱼ (xᵢⱼ − μⱼ) over the rows i between two edges are added to y (2, M), for g and x (N, M); μ (M)."""
    for p in range(len(edges)):
        start, stop = edges[p]
        for i in range(start, stop - 1, 2):
            _add_moments(g[i], x[i], g[i + 1], x[i + 1], mean, y[p, 0], y[p, 1])
        if (stop - start) % 2:
            for j in range(len(mean)):
                y[p, 0, j] += g[stop - 1, j]
                y[p, 1, j] += g[stop - 1, j] * (x[stop - 1, j] - mean[j])


@native
def _scaled_numbers(x: Array, mean: Array, scale: Array, shift: Array, z: Array) -> None:
    for j in range(len(x)):
        z[j] = (x[j] - mean[j]) * scale[j] + shift[j]


@native
def scaled_columns(x: Array, z: Array, mean: Array, scale: Array, shift: Array) -> None:
    """z = (x − μ) s + t of x (N, M); μ, s and t (M)."""
    for i in range(len(x)):
        _scaled_numbers(x[i], mean, scale, shift, z[i])


@native
def _gradient_of_numbers(
    g: Array, x: Array, mean: Array, scale: Array, along: Array, total: Array, grad_x: Array
) -> None:
    for j in range(len(x)):
        grad_x[j] = g[j] * scale[j] - (x[j] - mean[j]) * along[j] - total[j]


@native
def gradient_of_columns(
    g: Array, x: Array, grad_x: Array, mean: Array, scale: Array, along: Array, total: Array
) -> None:
    """g s − (x − μ) p − q of g and x (N, M); μ, s, p = ``along`` and q = ``total`` (M)."""
    for i in range(len(x)):
        _gradient_of_numbers(g[i], x[i], mean, scale, along, total, grad_x[i])
