"""Layer norm, forward and back, by chunks of rows: every pass but the first over a chunk finds it in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled import normalization as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.rows import by_rows, row_products, row_sums


def layer_norm(
    x: Array, w: Array | None, b: Array | None, eps: float, keep: bool
) -> tuple[Array, Array | None, Array | None]:
    """z = w y + b, y = (x − μ) r, r = (σ² + ε)^−½ of rows x (N, M); and y and r, (N, M) and (N, 1), if they are to be kept."""
    n, m = x.shape
    z, scale = np.empty_like(x), np.empty((n, 1), x.dtype, like=x)
    kept = np.empty_like(x) if keep else z  # never z itself, which its user may write into
    if use_compiled(x) and m <= tuning.ROWS_ADDED_IN_TURN:
        weight, bias = (full if a is None else a for full, a in ((np.ones(m, x.dtype), w), (np.zeros(m, x.dtype), b)))
        epsilon = np.array([eps], x.dtype)
        by_rows(
            lambda rows: compiled.layer_norm(x[rows], weight, bias, epsilon, z[rows], kept[rows], scale[rows]), n, m
        )
        return (z, kept, scale) if keep else (z, None, None)

    def work(rows: slice) -> None:
        y, out, r = kept[rows], z[rows], scale[rows]
        np.subtract(x[rows], row_sums(x[rows]) / m, out=y)
        np.divide(row_products(y, y), m, out=r)
        r += eps
        np.sqrt(r, out=r)
        np.divide(1, r, out=r)
        y *= r
        if w is not None:
            np.multiply(y, w, out=out)
        elif keep:
            np.copyto(out, y)
        if b is not None:
            out += b

    with np.errstate(all="ignore"):
        by_rows(work, n, m)
    return (z, kept, scale) if keep else (z, None, None)


def layer_norm_backward(
    grad: Array, w: Array | None, y: Array, scale: Array, needs: list[bool]
) -> tuple[Any, Any, Any]:
    """The gradients of x, w and b from that of z: see ``LayerNorm``."""
    n, m = y.shape
    grad_x = np.empty_like(y)

    def work_compiled(rows: slice) -> tuple[Any, Any]:
        sums = np.zeros((2, m), y.dtype)
        weight = np.ones(m, y.dtype) if w is None else w
        compiled.layer_norm_backward(grad[rows], weight, y[rows], scale[rows], grad_x[rows], *sums)
        return sums[0], sums[1]

    def work(rows: slice) -> tuple[Any, Any]:
        g, out, normal, r = grad[rows], grad_x[rows], y[rows], scale[rows]
        grad_w = np.einsum("ij,ij->j", g, normal) if needs[1] else None
        grad_b = np.add.reduce(g, axis=0) if needs[2] else None
        if w is not None:
            g = np.multiply(g, w, out=out)
        along, mean = row_products(g, normal) / m, row_sums(g) / m
        np.subtract(g, normal * along, out=out)
        out -= mean
        out *= r
        return grad_w, grad_b

    found = by_rows(work_compiled if use_compiled(y) and m <= tuning.ROWS_ADDED_IN_TURN else work, n, m)
    nothing = np.zeros(m, y.dtype, like=y)
    grad_w = sum([part for part, _ in found], nothing) if needs[1] else None
    grad_b = sum([part for _, part in found], nothing) if needs[2] else None
    return grad_x, grad_w, grad_b
