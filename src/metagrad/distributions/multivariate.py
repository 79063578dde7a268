"""The normal distribution of a vector."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metagrad import linalg
from metagrad.distributions import constraints
from metagrad.distributions.distribution import Distribution
from metagrad.ops.create import creation, sampling
from metagrad.ops.linalg import definite
from metagrad.ops.shape import broadcasting
from metagrad.tensors.tensor import Tensor


class WithCovariance(Distribution):
    """Distributions of a positive definite matrix L Lᵀ, of which L is kept."""

    _unbroadcasted_scale_tril: Tensor
    _given: str  # which of the matrices it was made from
    _without_batch = frozenset({"_unbroadcasted_scale_tril"})

    @property
    def scale_tril(self) -> Tensor:
        """L, (*batch, d, d): classes made from these may find it later, as ``_unbroadcasted_scale_tril``."""
        return self._unbroadcasted_scale_tril.expand((*self._batch_shape, -1, -1))

    @property
    def covariance_matrix(self) -> Tensor:
        """L Lᵀ."""
        return self.scale_tril @ self.scale_tril.mT

    @property
    def precision_matrix(self) -> Tensor:
        """The covariance's inverse."""
        return definite.cholesky_inverse(self.scale_tril)


def given_matrix(covariance: Tensor | None, precision: Tensor | None, factor: Tensor | None) -> Tensor:
    """The one of the three that is there. Raises ValueError if it is none, or several."""
    given = [m for m in (covariance, precision, factor) if m is not None]
    if len(given) != 1:
        raise ValueError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
    return given[0]


def name_of_matrix(covariance: Tensor | None, precision: Tensor | None) -> str:
    """Which of the three is there."""
    if covariance is not None:
        return "covariance_matrix"
    return "scale_tril" if precision is None else "precision_matrix"


def lower_factor(covariance: Tensor | None, precision: Tensor | None, factor: Tensor | None) -> Tensor:
    """L, from the one of the three that is there: L Lᵀ, its inverse, or L itself."""
    matrix = given_matrix(covariance, precision, factor)
    if covariance is not None:
        return linalg.cholesky(covariance)
    return matrix if precision is None else linalg.cholesky(linalg.inv(precision))


class MultivariateNormal(WithCovariance):
    """log p(x) = -½ |L⁻¹ (x - loc)|² - Σ log Lᵢᵢ - ½ d log 2π, where L Lᵀ is the covariance.

    One of ``covariance_matrix``, ``precision_matrix`` (its inverse) and ``scale_tril`` (L) is given. Raises ValueError
    for another number of matrices, shapes that do not fit, or a matrix that is not positive definite.

    >>> import metagrad
    >>> MultivariateNormal(metagrad.zeros(2), metagrad.eye(2)).log_prob(metagrad.zeros(2))
    tensor(-1.8379)
    """

    has_rsample = True
    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = given_matrix(covariance_matrix, precision_matrix, scale_tril)
        name = self._given = name_of_matrix(covariance_matrix, precision_matrix)
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        if given.dim() < 2:
            raise ValueError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        if self._validate_args if validate_args is None else validate_args:
            constraint = MultivariateNormal.arg_constraints[name]
            if not bool(constraint.check(given).all()):
                raise ValueError(
                    f"Expected parameter {name} (Tensor of shape {tuple(given.shape)}) of distribution MultivariateNormal "
                    f"to satisfy the constraint {constraint!r}, but found invalid values:\n{given}"
                )
        lower = lower_factor(covariance_matrix, precision_matrix, scale_tril)
        batch = broadcasting.broadcast_shapes(lower.shape[:-2], loc.shape[:-1])
        self.loc, self._unbroadcasted_scale_tril = loc.expand((*batch, -1)), lower
        super().__init__(batch, loc.shape[-1:], validate_args)

    @property
    def _printed(self) -> tuple[str, ...]:
        return "loc", self._given

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return (self.scale_tril**2).sum(-1)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = sampling.randn(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def _half_log_det(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        z = linalg.solve_triangular(self.scale_tril, (value - self.loc).unsqueeze(-1), upper=False).squeeze(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + (z**2).sum(-1)) - self._half_log_det()

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + self._half_log_det()


class LowRankMultivariateNormal(Distribution):
    """A normal vector of covariance W Wᵀ + diag(d): W, (n, r), with few columns, so that only r x r matrices are solved.

    Source: the Woodbury identity and the matrix determinant lemma.

    Raises ValueError for shapes that do not fit.
    """

    has_rsample = True
    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2] != n:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {n} x m")
        if tuple(cov_diag.shape[-1:]) != (n,):
            raise ValueError(f"cov_diag must be a batch of vectors with shape {loc.shape[-1:]}")
        batch = broadcasting.broadcast_shapes(loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        self.loc, self.cov_diag = loc.expand((*batch, n)), cov_diag.expand((*batch, n))
        self.cov_factor = cov_factor.expand((*batch, *cov_factor.shape[-2:]))
        super().__init__(batch, (n,), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    @property
    def covariance_matrix(self) -> Tensor:
        """W Wᵀ + diag(d)."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @property
    def scale_tril(self) -> Tensor:
        """The covariance's Cholesky factor."""
        return linalg.cholesky(self.covariance_matrix)

    @property
    def precision_matrix(self) -> Tensor:
        """The covariance's inverse."""
        return linalg.inv(self.covariance_matrix)

    def _capacitance(self) -> tuple[Tensor, Tensor]:
        """Wᵀ diag(1/d), (r, n), and the Cholesky factor of 1 + Wᵀ diag(1/d) W, (r, r)."""
        scaled = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        one = creation.eye(scaled.shape[-2], dtype=scaled.dtype, device=scaled.device)
        return scaled, linalg.cholesky(one + scaled @ self.cov_factor)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape, kind, device = self._extended_shape(sample_shape), self.loc.dtype, self.loc.device
        few = sampling.randn((*shape[:-1], self.cov_factor.shape[-1]), dtype=kind, device=device)
        own = sampling.randn(shape, dtype=kind, device=device)
        return self.loc + (self.cov_factor @ few.unsqueeze(-1)).squeeze(-1) + self.cov_diag.sqrt() * own

    def _half_log_det(self, lower: Tensor) -> Tensor:
        return lower.diagonal(dim1=-2, dim2=-1).log().sum(-1) + 0.5 * self.cov_diag.log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        apart, (scaled, lower) = self._checked(value) - self.loc, self._capacitance()
        within = linalg.solve_triangular(lower, scaled @ apart.unsqueeze(-1), upper=False).squeeze(-1)
        square = (apart**2 / self.cov_diag).sum(-1) - (within**2).sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + square) - self._half_log_det(lower)

    def entropy(self) -> Tensor:
        return 0.5 * self._event_shape[0] * (1 + math.log(2 * math.pi)) + self._half_log_det(self._capacitance()[1])
