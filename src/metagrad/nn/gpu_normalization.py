"""Batch norm of images on a GPU as one op; ``nn/functional/normalization.py`` spells it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.autograd.function import Function
from metagrad.autograd.mode import no_grad
from metagrad.autograd.transforms import not_transforming
from metagrad.autograd.variable import wrap
from metagrad.base.typing import Array
from metagrad.kernels import gpu_rows

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


def _in_steps(x: Tensor, w: Tensor | None, b: Tensor | None, eps: float, moments: list[Array]) -> Tensor:
    axes, shape = (0, *range(2, x.ndim)), (-1,) + (1,) * (x.ndim - 2)
    d = x - x.mean(axes, keepdim=True)
    z = d * (d.square().mean(axes, keepdim=True) + eps).rsqrt()
    z = z if w is None else z * w.reshape(shape)
    return z if b is None else z + b.reshape(shape)


class BatchNorm(Function):
    """z = w (x − μ) r + b, μ and σ² those of each channel of x (N, C, *), r = (σ² + ε)^−½;   with g = w ∂L/∂z, y = (x − μ) r:

    ∂L/∂x = r (g − mean(g) − y mean(g y)),   ∂L/∂w = Σ y ∂L/∂z,   ∂L/∂b = Σ ∂L/∂z.
    """

    reference = staticmethod(_in_steps)

    def forward(self, x: Array, w: Array | None, b: Array | None, eps: float, moments: list[Array]) -> Array:
        """z; ``moments``, a list, is given μ and σ²."""
        z, mean, variance, r = gpu_rows.channel_norm(x, w, b, eps)
        self.save(x, w)
        self.kept = mean, r
        moments += [mean, variance]
        return z

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        """Gradients of x, w and b."""
        x, w = self.saved
        found = gpu_rows.channel_norm_backward(grad, x, *self.kept, w)
        return tuple([g if needed else None for g, needed in zip(found, self.needs, strict=True)])


def batch_norm(
    x: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None, bias: Tensor | None,
    momentum: float, eps: float, count: int,
) -> Tensor:  # fmt: skip
    """``BatchNorm``, which moves the running values by ``momentum``; count: the numbers of a channel."""
    moments: list[Array] = []
    y = BatchNorm.apply(x, weight, bias, eps=eps, moments=moments)
    with no_grad(), not_transforming():
        for running, value, scale in ((running_mean, moments[0], 1.0), (running_var, moments[1], count / (count - 1))):
            if running is not None:
                running.mul_(1 - momentum).add_(wrap(value), alpha=momentum * scale)
    return y
