"""E_p log q for distributions of one number, of different kinds: by the few moments of p that log q asks for.

log q is made of 1, x, x², log x, log (1 - x), |x| and e⁻ᵗˣ; so a divergence of two kinds needs no formula of its own.
"""

from __future__ import annotations

import math
from typing import Any

from metagrad.distributions.bounded import ContinuousBernoulli
from metagrad.distributions.continuous import Exponential, Gumbel, Laplace, Normal, Uniform
from metagrad.distributions.distribution import Distribution
from metagrad.distributions.gammas import Beta, Gamma
from metagrad.distributions.mapped import Pareto
from metagrad.ops.create import from_data
from metagrad.ops.pointwise import exponential
from metagrad.ops.special import erf as error_functions
from metagrad.ops.special import gamma as gamma_functions
from metagrad.ops.special import logarithms
from metagrad.tensors.tensor import Tensor

KINDS = (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Normal, Pareto, Uniform)


def bounds(d: Distribution) -> tuple[Tensor, Tensor]:
    """The least and the greatest outcome."""
    support = d.support
    low, high = getattr(support, "lower_bound", -math.inf), getattr(support, "upper_bound", math.inf)
    return from_data.as_tensor(low), from_data.as_tensor(high)


def mean_log(p: Any) -> Tensor:
    """E log x. Raises NotImplementedError where no formula is known."""
    if isinstance(p, Gamma):
        return gamma_functions.digamma(p.concentration) - p.rate.log()
    if isinstance(p, Exponential):
        return gamma_functions.digamma(p.rate.new_ones(())) - p.rate.log()
    if isinstance(p, Beta):
        total = p.concentration1 + p.concentration0
        return gamma_functions.digamma(p.concentration1) - gamma_functions.digamma(total)
    if isinstance(p, Pareto):
        return p.scale.log() + 1 / p.alpha
    if isinstance(p, Uniform):
        return (logarithms.xlogy(p.high, p.high) - logarithms.xlogy(p.low, p.low)) / (p.high - p.low) - 1
    raise NotImplementedError(f"no formula for the mean of log x, x from {type(p).__name__}")


def mean_log_rest(p: Any) -> Tensor:
    """E log (1 - x). Raises NotImplementedError where no formula is known."""
    if isinstance(p, Uniform):
        return mean_log(Uniform(1 - p.high, 1 - p.low, validate_args=False))
    raise NotImplementedError(f"no formula for the mean of log (1 - x), x from {type(p).__name__}")


def mean_exponential(p: Any, t: Tensor) -> Tensor:
    """E e⁻ᵗˣ. Raises NotImplementedError where no formula is known."""
    if isinstance(p, Normal):
        return exponential.exp(-t * p.loc + (t * p.scale) ** 2 / 2)
    if isinstance(p, Exponential):
        return p.rate / (p.rate + t)
    if isinstance(p, Gamma):
        return (1 + t / p.rate) ** -p.concentration
    if isinstance(p, Uniform):
        return (exponential.exp(-t * p.low) - exponential.exp(-t * p.high)) / (t * (p.high - p.low))
    if isinstance(p, Gumbel):
        return (gamma_functions.lgamma(1 + t * p.scale) - t * p.loc).exp()
    raise NotImplementedError(f"no formula for the mean of an exponential function of {type(p).__name__}")


def mean_distance(p: Any, center: Tensor) -> Tensor:
    """E |x - center|. Raises NotImplementedError where no formula is known."""
    if not isinstance(p, Normal):
        raise NotImplementedError(f"no formula for the mean distance of {type(p).__name__} from a number")
    z = (p.loc - center) / p.scale
    bell = math.sqrt(2 / math.pi) * exponential.exp(-(z**2) / 2)
    return p.scale * (bell + z * error_functions.erf(z / math.sqrt(2)))


def gumbel_log_density(q: Gumbel, mean: Tensor, exponential_mean: Tensor) -> Tensor:
    """E log q, by E x and E exp(-x / scale)."""
    return (q.loc - mean) / q.scale - exponential.exp(q.loc / q.scale) * exponential_mean - q.scale.log()


def _square_distance(p: Any, center: Tensor) -> Tensor:
    """E (x - center)²: infinite where the variance is."""
    distance = p.variance + (p.mean - center) ** 2
    return distance.masked_fill(p.variance == math.inf, math.inf)


def expected_log_density(p: Any, q: Any) -> Tensor:
    """E log q(x), x from p. Raises NotImplementedError where a moment of p is not known."""
    if isinstance(q, Normal):
        return -_square_distance(p, q.loc) / (2 * q.scale**2) - q.scale.log() - 0.5 * math.log(2 * math.pi)
    if isinstance(q, Exponential):
        return q.rate.log() - q.rate * p.mean
    if isinstance(q, Uniform):
        return -(q.high - q.low).log()
    if isinstance(q, Laplace):
        return -mean_distance(p, q.loc) / q.scale - exponential.log(2 * q.scale)
    if isinstance(q, Gumbel):
        return gumbel_log_density(q, p.mean, mean_exponential(p, 1 / q.scale))
    if isinstance(q, Pareto):
        return q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * mean_log(p)
    if isinstance(q, Gamma):
        a, b = q.concentration, q.rate
        return a * b.log() - gamma_functions.lgamma(a) + (a - 1) * mean_log(p) - b * p.mean
    if isinstance(q, ContinuousBernoulli):
        return p.mean * q.logits - q._log_area()
    a, b = q.concentration1, q.concentration0
    norm = gamma_functions.lgamma(a + b) - gamma_functions.lgamma(a) - gamma_functions.lgamma(b)
    return norm + (a - 1) * mean_log(p) + (b - 1) * mean_log_rest(p)
