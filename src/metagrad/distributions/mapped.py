"""Distributions that are simpler variables, mapped: Weibull, Pareto, Kumaraswamy, InverseGamma, GeneralizedPareto."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metagrad.distributions import constraints
from metagrad.distributions.combined import TransformedDistribution
from metagrad.distributions.constraints import Constraint
from metagrad.distributions.continuous import Exponential, Uniform
from metagrad.distributions.distribution import Distribution
from metagrad.distributions.gammas import Gamma
from metagrad.distributions.scalarmaps import AffineTransform, ExpTransform, PowerTransform
from metagrad.distributions.utils import broadcast_all, euler_constant
from metagrad.ops.create import like, sampling
from metagrad.ops.pointwise import comparison, exponential, selection
from metagrad.ops.special import gamma as gamma_functions
from metagrad.ops.special import logarithms
from metagrad.tensors.tensor import Tensor


class Weibull(TransformedDistribution):
    """scale · e^(1 / concentration), e exponential:   P(x) = 1 - exp(-(x / scale)^concentration).

    >>> import metagrad
    >>> Weibull(1.0, 1.0).log_prob(metagrad.tensor(2.0))  # that of Exponential(1)
    tensor(-2.)
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Tensor | float, concentration: Tensor | float, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = self.concentration.reciprocal()
        base = Exponential(like.ones_like(self.scale), validate_args=False)
        maps = [PowerTransform(self.concentration_reciprocal), AffineTransform(0.0, self.scale)]
        super().__init__(base, maps, validate_args)

    def _moment(self, k: int) -> Tensor:
        return gamma_functions.lgamma(1 + k / self.concentration).exp()

    @property
    def mean(self) -> Tensor:
        return self.scale * self._moment(1)

    @property
    def mode(self) -> Tensor:
        return self.scale * ((self.concentration - 1) / self.concentration) ** self.concentration.reciprocal()

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (self._moment(2) - self._moment(1) ** 2)

    def entropy(self) -> Tensor:
        a = self.concentration
        return euler_constant * (1 - a.reciprocal()) + exponential.log(self.scale / a) + 1


class Pareto(TransformedDistribution):
    """scale · e^(an exponential variable of rate alpha):   p(x) = alpha scale^alpha / x^(alpha + 1), x >= scale."""

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Tensor | float, alpha: Tensor | float, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        maps = [ExpTransform(), AffineTransform(0.0, self.scale)]
        super().__init__(Exponential(self.alpha, validate_args), maps, validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        """From ``scale`` on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        return (self.alpha * self.scale / (self.alpha - 1)).masked_fill(self.alpha <= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha
        return (self.scale**2 * a / ((a - 1) ** 2 * (a - 2))).masked_fill(a <= 2, math.inf)

    def entropy(self) -> Tensor:
        return exponential.log(self.scale / self.alpha) + (1 + self.alpha.reciprocal())


class Kumaraswamy(TransformedDistribution):
    """(1 - u^(1 / b))^(1 / a), u uniform:   P(x) = 1 - (1 - xᵃ)ᵇ. Much like Beta, with samples in closed form."""

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval

    def __init__(
        self, concentration1: Tensor | float, concentration0: Tensor | float, validate_args: bool | None = None
    ) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        zero = like.zeros_like(self.concentration0)
        base = Uniform(zero, zero + 1, validate_args=False)
        flip = AffineTransform(1.0, -1.0)
        maps = [PowerTransform(1 / self.concentration0), flip, PowerTransform(1 / self.concentration1)]
        super().__init__(base, maps, validate_args)

    def log_prob(self, value: Tensor) -> Tensor:
        a, b, x = self.concentration1, self.concentration0, self._checked(value)
        return a.log() + b.log() + (a - 1) * x.log() + (b - 1) * exponential.log1p(-(x**a))

    def _moment(self, k: int) -> Tensor:
        a, b, lgamma = self.concentration1, self.concentration0, gamma_functions.lgamma
        return b * (lgamma(1 + k / a) + lgamma(b) - lgamma(1 + k / a + b)).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        mode = ((a - 1) / (a * b - 1)) ** a.reciprocal()
        return mode.masked_fill((a < 1) | (b < 1), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = gamma_functions.digamma(b + 1) + euler_constant
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()


class InverseGamma(TransformedDistribution):
    """One over a gamma variable: log p(x) = a log b - (a + 1) log x - b / x - log Γ(a)."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    _shown = ("concentration", "rate")
    _printed = ()

    def __init__(self, concentration: Tensor | float, rate: Tensor | float, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args)
        super().__init__(base, PowerTransform(-base.rate.new_ones(())), validate_args)

    @property
    def concentration(self) -> Tensor:
        """a."""
        return self.base_dist.concentration  # type: ignore[attr-defined]

    @property
    def rate(self) -> Tensor:
        """b."""
        return self.base_dist.rate  # type: ignore[attr-defined]

    @property
    def mean(self) -> Tensor:
        return (self.rate / (self.concentration - 1)).masked_fill(self.concentration <= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return (self.rate**2 / ((a - 1) ** 2 * (a - 2))).masked_fill(a <= 2, math.inf)

    def log_prob(self, value: Tensor) -> Tensor:
        a, b, value = self.concentration, self.rate, self._checked(value)
        return logarithms.xlogy(a, b) - (a + 1) * value.log() - b / value - gamma_functions.lgamma(a)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + gamma_functions.lgamma(a) - (1 + a) * gamma_functions.digamma(a)


class GeneralizedPareto(Distribution):
    """What exceeds a threshold: P(x) = 1 - (1 + k z)^(-1 / k), z = (x - loc) / scale, k = ``concentration``; 1 - e⁻ᶻ for k = 0."""

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}

    def __init__(
        self,
        loc: Tensor | float,
        scale: Tensor | float,
        concentration: Tensor | float,
        validate_args: bool | None = None,
    ) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, (), validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        """From ``loc`` on; for a negative concentration as far as loc - scale / k."""
        end = self.loc - self.scale / self.concentration
        return constraints.interval(self.loc, end.masked_fill(self.concentration >= 0, math.inf))

    def _shape(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is 0, and the concentration with a harmless value there."""
        zero = comparison.isclose(self.concentration, like.zeros_like(self.concentration))
        return zero, self.concentration.masked_fill(zero, 1.0)

    def _log_survival(self, value: Tensor) -> Tensor:
        z, (zero, k) = (self._checked(value) - self.loc) / self.scale, self._shape()
        return selection.where(zero, -z, -exponential.log1p(k * z) / k)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(
            sampling.rand(self._extended_shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        )

    def log_prob(self, value: Tensor) -> Tensor:
        zero, k = self._shape()
        survival = self._log_survival(value)
        return selection.where(zero, survival, (1 + k) * survival) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return -exponential.expm1(self._log_survival(value))

    def log_survival_function(self, value: Tensor) -> Tensor:
        """log (1 - cdf), without the digits that subtraction would lose."""
        return self._log_survival(value)

    def log_cdf(self, value: Tensor) -> Tensor:
        """The logarithm of ``cdf``."""
        return self.cdf(value).log()

    def icdf(self, value: Tensor) -> Tensor:
        zero, k = self._shape()
        rest = exponential.log1p(-value)
        return self.loc + self.scale * selection.where(zero, -rest, exponential.expm1(-k * rest) / k)

    @property
    def mean(self) -> Tensor:
        k = self.concentration
        return (self.loc + self.scale / (1 - k)).masked_fill(k >= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        k = self.concentration
        return (self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k))).masked_fill(k >= 0.5, math.nan)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
