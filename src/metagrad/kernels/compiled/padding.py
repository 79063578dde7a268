"""Rows with elements put in front and behind, and what came of a row added up again.

Numbers are moved as bits: arrays of all dtypes come as unsigned integers of their width.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_inlined
from metagrad.kernels.compiled.picking import copy


@native_inlined
def _pad(x: Array, y: Array, columns: Array, start: int, stop: int, value: Array) -> None:
    """yⱼ = x[columnsⱼ], or the value where that is negative; from ``start`` to ``stop`` columns follow each other."""
    for j in range(start):
        y[j] = x[columns[j]] if columns[j] >= 0 else value[0]
    copy(x[columns[start] : columns[start] + stop - start], y[start:stop])
    for j in range(stop, len(y)):
        y[j] = x[columns[j]] if columns[j] >= 0 else value[0]


@native
def padded_rows(
    y: Array, outer: Array, rows: Array, x: Array, columns: Array, value: Array, start: int, stop: int
) -> None:
    """yₒᵢⱼ = x[outerₒ + rowsᵢ, columnsⱼ], or the value where one of the two is negative; x (N, M), y (O, R, C)."""
    for o in range(len(y)):
        for i in range(len(rows)):
            row = outer[o] + rows[i]
            if row >= 0:
                _pad(x[row], y[o, i], columns, start, stop, value)
            else:
                y[o, i, :] = value[0]


@native_inlined
def _fold(g: Array, y: Array, columns: Array, start: int, stop: int) -> None:
    """y[columnsⱼ] += gⱼ."""
    for j in range(start):
        y[columns[j]] += g[j]
    inside = y[columns[start] : columns[start] + stop - start]
    for j in range(stop - start):
        inside[j] += g[start + j]
    for j in range(stop, len(g)):
        y[columns[j]] += g[j]


@native
def folded_rows(y: Array, first: Array, following: Array, g: Array, columns: Array, start: int, stop: int) -> None:
    """y[r, columnsⱼ] += gᵢⱼ for each i of a row's chain (``gathering.chain``); y (N, M), of zeros, g (R, C)."""
    for r in range(len(y)):
        i = first[r]
        while i >= 0:
            _fold(g[i], y[r], columns, start, stop)
            i = following[i]
