"""Softmax and log-softmax of rows, and their gradients, chunk by chunk on all threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled import softmax as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.rows import by_rows, row_products, row_sums


def _row_by_row(formula: Callable[..., None], loop: Callable[..., None], *arrays: Array) -> Array:
    """``formula(out, *arrays)`` on chunks of rows, which fills ``out``, of the arrays' shape; or the compiled loop."""
    columns = arrays[0].shape[-1]
    inputs = [a.reshape(-1, columns) for a in arrays]
    out = np.empty_like(inputs[0])
    if use_compiled(out) and 0 < columns <= tuning.ROWS_ADDED_IN_TURN:
        formula, inputs = loop, [np.require(a, out.dtype, ["C", "W"]) for a in inputs]
    by_rows(lambda rows: formula(out[rows], *[a[rows] for a in inputs]), *out.shape)
    return out.reshape(arrays[0].shape)


def softmax(x: Array) -> Array:
    """exp(x − max) / Σ exp(x − max) of every row."""
    return _row_by_row(_softmax, lambda y, x: compiled.softmax(y, x, x.max(axis=1)), x)


def _softmax(y: Array, x: Array) -> None:
    np.subtract(x, x.max(axis=1, keepdims=True), out=y)
    np.exp(y, out=y)
    y *= 1 / row_sums(y)


def softmax_backward(grad: Array, y: Array) -> Array:
    """y (g − Σ g y) of every row."""
    return _row_by_row(_softmax_backward, compiled.softmax_backward, y, grad)


def _softmax_backward(grad_x: Array, y: Array, g: Array) -> None:
    np.subtract(g, row_products(g, y), out=grad_x)
    grad_x *= y


def log_softmax(x: Array) -> Array:
    """x − max − ln Σ exp(x − max) of every row."""
    return _row_by_row(_log_softmax, lambda y, x: compiled.log_softmax(y, x, x.max(axis=1)), x)


def _log_softmax(y: Array, x: Array) -> None:
    np.subtract(x, x.max(axis=1, keepdims=True), out=y)
    y -= np.log(row_sums(np.exp(y)))


def log_softmax_backward(grad: Array, y: Array) -> Array:
    """g − exp(y) Σ g of every row."""
    return _row_by_row(_log_softmax_backward, compiled.log_softmax_backward, y, grad)


def _log_softmax_backward(grad_x: Array, y: Array, g: Array) -> None:
    np.exp(y, out=grad_x)
    grad_x *= -row_sums(g)
    grad_x += g
