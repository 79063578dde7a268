"""Softmax, log-softmax and cross entropy of rows, and their gradients, chunk by chunk on all threads."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import spread
from metagrad.kernels.compiled import softmax as compiled
from metagrad.kernels.quicker import exponential
from metagrad.kernels.rows import by_rows, for_loop, row_products, row_sums, takes_loop


def _row_by_row(formula: Callable[..., None], loop: Callable[..., None], *arrays: Array) -> Array:
    """``formula(out, *arrays)`` on chunks of rows, which fills ``out``, of the arrays' shape; or the compiled loop."""
    columns = arrays[0].shape[-1]
    inputs = [a.reshape(-1, columns) for a in arrays]
    out = np.empty_like(inputs[0])
    if takes_loop(out):
        spread(loop, [out, *[for_loop(a, out.dtype) for a in inputs]])
    else:
        by_rows(lambda rows: formula(out[rows], *[a[rows] for a in inputs]), out)
    return out.reshape(arrays[0].shape)


def softmax(x: Array) -> Array:
    """exp(x − max) / Σ exp(x − max) of every row."""
    return _row_by_row(_softmax, compiled.softmax, x)


def _softmax(y: Array, x: Array) -> None:
    total = _exponentials(x, y)
    if total is None:
        np.subtract(x, x.max(axis=1, keepdims=True), out=y)
        total = row_sums(exponential(y, out=y))
    y *= 1 / total


def _exponentials(x: Array, out: Array, exp: Callable[..., Array] = exponential) -> Array | None:
    """e^x in ``out``, and its sums of rows; None where they are too large or too small, for the maximum must come off first.

    It seldom must, and finding and subtracting it takes as long as an exponential.
    """
    if not (np.abs(x[:, 0]) < tuning.EXPONENT_LARGE).all():  # very likely not
        return None
    total = row_sums(exp(x, out=out))
    fits = total.size and total.min() > tuning.EXPONENTIALS_LEAST and total.max() < tuning.EXPONENTIALS_MOST
    return total if fits else None


def softmax_backward(grad: Array, y: Array) -> Array:
    """y (g − Σ g y) of every row."""
    return _row_by_row(_softmax_backward, compiled.softmax_backward, y, grad)


def _softmax_backward(grad_x: Array, y: Array, g: Array) -> None:
    np.subtract(g, row_products(g, y), out=grad_x)
    grad_x *= y


def log_softmax(x: Array, keep: bool = False) -> tuple[Array, tuple[Array, ...]]:
    """x − max − ln Σ exp(x − max) of every row; and, if ``keep``, exponentials and their sums, for a quicker gradient."""
    n, m = math.prod(x.shape[:-1]), x.shape[-1]
    if takes_loop(x.reshape(n, m)):
        return _row_by_row(_log_softmax, compiled.log_softmax, x), ()
    y, rows = np.empty((n, m), x.dtype), x.reshape(n, m)
    kept = (np.empty_like(y), np.empty((n, 1), x.dtype)) if keep and x.size <= tuning.EXPONENTIALS_KEPT else ()
    by_rows(lambda s: _log_softmax(y[s], rows[s], *[a[s] for a in kept]), y)
    return y.reshape(x.shape), kept


def _log_softmax(y: Array, x: Array, e: Array | None = None, sums: Array | None = None) -> None:
    if e is None:
        e = np.empty_like(x)
    total = _exponentials(x, e)
    if total is not None:
        np.subtract(x, np.log(total), out=y)
        is_done = y.max() < -tuning.LOGARITHM_ROUNDS  # nearer to 0, the rounding of the logarithm would be seen
    if total is None or not is_done:
        np.subtract(x, x.max(axis=1, keepdims=True), out=y)
        total = row_sums(exponential(y, out=e))
        y -= np.log(total)
    if sums is not None:
        sums[...] = total


def log_softmax_backward(grad: Array, y: Array, kept: tuple[Array, ...] = ()) -> Array:
    """g − exp(y) Σ g of every row; ``kept`` as ``log_softmax`` gave it."""
    if not kept:
        return _row_by_row(_log_softmax_backward, compiled.log_softmax_backward, y, grad)
    g, grad_x = grad.reshape(kept[0].shape), np.empty_like(kept[0])

    def work(s: slice) -> None:
        np.multiply(kept[0][s], row_sums(g[s]) / -kept[1][s], out=grad_x[s])
        grad_x[s] += g[s]

    by_rows(work, grad_x)
    return grad_x.reshape(y.shape)


def _log_softmax_backward(grad_x: Array, y: Array, g: Array) -> None:
    exponential(y, out=grad_x)
    grad_x *= -row_sums(g)
    grad_x += g


# ------------------------------------------------ cross entropy


def cross_entropy(x: Array, classes: Array) -> tuple[Array, Array, Array]:
    """−ln softmax(x) at the class of every row of x (N, M); and, for the gradient, a shift and ln Σ exp(x − shift); all (N).

    The shift is the maximum, or 0 where no exponential is too large without it.
    """
    n, m = x.shape
    is_loop = takes_loop(x)
    loss, largest, logarithm = (np.empty(n, d) for d in (x.dtype, x.dtype, x.dtype if is_loop else np.float64))
    arrays = (x, loss, classes, largest, logarithm)
    if is_loop:
        spread(compiled.cross_entropy, [for_loop(a) for a in arrays])
    else:
        by_rows(lambda s: _cross_entropy(*[a[s] for a in arrays]), arrays[0])
    return loss, largest, logarithm


def _cross_entropy(x: Array, loss: Array, classes: Array, largest: Array, logarithm: Array) -> None:
    e, places = np.empty_like(x), (np.arange(len(x)), classes)
    total, chosen = _exponentials(x, e, np.exp), x[places].astype(np.float64)
    if total is None:
        np.max(x, axis=1, out=largest)
        np.subtract(x, largest[:, None], out=e)
        chosen = e[places].astype(np.float64)
        total = row_sums(np.exp(e, out=e))
    else:
        largest[...] = 0
    np.log(total[:, 0], out=logarithm, dtype=np.float64)
    np.subtract(logarithm, chosen, out=loss, casting="same_kind")


def cross_entropy_backward(grad: Array, x: Array, classes: Array, largest: Array, logarithm: Array) -> Array:
    """g (softmax(x) − 1 at the class) of every row; g (N)."""
    grad_x = np.empty_like(x)
    arrays = (grad_x, x, classes, largest, logarithm, for_loop(grad, x.dtype))
    if takes_loop(x):
        spread(compiled.cross_entropy_backward, [for_loop(a) for a in arrays])
    else:
        by_rows(lambda s: _cross_entropy_backward(*[a[s] for a in arrays]), x)
    return grad_x


def _cross_entropy_backward(
    grad_x: Array, x: Array, classes: Array, largest: Array, logarithm: Array, g: Array
) -> None:
    if largest.any():
        x = np.subtract(x, largest[:, None], out=grad_x)
    np.exp(x, out=grad_x)
    grad_x *= (g * np.exp(-logarithm)).astype(g.dtype)[:, None]
    grad_x[np.arange(len(x)), classes] -= g
