"""Natural parameters θ and log normalizers A(θ) of the exponential families, and the divergences that follow from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from metagrad.autograd.interface import grad
from metagrad.distributions.bounded import ContinuousBernoulli
from metagrad.distributions.continuous import Exponential, Normal
from metagrad.distributions.discrete import Bernoulli, Poisson
from metagrad.distributions.distribution import ExponentialFamily
from metagrad.distributions.gammas import Beta, Dirichlet, Gamma
from metagrad.distributions.matrices import Wishart
from metagrad.distributions.transform import sum_last
from metagrad.ops.linalg import determinant
from metagrad.ops.pointwise import exponential
from metagrad.ops.special import gamma as gamma_functions
from metagrad.tensors.tensor import Tensor


def bregman(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """KL(p ‖ q) = A(θ_q) - A(θ_p) - (θ_q - θ_p) · ∇A(θ_p), for two of one family.

    Raises NotImplementedError for two of different classes.

    >>> from metagrad.distributions import Normal
    >>> bregman(Normal(1.0, 1.0), Normal(0.0, 1.0)).detach()
    tensor(0.5000)
    """
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot be computed using Bregman divergences"
        )
    at = [parameter.detach().requires_grad_() for parameter in p._natural_params]
    normalizer = p._log_normalizer(*at)
    slopes = grad(normalizer.sum(), at, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normalizer
    for mine, others, slope in zip(at, q._natural_params, slopes, strict=True):
        term = (others - mine) * slope
        result = result - sum_last(term, term.dim() - len(q.batch_shape))
    return result


def _family(kind: Any, parameters: Callable[[Any], tuple[Tensor, ...]], normalizer: Callable[..., Tensor]) -> None:
    """What the classes below leave open, filled in here, where all of them are at hand."""
    kind._natural_params = property(parameters)
    kind._log_normalizer = lambda self, *natural_params: normalizer(*natural_params)


def _of_sums(*concentrations: Tensor) -> Tensor:
    """ln B(α): of several tensors, or along the last dimension of one."""
    if len(concentrations) == 1:
        (each,) = concentrations
        return gamma_functions.lgamma(each).sum(-1) - gamma_functions.lgamma(each.sum(-1))
    a, b = concentrations
    return gamma_functions.lgamma(a) + gamma_functions.lgamma(b) - gamma_functions.lgamma(a + b)


def _wishart(half: Tensor, power: Tensor) -> Tensor:
    p = half.shape[-1]
    n = power + (p + 1) / 2
    return n * (p * math.log(2) - determinant.logdet(-2 * half)) + gamma_functions.mvlgamma(n, p)


_family(Bernoulli, lambda d: (d.logits,), lambda t: exponential.log1p(exponential.exp(t)))
_family(Beta, lambda d: (d.concentration1, d.concentration0), _of_sums)
_family(Dirichlet, lambda d: (d.concentration,), _of_sums)
_family(Exponential, lambda d: (-d.rate,), lambda t: -(-t).log())
_family(Poisson, lambda d: (d.rate.log(),), lambda t: t.exp())
_family(
    ContinuousBernoulli,
    lambda d: (d.logits,),
    lambda t: -ContinuousBernoulli(logits=t, validate_args=False).log_prob(t.new_zeros(())),  # ln p(0) = -A
)
_family(
    Gamma,
    lambda d: (d.concentration - 1, -d.rate),
    lambda power, rate: gamma_functions.lgamma(power + 1) - (power + 1) * (-rate).log(),
)
_family(
    Normal,
    lambda d: (d.loc / d.scale**2, -0.5 / d.scale**2),
    lambda first, second: -(first**2) / (4 * second) + 0.5 * (-math.pi / second).log(),
)
_family(Wishart, lambda d: (-d.precision_matrix / 2, (d.df - d.event_shape[-1] - 1) / 2), _wishart)
for _kind in (Bernoulli, ContinuousBernoulli, Exponential, Gamma, Normal, Wishart):
    _kind._mean_carrier_measure = 0  # type: ignore[assignment, method-assign]
