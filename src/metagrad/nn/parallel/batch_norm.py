"""Batch norm over the batches of all ranks, of whatever sizes, in ordinary ops: two sums over the ranks.

With n values of a channel over all ranks:   μ = Σ x / n,   σ² = Σ (x − μ)² / n,   y = w (x − μ) / √(σ² + ε) + b

Sums over ranks are ops of the graph (``distributed/nn/functional.py``), so the backward pass follows, with a sum for each of these
two. σ² from the deviations rather than Σ x² / n − μ² loses no digits where the mean is large.
"""

from __future__ import annotations

from typing import Any

from metagrad.autograd.mode import no_grad
from metagrad.base import dtypes
from metagrad.distributed.nn.functional import all_reduce
from metagrad.ops.create.from_data import tensor
from metagrad.ops.shape.joining import cat
from metagrad.tensors.tensor import Tensor


def synchronized_batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    eps: float, momentum: float, group: Any = None,
) -> Tensor:  # fmt: skip
    """The input (N, C, …) normalized with the statistics of all ranks; running averages are updated in place.

    Halves are computed in float32. Raises ValueError if the ranks have no more than one value of each channel between them.
    """
    x = input.float() if input.dtype in (dtypes.float16, dtypes.bfloat16) else input
    channels = x.shape[1]
    rest = [0, *range(2, x.dim())]
    shape = [1, channels, *[1] * (x.dim() - 2)]
    own = tensor([float(x.numel() // channels)], dtype=x.dtype, device=x.device)
    total = all_reduce(cat([x.sum(rest), own]), group=group)
    n = float(total[-1].item())
    if n <= 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {tuple(input.shape)}")
    mean = total[:-1] / n
    deviation = x - mean.reshape(shape)
    variance = all_reduce((deviation * deviation).sum(rest), group=group) / n
    _follow(running_mean, mean, momentum)
    _follow(running_var, variance * (n / (n - 1)), momentum)
    y = deviation / (variance + eps).sqrt().reshape(shape)
    y = y if weight is None else y * weight.reshape(shape)
    y = y if bias is None else y + bias.reshape(shape)
    return y.to(input.dtype)


@no_grad()
def _follow(running: Tensor | None, new: Tensor, momentum: float) -> None:
    """running ← (1 − momentum) running + momentum · new."""
    if running is not None:
        running.mul_(1 - momentum).add_(new.detach().to(running.dtype), alpha=momentum)
