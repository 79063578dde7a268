"""Softmax and its relatives, with the habits of ``torch.nn.functional``: a dimension that may be left out, noise that chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.base.typing import DTypeLike
from metagrad.base.warning import warn
from metagrad.ops.create.like import empty_like
from metagrad.ops.operands import in_single
from metagrad.ops.reduce import softmax as op

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike = None) -> Tensor:
    """softmax(−x)."""
    return softmax(-input, _dim("softmin", dim, None, input), dtype=dtype)


def _dim(name: str, dim: int | None, axis: int | None, input: Tensor) -> int:
    """The dimension asked for; without one, PyTorch's old habit of choosing by the number of dimensions."""
    chosen = dim if axis is None else axis
    return implicit_dim(name, input.ndim) if chosen is None else chosen


def implicit_dim(name: str, ndim: int, stacklevel: int = 3) -> int:
    """The dimension by the number of dimensions. Warns."""
    warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.")
    return 0 if ndim in (0, 1, 3) else 1


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike = None, *, axis: int | None = None
) -> Tensor:
    """e^xᵢ / Σⱼ e^xⱼ along a dimension.

    >>> import metagrad
    >>> metagrad.nn.functional.softmax(metagrad.tensor([0.0, 1.0]), dim=0)
    tensor([0.2689, 0.7311])
    """
    return op.softmax(input, _dim("softmax", dim, axis, input), dtype=dtype)


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DTypeLike = None, *, axis: int | None = None
) -> Tensor:
    """xᵢ − ln Σⱼ e^xⱼ along a dimension.

    >>> import metagrad
    >>> metagrad.nn.functional.log_softmax(metagrad.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return op.log_softmax(input, _dim("log_softmax", dim, axis, input), dtype=dtype)


@in_single
def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of one-hot vectors, relaxed so that it has a gradient; ``hard`` rounds it, and keeps that gradient
    (Jang et al. 2017).

    >>> import metagrad
    >>> metagrad.nn.functional.gumbel_softmax(metagrad.zeros(3), hard=True).sum()
    tensor(1.)
    """
    if eps != 1e-10:
        warn("`eps` parameter is deprecated and has no effect.")
    noise = -empty_like(logits).exponential_().log()
    soft = op.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    best = soft.argmax(dim, keepdim=True)
    one_hot = soft.detach().new_zeros(tuple(soft.shape)).scatter(dim, best, 1.0)
    return one_hot - soft.detach() + soft
