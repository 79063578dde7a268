"""Losses that want one thing larger than another by a margin: rankings, embeddings, triplets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.node_names import known_as
from metagrad.autograd.variable import wrap
from metagrad.base.typing import Array
from metagrad.kernels.libraries import is_outside
from metagrad.nn.functional.distance import pairwise_distance
from metagrad.nn.functional.reduction import accepts_legacy_reduction, kept_as, known, reduced, weighted
from metagrad.nn.functional.smooth_activation import logsigmoid
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.dtype_checks import need_castable, need_long, refuse
from metagrad.ops.index.gathering import gather
from metagrad.ops.operands import need_one_dtype, need_tensors
from metagrad.ops.pointwise.selection import minimum, where

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "multi_margin_loss", "multilabel_margin_loss",
    "multilabel_soft_margin_loss", "soft_margin_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip


@asks_for_tensors
@accepts_legacy_reduction("size_average", "reduce", "reduction")
@known_as("SoftMarginLoss")
@guarding("input", "target")
def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """ln(1 + exp(−y x)), y being 1 or −1, in the input's dtype and shape.

    >>> import metagrad
    >>> soft_margin_loss(metagrad.tensor([0.0, 5.0]), metagrad.tensor([1.0, 1.0]), reduction="none")
    tensor([0.6931, 0.0067])
    """
    need_tensors("soft_margin_loss", input=input, target=target)
    products = input * target
    need_castable(products.dtype, input.dtype)
    return reduced(kept_as(-logsigmoid(products), input, input.dtype), reduction)


@accepts_legacy_reduction("size_average", "reduce", "reduction")
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, *, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    """max(0, −y (x₁ − x₂) + margin): y is 1 where x₁ should be the larger, −1 where x₂ should.

    Raises RuntimeError for different numbers of dimensions.

    >>> import metagrad
    >>> x1, x2 = metagrad.tensor([2.0, 2.0]), metagrad.tensor([0.0, 1.5])
    >>> margin_ranking_loss(x1, x2, metagrad.ones(2), margin=1.0, reduction="none")
    tensor([0.0000, 0.5000])
    """
    if not input1.array.ndim == input2.array.ndim == target.array.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    loss = (-target * (input1 - input2) + float(margin)).clamp_min(0)
    return reduced(loss, reduction)


@asks_for_tensors
@accepts_legacy_reduction("size_average", "reduce", "reduction")
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean") -> Tensor:
    """x where y is 1, max(0, margin − x) where y is −1: for distances x of what is alike, or not.

    >>> import metagrad
    >>> hinge_embedding_loss(metagrad.tensor([0.2, 0.2]), metagrad.tensor([1.0, -1.0]), reduction="none")
    tensor([0.2000, 0.8000])
    """
    zero = input.new_zeros(())
    over = margin - input if input.array.dtype.kind in "fVc" else input.new_tensor(int(margin)) - input
    apart = where(target == 1, zero, over.clamp_min(0))
    loss = apart + where(target == -1, zero, input)
    return reduced(loss, reduction)


@asks_for_tensors
@accepts_legacy_reduction("size_average", "reduce", "reduction")
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, *, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    """1 − cos(x₁, x₂) where y is 1, max(0, cos(x₁, x₂) − margin) where y is −1; x (N, D), y (N), or x (D), y ().

    Raises RuntimeError for other shapes.

    >>> import metagrad
    >>> x1, x2 = metagrad.tensor([[1.0, 0.0]]), metagrad.tensor([[0.0, 1.0]])
    >>> cosine_embedding_loss(x1, x2, metagrad.tensor([1.0]))
    tensor(1.)
    """
    ndim = target.array.ndim
    if ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not input1.array.ndim == input2.array.ndim == ndim + 1:
        raise RuntimeError(
            f"{ndim}D target tensor expects {ndim + 1}D input tensors, but found inputs with sizes {list(input1.shape)} and "
            f"{list(input2.shape)}."
        )
    epsilon = 1e-12
    products = (input1 * input2).sum(-1)
    cosine = products / ((input1.square().sum(-1) + epsilon) * (input2.square().sum(-1) + epsilon)).sqrt()
    loss = where(target == 1, 1 - cosine, 0.0) + where(target == -1, (cosine - margin).clamp_min(0), 0.0)
    return reduced(loss, reduction)


@asks_for_tensors
@accepts_legacy_reduction("size_average", "reduce", "reduction")
@known_as("MultiMarginLoss")
@guarding("input", "target")
def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    """Σᵢ max(0, margin − x_y + xᵢ)ᵖ / C over the classes i ≠ y; input (N, C) or (C), target (N) or (), weight (C).

    Raises ValueError for another p than 1 or 2, and RuntimeError for targets that do not fit.

    >>> import metagrad
    >>> multi_margin_loss(metagrad.tensor([[0.5, 1.0, 0.0]]), metagrad.tensor([1]))
    tensor(0.1667)
    """
    known(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.array.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    need_one_dtype("multi_margin_loss", input, weight)
    rows = input if input.array.ndim == 2 else input.reshape(1, -1)
    classes = target.reshape(-1)
    refuse("multi_margin_loss_cpu_kernel", input, "biue")
    _need_rows(input)
    if target.array.ndim > 1 or classes.array.size != rows.array.shape[0]:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected "
            f"target size [{rows.array.shape[0]}], but got {list(target.shape)}. Input has shape {list(input.shape)}."
        )
    count = rows.array.shape[1]
    if weight is not None and weight.array.size != count:
        raise RuntimeError(f"inconsistent weight size, expected {count} but got {list(weight.shape)}")
    need_long("multi_margin_loss", "target", target)
    if is_outside(classes.array, 0, count):
        raise RuntimeError(f"multi_margin_loss: target out of range: there are {count} classes")
    index = classes.unsqueeze(1)
    own = gather(rows, 1, index)
    over = margin - own + rows
    over = where(over > 0, over, 0.0)  # so nan counts for nothing, as in PyTorch
    over = over if p == 1 else over.square()
    over = over if weight is None else over * gather(weight.unsqueeze(0).expand(tuple(rows.shape)), 1, index)
    others = wrap(np.arange(count, like=rows.array)[None, :] != index.array)
    loss = where(others, over, 0.0).sum(1) / count
    return reduced(loss if reduction != "none" else loss.reshape(tuple(target.shape)), reduction)


def _need_rows(input: Tensor) -> None:
    """Raise RuntimeError unless these are scores of classes, (N, C) or (C); there may be no rows."""
    if input.array.ndim > 2 or (input.array.ndim and not input.array.shape[-1]):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )


@asks_for_tensors
@accepts_legacy_reduction("size_average", "reduce", "reduction")
@known_as("MultilabelMarginLoss")
@guarding("input", "target")
def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Σ max(0, 1 − (x_j − xᵢ)) / C over the classes j of the target and those i that are not in it.

    input (N, C) or (C); target of the same shape: classes, up to the first −1. Raises RuntimeError for targets that do
    not fit.
    """
    known(reduction)
    _need_rows(input)
    if tuple(input.shape) != tuple(target.shape):
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    refuse("multilabel_margin_loss_forward_out_frame", input, "biue")
    need_long("multilabel_margin_loss", "target", target)
    rows = input if input.array.ndim == 2 else input.reshape(1, -1)
    named = target.array.reshape(rows.array.shape)
    count = rows.array.shape[1]
    wanted = np.cumprod(named >= 0, axis=1).astype(bool)
    if is_outside(named, -1, count):
        raise RuntimeError(f"argument #2 'target' is out of range: there are {count} classes, got {named.max()}")
    own = np.zeros((*named.shape, count), bool, like=named)
    np.put_along_axis(own, np.where(wanted, named, 0)[..., None], wanted[..., None], -1)
    others: Array = ~own.any(1)
    apart = 1 - gather(rows, 1, wrap(np.where(wanted, named, 0))).unsqueeze(2) + rows.unsqueeze(1)
    counted = wrap(wanted[:, :, None] & others[:, None, :])
    loss = where(counted & (apart > 0), apart, 0.0).sum((1, 2)) / count
    return reduced(loss if input.array.ndim == 2 or reduction != "none" else loss.reshape(()), reduction)


