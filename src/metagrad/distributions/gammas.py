"""Distributions made of gamma variables. They are drawn by NumPy, so samples have no gradient with respect to the shape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from metagrad import functions
from metagrad.distributions.distribution import Distribution, parameters, positive
from metagrad.random import numpy_generator
from metagrad.tensor import Tensor


def standard_gamma(concentration: Tensor, shape: Any) -> Tensor:
    """Gamma variables of rate 1, at least the least positive number, so that their logarithm is finite."""
    drawn = numpy_generator().standard_gamma(concentration.detach().cpu().numpy(), tuple(shape))
    kind = concentration.array.dtype
    return functions.tensor(np.maximum(drawn, np.finfo(kind).tiny).astype(kind), device=concentration.device)


class Gamma(Distribution):
    """log p(x) = a log b + (a - 1) log x - b x - log Γ(a), a the concentration, b the rate."""

    _shown: tuple[str, ...] = ("concentration", "rate")

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = parameters(concentration, rate)
        super().__init__(self.concentration.shape, (), validate_args)
        if self._validate_args:
            positive(type(self), concentration=self.concentration, rate=self.rate)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return standard_gamma(self.concentration, self._extended(sample_shape)) / self.rate.detach()

    def log_prob(self, value: Any) -> Tensor:
        value = functions.as_tensor(value, dtype=self.rate.dtype)
        a, b = self.concentration, self.rate
        return functions.xlogy(a, b) + functions.xlogy(a - 1, value) - b * value - functions.lgamma(a)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + functions.lgamma(a) + (1 - a) * functions.digamma(a)


class Chi2(Gamma):
    """The sum of the squares of ``df`` standard normal variables."""

    _shown: tuple[str, ...] = ("df",)

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * parameters(df)[0], 0.5, validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2


class Dirichlet(Distribution):
    """log p(x) = Σ (aᵢ - 1) log xᵢ + log Γ(Σ aᵢ) - Σ log Γ(aᵢ), for x that sum to one."""

    _shown: tuple[str, ...] = ("concentration",)

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("Dirichlet expects a concentration of one dimension at least, got a single number")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args)
        if self._validate_args:
            positive(type(self), concentration=concentration)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = standard_gamma(self.concentration, self._extended(sample_shape))
        return drawn / drawn.sum(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        a = self.concentration
        return functions.xlogy(a - 1, value).sum(-1) + functions.lgamma(a.sum(-1)) - functions.lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        a, k, total = self.concentration, self.concentration.shape[-1], self.concentration.sum(-1)
        return (
            functions.lgamma(a).sum(-1) - functions.lgamma(total)
            - (k - total) * functions.digamma(total) - ((a - 1) * functions.digamma(a)).sum(-1)
        )  # fmt: skip


class Beta(Distribution):
    """log p(x) = (a - 1) log x + (b - 1) log (1 - x) + log Γ(a + b) - log Γ(a) - log Γ(b)."""

    _shown: tuple[str, ...] = ("concentration1", "concentration0")

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        both = parameters(concentration1, concentration0)
        super().__init__(both[0].shape, (), validate_args)
        self._dirichlet = Dirichlet(functions.stack(both, -1), validate_args)

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

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._dirichlet.sample(sample_shape)[..., 0]

    def log_prob(self, value: Any) -> Tensor:
        value = functions.as_tensor(value, dtype=self._dirichlet.concentration.dtype)
        return self._dirichlet.log_prob(functions.stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()


class StudentT(Distribution):
    """log p(x) = -½ (n + 1) log(1 + z²/n) - log scale - ½ log nπ - log Γ(n/2) + log Γ((n+1)/2), z = (x - loc) / scale."""

    _shown: tuple[str, ...] = ("df", "loc", "scale")

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self.df, self.loc, self.scale = parameters(df, loc, scale)
        super().__init__(self.df.shape, (), validate_args)
        if self._validate_args:
            positive(type(self), df=self.df, scale=self.scale)

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def variance(self) -> Tensor:
        n = self.df
        finite = self.scale**2 * n / (n - 2)
        return finite.masked_fill(n <= 2, math.inf).masked_fill(n <= 1, math.nan)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended(sample_shape)
        chi2 = 2 * standard_gamma(self.df / 2, shape)
        normal = functions.randn(shape, dtype=self.df.dtype)
        return (self.loc + self.scale * normal * functions.rsqrt(chi2 / self.df)).detach()

    def log_prob(self, value: Any) -> Tensor:
        n, z = self.df, (value - self.loc) / self.scale
        norm = (
            self.scale.log()
            + 0.5 * n.log()
            + 0.5 * math.log(math.pi)
            + functions.lgamma(n / 2)
            - functions.lgamma((n + 1) / 2)
        )
        return -0.5 * (n + 1) * functions.log1p(z**2 / n) - norm
