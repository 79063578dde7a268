"""Products of two matrices on metagrad's own threads.

Threads of OpenBLAS, once used, keep their cores busy for some 20 milliseconds, waiting for more work. Next to kernels that
run on threads of their own that is ruinous: it halves their speed. So a product that is worth it is cut into as many parts
as there are threads, each done by BLAS on one thread; smaller ones are done on one thread from the start.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import map_chunks, split
from metagrad.kernels.threads import blas_on_one_thread, can_hold_blas, get_num_threads


def transposed(x: Array) -> Array:
    """xᵀ, the last two dimensions swapped, of an array or a tensor; NumPy's own by the shorter way.

    >>> transposed(np.zeros((2, 3))).shape
    (3, 2)
    """
    return x.swapaxes(-1, -2) if x.__class__ is np.ndarray else np.swapaxes(x, -1, -2)


def product(a: Array, b: Array) -> Array:
    """a @ b; a (M, K), b (K, N). Other things than two NumPy matrices are left to ``np.matmul``.

    >>> product(np.ones((2, 3)), np.ones((3, 1))).tolist()
    [[3.0], [3.0]]
    """
    if a.__class__ is not np.ndarray or b.__class__ is not np.ndarray or a.ndim != 2 or b.ndim != 2:
        return np.matmul(a, b)
    work = a.size * b.shape[1]
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
