"""Distributions made of gamma variables."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metagrad.distributions import constraints
from metagrad.distributions.distribution import Distribution, ExponentialFamily
from metagrad.distributions.implicit import standard_dirichlet, standard_gamma
from metagrad.distributions.utils import broadcast_all
from metagrad.ops.create import from_data, sampling
from metagrad.ops.index import embedding
from metagrad.ops.pointwise import exponential, selection
from metagrad.ops.shape import joining
from metagrad.ops.special import gamma as gamma_functions
from metagrad.ops.special import logarithms
from metagrad.tensors.tensor import Tensor


class _WithShapeAndRate(Distribution):
    """Distributions of a gamma variable with shape a, the concentration, and rate b."""

    has_rsample = True
    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}

    def __init__(self, concentration: Tensor | float, rate: Tensor | float, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.shape, (), validate_args)


class Gamma(_WithShapeAndRate, ExponentialFamily):
    """log p(x) = a log b + (a - 1) log x - b x - log Γ(a), a the concentration, b the rate.

    >>> Gamma(2.0, 4.0).mean, Gamma(2.0, 4.0).variance
    (tensor(0.5000), tensor(0.1250))
    """

    support = constraints.nonnegative

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return standard_gamma(self.concentration, self._extended_shape(sample_shape)) / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(from_data.as_tensor(value, dtype=self.rate.dtype))
        a, b = self.concentration, self.rate
        return logarithms.xlogy(a, b) + logarithms.xlogy(a - 1, value) - b * value - gamma_functions.lgamma(a)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + gamma_functions.lgamma(a) + (1 - a) * gamma_functions.digamma(a)

    def cdf(self, value: Tensor) -> Tensor:
        return gamma_functions.igamma(self.concentration, self.rate * self._checked(value))


class Chi2(Gamma):
    """The sum of the squares of ``df`` standard normal variables."""

    arg_constraints = {"df": constraints.positive}
    _shown = ("df",)
    _printed = ()

    def __init__(self, df: Tensor | float, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * broadcast_all(df)[0], 0.5, validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2


class Dirichlet(ExponentialFamily):
    """log p(x) = Σ (aᵢ - 1) log xᵢ + log Γ(Σ aᵢ) - Σ log Γ(aᵢ), for x that sum to one.

    Raises ValueError for a concentration without dimensions.

    >>> import metagrad
    >>> Dirichlet(metagrad.tensor([1.0, 2.0, 1.0])).mean
    tensor([0.2500, 0.5000, 0.2500])
    """

    has_rsample = True
    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    @property
    def mode(self) -> Tensor:
        less = (self.concentration - 1).clamp(min=0)
        at_corners = (self.concentration < 1).all(-1, keepdim=True)
        mode = less / less.sum(-1, keepdim=True).masked_fill(at_corners, 1)  # 0 / 0 where no point is the likeliest
        corner = embedding.one_hot(less.argmax(-1), self.concentration.shape[-1]).to(mode.dtype)
        return selection.where(at_corners, corner, mode)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return standard_dirichlet(self.concentration, self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        a, value = self.concentration, self._checked(value)
        return (
            logarithms.xlogy(a - 1, value).sum(-1)
            + gamma_functions.lgamma(a.sum(-1))
            - gamma_functions.lgamma(a).sum(-1)
        )

    def entropy(self) -> Tensor:
        a, k, total = self.concentration, self.concentration.shape[-1], self.concentration.sum(-1)
        return (
            gamma_functions.lgamma(a).sum(-1) - gamma_functions.lgamma(total)
            - (k - total) * gamma_functions.digamma(total) - ((a - 1) * gamma_functions.digamma(a)).sum(-1)
        )  # fmt: skip


class Beta(ExponentialFamily):
    """log p(x) = (a - 1) log x + (b - 1) log (1 - x) + log Γ(a + b) - log Γ(a) - log Γ(b).

    >>> import metagrad
    >>> Beta(2.0, 1.0).log_prob(metagrad.tensor(0.5)).exp()
    tensor(1.)
    """

    has_rsample = True
    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    _shown = ("concentration1", "concentration0")
    _printed = ()

    def __init__(
        self, concentration1: Tensor | float, concentration0: Tensor | float, validate_args: bool | None = None
    ) -> None:
        both = broadcast_all(concentration1, concentration0)
        self._dirichlet = Dirichlet(joining.stack(both, -1), False)
        super().__init__(both[0].shape, (), validate_args)

    @property
    def concentration1(self) -> Tensor:
        """a."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """b."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total**2 * (total + 1))

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._dirichlet.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value, self._dirichlet.concentration.dtype)
        return self._dirichlet.log_prob(joining.stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()


class StudentT(Distribution):
    """log p(x) = -½ (n + 1) log(1 + z²/n) - log scale - ½ log nπ - log Γ(n/2) + log Γ((n+1)/2), z = (x - loc) / scale.

    >>> StudentT(4.0).variance
    tensor(2.)
    """

    has_rsample = True
    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real

    def __init__(
        self,
        df: Tensor | float,
        loc: Tensor | float = 0.0,
        scale: Tensor | float = 1.0,
        validate_args: bool | None = None,
    ) -> None:
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def variance(self) -> Tensor:
        n = self.df
        enough = n.masked_fill(n <= 2, 3)  # so that no gradient comes from where the variance is not finite
        finite = self.scale**2 * enough / (enough - 2)
        return finite.masked_fill(n <= 2, math.inf).masked_fill(n <= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        normal = sampling.randn(shape, dtype=self.df.dtype, device=self.df.device)
        chi2 = 2 * standard_gamma(self.df / 2, shape)
        return self.loc + self.scale * normal * exponential.rsqrt(chi2 / self.df)

    def entropy(self) -> Tensor:
        n, lgamma, digamma = self.df, gamma_functions.lgamma, gamma_functions.digamma
        log_beta = lgamma(0.5 * n) + math.lgamma(0.5) - lgamma(0.5 * (n + 1))
        return self.scale.log() + 0.5 * (n + 1) * (digamma(0.5 * (n + 1)) - digamma(0.5 * n)) + 0.5 * n.log() + log_beta

    def log_prob(self, value: Tensor) -> Tensor:
        n, z = self.df, (self._checked(value) - self.loc) / self.scale
        norm = (
            self.scale.log()
            + 0.5 * n.log()
            + 0.5 * math.log(math.pi)
            + gamma_functions.lgamma(n / 2)
            - gamma_functions.lgamma((n + 1) / 2)
        )
        return -0.5 * (n + 1) * exponential.log1p(z**2 / n) - norm


class FisherSnedecor(Distribution):
    """The ratio of two gamma variables of mean 1: (χ²(df1) / df1) / (χ²(df2) / df2)."""

    has_rsample = True
    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive

    def __init__(self, df1: Tensor | float, df2: Tensor | float, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return (self.df2 / (self.df2 - 2)).masked_fill(self.df2 <= 2, math.nan)

    @property
    def mode(self) -> Tensor:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mode.masked_fill(self.df1 <= 2, math.nan)

    @property
    def variance(self) -> Tensor:
        m, n = self.df1, self.df2
        spread = 2 * n**2 * (m + n - 2) / (m * (n - 2) ** 2 * (n - 4))
        return spread.masked_fill(n <= 4, math.nan)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        above = 2 * standard_gamma(self.df1 / 2, shape) / self.df1
        return above / (2 * standard_gamma(self.df2 / 2, shape) / self.df2)

    def log_prob(self, value: Tensor) -> Tensor:
        value, a, b, lgamma = self._checked(value), self.df1 / 2, self.df2 / 2, gamma_functions.lgamma
        ratio = self.df1 / self.df2
        shape = lgamma(a + b) - lgamma(a) - lgamma(b)
        return shape + a * ratio.log() + (a - 1) * value.log() - (a + b) * exponential.log1p(ratio * value)
