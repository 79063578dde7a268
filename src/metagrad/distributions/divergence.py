"""KL(p ‖ q) = ∫ p log (p / q), in closed form, for the pairs of kinds listed here and those registered."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from metagrad import linalg
from metagrad.distributions.combined import Independent, TransformedDistribution
from metagrad.distributions.continuous import Exponential, HalfNormal, Laplace, LogNormal, Normal, Uniform
from metagrad.distributions.discrete import Bernoulli, Binomial, Categorical, Geometric, Poisson
from metagrad.distributions.distribution import Distribution
from metagrad.distributions.gammas import Beta, Dirichlet, Gamma
from metagrad.distributions.multivariate import MultivariateNormal
from metagrad.distributions.onehot import OneHotCategorical
from metagrad.distributions.transform import sum_last
from metagrad.ops.pointwise import exponential
from metagrad.ops.special import gamma as gamma_functions
from metagrad.ops.special import logarithms
from metagrad.tensors.tensor import Tensor

_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable[[Any, Any], Tensor]], Callable[[Any, Any], Tensor]]:
    """A decorator: the function computes the divergence of distributions of these two classes."""

    def register(function: Callable[[Any, Any], Tensor]) -> Callable[[Any, Any], Tensor]:
        _FORMULAS[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q), for each of a batch. Raises NotImplementedError where no formula is known.

    >>> from metagrad.distributions import Normal
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    for kind in type(p).__mro__:
        for other in type(q).__mro__:
            if (kind, other) in _FORMULAS:
                return _FORMULAS[kind, other](p, q)
    raise NotImplementedError(f"no formula for KL({type(p).__name__} ‖ {type(q).__name__}): register_kl adds one")


@register_kl(LogNormal, LogNormal)
@register_kl(HalfNormal, HalfNormal)
def _of_bases(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return kl_divergence(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - exponential.log1p(-q.probs) / p.probs - q.logits


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    gain = p.total_count * (p.probs * (p.logits - q.logits) + exponential.log1p(-p.probs) - exponential.log1p(-q.probs))
    return gain.masked_fill(p.total_count > q.total_count, math.inf)


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, apart = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * exponential.exp(-apart / p.scale) - 1


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    outside = (q.low > p.low) | (q.high < p.high)
    return exponential.log((q.high - q.low) / (p.high - p.low)).masked_fill(outside, math.inf)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    a, b = p.probs, q.probs
    success = (logarithms.xlogy(a, a) - logarithms.xlogy(a, b)).masked_fill(a == 0, 0)
    failure = (logarithms.xlogy(1 - a, 1 - a) - logarithms.xlogy(1 - a, 1 - b)).masked_fill(a == 1, 0)
    return success + failure


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = p.probs * (p.logits - q.logits)
    return terms.masked_fill(q.probs == 0, math.inf).masked_fill(p.probs == 0, 0).sum(-1)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return logarithms.xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log() + gamma_functions.lgamma(b) - gamma_functions.lgamma(a)
        + (a - b) * gamma_functions.digamma(a) + (q.rate - p.rate) * (a / p.rate)
    )  # fmt: skip


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b, lgamma = p.concentration, q.concentration, gamma_functions.lgamma
    moments = (a - b) * (gamma_functions.digamma(a) - gamma_functions.digamma(a.sum(-1, keepdim=True)))
    return lgamma(a.sum(-1)) - lgamma(b.sum(-1)) - (lgamma(a) - lgamma(b)).sum(-1) + moments.sum(-1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    apart = linalg.solve_triangular(q.scale_tril, (q.loc - p.loc).unsqueeze(-1), upper=False)
    spread = linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    squares = (spread**2).sum((-2, -1)) + (apart**2).sum((-2, -1))
    return q._half_log_det() - p._half_log_det() + 0.5 * (squares - p.event_shape[0])


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("the two distributions differ in their number of independent dimensions")
    return sum_last(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
