"""Whole products of two matrices, or of many, on the tiles of ``products.py``: panels of the second are copied where they are used.

So a panel is in the cache nearest to the core while all rows of the first matrix are multiplied with it. Each result is a sum in
the order of k, whatever is computed beside it: a product has the same bits in whatever shares threads compute it.

A row of a panel of wᵀ has one number of each of several rows of w, which are far apart: one by one they take up to half as
long as the product that they are copied for. So vectors are read along the rows of w, and exchange numbers by twos, by fours
and so on, until they are the columns of a square (Eklundh 1972).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.atomic import carray, pointer
from metagrad.kernels.compiled.compiler import Native, native
from metagrad.kernels.compiled.products import FIRST, add_columns, register_bytes

_DEPTH, _PANELS = tuning.PRODUCT_DEPTH, tuning.PRODUCT_PANELS


@native
def multiply(x: Array, w: Array, bias: Array, out: Array, width: int) -> None:
    """out (B, C) = x w + bias for x (B, K), w (K, C), bias (C); ``width``: columns of a panel."""
    _begin(out, bias, FIRST, out.shape[1])
    add(x, w, out, FIRST, out.shape[1], width)


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
        add(x[first:last], w, out[first:last], start, stop, width)
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
def share_of_many(
    lefts: Array, rights: Array, out: Array, depth: int, down: int, along: int, right_down: int, right_along: int, width: int
) -> None:  # fmt: skip
    """out (N, B, C) = x w, for x (B, K) at each of the addresses ``lefts`` and w (K, C) at that of ``rights``; the next numbers
    are K, and the bytes from a row to the next, and from a column to the next, of x and of w.
    """
    rows, columns = out.shape[1:]
    for n in range(len(out)):
        x = as_strided(carray(pointer(lefts[n]), (1, 1), out.dtype), (rows, depth), (down, along))
        out[n] = 0
        if right_along == out.itemsize:  # said by the array's type: then rows of a panel are copied as a whole
            of_rows = carray(pointer(rights[n]), (depth, right_down // out.itemsize), out.dtype)
            add(x, of_rows, out[n], FIRST, columns, width)
        else:
            w = as_strided(carray(pointer(rights[n]), (1, 1), out.dtype), (depth, columns), (right_down, right_along))
            add(x, w, out[n], FIRST, columns, width)


@native
def _begin(out: Array, bias: Array, start: int, stop: int) -> None:
    for b in range(len(out)):
        _copy(out[b, start:stop], bias[start:stop])


@native
def _copy(a: Array, b: Array) -> None:
    for i in range(len(b)):
        a[i] = b[i]


@native
def add(x: Array, w: Array, out: Array, start: int, stop: int, width: int) -> None:
    """out += x w in columns ``start`` to ``stop``."""
    depth, whole = len(w), start + (stop - start) // width * width
    panels = np.empty((_PANELS, min(depth, _DEPTH), width), out.dtype)
    rest = np.zeros((len(out) if whole < stop else 0, width), out.dtype)
    for first in range(0, depth, _DEPTH):
        last = min(first + _DEPTH, depth)
        for begin in range(start, stop, _PANELS * width):
            count = min(_PANELS, (stop - begin + width - 1) // width)
            fill_panels(panels[:count], w, first, last, begin, stop)
            for p in range(count):
                j = begin + p * width
                if j < whole:
                    add_columns(x, None, None, first, last, panels[p], None, out, j)
                else:
                    add_columns(x, None, None, first, last, panels[p], None, rest, FIRST)
    for b in range(len(rest)):
        for j in range(whole, stop):
            out[b, j] += rest[b, j - whole]


@native
def fill_panels(panels: Array, w: Array, first: int, last: int, begin: int, stop: int) -> None:
    """Rows first to last of w (K, C), in columns from ``begin`` on, into panels (P, K, W), and zeros beyond column ``stop``.

    A row goes into all panels at once: so memory is read in order, which is how it is read ahead of its use.
    """
    count, _, width = panels.shape
    lanes, stands = width // 2, w.strides[0] == w.itemsize  # each column of w side by side
    turning = min(count, (stop - begin) // width) if stands else 0
    squares = (last - first) // lanes * lanes
    for k in range(last - first):
        if k < squares and k % lanes == 0:
            for p in range(turning):
                turned(w, first + k, begin + p * width, panels[p, k:])
        for p in range(turning if k < squares else 0, count):
            j = begin + p * width
            here = min(width, stop - j)
            _copy(panels[p, k, :here], w[first + k, j : j + here])
            panels[p, k, here:] = 0


# ------------------------------------------------ squares of a matrix, turned


def lanes_of(dtype: Any) -> int:
    """Numbers in a vector register."""
    return register_bytes() // dtype.itemsize


class Turned(Native):
    """``turned(w, k, j, panel)``: the first rows of a panel (K, W), as many as a vector has numbers, become rows k, k + 1, … of
    w[:, j : j + W]; w (K, C), each of its columns side by side in memory.
    """

    def __init__(self) -> None:
        self._compiled = None

        def turned(w: Array, k: int, j: int, panel: Array) -> None:
            lanes = lanes_of(panel.dtype)
            panel[:lanes] = w[k : k + lanes, j : j + panel.shape[1]]

        self.function = turned

    def _compile(self) -> Any:
        from numba import types
        from numba.extending import intrinsic

        @intrinsic
        def turned(context: Any, w: Any, k: Any, j: Any, panel: Any) -> Any:
            return types.void(w, k, j, panel), _emit

        return turned


def _emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """The instructions for both vectors of a panel's width."""
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba.core import cgutils as untyped

    cgutils: Any = untyped
    w, panel = (context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 3))
    k, j = arguments[1:3]
    number, index = context.get_value_type(signature.args[0].dtype), context.get_value_type(signature.args[1])
    size = context.get_abi_sizeof(number)
    lanes = register_bytes() // size
    vector = ir.VectorType(number, lanes)

    def at(array: Any, row: Any, column: Any) -> Any:
        """The address of a vector."""
        strides = cgutils.unpack_tuple(builder, array.strides, 2)
        place = builder.add(builder.mul(row, strides[0]), builder.mul(column, strides[1]))
        beginning = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        return builder.bitcast(builder.gep(beginning, [place]), vector.as_pointer())

    def further(start: Any, count: int) -> Any:
        return builder.add(start, ir.Constant(index, count))

    for column in (0, lanes):
        rows = []
        for c in range(lanes):
            rows.append(builder.load(at(w, k, further(j, column + c))))
            rows[-1].align = size
        for i, row in enumerate(_exchanged(builder, rows)):
            builder.store(row, at(panel, ir.Constant(index, i), ir.Constant(index, column))).align = size
    return context.get_dummy_value()


def _exchanged(builder: Any, rows: list[Any]) -> list[Any]:
    """The columns of the square whose rows these are.

    In each round, of two rows that are ``step`` apart, the upper's numbers n with n & step change places with the lower's
    without, as the two blocks beside the diagonal of a square of 2 × 2 blocks do.
    """
    from llvmlite import ir

    def chosen(a: Any, b: Any, places: list[int]) -> Any:
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), count), places))

    count, step = len(rows), 1
    while step < count:
        upper = [n if not n & step else count + n - step for n in range(count)]
        lower = [n + step if not n & step else count + n for n in range(count)]
        for i in range(count):
            if not i & step:
                a, b = rows[i], rows[i + step]
                rows[i], rows[i + step] = chosen(a, b, upper), chosen(a, b, lower)
        step *= 2
    return rows


turned = Turned()
