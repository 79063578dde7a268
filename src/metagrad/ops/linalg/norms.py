"""Norms of vectors and of matrices, and how ill-conditioned a matrix is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.base.typing import Dims, DTypeLike
from metagrad.ops.arguments import dimension, takes_exact_out, takes_out
from metagrad.ops.dtype_checks import need_no_narrowing
from metagrad.ops.linalg.matrices import check, check_square
from metagrad.ops.linalg.singular import svdvals
from metagrad.ops.linalg.solving import inv_ex
from metagrad.ops.operands import cast_to, in_single
from metagrad.ops.pointwise.selection import where
from metagrad.ops.pointwise.signs import abs
from metagrad.ops.reduce.extrema import amax, amin
from metagrad.ops.reduce.norms import vector_norm
from metagrad.ops.reduce.reduction import sum

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_ORDERS = ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)


@takes_exact_out
def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """A norm of the matrices in two dimensions.

    ======  ===========================  ======  =====================================
    "fro"   √Σ |aᵢⱼ|²                    "nuc"   the sum of the singular values
    1       the largest Σᵢ |aᵢⱼ|         −1      the smallest
    inf     the largest Σⱼ |aᵢⱼ|         −inf    the smallest
    2       the largest singular value   −2      the smallest
    ======  ===========================  ======  =====================================

    Raises RuntimeError for another ord, for other than two dimensions, and for the smallest of no elements.

    >>> import metagrad
    >>> metagrad.linalg.matrix_norm(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
    tensor(6.)
    """
    if ord not in _ORDERS:
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    check("linalg.matrix_norm", A, ndim=2, half=ord not in ("nuc", 2, -2))
    given = tuple(dim)
    if len(given) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, given))}")
    row, column = (dimension(d, A.array.ndim) for d in given)
    if row == column:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({row}, {column})")
    if dtype is not None:
        need_no_narrowing("linalg.matrix_norm", A.dtype, dtypes.of(dtype))
    if ord == "fro":
        return vector_norm(A, 2, (row, column), keepdim, dtype=dtype)
    largest = ord == "nuc" or float(ord) > 0
    x = A if dtype is None else cast_to(A, dtypes.of(dtype))
    if ord in ("nuc", 2, -2):
        values = svdvals(x.movedim((row, column), (-2, -1)))
        found = sum(values, -1) if ord == "nuc" else _extreme(values, -1, largest)
    else:
        along, across = (row, column) if ord in (1, -1) else (column, row)
        sums = sum(abs(x), along)
        found = _extreme(sums, across - (along < across), largest)
    if keepdim:
        for d in sorted((row, column)):
            found = found.unsqueeze(d)
    return found


def _extreme(x: Tensor, dim: int, largest: bool) -> Tensor:
    """The largest or smallest along a dimension; 0 for no elements."""
    if not x.array.shape[dim]:
        if not largest:
            raise IndexError(f"amin(): Expected reduction dim {dim} to have non-zero size.")
        return sum(x, dim)
    return amax(x, dim) if largest else amin(x, dim)


@takes_exact_out
@in_single
def norm(
    input: Tensor,
    ord: float | str | None = None,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
    out: Tensor | None = None,
) -> Tensor:
    """``vector_norm`` or ``matrix_norm``: a matrix norm if ord is a string, or is given with two dimensions.

    Without ord, √Σ |x|² over all elements or over ``dim``. Without dim but with ord, input must have 1 or 2 dimensions.
    Raises RuntimeError for an input of other dimensions.

    >>> import metagrad
    >>> metagrad.linalg.norm(metagrad.tensor([[3.0, 0.0], [0.0, 4.0]]), 2)
    tensor(4.)
    """
    dim = (dim,) if isinstance(dim, int) else dim
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if ord is None:
        return vector_norm(input, 2, dim, keepdim, dtype=dtype)
    ndim = input.array.ndim
    if dim is None and ndim not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D.")
    over = ndim if dim is None else len(dim)
    if isinstance(ord, str) or over == 2:
        return matrix_norm(input, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(input, ord, dim, keepdim, dtype=dtype)


@takes_out
def cond(A: Tensor, p: float | str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number ‖A‖ₚ ‖A⁻¹‖ₚ: how much relative errors grow in solving with A.

    A (*, m, n); p None and 2: the largest singular value over the smallest, −2: the inverse of that; other p of
    ``matrix_norm`` are for square matrices, inf where A is singular.

    >>> import metagrad
    >>> metagrad.linalg.cond(metagrad.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    check("linalg.cond", A)
    if p in (None, 2, -2):
        if not A.array.size:
            return wrap(np.zeros(A.array.shape[:-2], A.array.real.dtype, like=A.array))
        values = svdvals(A)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    if p not in _ORDERS:
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    check_square(f"linalg.cond(ord={p})", A)
    if not A.array.size:
        return wrap(np.zeros(A.array.shape[:-2], A.array.real.dtype, like=A.array))
    inverse, info = inv_ex(A)
    singular = info != 0
    safe = where(singular[..., None, None], 0, inverse)
    return where(singular, math.inf, matrix_norm(A, p) * matrix_norm(safe, p))
