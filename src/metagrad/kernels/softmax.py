"""Softmax, log-softmax and cross entropy of rows, and their gradients, chunk by chunk on all threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled import softmax as compiled
from metagrad.kernels.rows import by_rows, row_products, row_sums, takes_loop


def _row_by_row(formula: Callable[..., None], loop: Callable[..., None], *arrays: Array) -> Array:
    """``formula(out, *arrays)`` on chunks of rows, which fills ``out``, of the arrays' shape; or the compiled loop."""
    columns = arrays[0].shape[-1]
    inputs = [a.reshape(-1, columns) for a in arrays]
    out = np.empty_like(inputs[0])
    if takes_loop(out):
        formula, inputs = loop, [np.require(a, out.dtype, ["C", "W"]) for a in inputs]
    by_rows(lambda rows: formula(out[rows], *[a[rows] for a in inputs]), *out.shape)
    return out.reshape(arrays[0].shape)


def softmax(x: Array) -> Array:
    """exp(x − max) / Σ exp(x − max) of every row."""
    return _row_by_row(_softmax, compiled.softmax, x)


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
    return _row_by_row(_log_softmax, compiled.log_softmax, x)


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


# ------------------------------------------------ cross entropy


def cross_entropy(x: Array, classes: Array) -> tuple[Array, Array, Array]:
    """−ln softmax(x) at the class of every row of x (N, M); and, for the gradient, max and ln Σ exp(x − max); all (N)."""
    n, m = x.shape
    loss, largest, logarithm = (np.empty(n, x.dtype) for _ in range(3))
    formula = compiled.cross_entropy if takes_loop(x) else _cross_entropy
    by_rows(lambda s: formula(loss[s], x[s], classes[s], largest[s], logarithm[s]), n, m)
    return loss, largest, logarithm


def _cross_entropy(loss: Array, x: Array, classes: Array, largest: Array, logarithm: Array) -> None:
    np.max(x, axis=1, out=largest)
    e = x - largest[:, None]
    chosen = e[np.arange(len(x)), classes]
    np.log(row_sums(np.exp(e, out=e))[:, 0], out=logarithm)
    np.subtract(logarithm, chosen, out=loss)


def cross_entropy_backward(grad: Array, x: Array, classes: Array, largest: Array, logarithm: Array) -> Array:
    """g (softmax(x) − 1 at the class) of every row; g (N)."""
    grad_x = np.empty_like(x)
    formula = compiled.cross_entropy_backward if takes_loop(x) else _cross_entropy_backward
    g = np.require(grad, x.dtype, ["C", "W"])
    by_rows(lambda s: formula(grad_x[s], x[s], classes[s], largest[s], logarithm[s], g[s]), *x.shape)
    return grad_x


def _cross_entropy_backward(
    grad_x: Array, x: Array, classes: Array, largest: Array, logarithm: Array, g: Array
) -> None:
    np.subtract(x, largest[:, None], out=grad_x)
    grad_x -= logarithm[:, None]
    np.exp(grad_x, out=grad_x)
    grad_x *= g[:, None]
    grad_x[np.arange(len(x)), classes] -= g