@asks_for_tensors
@accepts_legacy_reduction("size_average", "reduce", "reduction")
def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:  # fmt: skip
    """The mean over classes of −y ln σ(x) − (1 − y) ln σ(−x)."""
    if not input.array.ndim:
        raise IndexError("multilabel_soft_margin_loss: expected (N, C) or (C), but the input has no dimensions")
    loss = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    dim = input.array.ndim - 1  # the input's last, also if the target has more of them
    return reduced(weighted(loss, weight).sum(dim) / input.array.shape[-1], reduction)


@asks_for_tensors
@accepts_legacy_reduction("size_average", "reduce", "reduction")
def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, *, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(a, p) − d(a, n) + margin), d the p-norm of the difference, all (N, D) or (D) (Balntas et al. 2016).

    swap: d(p, n) instead of d(a, n) where it is smaller.

    Raises ValueError unless the margin is positive.

    >>> import metagrad
    >>> a, p, n = metagrad.tensor([[0.0]]), metagrad.tensor([[1.0]]), metagrad.tensor([[1.5]])
    >>> triplet_margin_loss(a, p, n)
    tensor(0.5000)
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return _triplets(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0, swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """``triplet_margin_loss`` with a distance of one's own, ``pairwise_distance`` if None.

    Raises ValueError unless the margin is positive.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return _triplets(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def _triplets(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if not anchor.array.ndim == positive.array.ndim == negative.array.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.array.ndim}D, positive {positive.array.ndim}D, and negative {negative.array.ndim}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)
