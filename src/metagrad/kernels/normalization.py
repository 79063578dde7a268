"""Layer norm, forward and back, by pieces of rows: every pass but the first over a piece finds it in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.autograd.variable import Array
from metagrad.kernels.rows import by_rows


def layer_norm(x: Array, w: Array | None, b: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """z = w (x − μ) r + b of rows x (N, M), and μ and r = (σ² + ε)^−½, (N, 1) each."""
    n, m = x.shape
    z, mean, scale = np.empty_like(x), np.empty((n, 1), x.dtype, like=x), np.empty((n, 1), x.dtype, like=x)

    def work(rows: slice) -> None:
        y = z[rows]
        np.mean(x[rows], axis=1, keepdims=True, out=mean[rows])
        np.subtract(x[rows], mean[rows], out=y)
        variance = np.einsum("ij,ij->i", y, y)[:, None] / m
        scale[rows] = 1 / np.sqrt(variance + eps)
        y *= scale[rows]
        if w is not None:
            y *= w
        if b is not None:
            y += b

    with np.errstate(all="ignore"):
        by_rows(work, n, m)
    return z, mean, scale


def layer_norm_backward(
    grad: Array, x: Array, w: Array | None, mean: Array, scale: Array, needs: list[bool]
) -> tuple[Any, Any, Any]:
    """The gradients of x, w and b from that of z."""
    n, m = x.shape
    grad_x = np.empty_like(x)
    wanted = w is not None and needs[1]

    def work(rows: slice) -> tuple[Any, Any]:
        y = (x[rows] - mean[rows]) * scale[rows]
        g = grad[rows]
        grad_w = np.einsum("ij,ij->j", g, y) if wanted else None
        grad_b = g.sum(axis=0) if len(needs) > 2 and needs[2] else None
        if w is not None:
            g = g * w
        along = np.einsum("ij,ij->i", g, y)[:, None] / m
        out = grad_x[rows]
        np.multiply(y, along, out=y)
        np.subtract(g, g.mean(axis=1, keepdims=True), out=out)
        out -= y
        out *= scale[rows]
        return grad_w, grad_b

    found = by_rows(work, n, m)
    grad_w = sum((gw for gw, _ in found if gw is not None), np.zeros(m, x.dtype, like=x)) if wanted else None
    grad_b = sum((gb for _, gb in found if gb is not None), np.zeros(m, x.dtype, like=x)) if needs[2] else None
    return grad_x, grad_w, grad_b
