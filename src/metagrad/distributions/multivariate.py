"""The normal distribution of a vector."""

from __future__ import annotations

import math
from typing import Any

from metagrad import functions, linalg
from metagrad.distributions.distribution import Distribution
from metagrad.tensor import Tensor


class MultivariateNormal(Distribution):
    """log p(x) = -½ |L⁻¹ (x - loc)|² - Σ log Lᵢᵢ - ½ d log 2π, where L Lᵀ is the covariance.

    One of ``covariance_matrix``, ``precision_matrix`` (its inverse) and ``scale_tril`` (L) is given.
    """

    has_rsample = True
    _shown: tuple[str, ...] = ("loc", "scale_tril")

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of covariance_matrix, precision_matrix and scale_tril")
        if loc.dim() < 1 or given[0].dim() < 2:
            raise ValueError("loc must be a vector and the matrix must have two dimensions, with batches before them")
        if scale_tril is not None:
            lower = scale_tril
        elif covariance_matrix is not None:
            lower = linalg.cholesky(covariance_matrix)
        else:
            lower = linalg.cholesky(linalg.inv(given[0]))
        batch = functions.broadcast_shapes(lower.shape[:-2], loc.shape[:-1])
        self.loc, self.scale_tril = loc.expand((*batch, -1)), lower.expand((*batch, -1, -1))
        super().__init__(batch, loc.shape[-1:], validate_args)

    @property
    def covariance_matrix(self) -> Tensor:
        """L Lᵀ."""
        return self.scale_tril @ self.scale_tril.mT

    @property
    def precision_matrix(self) -> Tensor:
        """The covariance's inverse."""
        return functions.cholesky_inverse(self.scale_tril)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return (self.scale_tril**2).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        noise = functions.randn(self._extended(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def _half_log_det(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        z = linalg.solve_triangular(self.scale_tril, (value - self.loc).unsqueeze(-1), upper=False).squeeze(-1)
        return -0.5 * (self.event_shape[0] * math.log(2 * math.pi) + (z**2).sum(-1)) - self._half_log_det()

    def entropy(self) -> Tensor:
        return 0.5 * self.event_shape[0] * (1 + math.log(2 * math.pi)) + self._half_log_det()
