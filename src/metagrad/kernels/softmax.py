"""Softmax and log-softmax of rows, and their gradients, chunk by chunk on all threads."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.rows import by_rows, row_products, row_sums


def softmax(x: Array) -> Array:
    """exp(x − max) / Σ exp(x − max) of every row."""
    rows = x.reshape(-1, x.shape[-1])
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        y = out[part]
        np.subtract(rows[part], rows[part].max(axis=1, keepdims=True), out=y)
        np.exp(y, out=y)
        y *= 1 / row_sums(y)

    by_rows(work, *rows.shape)
    return out.reshape(x.shape)


def softmax_backward(grad: Array, y: Array) -> Array:
    """y (g − Σ g y) of every row."""
    g, rows = grad.reshape(-1, y.shape[-1]), y.reshape(-1, y.shape[-1])
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        y = out[part]
        np.subtract(g[part], row_products(g[part], rows[part]), out=y)
        y *= rows[part]

    by_rows(work, *rows.shape)
    return out.reshape(y.shape)


def log_softmax(x: Array) -> Array:
    """x − max − ln Σ exp(x − max) of every row."""
    rows = x.reshape(-1, x.shape[-1])
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        y = out[part]
        np.subtract(rows[part], rows[part].max(axis=1, keepdims=True), out=y)
        y -= np.log(row_sums(np.exp(y)))

    by_rows(work, *rows.shape)
    return out.reshape(x.shape)


def log_softmax_backward(grad: Array, y: Array) -> Array:
    """g − exp(y) Σ g of every row."""
    g, rows = grad.reshape(-1, y.shape[-1]), y.reshape(-1, y.shape[-1])
    out = np.empty_like(rows)

    def work(part: slice) -> None:
        p = out[part]
        np.exp(rows[part], out=p)
        p *= -row_sums(g[part])
        p += g[part]

    by_rows(work, *rows.shape)
    return out.reshape(y.shape)
