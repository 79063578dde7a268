"""Dropout as modules."""

from __future__ import annotations

from metagrad.nn import functional as F
from metagrad.nn.functional.dropouts import dropout
from metagrad.nn.modules.module import Module
from metagrad.tensors.tensor import Tensor

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    """What all kinds of dropout share: the probability ``p`` of a zero."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        """The settings, as they are printed."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """While training, zero each element with probability p and scale the rest by 1/(1 − p) (Srivastava et al. 2014).

    >>> import metagrad
    >>> from metagrad import nn
    >>> nn.Dropout(0.5).eval()(metagrad.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """The input with random zeros while training, itself otherwise."""
        return dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """While training, zero whole channels of (N, C, L) or (C, L)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with random changes while training, itself otherwise."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """While training, zero whole channels of (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with random changes while training, itself otherwise."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """While training, zero whole channels of (N, C, D, H, W) or (C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with random changes while training, itself otherwise."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """While training, dropout that keeps mean 0 and variance 1, for SELU (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with random changes while training, itself otherwise."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_DropoutNd):
    """While training, ``AlphaDropout`` of whole channels."""

    def forward(self, input: Tensor) -> Tensor:
        """The input with random changes while training, itself otherwise."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
