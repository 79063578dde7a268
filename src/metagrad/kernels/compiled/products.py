"""Products of matrices for use in compiled loops, by a kernel that keeps its results in registers.

A product (B, K) (K, C) is cut into tiles of a few rows and of as many columns as two vector registers hold. A tile's results
stay in registers while k runs over K: each step reads one row of a panel, which is those columns of the second matrix, and
multiplies it with one number of each row of the first. So of two numbers read, many products are made; this is what fast BLAS
libraries do (Goto and van de Geijn 2008). They must first copy the second matrix into panels, at each call, which for few rows
takes longer than the product. A recurrent layer multiplies with one matrix at every step: here it is copied once.

While a tile is computed, memory sends what the next one reads of the first matrix, and the results that it adds to.

Each result is a sum in the order of k, whatever the number of rows: a sequence's values do not depend on its batch.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.compiled.compiler import Native, available, compiles_for, native


@functools.cache
def register_bytes() -> int:
    """Bytes of a vector register: 64 with AVX-512; else 32, for which other processors take one register, or two."""
    return 64 if available() and compiles_for("avx512f") else 32


def most_rows(vectors: int = 2) -> int:
    """Rows of a tile whose results fit into the registers: AVX-512 has 32 of them, others 16, or 32 that are half as wide."""
    return 8 if register_bytes() == 64 else 8 // vectors


def panel_width(dtype: npt.DTypeLike, vectors: int = 2) -> int:
    """Columns of a panel: two registers full, or one."""
    return vectors * register_bytes() // np.dtype(dtype).itemsize


def panels(w: Array, vectors: int = 2) -> Array:
    """A matrix (K, C) in panels of W columns, (⌈C/W⌉, K, W), the last one filled up with zeros.

    >>> panels(np.ones((3, 5), np.float32)).shape[1]
    3
    """
    (depth, columns), width = w.shape, panel_width(w.dtype, vectors)
    count = -(-columns // width)
    if columns % width == 0:
        return w.reshape(depth, count, width).swapaxes(0, 1).copy()
    filled = np.zeros((count, depth, width), w.dtype)
    for p in range(count):
        part = w[:, p * width : (p + 1) * width]
        filled[p, :, : part.shape[1]] = part
    return filled


class Tile(Native):
    """``tile(x, rows, steps, i, first, last, panel, depths, out, j)``: for so many rows from i on, and a panel's columns from j
    on, out += x[:, first:last] panel; x (B, K) of any strides, panel (last − first, W), out (B, C) with its columns side by side.

    With ``rows`` (B), x is flat, and its row b begins at rows[b]; with ``steps`` (K), too, element k of a row is steps[k] further.
    With ``depths`` (K), the panel is flat, and its row k begins at depths[k]. A panel is as wide as so many vector registers.
    """

    def __init__(self, count: int, vectors: int = 2) -> None:
        self.count, self.vectors, self._compiled = count, vectors, None

        def tile(
            x: Array,
            rows: Array | None,
            steps: Array | None,
            i: int,
            first: int,
            last: int,
            panel: Array,
            depths: Array | None,
            out: Array,
            j: int,
        ) -> None:
            width, here = panel_width(out.dtype, vectors), slice(i, i + count)
            further = np.arange(first, last) if steps is None else steps[first:last]
            left = x[here, first:last] if rows is None else x[rows[here, None] + further]
            right = (
                panel[: last - first]
                if depths is None
                else np.stack([panel[d : d + width] for d in depths[first:last]])
            )
            out[here, j : j + width] += left @ right

        self.function = tile

    def _compile(self) -> Any:
        """The function as an instruction of Numba's: LLVM's own loops do not keep the results in registers."""
        from numba import types
        from numba.extending import intrinsic

        @intrinsic
        def tile(
            context: Any, x: Any, rows: Any, steps: Any, i: Any, first: Any, last: Any, panel: Any, depths: Any, out: Any, j: Any
        ) -> Any:  # fmt: skip
            emit = functools.partial(_emit, self.count, self.vectors)
            return types.void(x, rows, steps, i, first, last, panel, depths, out, j), emit

        return tile


def _emit(count: int, vectors: int, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """The instructions of a tile of so many rows."""
    from llvmlite import ir  # type: ignore[import-untyped]
    from numba.core import cgutils as untyped
    from numba.core import types

    cgutils: Any = untyped
    x_type = signature.args[0]
    x, rows, steps, panel, depths, out = (
        None
        if signature.args[k] == types.none
        else context.make_array(signature.args[k])(context, builder, arguments[k])
        for k in (0, 1, 2, 6, 7, 8)
    )
    i, first, last, j = (arguments[k] for k in (3, 4, 5, 9))
    number = context.get_value_type(x_type.dtype)
    size = context.get_abi_sizeof(number)
    lanes = register_bytes() // size
    vector, index = ir.VectorType(number, lanes), context.get_value_type(signature.args[3])
    zero, undefined = ir.Constant(vector, [0.0] * lanes), ir.Constant(vector, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    by_columns = x_type.layout == "F"  # whose next rows are mostly in the same lines of the cache
    reads_ahead = rows is None and count == 8 and not by_columns

    def at(array: Any, starts: Any, row: Any, column: Any) -> Any:
        """The address of an element: in bytes from that of its row, which so is computed once, outside the loop."""
        if starts is not None:
            start = builder.load(builder.gep(starts.data, [row]))
            return builder.gep(array.data, [builder.add(start, column)])
        strides = cgutils.unpack_tuple(builder, array.strides, 2)
        beginning = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        of_row = builder.gep(beginning, [builder.mul(row, strides[0])])
        there = builder.gep(of_row, [builder.mul(column, strides[1])])
        return builder.bitcast(there, number.as_pointer())

    def part(address: Any, k: int) -> Any:
        """The address of the k-th vector from there on."""
        return builder.bitcast(builder.gep(address, [ir.Constant(index, k * lanes)]), vector.as_pointer())

    def loaded(address: Any) -> Any:
        found = builder.load(address)
        found.align = size
        return found

    def fetch(address: Any) -> None:
        """Have the line of the cache with this address loaded, as it will be read soon."""
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(function, [builder.bitcast(address, byte), *(ir.Constant(number, n) for n in (0, 3, 1))])

    def fetch_next(k: Any) -> None:
        """At step k, a part of what the next tile reads of x: each of its rows has its turn."""
        done = builder.sub(k, first)
        turn = builder.and_(done, ir.Constant(index, count - 1))
        below = builder.add(i, builder.add(turn, ir.Constant(index, count)))
        fetch(at(x, None, below, builder.sub(k, turn)))

    def add_rows(rows_down: list[Any]) -> None:
        """What the tile adds to some rows."""
        for row in rows_down:
            there = at(out, None, row, j)
            for v in range(vectors):
                fetch(part(there, v))
        sums = [
            [cgutils.alloca_once_value(builder, zero) for _ in range(vectors)] for _ in rows_down
        ]  # which LLVM keeps in registers
        with cgutils.for_range_slice(builder, first, last, ir.Constant(index, 1)) as (k, _):
            if reads_ahead:
                fetch_next(k)
            row_of_panel = at(panel, depths, builder.sub(k, first) if depths is None else k, ir.Constant(index, 0))
            columns = [loaded(part(row_of_panel, v)) for v in range(vectors)]
            step = k if steps is None else builder.load(builder.gep(steps.data, [k]))
            for row, results in zip(rows_down, sums, strict=True):
                single = builder.insert_element(
                    undefined, builder.load(at(x, rows, row, step)), ir.Constant(ir.IntType(32), 0)
                )
                times = builder.shuffle_vector(single, undefined, everywhere)
                for column, result in zip(columns, results, strict=True):
                    made = builder.fmul(times, column, flags=("contract",))
                    builder.store(builder.fadd(builder.load(result), made, flags=("contract",)), result)
        for row, results in zip(rows_down, sums, strict=True):
            there = at(out, None, row, j)
            for v, result in enumerate(results):
                target = part(there, v)
                builder.store(builder.fadd(loaded(target), builder.load(result)), target).align = size

    down = [builder.add(i, ir.Constant(index, r)) for r in range(count)]
    for r in range(0, count, most_rows(vectors)):
        add_rows(down[r : r + most_rows(vectors)])
    return context.get_dummy_value()


tile_of_8, _tile_of_4, _tile_of_2, _tile_of_1 = (Tile(count) for count in (8, 4, 2, 1))
_narrow_tile_of_8, _narrow_tile_of_4, _narrow_tile_of_1 = (Tile(count, 1) for count in (8, 4, 1))
_DEPTH = tuning.PRODUCT_DEPTH
FIRST: Any = np.int64(0)  # of a literal 0 among the arguments, Numba would compile a function once more


@native
def add_product(x: Array, u: Array, out: Array) -> None:
    """out += x u for x (B, K), out (B, C) and u in panels (⌈C/W⌉, K, W)."""
    (depth, width), whole = u.shape[1:], out.shape[1] // u.shape[2]
    for first in range(0, depth, _DEPTH):
        last = min(first + _DEPTH, depth)
        for p in range(whole):
            add_columns(x, None, None, first, last, u[p, first:last], None, out, p * width)
    if whole < len(u):
        rest = np.zeros((len(x), width), out.dtype)
        for first in range(0, depth, _DEPTH):
            add_columns(x, None, None, first, min(first + _DEPTH, depth), u[whole, first:], None, rest, FIRST)
        for b in range(len(x)):
            for j in range(whole * width, out.shape[1]):
                out[b, j] += rest[b, j - whole * width]


@native
def add_columns(
    x: Array,
    rows: Array | None,
    steps: Array | None,
    first: int,
    last: int,
    panel: Array,
    depths: Array | None,
    out: Array,
    j: int,
) -> None:
    """What a tile adds, for all rows of out (B, C)."""
    i, count = 0, len(out)
    while i + 8 <= count:
        tile_of_8(x, rows, steps, i, first, last, panel, depths, out, j)
        i += 8
    while i + 4 <= count:
        _tile_of_4(x, rows, steps, i, first, last, panel, depths, out, j)
        i += 4
    if i + 2 <= count:
        _tile_of_2(x, rows, steps, i, first, last, panel, depths, out, j)
        i += 2
    if i < count:
        _tile_of_1(x, rows, steps, i, first, last, panel, depths, out, j)


@native
def add_narrow_columns(
    x: Array, rows: Array, steps: Array, first: int, last: int, panel: Array, out: Array, j: int
) -> None:
    """The same for a panel of one register."""
    i, count = 0, len(out)
    while i + 8 <= count:
        _narrow_tile_of_8(x, rows, steps, i, first, last, panel, None, out, j)
        i += 8
    while i + 4 <= count:
        _narrow_tile_of_4(x, rows, steps, i, first, last, panel, None, out, j)
        i += 4
    while i < count:
        _narrow_tile_of_1(x, rows, steps, i, first, last, panel, None, out, j)
        i += 1
