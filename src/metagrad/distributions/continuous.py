"""Distributions of one real number whose samples are simple functions of uniform or normal ones."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metagrad.base.dtypes import finfo
from metagrad.distributions import constraints
from metagrad.distributions.combined import TransformedDistribution
from metagrad.distributions.constraints import Constraint
from metagrad.distributions.distribution import Distribution, ExponentialFamily
from metagrad.distributions.scalarmaps import AbsTransform, AffineTransform, ExpTransform
from metagrad.distributions.utils import broadcast_all, euler_constant
from metagrad.ops.create import creation, like, sampling
from metagrad.ops.pointwise import exponential, trigonometric
from metagrad.ops.special import erf as error_functions
from metagrad.tensors.tensor import Tensor


class LocationScale(Distribution):
    """loc + scale · (a standard variable): its density is that of the standard one at (x - loc) / scale, by scale."""

    has_rsample = True
    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, (), validate_args)

    def _standard(self, shape: Sequence[int]) -> Tensor:
        raise NotImplementedError

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.loc + self.scale * self._standard(self._extended_shape(sample_shape)).to(self.loc.dtype)

    def _z(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return (value - self.loc) / self.scale


class Normal(LocationScale, ExponentialFamily):
    """log p(x) = -½ ((x - loc) / scale)² - log scale - ½ log 2π.

    >>> import metagrad
    >>> Normal(0.0, 1.0).log_prob(metagrad.tensor(0.0))
    tensor(-0.9189)
    """

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale**2

    def _standard(self, shape: Sequence[int]) -> Tensor:
        return sampling.randn(shape, device=self.loc.device)

    def log_prob(self, value: Tensor) -> Tensor:
        return -(self._z(value) ** 2) / 2 - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def cdf(self, value: Tensor) -> Tensor:
        return 0.5 * (1 + error_functions.erf(self._z(value) / math.sqrt(2)))

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * error_functions.erfinv(2 * value - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()


class Laplace(LocationScale):
    """log p(x) = -|x - loc| / scale - log 2 scale.

    >>> import metagrad
    >>> Laplace(0.0, 1.0).log_prob(metagrad.tensor([0.0, 1.0]))
    tensor([-0.6931, -1.6931])
    """

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale**2

    def _standard(self, shape: Sequence[int]) -> Tensor:
        u = sampling.rand(shape, dtype=self.loc.dtype, device=self.loc.device) - 0.5
        return -u.sign() * exponential.log1p(-2 * u.abs())

    def log_prob(self, value: Tensor) -> Tensor:
        return -exponential.log(2 * self.scale) - self._z(value).abs()

    def cdf(self, value: Tensor) -> Tensor:
        z = self._z(value)
        return 0.5 - 0.5 * z.sign() * exponential.expm1(-z.abs())

    def icdf(self, value: Tensor) -> Tensor:
        u = value - 0.5
        return self.loc - self.scale * u.sign() * exponential.log1p(-2 * u.abs())

    def entropy(self) -> Tensor:
        return 1 + exponential.log(2 * self.scale)


class Cauchy(LocationScale):
    """log p(x) = -log π scale (1 + ((x - loc) / scale)²). It has neither mean nor variance."""

    @property
    def mean(self) -> Tensor:
        return like.full_like(self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        return like.full_like(self.loc, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.loc

    def _standard(self, shape: Sequence[int]) -> Tensor:
        return creation.empty(shape, dtype=self.loc.dtype, device=self.loc.device).cauchy_()

    def log_prob(self, value: Tensor) -> Tensor:
        return -math.log(math.pi) - self.scale.log() - exponential.log1p(self._z(value) ** 2)

    def cdf(self, value: Tensor) -> Tensor:
        return trigonometric.atan(self._z(value)) / math.pi + 0.5

    def icdf(self, value: Tensor) -> Tensor:
        return trigonometric.tan(math.pi * (value - 0.5)) * self.scale + self.loc

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()


class Gumbel(TransformedDistribution):
    """-log(-log u), u uniform, moved and stretched: log p(x) = -z - e⁻ᶻ - log scale, z = (x - loc) / scale."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        info = finfo(self.loc.dtype)
        base = Uniform(like.full_like(self.loc, info.tiny), like.full_like(self.loc, 1 - info.eps), validate_args)
        log = ExpTransform().inv
        minus = AffineTransform(0.0, -like.ones_like(self.scale))
        super().__init__(base, [log, minus, log, AffineTransform(self.loc, -self.scale)], validate_args)

    def _z(self, value: Tensor) -> Tensor:
        return (self._checked(value) - self.loc) / self.scale

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev**2

    def log_prob(self, value: Tensor) -> Tensor:
        z = self._z(value)
        return -z - exponential.exp(-z) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        return exponential.exp(-exponential.exp(-self._z(value)))

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + euler_constant)


