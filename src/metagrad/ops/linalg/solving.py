"""Inverses, and systems of linear equations with square matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import wrap
from metagrad.base import results
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array
from metagrad.ops.arguments import takes_exact_out, takes_out
from metagrad.ops.linalg.elimination import singular_at
from metagrad.ops.linalg.matrices import (
    SINGULAR,
    H,
    LinAlgError,
    check,
    check_info,
    check_square,
    column_major,
    eye,
    in_columns,
    is_vector,
)
from metagrad.ops.linalg.misfits import unfit
from metagrad.ops.pointwise.selection import where

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

_UNSOLVABLE = "The solver failed because the input matrix is singular."


class Inverse(Function):
    """Z = A⁻¹,   ∂L/∂A = −Zᴴ ∂L/∂Z Zᴴ   (Giles 2008, 2.2.3)."""

    def forward(self, a: Array, name: str) -> Array:
        try:
            z = np.swapaxes(in_order(np.linalg.inv(np.swapaxes(a, -1, -2))), -1, -2)  # column by column, as in PyTorch
        except np.linalg.LinAlgError:
            check_info(name, singular_at(a, np.swapaxes(a, -1, -2)), SINGULAR)
            raise
        self.save(z)
        return z

    def backward(self, grad: Array) -> Array:
        (z,) = self.saved
        return -(H(z) @ grad @ H(z))


class Solve(Function):
    """A X = B.   ∂L/∂B = A⁻ᴴ ∂L/∂X,   ∂L/∂A = −∂L/∂B Xᴴ   (Giles 2008, 2.3.1)."""

    def forward(self, a: Array, b: Array, name: str) -> Array:
        try:
            x = column_major(np.linalg.solve(a, b))
        except np.linalg.LinAlgError:
            check_info(name, singular_at(a, a), _UNSOLVABLE)
            raise
        self.save(a, x)
        return x

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        a, x = self.saved
        grad_b = Solve.on(H(a), grad, name="linalg.solve")
        return -(grad_b @ H(x)) if self.needs[0] else None, grad_b


@takes_exact_out
def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse A⁻¹ of square matrices (*, n, n). Raises LinAlgError if one of them is singular.

    To multiply by an inverse, ``solve`` is faster and more accurate.

    >>> import metagrad
    >>> metagrad.linalg.inv(metagrad.tensor([[1.0, 2.0], [0.0, 4.0]]))
    tensor([[ 1.0000, -0.5000],
            [ 0.0000,  0.2500]])
    """
    check_square("linalg.inv", A)
    return Inverse.apply(A, name="linalg.inv")


@takes_exact_out
def inv_ex(A: Tensor, *, check_errors: bool = False, out: tuple[Tensor, ...] | None = None) -> results.linalg_inv_ex:
    """``inv`` that does not raise: ``info`` is 0 for each matrix, or where elimination met a 0; such inverses are nan.

    >>> import metagrad
    >>> metagrad.linalg.inv_ex(metagrad.tensor([[1.0, 2.0], [2.0, 4.0]])).info
    tensor(2, dtype=metagrad.int32)
    """
    check_square("linalg.inv_ex", A)
    return results.linalg_inv_ex(_despite_singular(lambda a: Inverse.apply(a, name="linalg.inv_ex"), A, check_errors))


@takes_exact_out
def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """X with A X = B, or X A = B if not ``left``, for square A. Raises LinAlgError if A is singular.

    A (*, n, n), B (*, n, k): X (*, n, k); batches broadcast. B may be a vector (n), or vectors of just A's batch (*, n).

    >>> import metagrad
    >>> A = metagrad.tensor([[2.0, 0.0], [1.0, 1.0]])
    >>> metagrad.linalg.solve(A, metagrad.tensor([2.0, 3.0]))
    tensor([1., 2.])
    """
    return _solved("linalg.solve", A, B, left)


@takes_exact_out
def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: tuple[Tensor, ...] | None = None
) -> results.linalg_solve_ex:
    """``solve`` that does not raise: ``info`` is 0 for each A, or where elimination met a 0; such solutions are nan.

    >>> import metagrad
    >>> metagrad.linalg.solve_ex(metagrad.tensor([[2.0, 0.0], [0.0, 1.0]]), metagrad.tensor([2.0, 3.0])).result
    tensor([1., 3.])
    """
    check_square("linalg.solve_ex", A)
    return results.linalg_solve_ex(
        _despite_singular(lambda a: _solved("linalg.solve_ex", a, B, left), A, check_errors, B)
    )


def _solved(name: str, A: Tensor, B: Tensor, left: bool) -> Tensor:
    check_square(name, A)
    check(name, A, B, ndim=1)
    vector = is_vector(A, B)
    n, rows = A.array.shape[-1], B.array.shape[-1 if vector or not left else -2]
    if rows != n or vector and not left:
        raise unfit(name, A.array.shape, B.array.shape, left)
    if vector:
        solution = named(Solve.apply(A, B.unsqueeze(-1), name=name).squeeze(-1), "LinalgSolveEx")
        return solution if solution.array.ndim < 2 else in_columns(solution)
    if left:
        return Solve.apply(A, B, name=name)
    return Solve.apply(A.mT, B.mT, name=name).mT


def _despite_singular(
    function: Callable[[Tensor], Tensor], A: Tensor, check_errors: bool, B: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(result, info): where a matrix is singular, the result is nan."""
    try:
        return function(A), wrap(np.zeros(A.array.shape[:-2], np.int32, like=A.array))
    except LinAlgError as error:
        if check_errors:
            raise
        info = error.info
    singular = (info != 0)[..., None, None]
    result = function(where(wrap(singular), wrap(eye(A.array.shape[-1], A)), A))
    spread = singular[..., 0] if B is not None and is_vector(A, B) else singular
    return where(wrap(spread), math.nan, result), wrap(info)


@takes_out
def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of the linear map that A stands for under ``tensordot`` over its last dimensions, all but ``ind``.

    A's first ``ind`` extents have the product of the others; the result has the two groups swapped. Raises RuntimeError
    unless the two products are the same, and ``ind`` positive.

    >>> import metagrad
    >>> metagrad.linalg.tensorinv(metagrad.eye(6).reshape(2, 3, 6), ind=2).shape
    metagrad.Size([6, 2, 3])
    """
    check("linalg.tensorinv", A, ndim=0)
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(rows) != math.prod(columns):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(columns)} != {math.prod(rows)}"
        )
    flat = A.reshape(math.prod(rows), math.prod(columns))
    return inv(flat).reshape(columns + rows)


@takes_out
def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None, *, out: Tensor | None = None) -> Tensor:
    """X with ``tensordot(A, X, X.ndim) = B``. dims: dimensions of A to be moved to its end first.

    A's first extents are those of B (as a product); the others, of the same product, become those of X. Raises
    RuntimeError unless the extents fit.

    >>> import metagrad
    >>> metagrad.linalg.tensorsolve(metagrad.eye(6).reshape(2, 3, 6), metagrad.ones(2, 3))
    tensor([1., 1., 1., 1., 1., 1.])
    """
    check("linalg.tensorsolve", A, B, ndim=0)
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(-len(dims), 0)))
    n, rest = B.array.size, tuple(A.shape[B.array.ndim :])
    if A.array.size != n * n or math.prod(rest) != n:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{math.prod(rest)} != {math.prod(A.shape[: B.array.ndim])}"
        )
    return solve(A.reshape(n, n), B.reshape(n)).reshape(rest)
