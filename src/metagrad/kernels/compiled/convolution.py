"""Convolutions of stride 1 without columns: a product whose second matrix is read where it lies, in the padded image.

Rows of a padded image (C, H, V) stand one after the other. What element (c, a, b) of a filter sees in all windows is then the
image itself from some place on, its *start* c H V + a d₁ V + b d₂, window (i, j) at i V + j: a row of the matrix of columns that
need not be written down. Between the windows of one row and those of the next are V − P that lie across both; their results are
left out.

Letters: N images, C channels, M filters, K = C·K₁·K₂ elements of a filter, O × P windows; x (N, C, *), y and g (N, M, O, P).
layout: (low₁, low₂, H, V), the padding in front and the extents of the padded image; starts (K).
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.compiler import native
from metagrad.kernels.compiled.products import add_columns

_DEPTH = tuning.PRODUCT_DEPTH
_STRIP = tuning.CONVOLUTION_STRIP


@native
def _pad(x: Array, low_h: int, low_w: int, padded: Array) -> None:
    """Put an image (C, *) into one with a border."""
    for c in range(x.shape[0]):
        for h in range(x.shape[1]):
            for w in range(x.shape[2]):
                padded[c, h + low_h, w + low_w] = x[c, h, w]


@native
def _add_bias(y: Array, wide: Array, bias: float) -> None:
    for j in range(len(y)):
        y[j] = wide[j] + bias


@native
def convolve(x: Array, w: Array, bias: Array, layout: Array, starts: Array, width: int, y: Array) -> None:
    """y[n, m] = Σ w[m, k] x[n, seen by k] + bias[m], for w (M, K), bias (M); width: columns of a panel."""
    low_h, low_w, height, pitch = layout
    filters, rows, columns = y.shape[1:]
    size = x.shape[1] * height * pitch
    flat = np.zeros(size + width, x.dtype)
    padded = flat[:size].reshape((x.shape[1], height, pitch))
    high = min(rows, max(1, _STRIP // pitch))  # rows of windows at a time
    wide = np.empty((filters, -(-high * pitch // width) * width), x.dtype)
    for n in range(len(x)):
        _pad(x[n], low_h, low_w, padded)
        for top in range(0, rows, high):
            bottom = min(top + high, rows)
            wide[:] = 0
            for j in range(0, (bottom - top - 1) * pitch + columns, width):
                seen = flat[top * pitch + j :]
                for first in range(0, len(starts), _DEPTH):
                    add_columns(w, None, first, min(first + _DEPTH, len(starts)), seen, starts, wide, j)
            for m in range(filters):
                for i in range(bottom - top):
                    _add_bias(y[n, m, top + i], wide[m, i * pitch :], bias[m])


@native
def weight_gradient(x: Array, g: Array, layout: Array, starts: Array, width: int, grad: Array) -> None:
    """grad[k, m] += Σ x[n, seen by k] g[n, m] over images and windows; grad (K, *), its columns filled up to whole panels."""
    low_h, low_w, height, pitch = layout
    filters, rows, columns = g.shape[1:]
    size = x.shape[1] * height * pitch
    flat = np.zeros(size + width, x.dtype)
    padded = flat[:size].reshape((x.shape[1], height, pitch))
    windows = (rows - 1) * pitch + columns
    panels = np.zeros(
        (grad.shape[1] // width, rows * pitch, width), x.dtype
    )  # of gᵀ, with zeros where windows lie across
    for n in range(len(x)):
        _pad(x[n], low_h, low_w, padded)
        for m in range(filters):
            for i in range(rows):
                for j in range(columns):
                    panels[m // width, i * pitch + j, m % width] = g[n, m, i, j]
        for first in range(0, windows, _DEPTH):
            for p in range(len(panels)):
                last = min(first + _DEPTH, windows)
                add_columns(flat, starts, first, last, panels[p], None, grad, p * width)
