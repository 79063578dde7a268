"""``metagrad.distributions``: random variables, with samples, densities, moments and divergences that have gradients.

====================  ====================================================================
``distribution.py``   what all have in common
``continuous.py``     Normal, Laplace, Uniform, Exponential, Cauchy, LogNormal, HalfNormal …
``gammas.py``         Gamma, Beta, Dirichlet, Chi2, StudentT
``discrete.py``       Bernoulli, Categorical, OneHotCategorical, Poisson, Geometric, Binomial
``multivariate.py``   MultivariateNormal
``combined.py``       Independent, TransformedDistribution, MixtureSameFamily
``transforms.py``     the maps TransformedDistribution goes through
``divergence.py``     kl_divergence
====================  ====================================================================
"""

from metagrad.distributions import transforms
from metagrad.distributions.combined import Independent, MixtureSameFamily, TransformedDistribution
from metagrad.distributions.continuous import (
    Cauchy,
    Exponential,
    Gumbel,
    HalfNormal,
    Laplace,
    LogNormal,
    Normal,
    Uniform,
)
from metagrad.distributions.discrete import Bernoulli, Binomial, Categorical, Geometric, OneHotCategorical, Poisson
from metagrad.distributions.distribution import Distribution
from metagrad.distributions.divergence import kl_divergence, register_kl
from metagrad.distributions.gammas import Beta, Chi2, Dirichlet, Gamma, StudentT
from metagrad.distributions.multivariate import MultivariateNormal
from metagrad.distributions.transforms import (
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    SigmoidTransform,
    TanhTransform,
    Transform,
)

__all__ = [
    "AffineTransform", "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "ComposeTransform", "Dirichlet",
    "Distribution", "ExpTransform", "Exponential", "Gamma", "Geometric", "Gumbel", "HalfNormal", "Independent", "Laplace",
    "LogNormal", "MixtureSameFamily", "MultivariateNormal", "Normal", "OneHotCategorical", "Poisson", "SigmoidTransform",
    "StudentT", "TanhTransform", "Transform", "TransformedDistribution", "Uniform", "kl_divergence", "register_kl",
    "transforms",
]  # fmt: skip
