"""Layer norm, RMS norm and the norms of channels, row by row: sums of a row are in the dtype of the array, in an order that the
compiler chooses."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_sums
from metagrad.kernels.compiled.reductions import product_of, sum_of


@native_sums
def _squares(x: Array, mean: Array) -> Array:
    """Σⱼ (xⱼ − μ)²."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        d = x[j] - mean
        total += d * d
    return total


@native_sums
def _moment(g: Array, x: Array, mean: Array) -> Array:
    """Σⱼ gⱼ (xⱼ − μ)."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += g[j] * (x[j] - mean)
    return total


@native_sums
def _weighted_moment(g: Array, w: Array, x: Array, mean: Array) -> Array:
    """Σⱼ gⱼ wⱼ (xⱼ − μ)."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += g[j] * w[j] * (x[j] - mean)
    return total


# ------------------------------------------------ a weight for each column: layer norm and RMS norm


@native
def _scaled(x: Array, mean: Array, r: Array, w: Array, b: Array, z: Array) -> None:
    for j in range(len(x)):
        z[j] = (x[j] - mean) * r * w[j] + b[j]


@native
def layer_norm(x: Array, w: Array, b: Array, eps: Array, z: Array, mean: Array, scale: Array) -> None:
    """z = w (x − μ) r + b, r = (σ² + ε)^−½ of rows x (N, M); eps (1); μ and r (N) are kept."""
    one, m = x.dtype.type(1), x.dtype.type(x.shape[1])
    for i in range(len(x)):
        mean[i] = sum_of(x[i]) / m
        scale[i] = one / np.sqrt(_squares(x[i], mean[i]) / m + eps[0])
        _scaled(x[i], mean[i], scale[i], w, b, z[i])


@native
def rms_norm(x: Array, w: Array, eps: Array, z: Array, scale: Array) -> None:
    """z = w x r, r = (Σ x² / M + ε)^−½ of rows x (N, M); eps (1); r (N) is kept."""
    one, m = x.dtype.type(1), x.dtype.type(x.shape[1])
    for i in range(len(x)):
        scale[i] = one / np.sqrt(product_of(x[i], x[i]) / m + eps[0])
        for j in range(x.shape[1]):
            z[i, j] = x[i, j] * scale[i] * w[j]


@native
def _gradient_of_row(
    g: Array, w: Array, x: Array, mean: Array, r: Array, total: Array, along: Array, grad_x: Array
) -> None:
    for j in range(len(x)):
        grad_x[j] = r * (g[j] * w[j] - total - (x[j] - mean) * along)


@native
def _add_to_weights(g: Array, x: Array, mean: Array, r: Array, grad_w: Array, grad_b: Array) -> None:
    for j in range(len(x)):
        grad_w[j] += g[j] * ((x[j] - mean) * r)
        grad_b[j] += g[j]


@native
def layer_norm_backward(
    g: Array, w: Array, x: Array, mean: Array, scale: Array, grad_x: Array, grad_w: Array, grad_b: Array
) -> None:
    """The gradient of x from g, that of z; those of w and b are added to ``grad_w`` and ``grad_b``."""
    m = x.dtype.type(x.shape[1])
    for i in range(len(x)):
        total = product_of(g[i], w) / m
        along = _weighted_moment(g[i], w, x[i], mean[i]) * scale[i] * scale[i] / m
        _gradient_of_row(g[i], w, x[i], mean[i], scale[i], total, along, grad_x[i])
        _add_to_weights(g[i], x[i], mean[i], scale[i], grad_w, grad_b)


@native
def rms_norm_backward(g: Array, w: Array, x: Array, scale: Array, grad_x: Array, grad_w: Array) -> None:
    """The gradient of x from g, that of z; that of w is added to ``grad_w``."""
    m, zero = x.dtype.type(x.shape[1]), x.dtype.type(0)
    for i in range(len(x)):
        r = scale[i]
        along = _weighted_moment(g[i], w, x[i], zero) * r * r / m
        for j in range(x.shape[1]):
            grad_x[i, j] = r * (g[i, j] * w[j] - x[i, j] * along)
        for j in range(x.shape[1]):
            grad_w[j] += g[i, j] * (x[i, j] * r)


# ------------------------------------------------ a weight for each row: batch norm and group norm


@native
def moments(x: Array, mean: Array, squares: Array) -> None:
    """μ and Σ (x − μ)² of rows x (N, M)."""
    for i in range(len(x)):
        mean[i] = sum_of(x[i]) / x.dtype.type(x.shape[1])
        squares[i] = _squares(x[i], mean[i])


@native
def scaled_rows(x: Array, mean: Array, scale: Array, shift: Array, z: Array) -> None:
    """z = (x − μ) s + t of rows x (N, M); μ, s and t (N)."""
    for i in range(len(x)):
        for j in range(x.shape[1]):
            z[i, j] = (x[i, j] - mean[i]) * scale[i] + shift[i]


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
        for j in range(x.shape[1]):
            grad_x[i, j] = g[i, j] * scale[i] - (x[i, j] - mean[i]) * along[i] - total[i]
