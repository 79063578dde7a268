"""Windows over planes: where the gradient of max pooling goes."""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native


@native
def to_winners(g: Array, rows: Array, columns: Array, windows: Array, x: Array) -> None:
    """Add the elements of g (R, O, P) to planes x (R, H, W), each where its window had its largest element.

    rows (R, O, P): which of the window's rows that was; columns (R, H, P): which element of each row was the row's largest.
    windows (2, 3): stride, padding in front and dilation of each axis.
    """
    stride_h, low_h, apart_h = windows[0]
    stride_w, low_w, apart_w = windows[1]
    for p in range(g.shape[0]):
        for i in range(g.shape[1]):
            for j in range(g.shape[2]):
                h = i * stride_h - low_h + rows[p, i, j] * apart_h
                x[p, h, j * stride_w - low_w + columns[p, h, j] * apart_w] += g[p, i, j]
