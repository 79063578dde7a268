"""KL(p ‖ q) = ∫ p log (p / q), in closed form, for the pairs of kinds listed here and those registered."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from metagrad import linalg
from metagrad.base.warning import warn
from metagrad.distributions.bounded import ContinuousBernoulli
from metagrad.distributions.combined import Independent, TransformedDistribution
from metagrad.distributions.continuous import Cauchy, Exponential, Gumbel, Laplace, Normal, Uniform
from metagrad.distributions.discrete import Bernoulli, Binomial, Categorical, Geometric, Poisson
from metagrad.distributions.distribution import Distribution, ExponentialFamily
from metagrad.distributions.expectations import (
    KINDS,
    bounds,
    expected_log_density,
    gumbel_log_density,
    mean_exponential,
)
from metagrad.distributions.gammas import Beta, Dirichlet, Gamma
from metagrad.distributions.log_normalizers import bregman
from metagrad.distributions.mapped import Pareto
from metagrad.distributions.matrices import Wishart
from metagrad.distributions.multivariate import LowRankMultivariateNormal, MultivariateNormal
from metagrad.distributions.onehot import OneHotCategorical
from metagrad.distributions.transform import sum_last
from metagrad.nn.functional.smooth_activation import logsigmoid
from metagrad.ops.create import creation, like
from metagrad.ops.pointwise import exponential
from metagrad.ops.shape import broadcasting
from metagrad.ops.special import gamma as gamma_functions
from metagrad.ops.special import logarithms
from metagrad.tensors.tensor import Tensor

_FORMULAS: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable[[Any, Any], Tensor]], Callable[[Any, Any], Tensor]]:
    """A decorator: the function computes the divergence of distributions of these two classes.

    Raises TypeError for what is no class of distributions.
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type):  # a base of one's own, which Distribution is not, may be meant
            raise TypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

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
    kinds, others = type(p).__mro__, type(q).__mro__
    for i, kind in enumerate(kinds):
        for j, other in enumerate(others):
            if (kind, other) in _FORMULAS:
                _say_if_ambiguous(kind, kinds[i + 1 :], others[:j])
                return _FORMULAS[kind, other](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}: register_kl adds one"
    )


def _say_if_ambiguous(kind: type, farther: tuple[type, ...], nearer: tuple[type, ...]) -> None:
    """Warn where another formula knows q's class better, and p's less well, than the one that is taken."""
    for other in nearer:
        if any((base, other) in _FORMULAS for base in farther):
            names = f"{kind.__name__}, {other.__name__}"
            warn(f"Ambiguous kl_divergence({names}). Please register_kl({names})", RuntimeWarning)
            return


register_kl(ExponentialFamily, ExponentialFamily)(bregman)


@register_kl(TransformedDistribution, TransformedDistribution)
def _of_bases(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    """The same maps change nothing."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("the two distributions differ in their transforms, or in their event_shape")
    extra = len(p.event_shape) - len(p.base_dist.event_shape)
    return sum_last(kl_divergence(p.base_dist, q.base_dist), extra)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return kl_divergence(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - exponential.log1p(-q.probs) / p.probs - q.logits


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
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
    return _of_outcome(p, q, True) + _of_outcome(p, q, False)


def _of_outcome(p: Bernoulli, q: Bernoulli, success: bool) -> Tensor:
    """a (log a - log b), where a and b are the chances of one of the two outcomes; 0 where a is."""
    if p._from_probs:
        a = p.probs if success else 1 - p.probs
    else:
        a = (p.logits if success else -p.logits).sigmoid()
    never = a == 0
    return a * (_log_chance(p, success, never) - _log_chance(q, success, never))


def _log_chance(d: Bernoulli, success: bool, never: Tensor) -> Tensor:
    """The log of an outcome's chance, from what the distribution was given: σ rounds to 1 soon. 0 where it does not count."""
    if not d._from_probs:
        return logsigmoid(d.logits if success else -d.logits).masked_fill(never, 0)
    return d.probs.masked_fill(never, 1).log() if success else exponential.log1p(-d.probs.masked_fill(never, 0))


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
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _multivariate(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    """½ (log |Σq| - log |Σp| + tr(Σq⁻¹ Σp) + (μq - μp)ᵀ Σq⁻¹ (μq - μp) - d). Raises ValueError for vectors of other lengths."""
    if p.event_shape != q.event_shape:
        raise ValueError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed"
        )
    own, other = p.scale_tril, q.scale_tril
    apart = linalg.solve_triangular(other, (q.loc - p.loc).unsqueeze(-1), upper=False)
    spread = linalg.solve_triangular(other, own, upper=False)
    squares = (spread**2).sum((-2, -1)) + (apart**2).sum((-2, -1))
    return _log_diagonal(other) - _log_diagonal(own) + 0.5 * (squares - p.event_shape[0])


def _log_diagonal(lower: Tensor) -> Tensor:
    """½ log |L Lᵀ|."""
    return lower.diagonal(dim1=-2, dim2=-1).log().sum(-1)


@register_kl(Wishart, Wishart)
def _wishart(p: Wishart, q: Wishart) -> Tensor:
    """E log p - E log q, by E X = n V and E log |X| = Σ ψ((n - i) / 2) + d log 2 + log |V|."""
    d, n, m = p.event_shape[0], p.df, q.df
    within = linalg.solve_triangular(q.scale_tril, p.scale_tril, upper=False)
    log_ratio = 2 * (_log_diagonal(q.scale_tril) - _log_diagonal(p.scale_tril))
    norms = gamma_functions.mvlgamma(m / 2, d) - gamma_functions.mvlgamma(n / 2, d)
    digammas = gamma_functions.digamma(p._steps()).sum(-1)
    return 0.5 * (m * log_ratio + n * ((within**2).sum((-2, -1)) - d) + (n - m) * digammas) + norms


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    return ((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2).log() - exponential.log(4 * p.scale * q.scale)


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    return -p.entropy() - gumbel_log_density(q, p.mean, mean_exponential(p, 1 / q.scale))


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    divergence = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return divergence.masked_fill(p.scale < q.scale, math.inf)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    return -p.entropy() - expected_log_density(p, q)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _unbounded(p: Poisson, q: Distribution) -> Tensor:
    return like.full_like(p.rate, math.inf)


def _different_kinds(p: Distribution, q: Distribution) -> Tensor:
    """-H(p) - E_p log q, which is infinite where p has outcomes that q has not."""
    (low, high), (least, most) = bounds(p), bounds(q)
    outside = (low < least) | (high > most)
    if bool(outside.all()):
        shape = broadcasting.broadcast_shapes(p.batch_shape, q.batch_shape)
        return creation.full(shape, math.inf, dtype=p.mean.dtype, device=p.mean.device)
    return (-p.entropy() - expected_log_density(p, q)).masked_fill(outside, math.inf)


for _pair in itertools.permutations(KINDS, 2):
    register_kl(*_pair)(_different_kinds)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("the two distributions differ in their number of independent dimensions")
    return sum_last(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)
