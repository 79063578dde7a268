"""Layer norm, row by row: sums of a row are in the dtype of the array, in an order that the compiler chooses."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native_sums


@native_sums
def layer_norm(x: Array, w: Array, b: Array, eps: Array, z: Array, y: Array, scale: Array) -> None:
    """z = w y + b, y = (x − μ) r, r = (σ² + ε)^−½ of rows x (N, M); eps (1)."""
    n, m = x.shape
    for i in range(n):
        total = x.dtype.type(0)
        for j in range(m):
            total += x[i, j]
        mean, squares = total / x.dtype.type(m), x.dtype.type(0)
        for j in range(m):
            d = x[i, j] - mean
            squares += d * d
        r = x.dtype.type(1) / np.sqrt(squares / x.dtype.type(m) + eps[0])
        scale[i, 0] = r
        for j in range(m):
            t = (x[i, j] - mean) * r
            y[i, j] = t
            z[i, j] = t * w[j] + b[j]


@native_sums
def layer_norm_backward(
    g: Array, w: Array, y: Array, scale: Array, grad_x: Array, grad_w: Array, grad_b: Array
) -> None:
    """The gradient of x from g, that of z; those of w and b are added to ``grad_w`` and ``grad_b``."""
    n, m = y.shape
    for i in range(n):
        along, total = y.dtype.type(0), y.dtype.type(0)
        for j in range(m):
            t = g[i, j] * w[j]
            along += t * y[i, j]
            total += t
        along /= y.dtype.type(m)
        mean, r = total / y.dtype.type(m), scale[i, 0]
        for j in range(m):
            grad_x[i, j] = r * (g[i, j] * w[j] - mean - y[i, j] * along)
            grad_w[j] += g[i, j] * y[i, j]
            grad_b[j] += g[i, j]
