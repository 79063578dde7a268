"""``metagrad.distributions``: random variables, with samples, densities, moments and divergences that have gradients.

==========================  ======================================================================
``transform.py``            Transform, the base of all maps, and maps made of maps
``scalarmaps.py``           maps of numbers: exp, sigmoid, affine …
``vectormaps.py``           maps of vectors and matrices: softmax, Cholesky factors …
``transforms.py``           all maps, by PyTorch's names
``utils.py``                parameters of one shape, probabilities and logits, a property computed once
``distribution.py``         what all have in common
``constraints.py``          where parameters and outcomes may lie
``constraint_registry.py``  maps from all real numbers into a constraint
``continuous.py``           Normal, Laplace, Uniform, Exponential, Cauchy, LogNormal, HalfNormal …
``gammas.py``               Gamma, Beta, Dirichlet, Chi2, StudentT, FisherSnedecor
``implicit.py``             gamma and Dirichlet variables with gradients for their parameters
``mapped.py``               Weibull, Pareto, Kumaraswamy, InverseGamma, GeneralizedPareto
``matrices.py``             Wishart, LKJCholesky
``bounded.py``              VonMises, ContinuousBernoulli
``discrete.py``             Bernoulli, Categorical, Poisson, Geometric, Binomial, NegativeBinomial
``onehot.py``               OneHotCategorical, Multinomial, the relaxed ones, LogisticNormal
``multivariate.py``         MultivariateNormal, LowRankMultivariateNormal
``combined.py``             Independent, TransformedDistribution, MixtureSameFamily
``log_normalizers.py``      natural parameters and log normalizers
``divergence.py``           kl_divergence
``expectations.py``         the mean of one density's logarithm under another distribution
==========================  ======================================================================
"""

from metagrad.distributions import constraints, transforms
from metagrad.distributions.bounded import ContinuousBernoulli, VonMises
from metagrad.distributions.combined import Independent, MixtureSameFamily, TransformedDistribution
from metagrad.distributions.constraint_registry import biject_to, transform_to
from metagrad.distributions.continuous import (
    Cauchy,
    Exponential,
    Gumbel,
    HalfCauchy,
    HalfNormal,
    Laplace,
    LogNormal,
    Normal,
    Uniform,
)
from metagrad.distributions.discrete import Bernoulli, Binomial, Categorical, Geometric, NegativeBinomial, Poisson
from metagrad.distributions.distribution import Distribution, ExponentialFamily
from metagrad.distributions.divergence import kl_divergence, register_kl
from metagrad.distributions.gammas import Beta, Chi2, Dirichlet, FisherSnedecor, Gamma, StudentT
from metagrad.distributions.mapped import GeneralizedPareto, InverseGamma, Kumaraswamy, Pareto, Weibull
from metagrad.distributions.matrices import LKJCholesky, Wishart
from metagrad.distributions.multivariate import LowRankMultivariateNormal, MultivariateNormal
from metagrad.distributions.onehot import (
    LogisticNormal,
    Multinomial,
    OneHotCategorical,
    OneHotCategoricalStraightThrough,
    RelaxedBernoulli,
    RelaxedOneHotCategorical,
)
from metagrad.distributions.transforms import *

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "ContinuousBernoulli", "Dirichlet",
    "Distribution", "Exponential", "ExponentialFamily", "FisherSnedecor", "Gamma", "GeneralizedPareto", "Geometric",
    "Gumbel", "HalfCauchy", "HalfNormal", "Independent", "InverseGamma", "Kumaraswamy", "LKJCholesky", "Laplace",
    "LogNormal", "LogisticNormal", "LowRankMultivariateNormal", "MixtureSameFamily", "Multinomial",
    "MultivariateNormal", "NegativeBinomial", "Normal", "OneHotCategorical", "OneHotCategoricalStraightThrough",
    "Pareto", "Poisson", "RelaxedBernoulli", "RelaxedOneHotCategorical", "StudentT", "TransformedDistribution",
    "Uniform", "VonMises", "Weibull", "Wishart", "biject_to", "constraints", "kl_divergence", "register_kl",
    "transform_to", "transforms",
]  # fmt: skip
__all__ += transforms.__all__