class LogNormal(TransformedDistribution):
    """e to a normal variable.

    >>> import metagrad
    >>> LogNormal(0.0, 1.0).log_prob(metagrad.tensor(1.0))
    tensor(-0.9189)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """The mean of the logarithm."""
        return self.base_dist.loc  # type: ignore[attr-defined]

    @property
    def scale(self) -> Tensor:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale  # type: ignore[attr-defined]

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        square = self.scale**2
        return exponential.expm1(square) * (2 * self.loc + square).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class Folded(TransformedDistribution):
    """Distributions of the absolute value of a variable around zero."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    _base: type[LocationScale]

    def __init__(self, scale: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(self._base(0.0, scale, False), AbsTransform(), validate_args)
        if self._validate_args:
            self._check_parameter("scale")

    @property
    def scale(self) -> Tensor:
        """The standard deviation before the sign is dropped."""
        return self.base_dist.scale  # type: ignore[attr-defined]

    @property
    def mode(self) -> Tensor:
        return like.zeros_like(self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        return (self.base_dist.log_prob(value) + math.log(2)).masked_fill(value < 0, -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        return 2 * self.base_dist.cdf(self._checked(value)) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(Folded):
    """The absolute value of a normal variable around zero."""

    _base = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)


class HalfCauchy(Folded):
    """The absolute value of a Cauchy variable around zero. It has neither mean nor variance."""

    _base = Cauchy

    @property
    def mean(self) -> Tensor:
        return like.full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance


class Uniform(Distribution):
    """p(x) = 1 / (high - low) in [low, high), and 0 elsewhere. Raises ValueError unless low is below high.

    >>> import metagrad
    >>> Uniform(0.0, 4.0).log_prob(metagrad.tensor(1.0)).exp()
    tensor(0.2500)
    """

    has_rsample = True

    def __init__(self, low: Tensor | float, high: Tensor | float, validate_args: bool | None = None) -> None:
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, (), validate_args)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:  # type: ignore[override]
        """Each parameter's constraint is the other one."""
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        """From low to high."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        return like.full_like(self.low, math.nan)  # all are as likely

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.low + sampling.rand(
            self._extended_shape(sample_shape), dtype=self.low.dtype, device=self.low.device
        ) * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        inside = (self.low <= value) & (self.high > value)
        return exponential.log(inside.to(self.low.dtype)) - exponential.log(self.high - self.low)

    def cdf(self, value: Tensor) -> Tensor:
        return ((self._checked(value) - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Tensor) -> Tensor:
        return value * (self.high - self.low) + self.low

    def entropy(self) -> Tensor:
        return exponential.log(self.high - self.low)


class Exponential(ExponentialFamily):
    """log p(x) = log rate - rate · x, for x >= 0.

    >>> import metagrad
    >>> Exponential(2.0).mean, Exponential(2.0).cdf(metagrad.tensor(1.0))
    (tensor(0.5000), tensor(0.8647))
    """

    has_rsample = True
    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative

    def __init__(self, rate: Tensor | float, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate.reciprocal()

    stddev = mean

    @property
    def mode(self) -> Tensor:
        return like.zeros_like(self.rate)

    @property
    def variance(self) -> Tensor:
        return self.rate**-2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return (
            creation.empty(
                self._extended_shape(sample_shape), dtype=self.rate.dtype, device=self.rate.device
            ).exponential_()
            / self.rate
        )

    def log_prob(self, value: Tensor) -> Tensor:
        return self.rate.log() - self.rate * self._checked(value)

    def cdf(self, value: Tensor) -> Tensor:
        return 1 - exponential.exp(-self.rate * self._checked(value))

    def icdf(self, value: Tensor) -> Tensor:
        return -exponential.log1p(-value) / self.rate

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()
