"""Cosines of rows, and their gradients: norms first, so that no product of large numbers is too large."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_sums
from metagrad.kernels.compiled.reductions import product_of


@native_sums
def _scaled_product(a: Array, b: Array, r: float, s: float) -> float:
    """Σⱼ (r aⱼ) (s bⱼ)."""
    total = a.dtype.type(0)
    for j in range(len(a)):
        total += (a[j] * r) * (b[j] * s)
    return total


@native
def cosines(x: Array, y: Array, z: Array, of_x: Array, of_y: Array, eps: float) -> None:
    """z = Σ x/max(‖x‖, ε) · y/max(‖y‖, ε) of rows x and y (N, M); z, ‖x‖ = of_x and ‖y‖ = of_y (N)."""
    one = x.dtype.type(1)
    for i in range(len(x)):
        of_x[i] = np.sqrt(product_of(x[i], x[i]))
        of_y[i] = np.sqrt(product_of(y[i], y[i]))
        z[i] = _scaled_product(x[i], y[i], one / max(of_x[i], eps), one / max(of_y[i], eps))


@native
def _gradient(x: Array, y: Array, along: float, across: float, grad: Array) -> None:
    for j in range(len(x)):
        grad[j] = y[j] * across - x[j] * along


@native
def cosines_backward(
    x: Array, y: Array, z: Array, of_x: Array, of_y: Array, g: Array, grad_x: Array, eps: float
) -> None:
    """The gradient of x from g, that of z: g r (s y − z x/‖x‖), r = 1/max(‖x‖, ε) and s likewise; of a zero x without z."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    for i in range(len(x)):
        r, s = one / max(of_x[i], eps), one / max(of_y[i], eps)
        along = g[i] * z[i] * r / of_x[i] if of_x[i] > 0 else zero
        _gradient(x[i], y[i], along, g[i] * r * s, grad_x[i])
