"""Products of matrices. In the formulas z is the result, Aᵀ swaps the last two dimensions, L is the loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import Variable
from metagrad.base.dtypes import scalar_name
from metagrad.base.typing import Array
from metagrad.kernels.copying import reshaped
from metagrad.kernels.matmul import product, transposed
from metagrad.ops.arguments import takes_exact_out, takes_out
from metagrad.ops.dtype_checks import BOOL, refuse
from metagrad.ops.linalg.misfits import misshapen, unlike, unmultipliable
from metagrad.ops.operands import NotAnOperand, in_single, need_one_dtype
from metagrad.ops.pointwise.arithmetic import add, conj, mul

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["bmm", "dot", "ger", "matmul", "mm", "mv", "outer"]


class Matmul(Function):
    """Z = X Y,   ∂L/∂X = ∂L/∂Z Yᵀ,   ∂L/∂Y = Xᵀ ∂L/∂Z. Leading dimensions are batches, and broadcast."""

    def forward(self, x: Array, y: Array) -> Array:
        self.save(x if self.needs[1] else None, y if self.needs[0] else None)
        return product(x, y)

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, y = self.saved
        grad_x = grad_y = None
        if self.needs[0]:
            grad_x = product(grad, y.conj().swapaxes(-1, -2))
        if self.needs[1]:
            grad_y = product(x.conj().swapaxes(-1, -2), grad)
        return grad_x, grad_y


class Linear(Function):
    """Z = X Wᵀ + b,   ∂L/∂X = ∂L/∂Z W,   ∂L/∂W = (∂L/∂Z)ᵀ X,   ∂L/∂b = Σ ∂L/∂Z.

    X (*, in), W (out, in), b (out) or None, Z (*, out). All leading dimensions are rows of one matrix.
    """

    def forward(self, x: Array, w: Array, b: Array | None) -> Array:
        self.save(x if self.needs[1] else None, w if self.needs[0] else None)
        self.shape_in = x.shape
        z = product(reshaped(x, _rows(x)) if x.ndim > 2 else x, w.T, b)
        return z.reshape(*x.shape[:-1], w.shape[0]) if x.ndim > 2 else z

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        x, w = self.saved
        grad_x = grad_w = grad_b = None
        rows = reshaped(grad, _rows(grad))
        if self.needs[0]:
            grad_x = product(rows, conj(w)).reshape(self.shape_in)
        if self.needs[1]:
            grad_w = product(transposed(rows), reshaped(conj(x), _rows(x)))
        if self.needs[2]:
            grad_b = rows.sum(axis=0)
        return grad_x, grad_w, grad_b


@takes_exact_out
def matmul(input: Tensor, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Matrix product ``input @ other``.

    (n) with (n): the inner product. (n, k) with (k, m): the product (n, m). With more dimensions, the leading ones are
    batches and broadcast: (*, n, k) with (*, k, m). A vector on one side is a row or a column. Raises RuntimeError
    unless the dtypes are the same and the extents fit.

    >>> import metagrad
    >>> metagrad.matmul(metagrad.tensor([[1.0, 2.0]]), metagrad.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    if not isinstance(other, Variable) or not isinstance(input, Variable):
        kind = type(other if isinstance(input, Variable) else input).__name__
        raise NotAnOperand(f"matmul(): argument 'other' (position 2) must be Tensor, not {kind}")
    a, b = input.array, other.array
    if a.ndim == b.ndim == 2 and a.dtype is b.dtype is not BOOL and a.shape[1] == b.shape[0]:
        return Matmul.apply(input, other)
    x: Tensor = input
    y: Any = other
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    inner = a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0]
    if inner[0] != inner[1] and (a.ndim > 1 or a.dtype == b.dtype):
        raise unmultipliable(a.shape, b.shape)
    need_one_dtype("matmul", x, y)
    if a.size and b.size:  # of nothing there is a product in every dtype
        refuse("dot" if a.ndim == b.ndim == 1 else "addmm_impl_cpu_", x, "b")
    row, column = a.ndim == 1, b.ndim == 1
    if row:
        x = x.unsqueeze(0)
    if column:
        y = y.unsqueeze(1)
    if x.array.ndim > 2 and y.array.ndim == 2:
        z = Linear.apply(x, y.t(), None)  # the batch as rows of one matrix
    else:
        z = Matmul.apply(x, y)
    if row:
        z = named(z.squeeze(-2), "Squeeze")
    return named(z.squeeze(-1), "Dot" if row else "Mv" if a.ndim == 2 else "UnsafeView") if column else z


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
    """The affine map ``input @ weightᵀ + bias``.

    input (*, in), weight (out, in) or (in), bias (out) or (): result (*, out) or (*). Raises RuntimeError unless the
    dtypes are the same and the extents fit.

    >>> import metagrad
    >>> metagrad.nn.functional.linear(metagrad.tensor([1.0, 2.0]), metagrad.tensor([[3.0, 4.0]]), metagrad.tensor([1.0]))
    tensor([12.])
    """
    if out is not None:  # looked at here, for each layer calls this function
        return takes_exact_out(linear)(input, weight, bias, out=out)
    need_one_dtype("linear", input, weight, bias)
    if input.array.dtype.char in "e?":
        refuse("linear", input, "b")
        return in_single(linear)(input, weight, bias)
    if weight.array.ndim < 2 or (bias is not None and bias.array.ndim == 2):  # which is broadcast
        z = matmul(input, weight.t())
        return z if bias is None else add(z, bias)
    if input.array.ndim == 0 or input.array.shape[-1] != weight.array.shape[1]:
        raise unmultipliable(input.array.shape, weight.array.T.shape)
    if bias is not None and tuple(bias.shape) not in ((weight.array.shape[0],), ()):
        raise RuntimeError(f"linear: bias must have shape ({weight.array.shape[0]},), got {tuple(bias.shape)}")
    return Linear.apply(input, weight, bias)


@takes_exact_out
def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Product of two matrices, (n, k) with (k, m); no broadcasting.

    Raises RuntimeError for anything else.

    >>> import metagrad
    >>> metagrad.mm(metagrad.tensor([[1, 2], [3, 4]]), metagrad.tensor([[1, 0], [0, 10]]))
    tensor([[ 1, 20],
            [ 3, 40]])
    """
    if input.array.ndim != 2 or mat2.array.ndim != 2:
        raise misshapen("{} must be a matrix, got {}-D tensor", 2, mat1=input, mat2=mat2)
    return matmul(input, mat2)


