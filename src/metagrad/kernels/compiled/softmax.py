"""Softmax, its logarithm and cross entropy, row by row, and their gradients.

An infinite or missing number makes of its row what NumPy does.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_sums
from metagrad.kernels.compiled.extremes import largest_of
from metagrad.kernels.compiled.reductions import product_of, sum_of
from metagrad.kernels.compiled.transcendental import exp, log


@native
def _exponentials(y: Array, x: Array, shift: Array) -> None:
    """y = exp(x − shift)."""
    for j in range(len(x)):
        y[j] = exp(x[j] - shift)


@native_sums
def _sum_of_exponentials(x: Array, shift: Array) -> Array:
    """Σ exp(x − shift)."""
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += exp(x[j] - shift)
    return total


@native
def softmax(y: Array, x: Array) -> None:
    """y = exp(x − max) / Σ exp(x − max) of rows x (N, M)."""
    for i in range(len(x)):
        _exponentials(y[i], x[i], largest_of(x[i]))
        factor = x.dtype.type(1) / sum_of(y[i])
        for j in range(x.shape[1]):
            y[i, j] *= factor


@native
def softmax_backward(grad_x: Array, y: Array, g: Array) -> None:
    """y (g − Σ g y) of every row."""
    for i in range(len(y)):
        along = product_of(g[i], y[i])
        for j in range(y.shape[1]):
            grad_x[i, j] = y[i, j] * (g[i, j] - along)


@native
def log_softmax(y: Array, x: Array) -> None:
    """x − max − ln Σ exp(x − max) of every row."""
    for i in range(len(x)):
        largest = largest_of(x[i])
        logarithm = log(_sum_of_exponentials(x[i], largest))
        for j in range(x.shape[1]):
            y[i, j] = x[i, j] - largest - logarithm


@native
def log_softmax_backward(grad_x: Array, y: Array, g: Array) -> None:
    """g − exp(y) Σ g of every row."""
    for i in range(len(y)):
        total = sum_of(g[i])
        for j in range(y.shape[1]):
            grad_x[i, j] = g[i, j] - exp(y[i, j]) * total


@native
def cross_entropy(x: Array, loss: Array, classes: Array, largest: Array, logarithm: Array) -> None:
    """−ln softmax(x) at the class of every row; max and ln Σ exp(x − max) are kept. All but x (N, M) are of shape (N)."""
    for i in range(len(x)):
        largest[i] = largest_of(x[i])
        logarithm[i] = log(_sum_of_exponentials(x[i], largest[i]))
        loss[i] = logarithm[i] - (x[i, classes[i]] - largest[i])


@native
def cross_entropy_backward(grad_x: Array, x: Array, classes: Array, largest: Array, logarithm: Array, g: Array) -> None:
    """g (softmax(x) − 1 at the class) of every row; g (N)."""
    for i in range(len(x)):
        for j in range(x.shape[1]):
            grad_x[i, j] = g[i] * exp(x[i, j] - largest[i] - logarithm[i])
        grad_x[i, classes[i]] -= g[i]
