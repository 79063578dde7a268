"""Products of matrices on a GPU by cuBLAS, straight from the memory they lie in.

CuPy copies what does not lie row after row before it multiplies several matrices, and takes 30 microseconds to begin; cuBLAS takes
rows or columns, and any distance between one matrix and the next.
"""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from metagrad.base.device import cupy
from metagrad.base.typing import Array
from metagrad.kernels.libraries import is_recording

_WORKSPACE = 32 << 20  # bytes: what NVIDIA advises for its largest cards


class _Matrices(NamedTuple):
    """Matrices as cuBLAS takes them: whether each lies column after column (1) or row after row (0); the steps, in elements."""

    by_columns: int
    line: int  # from one row (or column) to the next
    matrix: int  # from one matrix to the next; 0 if there is one only


@functools.cache
def _cublas() -> ModuleType | None:
    return getattr(getattr(cupy(), "cuda", None), "cublas", None)


_NUMBERS = {letter: np.array([1, 0], letter) for letter in "fd"}


@functools.cache
def _one_and_zero(letter: str) -> tuple[int, int]:
    """Where these numbers stand in memory."""
    place = _NUMBERS[letter].ctypes.data
    return place, place + _NUMBERS[letter].itemsize


def product(a: Array, b: Array, out: Array | None = None) -> Array | None:
    """a @ b of arrays of a GPU, leading dimensions broadcast; None for what cuBLAS is not asked for.

    out: where to write it, in order in memory.

    >>> product(np.zeros((2, 2), np.int64), np.zeros((2, 2), np.int64)) is None
    True
    """
    kind = a.dtype.char
    if kind not in "fd" or b.dtype.char != kind or not a.size or not b.size or _cublas() is None:
        return None
    fitting = _fitting(a.shape, a.strides, b.shape, b.strides, a.itemsize)
    if fitting is None:
        return None
    first, second, shape, count = fitting
    a, first = (a, first) if first is not None else _copied(a, shape)
    b, second = (b, second) if second is not None else _copied(b, shape)
    module: Any = cupy()
    (m, n), k = shape[-2:], a.shape[-1]
    z: Any = module.empty(shape, a.dtype) if out is None else out
    handle = module.cuda.device.get_cublas_handle()
    one, zero = _one_and_zero(kind)
    letter = "s" if kind == "f" else "d"
    x: Any = b.data
    y: Any = a.data
    # cuBLAS reads columns: what it takes for bᵀ aᵀ, written column after column, is a b, row after row
    sizes = (handle, second.by_columns, first.by_columns, n, m, k, one)
    cublas: Any = _direct() if is_recording() else _cublas()
    if count == 1:
        getattr(cublas, letter + "gemm")(*sizes, x.ptr, second.line, y.ptr, first.line, zero, z.data.ptr, n)
    else:
        steps = (x.ptr, second.line, second.matrix, y.ptr, first.line, first.matrix, zero, z.data.ptr, n, m * n, count)
        getattr(cublas, letter + "gemmStridedBatched")(*sizes, *steps)
    return z


def times(a: Array, b: Array, out: Array | None = None) -> Array:
    """``product``, or ``np.matmul``."""
    found = product(a, b, out)
    return np.matmul(a, b, out=out) if found is None else found


Shape: TypeAlias = tuple[int, ...]


@functools.lru_cache(maxsize=4096)  # the layers of a model ask for the same ones again and again
def _fitting(
    a: Shape, a_strides: Shape, b: Shape, b_strides: Shape, itemsize: int
) -> tuple[_Matrices | None, _Matrices | None, Shape, int] | None:
    """How two arrays' matrices lie (None: not as cuBLAS wants them), the product's shape and how many matrices it has; None if
    there is no product."""
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
        return None
    outer = a[:-2] if a[:-2] == b[:-2] else np.broadcast_shapes(a[:-2], b[:-2])
    lying = (_lying(a, a_strides, outer, itemsize), _lying(b, b_strides, outer, itemsize))
    return *lying, (*outer, a[-2], b[-1]), math.prod(outer)


def _copied(x: Array, shape: Shape) -> tuple[Array, _Matrices]:
    """A copy, and how its matrices lie: written out for all leading dimensions if it must be."""
    outer = shape[:-2]
    for copy in (x.copy(), np.broadcast_to(x, (*outer, *x.shape[-2:])).copy()):
        lying = _lying(copy.shape, copy.strides, outer, copy.itemsize)
        if lying is not None:
            return copy, lying
    raise AssertionError("a copy lies in order")


def _lying(shape: Shape, strides: Shape, outer: Shape, size: int) -> _Matrices | None:
    rows, columns = shape[-2:]
    if any(s % size for s in strides):
        return None
    down, along = strides[-2] // size, strides[-1] // size
    if (along == 1 or columns == 1) and (down >= columns or rows == 1):
        by_columns, line = False, down if rows > 1 else columns
    elif (down == 1 or rows == 1) and (along >= rows or columns == 1):
        by_columns, line = True, along if columns > 1 else rows
    else:
        return None
    missing = (1,) * (len(outer) - len(shape) + 2)
    step, reach = 0, None  # of the matrices, from the last leading dimension on
    for extent, n, s in zip(outer[::-1], (*missing, *shape[:-2])[::-1], (*missing, *strides[:-2])[::-1], strict=True):
        if extent == 1:
            continue
        s = s // size if n > 1 else 0
        if reach is None:
            step = s
        elif s != reach:
            return None
        reach = s * extent
    return _Matrices(int(by_columns), max(line, 1), step)


class _Direct:
    """cuBLAS called without CuPy, whose functions refuse to be recorded: those that are used, on the current stream."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        module = cupy()
        self.workspace = module.cuda.alloc(_WORKSPACE)  # type: ignore[union-attr] # cuBLAS would ask for memory of its own

    def __getattr__(self, name: str) -> Callable[..., None]:
        function = getattr(
            self.library, f"cublas{name[0].upper()}{name[1:]}" + ("_v2" if name.endswith("gemm") else "")
        )
        # the handle, two flags and three sizes; then pointers, each but α and β's with a line, and a step if there are many
        ends = (
            [ctypes.c_void_p, ctypes.c_int]
            if name.endswith("gemm")
            else [ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong]
        )
        one = [ctypes.c_void_p]
        kinds = [
            ctypes.c_void_p,
            *[ctypes.c_int] * 5,
            *one,
            *ends,
            *ends,
            *one,
            *ends,
            *([] if len(ends) == 2 else [ctypes.c_int]),
        ]

        def call(handle: int, *rest: Any) -> None:
            stream, place = cupy().cuda.get_current_stream().ptr, self.workspace.ptr  # type: ignore[union-attr]
            opaque = ctypes.c_void_p(handle)
            status = self.library.cublasSetStream_v2(opaque, ctypes.c_void_p(stream))
            status |= self.library.cublasSetWorkspace_v2(opaque, ctypes.c_void_p(place), ctypes.c_size_t(_WORKSPACE))
            status |= function(*[kind(x) for kind, x in zip(kinds, (handle, *rest), strict=True)])
            if status:
                raise RuntimeError(f"CUDA error: cuBLAS's status is {status} in {name}")

        return call


@functools.cache
def _direct() -> _Direct:
    for name in ("libcublas.so.13", "libcublas.so.12", "cublas64_13.dll", "cublas64_12.dll"):
        try:
            return _Direct(ctypes.CDLL(name))
        except OSError:
            continue
    raise RuntimeError("products of matrices cannot be recorded: cuBLAS's library was not found")
