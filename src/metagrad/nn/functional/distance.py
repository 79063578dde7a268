"""How near two vectors are: cosines and distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.base import dtypes
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.operands import promoted_in_single, result_type
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
    x1, x2 = broadcast_tensors(x1.to(kind), x2.to(kind))
    first: Tensor = vector_norm(x1, 2, dim, keepdim=True)
    second: Tensor = vector_norm(x2, 2, dim, keepdim=True)
    return (x1 / first.clamp_min(eps) * (x2 / second.clamp_min(eps))).sum(dim)


@promoted_in_single
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """‖x₁ − x₂ + ε‖ₚ along the last dimension.

    >>> import metagrad
    >>> metagrad.nn.functional.pairwise_distance(metagrad.tensor([[0.0, 0.0]]), metagrad.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    found: Tensor = vector_norm(x1 - x2 + eps, p, -1, keepdim)
    return found
