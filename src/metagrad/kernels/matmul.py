"""Products of two matrices on metagrad's own threads.

Threads of OpenBLAS, once used, keep their cores busy for some 20 milliseconds, waiting for more work. Next to kernels that
run on threads of their own that is ruinous: it halves their speed. So a product that is worth it is cut into as many parts
as there are threads, each done by BLAS on one thread; smaller ones are done on one thread from the start. With Numba, all but
small and narrow ones are done by tiles (``compiled/matrix_products.py``), which threads share within a microsecond.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metagrad.base.layouts import in_order, places_of
from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import map_chunks, split, spread, threads_worth
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.compiled.entries import work_of
from metagrad.kernels.compiled.matrix_products import (
    multiply,
    share,
    share_of_columns,
    share_of_many,
    share_with_rows,
)
from metagrad.kernels.compiled.products import panel_width
from metagrad.kernels.libraries import is_on_gpu
from metagrad.kernels.threads import blas_on_one_thread, can_hold_blas, get_num_threads, perform


def transposed(x: Array) -> Array:
    """xᵀ, the last two dimensions swapped, of an array or a tensor; NumPy's own by the shorter way.

    >>> transposed(np.zeros((2, 3))).shape
    (3, 2)
    """
    return x.swapaxes(-1, -2) if x.__class__ is np.ndarray else np.swapaxes(x, -1, -2)


def product(a: Array, b: Array, bias: Array | None = None) -> Array:
    """a @ b + bias; a (M, K), b (K, N), bias (N). Other things than two NumPy matrices are left to ``np.matmul``.

    >>> product(np.ones((2, 3)), np.ones((3, 1))).tolist()
    [[3.0], [3.0]]
    """
    if a.__class__ is np.ndarray and b.__class__ is np.ndarray and a.ndim == b.ndim == 2:
        work = a.size * b.shape[1]
        if work >= tuning.HALVES_WORTH and a.dtype.char == "e" and a.dtype == b.dtype:
            return _product_of_halves(a, b, bias)
        if tuning.TILES_WORTH <= work <= tuning.TILES_MOST and _takes_tiles(a, b, bias):
            return product_by_tiles(a, b, bias)
        z = _product_by_blas(a, b, work)
    else:
        if a.__class__ is np.ndarray and a.dtype.char == "e" and a.dtype == b.dtype and a.ndim > 1 < b.ndim:
            return _product_of_halves(a, b, bias)
        z = _products_of_many(a, b) if a.__class__ is np.ndarray else _on_gpu(a, b)
        if z is None:
            z = np.matmul(a, b)
            z = z if z.ndim < 4 else in_order(z)
    if bias is not None:
        z += bias
    return z


def multiply_along(parts: Sequence[tuple[slice, slice, Array]], x: Array, out: Array) -> None:
    """out (N, O, M) = m x along the middle dimension of x (N, L, M), on this thread; of a matrix m (O, L) the parts that are not 0:
    their rows, which follow each other, their columns, and what stands there.

    >>> out = np.empty((1, 2, 1))
    >>> multiply_along([(slice(0, 2), slice(0, 2), np.array([[1.0, 2.0], [0.0, 1.0]]))], np.array([[[3.0], [4.0]]]), out)
    >>> out.ravel().tolist()
    [11.0, 4.0]
    """
    for rows, columns, part in parts:
        if x.shape[2] == 1:
            np.matmul(x[:, columns, 0], part.T, out=out[:, rows, 0])
        else:
            np.matmul(part, x[:, columns], out=out[:, rows])


def _product_of_halves(a: Array, b: Array, bias: Array | None) -> Array:
    """The same of halves: in float32, as which NumPy, too, adds up, but by BLAS."""
    from metagrad.kernels.copying import as_type

    a, b = (as_type(x, np.dtype(np.float32)) for x in (a, b))
    with np.errstate(over="ignore"):
        z = as_type(product(a, b), np.dtype(np.float16))
    if bias is not None:
        z += bias
    return z


def _on_gpu(a: Array, b: Array) -> Array | None:
    if not is_on_gpu(a) or not is_on_gpu(b):
        return None
    from metagrad.kernels import gpu_matmul

    return gpu_matmul.product(a, b)


def _takes_tiles(a: Array, b: Array, bias: Array | None) -> bool:
    """Whether a product is one for compiled tiles: in order, and of as many rows and columns as fill them."""
    if not use_compiled(a, 0) or a.dtype is not b.dtype or min(*a.shape, b.shape[1]) < tuning.TILES_LEAST:
        return False
    fits = bias is None or (bias.dtype is a.dtype and bias.shape == b.shape[1:] and bias.flags.c_contiguous)
    return fits and _are_in_order(a, b)


def _are_in_order(a: Array, b: Array) -> bool:
    """Whether both matrices stand row after row in memory, or one of them column after column."""
    by_rows = a.flags.c_contiguous, b.flags.c_contiguous
    return any(by_rows) and (by_rows[0] or a.flags.f_contiguous) and (by_rows[1] or b.flags.f_contiguous)


def product_by_tiles(a: Array, b: Array, bias: Array | None = None) -> Array:
    """The same by compiled loops, for matrices of one dtype: on all threads where it is worth it and they are in order."""
    out, width = np.empty((a.shape[0], b.shape[1]), a.dtype), panel_width(a.dtype)
    if bias is None:
        bias = np.zeros(b.shape[1], a.dtype)
    if not _are_in_order(a, b) or not use_compiled(a, 0):  # without Numba the loop is Python, for tests alone
        multiply(a, b, bias, out, width)
        return out
    panels, threads = -(-b.shape[1] // width), threads_worth(a.size * b.shape[1], tuning.TILES_WORTH_THREADS)
    blocks = max(1, min(tuning.TILES_UNITS * threads // panels, a.shape[0] // tuning.TILES_ROWS)) if threads > 1 else 1
    rows = max(1, -(-a.shape[0] // (8 * blocks))) * 8
    units = np.arange(panels * -(-a.shape[0] // rows))
    loop = share
    if not a.flags.c_contiguous:
        loop, a = share_of_columns, a.T
    elif not b.flags.c_contiguous:
        loop, b = share_with_rows, b.T
    work = work_of(loop, [units], [a, b, bias, out], [width, rows])
    perform(work, len(units), len(units) if threads > 1 else 1)
    return out


def _products_of_many(a: Array, b: Array) -> Array | None:
    """The products of the matrices that leading dimensions number, by tiles, a thread taking some of them; None where BLAS,
    which is called for each of them, is not slower.
    """
    if not (a.__class__ is b.__class__ is np.ndarray and a.ndim >= 3 <= b.ndim):
        return None
    if max(a.size * b.shape[-1], b.size * a.shape[-2]) < tuning.MANY_WORTH:  # as for most, who so lose little time
        return None
    if a.dtype is not b.dtype or not use_compiled(a, 0):
        return None
    (rows, depth), columns, width = a.shape[-2:], b.shape[-1], panel_width(a.dtype)
    if min(rows, depth) < tuning.MANY_LEAST or 4 * columns < 3 * width * -(-columns // width) or b.shape[-2] != depth:
        return None
    outer = a.shape[:-2] if a.shape[:-2] == b.shape[:-2] else np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    count, each = math.prod(outer), rows * depth * columns
    if count < tuning.MANY_MATRICES or each > tuning.MANY_MOST or count * each < tuning.MANY_WORTH:
        return None
    down, along = b.strides[-2:]
    if along == b.itemsize and (down < columns * along or down % along) or not (a.flags.aligned and b.flags.aligned):
        return None
    out = np.empty((count, rows, columns), a.dtype)
    places = [places_of(np.broadcast_to(x, (*outer, *x.shape[-2:])), len(outer)) for x in (a, b)]
    numbers = [depth, *a.strides[-2:], *b.strides[-2:], width]
    spread(share_of_many, [*places, out], (), numbers, elements=count * each // tuning.MANY_COST)
    return out.reshape(*outer, rows, columns)


def _product_by_blas(a: Array, b: Array, work: int) -> Array:
    """a @ b on one thread of BLAS, or on several of ours."""
    if work <= tuning.BLAS_STARTS_THREADS:
        return a.dot(b)  # the same product, by a shorter way than matmul's
    if a.dtype.kind != "f" or get_num_threads() == 1 or not can_hold_blas():
        return np.matmul(a, b)
    parts = -(-work // tuning.BLAS_STARTS_THREADS)
    if parts <= min(tuning.MATMUL_PARTS, len(a) // tuning.MATMUL_PART) and a.dtype is b.dtype and a.dtype.char in "fd":
        return _product_in_small_parts(a, b, parts)
    if work < tuning.MATMUL_WORTH_THREADS:
        with blas_on_one_thread():
            return np.matmul(a, b)
    return _product_in_chunks(a, b)


def _product_in_small_parts(a: Array, b: Array, count: int) -> Array:
    """a @ b, so many rows at a time that BLAS starts no threads: sooner done than holding it to one."""
    out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    for rows in split(a.shape[0], count):
        a[rows].dot(b, out[rows])
    return out


def _product_in_chunks(a: Array, b: Array) -> Array:
    """a @ b, on each thread a chunk of the rows or of the columns, whichever are more."""
    out = np.empty((a.shape[0], b.shape[1]), np.result_type(a, b))
    by_rows = a.shape[0] >= b.shape[1]

    def work(chunk: slice) -> None:
        if by_rows:
            np.matmul(a[chunk], b, out=out[chunk])
        else:
            np.matmul(a, b[:, chunk], out=out[:, chunk])

    map_chunks(work, split(max(out.shape), get_num_threads()), blas=True)
    return out
