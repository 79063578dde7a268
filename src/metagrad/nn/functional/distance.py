"""How near two vectors are: cosines and distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.autograd.function import Function
from metagrad.base import dtypes
from metagrad.base.typing import Array
from metagrad.kernels import cosines, rows
from metagrad.ops.arguments import asks_for_tensors, dimension
from metagrad.ops.operands import promoted_in_single, result_type
from metagrad.ops.pointwise.selection import where
from metagrad.ops.reduce.distances import pdist as pdist
from metagrad.ops.reduce.norms import vector_norm
from metagrad.ops.shape.broadcasting import broadcast_tensors

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


@asks_for_tensors
@promoted_in_single
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x₁ · x₂ / (max(‖x₁‖, ε) max(‖x₂‖, ε)) along ``dim``; x₁ and x₂ broadcast. Raises RuntimeError for integers in both.

    >>> import metagrad
    >>> metagrad.cosine_similarity(metagrad.tensor([1.0, 0.0]), metagrad.tensor([1.0, 1.0]), dim=0)
    tensor(0.7071)
    """
    kind = result_type(x1, x2)
    if not kind.is_floating_point:
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {dtypes.scalar_name(kind)}: use .float()"
        )
    if eps < 0:
        raise RuntimeError(f"cosine_similarity: eps must be non-negative, got {eps}")
    x1, x2 = broadcast_tensors(x1.to(kind), x2.to(kind))
    a, b = x1.array, x2.array
    if dimension(dim, max(a.ndim, 1)) == a.ndim - 1 and rows.is_worth_rows(a) and rows.is_worth_rows(b):
        return Cosine.apply(x1, x2, eps=float(eps))
    return plain_cosine(x1, x2, eps, dim)


class Cosine(Function):
    """zᵢ = xᵢ · yᵢ / (max(‖xᵢ‖, ε) max(‖yᵢ‖, ε)) of rows (*, M);   ∂L/∂x = ∂L/∂z (y/‖y‖ − z x/‖x‖) / ‖x‖."""

    reference = staticmethod(lambda x, y, eps: plain_cosine(x, y, eps, -1))

    def forward(self, x: Array, y: Array, eps: float) -> Array:
        z, of_x, of_y = cosines.cosines(x.reshape(-1, x.shape[-1]), y.reshape(-1, x.shape[-1]), eps)
        self.eps, self.kept = eps, (z.copy(), of_x, of_y)  # the result may be written to
        self.save(x, y)
        return z.reshape(x.shape[:-1])

    def backward(self, grad: Array) -> tuple[Array | None, Array | None]:
        x, y = (v.reshape(-1, v.shape[-1]) for v in self.saved)
        z, of_x, of_y = self.kept
        g, shape, eps = grad.reshape(-1), self.saved[0].shape, self.eps
        grad_x = cosines.gradient(x, y, z, of_x, of_y, g, eps).reshape(shape) if self.needs[0] else None
        grad_y = cosines.gradient(y, x, z, of_y, of_x, g, eps).reshape(shape) if self.needs[1] else None
        return grad_x, grad_y


def plain_cosine(x1: Tensor, x2: Tensor, eps: float, dim: int) -> Tensor:
    """The same in ordinary ops."""
    first: Tensor = vector_norm(x1, 2, dim, keepdim=True)
    second: Tensor = vector_norm(x2, 2, dim, keepdim=True)
    first, second = (where(n < eps, n - n.detach() + eps, n) for n in (first, second))  # with the gradient of the norms
    return (x1 / first * (x2 / second)).sum(dim)


@promoted_in_single
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x₁ − x₂ + ε‖ₚ along the last dimension.

    >>> import metagrad
    >>> metagrad.nn.functional.pairwise_distance(metagrad.tensor([[0.0, 0.0]]), metagrad.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    found: Tensor = vector_norm(x1 - x2 + eps, p, -1, keepdim)
    return found
