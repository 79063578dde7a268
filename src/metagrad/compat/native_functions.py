"""``native_layer_norm`` and its kind: norms and dropout with what their gradients need beside the result."""

from __future__ import annotations

from collections.abc import Sequence

from metagrad.autograd.mode import no_grad
from metagrad.base.dtypes import bool_, float32
from metagrad.nn import functional as F
from metagrad.ops.create.like import full_like
from metagrad.tensors.tensor import Tensor

__all__ = ["native_batch_norm", "native_dropout", "native_group_norm", "native_layer_norm"]


def _moments(
    x: Tensor, dims: Sequence[int], eps: float, weight: Tensor | None = None, keepdim: bool = False
) -> tuple[Tensor, Tensor]:
    """μ and (σ² + ε)^−½ over some dimensions, computed in float32 for half precision, in the dtype of the weight."""
    wide = x.to(float32) if x.dtype.itemsize == 2 else x
    mean, variance = wide.mean(dims, keepdim), wide.var(dims, correction=0, keepdim=keepdim)
    kind = x.dtype if weight is None else weight.dtype
    return mean.to(kind), (variance + eps).rsqrt().to(kind)


def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``nn.functional.layer_norm``, and μ and (σ² + ε)^−½, which have no gradient.

    >>> import metagrad
    >>> native_layer_norm(metagrad.tensor([[1.0, 3.0]]), [2], None, None, 0.0)
    (tensor([[-1.,  1.]]), tensor([[2.]]), tensor([[1.]]))
    """
    y = F.layer_norm(input, normalized_shape, weight, bias, eps)
    with no_grad():
        return y, *_moments(input, range(-len(normalized_shape), 0), eps, weight, keepdim=True)


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """``nn.functional.group_norm`` of N images of C channels with HxW places, and μ and (σ² + ε)^−½ of shape (N, group).

    Raises RuntimeError for an input of another size.
    """
    if input.numel() != N * C * HxW:
        raise RuntimeError(
            f"native_group_norm: expected {N} x {C} x {HxW} numbers, got an input of shape {tuple(input.shape)}"
        )
    y = F.group_norm(input, group, weight, bias, eps)
    return y, *_moments(input.reshape(N, group, -1), (2,), eps, weight)


def native_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    training: bool, momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """``nn.functional.batch_norm``, and the batch's μ and (σ² + ε)^−½, which are empty when not training."""
    y = F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if not training:
        kind = input.dtype if weight is None else weight.dtype
        return y, input.new_empty(0, dtype=kind), input.new_empty(0, dtype=kind)
    with no_grad():
        return y, *_moments(input, (0, *range(2, input.ndim)), eps, weight)


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """``nn.functional.dropout``, and the mask of what was kept. Raises RuntimeError for a p outside [0, 1].

    >>> import metagrad
    >>> native_dropout(metagrad.ones(2), 1.0, True)
    (tensor([0., 0.]), tensor([False, False]))
    """
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p}")
    if train is False:
        return input.clone(), full_like(input, True, dtype=bool_)
    with no_grad():
        kept = F.dropout(full_like(input, 1.0), p)
    mask = kept != 0
    return input * mask * (1 / (1 - p) if p < 1 else 0.0), mask
