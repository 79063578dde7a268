"""Functions of a matrix that are sums of its powers, and long products of matrices."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.dtypes import cpp_name
from metagrad.base.typing import Array
from metagrad.base.warning import warn_once
from metagrad.ops.arguments import asks_for_tensors, takes_exact_out, takes_out
from metagrad.ops.linalg.matmul import matmul
from metagrad.ops.linalg.matrices import H, check_square, eye, not_square
from metagrad.ops.linalg.solving import inv
from metagrad.ops.operands import in_single
from metagrad.ops.pointwise.selection import where

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

# Coefficients of the polynomial p of degree 13 with eˣ ≈ p(x) / p(−x), and the norm up to which it is exact to rounding
# in float64 (Higham 2005, "The scaling and squaring method for the matrix exponential revisited").
_PADE = [math.comb(13, k) * math.factorial(26 - k) / math.factorial(26) for k in range(14)]
_EXACT_UP_TO = 5.371920351148152


class MatrixExp(Function):
    """Z = e^A = Σ Aᵏ / k!.   ∂L/∂A is the upper right block of exp [[Aᴴ, ∂L/∂Z], [0, Aᴴ]]   (Mathias 1996).

    A is halved until its norm is small, the exponential of that is approximated by a quotient of polynomials, whose odd
    and even parts share the powers of A², and the result is squared as often.
    """

    def forward(self, a: Array) -> Array:
        self.save(a)
        if not a.size:
            return a.copy()
        size = np.abs(a).sum(axis=-2).max(axis=-1)
        halvings = np.ceil(np.log2(np.maximum(np.where(np.isfinite(size), size, 1) / _EXACT_UP_TO, 1))).astype(np.int64)
        small = a / (2.0 ** halvings[..., None, None]).astype(a.real.dtype)
        one = eye(a.shape[-1], a)
        square = small @ small
        odd, even = _PADE[13] * one, _PADE[12] * one
        for k in range(10, -1, -2):
            odd, even = odd @ square + _PADE[k + 1] * one, even @ square + _PADE[k] * one
        odd = small @ odd
        z = np.linalg.solve(even - odd, even + odd)
        for i in range(int(halvings.max())):
            z = np.where((halvings > i)[..., None, None], z @ z, z)
        return z

    def backward(self, grad: Array) -> Array:
        (a,) = self.saved
        n, ah = a.shape[-1], H(a)
        above = np.concatenate((ah, grad), axis=-1)
        below = np.concatenate((np.zeros_like(ah), ah), axis=-1)
        return MatrixExp.on(np.concatenate((above, below), axis=-2))[..., :n, n:]


@asks_for_tensors
def matrix_exp(A: Tensor) -> Tensor:
    """The exponential e^A = Σ Aᵏ / k! of square matrices (*, n, n).

    Raises RuntimeError unless they are square.

    >>> import metagrad
    >>> metagrad.linalg.matrix_exp(metagrad.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return _matrix_exp(A)


@in_single
def _matrix_exp(A: Tensor) -> Tensor:
    check_square("linalg.matrix_exp", A)
    return MatrixExp.apply(A)


@takes_exact_out
def matrix_power(input: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """The product of n copies of square matrices (*, m, m): by squaring; of −n copies of the inverse if n < 0.

    Raises RuntimeError unless they are square, LinAlgError for n < 0 if one is singular.

    >>> import metagrad
    >>> metagrad.linalg.matrix_power(metagrad.tensor([[1.0, 1.0], [0.0, 1.0]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    shape = input.array.shape
    if len(shape) < 2:
        raise RuntimeError(
            f"linalg.matrix_power: The input tensor A must have at least 2 dimensions. Got {tuple(shape)}"
        )
    if shape[-1] != shape[-2]:
        raise not_square("linalg.matrix_power", input)
    n = operator.index(n)
    if n == 0:
        return where(wrap(np.zeros((), bool, like=input.array)), input, wrap(eye(shape[-1], input)))
    base, n = (inv(input), -n) if n < 0 else (input, n)
    result = None
    while True:
        if n % 2:
            result = base if result is None else matmul(result, base)
        n //= 2
        if not n:
            return result.clone() if result is input else result  # type: ignore[return-value]
        base = matmul(base, base)


@takes_exact_out
def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, in the order of multiplication that takes the fewest steps.

    All are matrices, but the first may be a vector, a row, and the last, a column. (Cormen et al., Introduction to
    Algorithms, 15.2: the cheapest way for each part of the chain, shorter parts first.) Raises RuntimeError for fewer
    than two, or if shapes or dtypes do not fit.

    >>> import metagrad
    >>> metagrad.linalg.multi_dot([metagrad.ones(2, 9), metagrad.ones(9, 3), metagrad.ones(3)])
    tensor([27., 27.])
    """
    if isinstance(tensors, Variable):
        raise TypeError("linalg_multi_dot(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    chain = list(tensors)
    if len(chain) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(chain)}")
    for which, x in (("the first", chain[0]), ("the last", chain[-1])):
        if x.array.ndim not in (1, 2):
            raise RuntimeError(f"multi_dot(): {which} tensor must be 1D or 2D but got {x.array.ndim}D")
    row, column = chain[0].array.ndim == 1, chain[-1].array.ndim == 1
    if row:
        chain[0] = chain[0].unsqueeze(0)
    if column:
        chain[-1] = chain[-1].unsqueeze(1)
    product = _in_cheapest_order("multi_dot()", chain)
    if row:
        product = product.squeeze(0)
    return product.squeeze(-1) if column else product


@takes_out
def chain_matmul(*matrices: Tensor, out: Tensor | None = None) -> Tensor:
    """The product of matrices in the cheapest order: ``multi_dot`` of the arguments; one alone is returned as it is.

    Raises RuntimeError for none, or if shapes or dtypes do not fit.

    >>> import metagrad
    >>> metagrad.chain_matmul(metagrad.ones(2, 9), metagrad.ones(9, 3), metagrad.ones(3, 1)).shape
    metagrad.Size([2, 1])
    """
    warn_once("metagrad.chain_matmul is deprecated in favor of metagrad.linalg.multi_dot, which takes a list")
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    return matrices[0] if len(matrices) == 1 else _in_cheapest_order("chain_matmul", list(matrices))


def _in_cheapest_order(name: str, chain: list[Tensor]) -> Tensor:
    shapes = [tuple(x.array.shape) for x in chain]
    for i, (x, s) in enumerate(zip(chain, shapes, strict=True)):
        if len(s) != 2:
            raise RuntimeError(f"{name}: tensor {i} must be 2D but got {len(s)}D")
        if x.dtype is not chain[0].dtype:
            kinds = " and tensor ".join(f"{j} {cpp_name(chain[j].dtype)}" for j in (0, i))
            raise RuntimeError(f"{name}: all tensors must have be the same dtype but tensor {kinds}")
        if i and shapes[i - 1][1] != s[0]:
            raise RuntimeError(
                f"{name}: tensors {i - 1} and {i} with shapes {list(shapes[i - 1])} and {list(s)} cannot be multiplied"
            )
    n = len(chain)
    cost, cut = np.zeros((n, n)), np.zeros((n, n), int)
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            ways = [cost[i, k] + cost[k + 1, j] + shapes[i][0] * shapes[k][1] * shapes[j][1] for k in range(i, j)]
            cut[i, j], cost[i, j] = i + int(np.argmin(ways)), min(ways)

    def product(i: int, j: int) -> Tensor:
        return chain[i] if i == j else matmul(product(i, int(cut[i, j])), product(int(cut[i, j]) + 1, j))

    return product(0, n - 1)
