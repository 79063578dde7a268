"""Random matrices: Wishart, over covariances; LKJCholesky, over factors of correlations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metagrad import linalg
from metagrad.base.dtypes import finfo
from metagrad.distributions import constraints
from metagrad.distributions.constraints import Constraint
from metagrad.distributions.distribution import Distribution, ExponentialFamily
from metagrad.distributions.gammas import Beta
from metagrad.distributions.implicit import standard_gamma
from metagrad.distributions.multivariate import WithCovariance, given_matrix, lower_factor, name_of_matrix
from metagrad.distributions.utils import broadcast_all
from metagrad.ops.create import ranges, sampling
from metagrad.ops.linalg import definite
from metagrad.ops.shape import broadcasting
from metagrad.ops.special import gamma as gamma_functions
from metagrad.tensors.tensor import Tensor


class Wishart(WithCovariance, ExponentialFamily):
    """Σ of ``df`` squares x xᵀ of normal vectors of covariance V = L Lᵀ, (p, p); ``df`` may be any number above p - 1.

    log p(X) = ½ (n - p - 1) log |X| - ½ tr(V⁻¹ X) - n (½ p log 2 + Σ log Lᵢᵢ) - log Γₚ(n / 2), n = df.
    Samples: Bartlett's decomposition, L A Aᵀ Lᵀ with chi variables on A's diagonal and normal ones below.

    Raises ValueError unless one matrix is given, and df is above p - 1.
    """

    has_rsample = True
    support = constraints.positive_definite

    def __init__(
        self,
        df: Tensor | float,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if given_matrix(covariance_matrix, precision_matrix, scale_tril).dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        lower = lower_factor(covariance_matrix, precision_matrix, scale_tril)
        self._given = name_of_matrix(covariance_matrix, precision_matrix)
        (own,) = broadcast_all(df)
        batch, p = broadcasting.broadcast_shapes(lower.shape[:-2], own.shape), lower.shape[-1]
        self.df, self._unbroadcasted_scale_tril = own.to(lower).expand(batch), lower
        if bool((self.df <= p - 1).any()):
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {p - 1}.")
        super().__init__(batch, (p, p), validate_args)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:  # type: ignore[override]
        """Those of the matrices, and of df, which depends on their size."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    @property
    def _printed(self) -> tuple[str, ...]:
        return self._given, "df"

    @property
    def _matrix_df(self) -> Tensor:
        return self.df[..., None, None]

    @property
    def mean(self) -> Tensor:
        return self._matrix_df * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self._event_shape[0] - 1
        return factor.masked_fill(factor <= 0, math.nan)[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._matrix_df * (v**2 + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _half_log_det(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def _steps(self) -> Tensor:
        """n / 2, (n - 1) / 2, …, (n - p + 1) / 2."""
        return (
            self.df.unsqueeze(-1) - ranges.arange(self._event_shape[0], dtype=self.df.dtype, device=self.df.device)
        ) / 2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        diagonal = (2 * standard_gamma(self._steps(), shape[:-1])).sqrt()
        factor = sampling.randn(shape, dtype=self.df.dtype, device=self.df.device).tril(-1) + diagonal.diag_embed()
        root = self.scale_tril @ factor
        return root @ root.mT

    def log_prob(self, value: Tensor) -> Tensor:
        value, n, p = self._checked(value), self.df, self._event_shape[0]
        trace = definite.cholesky_solve(value, self.scale_tril).diagonal(dim1=-2, dim2=-1).sum(-1)
        norm = n * (p * math.log(2) / 2 + self._half_log_det()) + gamma_functions.mvlgamma(n / 2, p)
        return (n - p - 1) / 2 * linalg.slogdet(value).logabsdet - trace / 2 - norm

    def entropy(self) -> Tensor:
        n, p = self.df, self._event_shape[0]
        return (
            (p + 1) * (p * math.log(2) / 2 + self._half_log_det()) + gamma_functions.mvlgamma(n / 2, p)
            - (n - p - 1) / 2 * gamma_functions.digamma(self._steps()).sum(-1) + n * p / 2
        )  # fmt: skip


class LKJCholesky(Distribution):
    """The Cholesky factor of a random correlation matrix, whose density is in proportion to its determinant^(concentration - 1).

    Samples: the onion method, row by row. Source: Lewandowski, Kurowicka and Joe 2009.

    Raises ValueError for a dim below 2.

    >>> L = LKJCholesky(3).sample()
    >>> bool(((L @ L.mT).diagonal() - 1).abs().max() < 1e-6)
    True
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Tensor | float = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        kind, device = self.concentration.dtype, self.concentration.device
        row = ranges.arange(self.dim, dtype=kind, device=device).clamp(min=1)  # the first has no length
        outer = self.concentration.detach().unsqueeze(-1) + 0.5 * (self.dim - 1 - row)
        length = Beta(0.5 * row, outer, validate_args=False).sample(sample_shape).unsqueeze(-1)
        direction = sampling.randn(shape, dtype=kind, device=device).tril(-1)
        norm = (direction**2).sum(-1, keepdim=True).sqrt()
        lower = length.sqrt() * direction / norm.masked_fill(norm == 0, 1)
        rest = (1 - (lower**2).sum(-1)).clamp(min=finfo(kind).tiny)
        return lower + rest.sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        diagonal, n = self._checked(value).diagonal(dim1=-2, dim2=-1)[..., 1:], self.dim - 1
        power = 2 * (self.concentration - 1).unsqueeze(-1) + ranges.arange(
            n - 1, -1, -1, dtype=value.dtype, device=value.device
        )
        alpha = self.concentration + 0.5 * n
        norm = (
            0.5 * n * math.log(math.pi) + gamma_functions.mvlgamma(alpha - 0.5, n) - gamma_functions.lgamma(alpha) * n
        )
        return (power * diagonal.log()).sum(-1) - norm
