"""Products of vectors, powers of numbers as a matrix, diagonals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.variable import wrap
from metagrad.base import dtypes
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_exact_out, takes_out_by
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.linalg.matrices import check
from metagrad.ops.operands import cast_to, in_single, need_one_dtype
from metagrad.ops.pointwise.arithmetic import conj, mul, pow, sub
from metagrad.ops.reduce.reduction import sum
from metagrad.ops.shape import diagonals
from metagrad.ops.shape.copying import contiguous
from metagrad.ops.shape.flipping import roll

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


@takes_out_by(exactly=True, apart=True)
@guarding("other", needed_by="input")
@guarding("input", needed_by="other")
def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The cross product of vectors of 3 elements in dimension ``dim``: zᵢ = xᵢ₊₁ yᵢ₊₂ − xᵢ₊₂ yᵢ₊₁, i counted modulo 3.

    The other dimensions, as many in both, broadcast. Complex numbers are not conjugated. Raises RuntimeError unless
    both have as many dimensions, extent 3 there, and one dtype.

    >>> import metagrad
    >>> metagrad.linalg.cross(metagrad.tensor([1.0, 0.0, 0.0]), metagrad.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    x, y = input.array, other.array
    if x.ndim != y.ndim:
        raise RuntimeError(f"linalg.cross: inputs must have the same number of dimensions. Got {x.ndim} and {y.ndim}")
    need_one_dtype("linalg.cross", input, other)
    refuse("cross", input, "b")
    if not x.ndim:
        raise IndexError(f"linalg.cross: dimension {dim} was given, but the tensors have no dimensions")
    d = dimension(dim, x.ndim)
    if x.shape[d] != 3 or y.shape[d] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {x.shape[d]} and {y.shape[d]}"
        )
    return _cross(input, other, d)


@in_single
def _cross(x: Tensor, y: Tensor, d: int) -> Tensor:
    return sub(mul(roll(x, -1, d), roll(y, -2, d)), mul(roll(x, -2, d), roll(y, -1, d)))


@takes_exact_out
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The inner products Σ xᵢ* yᵢ of vectors in dimension ``dim``; all dimensions broadcast.

    Raises RuntimeError unless both are floating-point or complex, of one dtype.

    >>> import metagrad
    >>> metagrad.linalg.vecdot(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]), metagrad.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    check("linalg.vecdot", x, y, ndim=0, half=True)
    return sum(mul(conj(x), y), dim)


@asks_for_tensors
def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0 to N − 1 of numbers (*, n), as a matrix (*, n, N); N is n by default. Integers become int64.

    Raises RuntimeError for bools and float16, or unless N > 1.

    >>> import metagrad
    >>> metagrad.linalg.vander(metagrad.tensor([2.0, 3.0]), N=3)
    tensor([[1., 2., 4.],
            [1., 3., 9.]])
    """
    kind = x.array.dtype
    if kind.kind == "b" or kind.itemsize == 2 and kind.kind in "fV":
        raise RuntimeError(f"linalg.vander: expected integers, float32, float64 or complex numbers, got {x.dtype.name}")
    count = N if N is not None else x.array.shape[-1] if x.array.ndim else 1
    if count <= 1:
        raise RuntimeError(f"linalg.vander: N must be greater than 1. Got {count}")
    return powers(contiguous(x) if x.array.ndim else x.unsqueeze(0), count)


def powers(x: Tensor, count: int) -> Tensor:
    """xⁱ for i = 0 … count − 1, along a new last dimension.

    >>> import metagrad
    >>> powers(metagrad.tensor([2, 3]), 3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if x.array.dtype.kind in "biu":
        x = cast_to(x, dtypes.int64)
    exponents = np.arange(count, like=x.array).astype(
        x.array.dtype if x.array.dtype.kind != "c" else x.array.real.dtype
    )
    return pow(x.unsqueeze(-1), wrap(exponents))


@asks_for_tensors
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals (*, k) of matrices (*, m, n), ``offset`` above the main one. A view.

    >>> import metagrad
    >>> metagrad.linalg.diagonal(metagrad.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([1., 4.])
    """
    return diagonals.diagonal(A, offset, dim1, dim2)
