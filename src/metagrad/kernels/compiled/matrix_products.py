"""A whole product of two matrices, on the tiles of ``products.py``: panels of the second matrix are copied where they are used.

So a panel is in the cache nearest to the core while all rows of the first matrix are multiplied with it. Each result is a sum in
the order of k, whatever is computed beside it: a product has the same bits in whatever shares threads compute it.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.compiler import native
from metagrad.kernels.compiled.products import add_columns

_DEPTH = tuning.PRODUCT_DEPTH


@native
def multiply(x: Array, w: Array, bias: Array, out: Array, width: int) -> None:
    """out (B, C) = x w + bias for x (B, K), w (K, C), bias (C); ``width``: columns of a panel."""
    _begin(out, bias, 0, out.shape[1])
    _add(x, w, out, 0, out.shape[1], width)


@native
def share(units: Array, x: Array, w: Array, bias: Array, out: Array, width: int, rows: int) -> None:
    """Some units, in turn, of the same product. A unit is a panel's columns of so many rows; those of the first rows come first."""
    panels, i = -(-out.shape[1] // width), 0
    while i < len(units):
        block, panel = units[i] // panels, units[i] % panels
        together = min(len(units) - i, panels - panel)  # all of the same rows
        first, last = block * rows, min((block + 1) * rows, len(out))
        start, stop = panel * width, min((panel + together) * width, out.shape[1])
        _begin(out[first:last], bias, start, stop)
        _add(x[first:last], w, out[first:last], start, stop, width)
        i += together


@native
def share_of_columns(units: Array, x: Array, w: Array, bias: Array, out: Array, width: int, rows: int) -> None:
    """The same of xᵀ w."""
    share(units, x.T, w, bias, out, width, rows)


@native
def share_with_rows(units: Array, x: Array, w: Array, bias: Array, out: Array, width: int, rows: int) -> None:
    """The same of x wᵀ."""
    share(units, x, w.T, bias, out, width, rows)


@native
def _begin(out: Array, bias: Array, start: int, stop: int) -> None:
    for b in range(len(out)):
        _copy(out[b, start:stop], bias[start:stop])


@native
def _copy(a: Array, b: Array) -> None:
    for i in range(len(b)):
        a[i] = b[i]


@native
def _add(x: Array, w: Array, out: Array, start: int, stop: int, width: int) -> None:
    """out += x w in columns ``start`` to ``stop``."""
    depth, whole = len(w), start + (stop - start) // width * width
    panel, rest = np.empty((depth, width), out.dtype), np.zeros((len(out) if whole < stop else 0, width), out.dtype)
    for first in range(0, depth, _DEPTH):
        last = min(first + _DEPTH, depth)
        for j in range(start, whole, width):
            _fill(panel, w, first, last, j, width)
            add_columns(x, None, None, first, last, panel, None, out, j)
        if whole < stop:
            _fill(panel, w, first, last, whole, stop - whole)
            add_columns(x, None, None, first, last, panel, None, rest, 0)
    for b in range(len(rest)):
        for j in range(whole, stop):
            out[b, j] += rest[b, j - whole]


@native
def _fill(panel: Array, w: Array, first: int, last: int, j: int, columns: int) -> None:
    """Columns j and following of w (K, C), rows first to last, at the beginning of the panel's rows, and zeros after them."""
    for k in range(first, last):
        _copy(panel[k, :columns], w[k, j : j + columns])
        panel[k, columns:] = 0
