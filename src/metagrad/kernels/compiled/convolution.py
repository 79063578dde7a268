"""Convolutions without columns: products whose first or second matrix is read where it lies, in the padded image.

In a padded image (C, H, V), flat in memory, element k of a filter sees for the window that begins at place q the number at q +
s[k], its *step*: c H V + a d₁ V + b d₂ for element (c, a, b). The columns of im2col are a matrix of those numbers, and need not be
written down. There are two ways to lay out the product:

* A vector register holds *filters*: a row of the result is a window, and what it sees stands at its place plus each of the steps.
  Windows may lie anywhere, and those of small images are taken together, so that nothing is computed in vain; the results
  must be turned round at the end.
* A vector register holds *windows*: a row of the result is a filter, and the columns are the image itself from each step on,
  with window (i, j) at i V + j. Between the windows of one row and those of the next are V − P that lie across both; their
  results are left out. For stride 1, and wide rows.

Letters: N images, C channels, M filters, K = C·K₁·K₂ elements of a filter, O × P windows, Q = O·P; x (N, C, *), y, g (N, M, O, P).
Groups of channels are images of their own, which take turns at G groups of filters.
layout: (low₁, low₂, H, V), the padding in front and the extents of the padded image; steps (K); places (B·Q), where the windows
of B images begin, each image right behind the one before.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.compiler import native
from metagrad.kernels.compiled.products import add_columns, add_narrow_columns

_DEPTH = tuning.PRODUCT_DEPTH
_STRIP = tuning.CONVOLUTION_STRIP
_PLACES = tuning.CONVOLUTION_PLACES


@native
def _pad(x: Array, low_h: int, low_w: int, padded: Array) -> None:
    """Put an image (C, *) into one with a border."""
    inside = padded[:, low_h:, low_w:]
    for c in range(x.shape[0]):
        for h in range(x.shape[1]):
            for w in range(x.shape[2]):
                inside[c, h, w] = x[c, h, w]


@native
def _turn(wide: Array, bias: Array, y: Array) -> None:
    """y[m, q] = wide[q, m] + bias[m]."""
    for m in range(y.shape[0]):
        for q in range(y.shape[1]):
            y[m, q] = wide[q, m] + bias[m]


@native
def _turn_into_panels(g: Array, panels: Array) -> None:
    """panels[p, q, m] = g[p W + m, q], for panels (*, Q, W)."""
    width = panels.shape[2]
    for p in range(len(panels)):
        part, panel = g[p * width : (p + 1) * width], panels[p]
        for q in range(part.shape[1]):
            for m in range(part.shape[0]):
                panel[q, m] = part[m, q]


@native
def _add_bias(y: Array, wide: Array, bias: float) -> None:
    for j in range(len(y)):
        y[j] = wide[j] + bias


@native
def convolve(x: Array, w: Array, bias: Array, layout: Array, steps: Array, width: int, y: Array) -> None:
    """y[n, m] = Σ w[m, k] x[n, seen by k] + bias[m], with windows in a register; width: columns of a panel.

    w (G, M, K), bias (G, M): images take turns at G groups of filters.
    """
    low_h, low_w, height, pitch = layout
    filters, rows, columns = y.shape[1:]
    size = x.shape[1] * height * pitch
    flat = np.zeros(size + width, x.dtype)
    padded = flat[:size].reshape((x.shape[1], height, pitch))
    high = min(rows, max(1, _STRIP // pitch))  # rows of windows at a time
    wide = np.empty((filters, -(-high * pitch // width) * width), x.dtype)
    for n in range(len(x)):
        own, beside = w[n % len(w)], bias[n % len(w)]
        _pad(x[n], low_h, low_w, padded)
        for top in range(0, rows, high):
            bottom = min(top + high, rows)
            wide[:] = 0
            for j in range(0, (bottom - top - 1) * pitch + columns, width):
                seen = flat[top * pitch + j :]
                for first in range(0, len(steps), _DEPTH):
                    add_columns(own, None, None, first, min(first + _DEPTH, len(steps)), seen, steps, wide, j)
            for m in range(filters):
                for i in range(bottom - top):
                    _add_bias(y[n, m, top + i], wide[m, i * pitch :], beside[m])


@native
def _add(
    flat: Array, rows: Array, steps: Array, first: int, last: int, panel: Array, out: Array, j: int, lanes: int
) -> None:
    """out += (what rows and steps see) @ panel, for a panel of two registers or of one."""
    if panel.shape[1] == lanes:
        add_narrow_columns(flat, rows, steps, first, last, panel[first:last], out, j)
    else:
        add_columns(flat, rows, steps, first, last, panel[first:last], None, out, j)


@native
def _room(x: Array, layout: Array, count: int) -> tuple[Array, Array]:
    """Memory for so many padded images, all zeros: flat, and as (B, C, H, V)."""
    _, _, height, pitch = layout
    flat = np.zeros(count * x.shape[1] * height * pitch, x.dtype)
    return flat, flat.reshape((count, x.shape[1], height, pitch))


@native
def convolve_small(
    x: Array, w: Array, bias: Array, layout: Array, steps: Array, places: Array, lanes: int, y: Array
) -> None:
    """The same with filters in a register, for y (N, M, Q); w (G, ⌈M/W⌉, K, W) in panels, lanes: numbers in a register."""
    low_h, low_w, _, _ = layout
    filters, windows = y.shape[1:]
    group, width = len(places) // windows, w.shape[3]
    flat, padded = _room(x, layout, group)
    strip = max(_PLACES, windows) if group > 1 else _PLACES
    wide = np.empty((min(strip, len(places)), width), x.dtype)
    for n in range(0, len(x), group):
        count = min(group, len(x) - n)
        own, beside = w[n % len(w)], bias[n % len(w)]
        for i in range(count):
            _pad(x[n + i], low_h, low_w, padded[i])
        for a in range(0, count * windows, strip):
            b = min(a + strip, count * windows)
            for p in range(len(own)):
                here = wide[: b - a]
                here[:] = 0
                for first in range(0, len(steps), _DEPTH):
                    last = min(first + _DEPTH, len(steps))
                    _add(flat, places[a:b], steps, first, last, own[p], here, 0, lanes)
                for i in range(a // windows, -(-b // windows)):
                    low, high = max(a, i * windows), min(b, (i + 1) * windows)
                    some = slice(p * width, min((p + 1) * width, filters))
                    _turn(
                        here[low - a : high - a], beside[some], y[n + i, some, low - i * windows : high - i * windows]
                    )


@native
def weight_gradient(x: Array, g: Array, layout: Array, steps: Array, places: Array, lanes: int, grad: Array) -> None:
    """grad[p, k, m] += Σ x[n, seen by k] g[n, p W + m] over images and windows; g (N, M, Q), grad (G, ⌈M/W⌉, K, W)."""
    low_h, low_w, _, _ = layout
    filters, windows = g.shape[1:]
    group, width = len(places) // windows, grad.shape[3]
    flat, padded = _room(x, layout, group)
    panels = np.zeros((grad.shape[1], len(places), width), x.dtype)  # of gᵀ
    for n in range(0, len(x), group):
        count = min(group, len(x) - n)
        for i in range(count):
            _pad(x[n + i], low_h, low_w, padded[i])
            _turn_into_panels(g[n + i], panels[:, i * windows : (i + 1) * windows])
        own = grad[n % len(grad)]
        for first in range(0, count * windows, _DEPTH):
            last = min(first + _DEPTH, count * windows)
            for p in range(len(panels)):
                _add(flat, steps, places, first, last, panels[p], own[p], 0, lanes)
