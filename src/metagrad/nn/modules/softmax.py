"""Softmax and its kind: positive numbers that sum to 1 along a dimension, and their logarithms."""

from __future__ import annotations

from metagrad.nn import functional as F
from metagrad.nn.modules.activation import Elementwise
from metagrad.nn.modules.module import Module
from metagrad.tensors.tensor import Tensor

__all__ = ["LogSoftmax", "Softmax", "Softmax2d", "Softmin"]


class _AlongDim(Elementwise):
    """What is computed along one dimension; ``axis`` is another name for it."""

    _settings = ("dim",)

    def __init__(self, dim: int | None = None, *, axis: int | None = None) -> None:
        super().__init__()
        self.dim = dim if axis is None else axis


class Softmax(_AlongDim):
    """e^xᵢ / Σⱼ e^xⱼ along ``dim``.

    >>> import metagrad
    >>> metagrad.nn.Softmax(dim=-1)(metagrad.zeros(1, 4))
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Probabilities."""
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """xᵢ − ln Σⱼ e^xⱼ along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """Log-probabilities."""
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """softmax(−x) along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """Probabilities, the largest for the smallest."""
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """Probabilities of the channels at every position.

        Raises ValueError unless the input is (N, C, H, W) or (C, H, W).
        """
        if input.array.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.array.ndim}D instead")
        return F.softmax(input, -3)
