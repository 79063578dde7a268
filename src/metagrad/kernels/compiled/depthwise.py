"""Convolutions of each channel by itself: a few multiplications for each result, too few for a product of matrices.

A channel's padded plane lies flat in memory, (H, V), and element k of a filter sees for window (i, j) the number at i d V + j e +
s[k], its *step*; d and e are the strides. Results are computed for strides of one, in one long row for several rows of windows:
long loops over numbers side by side, which compute some in vain, are faster than short ones over numbers apart.

Letters: N planes, M filters for each, K elements of a filter, O × P windows; x (N, *), w (G, M, K), bias (G, M), y, g (N, M, O, P);
turns (N) says which of G filters a plane has. layout: (low₁, low₂, H, V, d, e), as in ``convolution.py``.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.compiler import native, native_sums
from metagrad.kernels.compiled.reductions import product_of

_STRIP = tuning.CONVOLUTION_STRIP


@native
def _add(y: Array, x: Array, w: float) -> None:
    for j in range(len(y)):
        y[j] += w * x[j]


@native
def _add_three(y: Array, x0: Array, x1: Array, x2: Array, w0: float, w1: float, w2: float) -> None:
    for j in range(len(y)):
        y[j] += w0 * x0[j] + w1 * x1[j] + w2 * x2[j]


@native
def _put_apart(g: Array, down: int, across: int, plane: Array) -> None:
    """A plane's numbers as far from each other as the strides."""
    for i in range(g.shape[0]):
        row = plane[i * down]
        for j in range(g.shape[1]):
            row[j * across] = g[i, j]


@native
def _put(x: Array, low_h: int, low_w: int, plane: Array) -> None:
    """A plane into one with a border."""
    inside = plane[low_h:, low_w:]
    for h in range(x.shape[0]):
        for w in range(x.shape[1]):
            inside[h, w] = x[h, w]


@native
def _take(wide: Array, across: int, y: Array) -> None:
    for i in range(y.shape[0]):
        if across == 1:
            for j in range(y.shape[1]):
                y[i, j] = wide[i, j]
        else:
            for j in range(y.shape[1]):
                y[i, j] = wide[i, j * across]


@native
def _convolve_rows(flat: Array, w: Array, steps: Array, wide: Array) -> None:
    """wide[q] += Σₖ w[k] flat[q + s[k]]."""
    n, whole = len(wide), len(w) // 3 * 3
    for k in range(0, whole, 3):
        a, b, c = steps[k], steps[k + 1], steps[k + 2]
        _add_three(wide, flat[a : a + n], flat[b : b + n], flat[c : c + n], w[k], w[k + 1], w[k + 2])
    for k in range(whole, len(w)):
        _add(wide, flat[steps[k] : steps[k] + n], w[k])


@native
def convolve(y: Array, x: Array, turns: Array, w: Array, bias: Array, layout: Array, steps: Array) -> None:
    """y[n, m] = Σₖ w[m, k] x[n, seen by k] + bias[m]."""
    low_h, low_w, height, pitch, down, across = layout
    flat = np.zeros(height * pitch, y.dtype)
    plane = flat.reshape((height, pitch))
    rows, columns = y.shape[2:]
    apart = down * pitch
    high = min(rows, max(1, _STRIP // apart))  # rows of windows at a time
    wide = np.empty(high * apart, y.dtype)
    for n in range(len(x)):
        _put(x[n], low_h, low_w, plane)
        own, beside = w[turns[n]], bias[turns[n]]
        for m in range(y.shape[1]):
            for top in range(0, rows, high):
                bottom = min(top + high, rows)
                some = wide[: (bottom - top - 1) * apart + (columns - 1) * across + 1]
                some[:] = beside[m]
                _convolve_rows(flat[top * apart :], own[m], steps, some)
                _take(wide.reshape((high, apart)), across, y[n, m, top:bottom])


@native_sums
def _product_apart(g: Array, x: Array, stride: int) -> Array:
    total = g.dtype.type(0)
    for j in range(len(g)):
        total += g[j] * x[j * stride]
    return total


@native
def weight_gradient(g: Array, x: Array, grad: Array, layout: Array, steps: Array, is_wide: int) -> None:
    """grad[n, m, k] = Σ x[n, seen by k] g[n, m] over the windows of each plane.

    is_wide: whether rows of windows are taken as one, with zeros between their gradients: for small strides, and numbers that
    are finite.
    """
    low_h, low_w, height, pitch, down, across = layout
    flat = np.zeros(height * pitch, x.dtype)
    plane = flat.reshape((height, pitch))
    rows, columns = g.shape[2:]
    length = (rows - 1) * down * pitch + (columns - 1) * across + 1
    wide = np.zeros(rows * down * pitch, x.dtype)
    for n in range(len(x)):
        _put(x[n], low_h, low_w, plane)
        for m in range(g.shape[1]):
            if is_wide:
                if across == 1:
                    _put(g[n, m], 0, 0, wide.reshape((rows, down * pitch)))
                else:
                    _put_apart(g[n, m], down, across, wide.reshape((rows * down, pitch)))
            for k in range(len(steps)):
                total = x.dtype.type(0)
                if is_wide:
                    for a in range(0, length, _STRIP):
                        b = min(a + _STRIP, length)
                        total += product_of(wide[a:b], flat[steps[k] + a : steps[k] + b])
                else:
                    for i in range(rows):
                        total += _product_apart(g[n, m, i], flat[i * down * pitch + steps[k] :], across)
                grad[n, m, k] = total
