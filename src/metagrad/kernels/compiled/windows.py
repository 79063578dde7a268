"""Windows over planes: the largest element of each, and where its gradient goes.

As in ``kernels/pooling.py``, the largest element of a rectangle is the largest of its rows' largest; ties go to the first element,
and nan wins over all, the last of several.

along: stride, padding in front and dilation of an axis' windows; inside (2, P): the first element of each window that is no
padding, and the first behind those.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native


@native
def _largest_of_rows(x: Array, along: Array, inside: Array, best: Array, winners: Array) -> None:
    """The largest of windows (P) over each row of x (R, L)."""
    stride, low, apart = along
    for r in range(x.shape[0]):
        for j in range(best.shape[1]):
            start, winner = j * stride - low, inside[0, j]
            found = x[r, start + winner * apart]
            for k in range(inside[0, j], inside[1, j]):
                value = x[r, start + k * apart]
                better = (value > found) | (value != value)
                found = value if better else found
                winner = k if better else winner
            best[r, j], winners[r, j] = found, winner


@native
def _larger_of_two(x: Array, best: Array, winners: Array) -> None:
    """The larger of the elements 2j and 2j + 1 of a row (2P): the most frequent windows."""
    for j in range(len(best)):
        second = (x[2 * j + 1] > x[2 * j]) | (x[2 * j + 1] != x[2 * j + 1])
        best[j] = x[2 * j + 1] if second else x[2 * j]
        winners[j] = second


@native
def _larger_of_two_rows(x: Array, best: Array, winners: Array) -> None:
    """The larger of the elements j and P + j of each row of x (R, 2P)."""
    count = best.shape[1]
    for r in range(best.shape[0]):
        for j in range(count):
            second = (x[r, count + j] > x[r, j]) | (x[r, count + j] != x[r, count + j])
            best[r, j] = x[r, count + j] if second else x[r, j]
            winners[r, j] = second


@native
def _are_pairs(along: Array, inside: Array, extent: int) -> bool:
    """Whether each element is in one window, and each window has two."""
    count = inside.shape[1]
    return along[0] == 2 and extent == 2 * count and (inside[0] == 0).all() and (inside[1] == 2).all()


@native
def _largest_of_columns(x: Array, along: Array, inside: Array, best: Array, winners: Array) -> None:
    """The largest of windows (O) over the columns of planes x (R, H, P)."""
    stride, low, apart = along
    for r in range(best.shape[0]):
        for i in range(best.shape[1]):
            start, first = i * stride - low, inside[0, i]
            for j in range(best.shape[2]):
                best[r, i, j], winners[r, i, j] = x[r, start + first * apart, j], first
            for k in range(first, inside[1, i]):
                for j in range(best.shape[2]):
                    value, former = x[r, start + k * apart, j], best[r, i, j]
                    better = (value > former) | (value != value)
                    best[r, i, j] = value if better else former
                    winners[r, i, j] = k if better else winners[r, i, j]


@native
def _largest_of_short_columns(x: Array, along: Array, inside: Array, best: Array, winners: Array) -> None:
    """The same element by element: for planes of few columns."""
    stride, low, apart = along
    for r in range(best.shape[0]):
        for i in range(best.shape[1]):
            start = i * stride - low
            for j in range(best.shape[2]):
                winner = inside[0, i]
                found = x[r, start + winner * apart, j]
                for k in range(inside[0, i], inside[1, i]):
                    value = x[r, start + k * apart, j]
                    better = (value > found) | (value != value)
                    found = value if better else found
                    winner = k if better else winner
                best[r, i, j], winners[r, i, j] = found, winner


@native
def max_pool(
    x: Array,
    down: Array,
    across: Array,
    inside_down: Array,
    inside_across: Array,
    y: Array,
    rows: Array,
    columns: Array,
) -> None:
    """y (R, O, P), the largest of windows over planes x (R, H, W); rows (R, O, P) and columns (R, H, P) say where it stood.

    inside: for both axes.
    """
    (planes, height, width), count = x.shape, columns.shape[2]
    row = np.empty((planes * height, count), x.dtype)  # the largest of each row
    if _are_pairs(across, inside_across, width):
        _larger_of_two(x.reshape(-1), row.reshape(-1), columns.reshape(-1))  # all rows are one long row
    else:
        _largest_of_rows(x.reshape((-1, width)), across, inside_across, row, columns.reshape((-1, count)))
    planes_of_rows = row.reshape((planes, height, count))
    if _are_pairs(down, inside_down, height):
        _larger_of_two_rows(row.reshape((-1, 2 * count)), y.reshape((-1, count)), rows.reshape((-1, count)))
    elif count < 4:
        _largest_of_short_columns(planes_of_rows, down, inside_down, y, rows)
    else:
        _largest_of_columns(planes_of_rows, down, inside_down, y, rows)


@native
def _to_one_of_two_rows(g: Array, winners: Array, x: Array) -> None:
    """Elements of g (R, P) to the place j or P + j of a row of x (R, 2P), and zero to the other."""
    count = g.shape[1]
    for r in range(g.shape[0]):
        for j in range(count):
            x[r, j] = 0 if winners[r, j] else g[r, j]
            x[r, count + j] = g[r, j] if winners[r, j] else 0


@native
def _to_one_of_two(g: Array, winners: Array, x: Array) -> None:
    """Elements of g (P) to the place 2j or 2j + 1 of x (2P), and zero to the other."""
    for j in range(len(g)):
        x[2 * j] = 0 if winners[j] else g[j]
        x[2 * j + 1] = g[j] if winners[j] else 0


@native
def to_winners(
    g: Array,
    rows: Array,
    columns: Array,
    down: Array,
    across: Array,
    inside_down: Array,
    inside_across: Array,
    x: Array,
) -> None:
    """Add the elements of g (R, O, P) to planes of zeros x (R, H, W), each where its window had its largest element.

    rows (R, O, P): which of the window's rows that was; columns (R, H, P): which element of each row was the row's largest.
    """
    count = g.shape[2]
    if _are_pairs(down, inside_down, x.shape[1]) and _are_pairs(across, inside_across, x.shape[2]):
        row = np.empty((g.shape[0] * g.shape[1], 2 * count), g.dtype)
        _to_one_of_two_rows(g.reshape((-1, count)), rows.reshape((-1, count)), row)
        _to_one_of_two(row.reshape(-1), columns.reshape(-1), x.reshape(-1))
        return
    stride_h, low_h, apart_h = down
    stride_w, low_w, apart_w = across
    for p in range(g.shape[0]):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                h = i * stride_h - low_h + rows[p, i, j] * apart_h
                x[p, h, j * stride_w - low_w + columns[p, h, j] * apart_w] += g[p, i, j]
