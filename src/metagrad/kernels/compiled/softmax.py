"""Softmax and its logarithm, row by row, and their gradients. An infinite or missing number makes of its row what NumPy does."""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_sums
from metagrad.kernels.compiled.reductions import sum_of
from metagrad.kernels.compiled.transcendental import exp, log


@native_sums
def _product(x: Array, y: Array) -> Array:
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += x[j] * y[j]
    return total


@native
def _exponentials(y: Array, x: Array, shift: Array) -> None:
    """y = exp(x − shift)."""
    for j in range(len(x)):
        y[j] = exp(x[j] - shift)


@native
def softmax(y: Array, x: Array, largest: Array) -> None:
    """y = exp(x − max) / Σ exp(x − max) of rows x (N, M); largest (N): each row's max."""
    for i in range(len(x)):
        _exponentials(y[i], x[i], largest[i])
        factor = x.dtype.type(1) / sum_of(y[i])
        for j in range(x.shape[1]):
            y[i, j] *= factor


@native
def softmax_backward(grad_x: Array, y: Array, g: Array) -> None:
    """y (g − Σ g y) of every row."""
    for i in range(len(y)):
        along = _product(g[i], y[i])
        for j in range(y.shape[1]):
            grad_x[i, j] = y[i, j] * (g[i, j] - along)


@native
def log_softmax(y: Array, x: Array, largest: Array) -> None:
    """x − max − ln Σ exp(x − max) of every row."""
    for i in range(len(x)):
        _exponentials(y[i], x[i], largest[i])
        logarithm = log(sum_of(y[i]))
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] - largest[i] - logarithm


@native
def log_softmax_backward(grad_x: Array, y: Array, g: Array) -> None:
    """g − exp(y) Σ g of every row."""
    for i in range(len(y)):
        total = sum_of(g[i])
        for j in range(y.shape[1]):
            grad_x[i, j] = g[i, j] - exp(y[i, j]) * total