@takes_exact_out
def mv(input: Tensor, vec: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Product of a matrix (n, m) and a vector (m), which is (n); raises RuntimeError for anything else.

    >>> import metagrad
    >>> metagrad.mv(metagrad.tensor([[1, 2], [3, 4]]), metagrad.tensor([1, 10]))
    tensor([21, 43])
    """
    if input.array.ndim != 2 or vec.array.ndim != 1:
        n = vec.array.ndim
        raise RuntimeError(f"vector + matrix @ vector expected, got {n}, {input.array.ndim}, {n}")
    return matmul(input, vec)


@takes_exact_out
def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner product of two vectors of one length.

    Σ xᵢ yᵢ, not conjugated. Raises RuntimeError for anything else.

    >>> import metagrad
    >>> metagrad.dot(metagrad.tensor([1, 2]), metagrad.tensor([3, 4]))
    tensor(11)
    """
    if input.array.ndim != 1 or tensor.array.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.array.ndim}D and {tensor.array.ndim}D tensors")
    if input.dtype is not tensor.dtype:
        found = " and ".join(map(scalar_name, (input.dtype, tensor.dtype)))
        raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {found}")
    return matmul(input, tensor)


@takes_exact_out
def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of two batches of matrices, (b, n, k) with (b, k, m).

    The result is (b, n, m). Raises RuntimeError for anything else.

    >>> import metagrad
    >>> metagrad.bmm(metagrad.ones(5, 2, 3), metagrad.ones(5, 3, 4)).shape
    metagrad.Size([5, 2, 4])
    """
    if input.array.ndim != 3 or mat2.array.ndim != 3 or input.array.shape[0] != mat2.array.shape[0]:
        raise unlike(input.array.shape, mat2.array.shape)
    return named(matmul(input, mat2), "Bmm")


@takes_out
def outer(input: Tensor, vec2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Outer product of two vectors: z[i, j] = input[i] · vec2[j].

    (n) and (m) make (n, m). Raises RuntimeError for anything else.

    >>> import metagrad
    >>> metagrad.outer(metagrad.tensor([1, 2]), metagrad.tensor([1, 10]))
    tensor([[ 1, 10],
            [ 2, 20]])
    """
    if input.array.ndim != 1 or vec2.array.ndim != 1:
        raise misshapen("outer: Expected 1-D argument {}, but got {}-D", 1, self=input, vec2=vec2)
    return mul(input.unsqueeze(1), vec2)


ger = outer


def _rows(x: Array) -> tuple[int, int]:
    """The shape of x with its leading dimensions joined: a matrix. (−1 cannot be worked out where x is empty.)"""
    return math.prod(tuple(x.shape)[:-1]), x.shape[-1]
