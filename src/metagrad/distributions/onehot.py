"""Distributions over classes whose outcomes are vectors: one-hot ones, counts, and relaxed ones with gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from metagrad.autograd.mode import no_grad
from metagrad.base.dtypes import finfo
from metagrad.base.size import Size
from metagrad.distributions import constraints
from metagrad.distributions.combined import TransformedDistribution
from metagrad.distributions.constraints import Constraint
from metagrad.distributions.continuous import Normal
from metagrad.distributions.discrete import Bernoulli, Binomial, Categorical
from metagrad.distributions.distribution import Distribution
from metagrad.distributions.scalarmaps import ExpTransform, SigmoidTransform
from metagrad.distributions.transform import Transform
from metagrad.distributions.vectormaps import StickBreakingTransform
from metagrad.nn.functional.smooth_activation import softplus
from metagrad.ops.create import creation, from_data, sampling
from metagrad.ops.index import embedding
from metagrad.ops.reduce import softmax as softmaxes
from metagrad.ops.shape import broadcasting
from metagrad.ops.special import gamma as gamma_functions
from metagrad.tensors.tensor import Tensor


class _OfClasses(Distribution):
    """Distributions given by a ``Categorical``."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    _printed = ()

    @property
    def _shown(self) -> tuple[str, ...]:
        return self._categorical._shown

    @property
    def probs(self) -> Tensor:
        """The probabilities, which sum to one."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The parameter's shape."""
        return self._categorical.param_shape


class OneHotCategorical(_OfClasses):
    """A categorical variable as a vector that is one at the class and zero elsewhere.

    >>> import metagrad
    >>> OneHotCategorical(metagrad.tensor([0.0, 1.0])).sample()
    tensor([0., 1.])
    """

    has_enumerate_support = True
    support = constraints.one_hot

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    @property
    def mode(self) -> Tensor:
        return self._one_hot(self._categorical.mode)

    def _one_hot(self, classes: Tensor) -> Tensor:
        return embedding.one_hot(classes, self._categorical._num_events).to(self.probs.dtype)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self._one_hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        return self._categorical.log_prob(self._checked(value).argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._categorical._num_events
        values = creation.eye(n, dtype=self.probs.dtype, device=self.probs.device).view(
            n, *[1] * len(self.batch_shape), n
        )
        return values.expand(n, *self.batch_shape, n) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same, with the gradient of the probabilities: sample + p - p.detach(). Source: Bengio et al. 2013."""

    has_rsample = True

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(_OfClasses):
    """How often each class comes in ``total_count`` draws.

    >>> import metagrad
    >>> Multinomial(4, metagrad.tensor([0.5, 0.5])).log_prob(metagrad.tensor([2.0, 2.0])).exp()
    tensor(0.3750)
    """

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        if total_count < 0:
            raise ValueError(
                f"Expected parameter total_count of distribution Multinomial to be 0 or more, got {total_count}"
            )
        self.total_count = total_count
        super().__init__(probs, logits, validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Constraint:
        """Counts that sum to ``total_count``."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        drawn = self._categorical.sample((self.total_count, *sample_shape))
        return embedding.one_hot(drawn, self._categorical._num_events).sum(0).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value, self.logits.dtype)
        logits, value = broadcasting.broadcast_tensors(self.logits, value)
        logits = logits.masked_fill((value == 0) & (logits == -math.inf), 0)
        ways = gamma_functions.lgamma(value.sum(-1) + 1) - gamma_functions.lgamma(value + 1).sum(-1)
        return ways + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = from_data.tensor(float(self.total_count), dtype=self.probs.dtype)
        counts = Binomial(self.total_count, probs=self.probs, validate_args=False)
        values = counts.enumerate_support(expand=False)[1:]
        terms = (counts.log_prob(values).exp() * gamma_functions.lgamma(values + 1)).sum((0, -1))
        return n * self._categorical.entropy() - gamma_functions.lgamma(n + 1) + terms


def _uniform(shape: Sequence[int], like: Tensor) -> Tensor:
    eps = finfo(like.dtype).eps
    return sampling.rand(shape, dtype=like.dtype, device=like.device).clamp(eps, 1 - eps)


class LogitRelaxedBernoulli(Bernoulli):
    """The logit of a ``RelaxedBernoulli`` variable: (logits + logit u) / temperature, u uniform."""

    has_rsample, has_enumerate_support = True, False
    _without_batch = frozenset({"temperature"})
    support: Any = constraints.real

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = from_data.as_tensor(temperature)
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        u = _uniform(self._extended_shape(sample_shape), self._param)
        return (u.log() - (-u).log1p() + self.logits) / self.temperature

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        apart = self.logits - self._checked(value) * self.temperature
        return self.temperature.log() + apart - 2 * softplus(apart)


class _Relaxed(TransformedDistribution):
    """A distribution over corners, relaxed to what lies between them: a map of a distribution with a temperature."""

    _before_map: ClassVar[Callable[..., Distribution]]
    _map: ClassVar[Callable[[], Transform]]

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        kind = type(self)
        super().__init__(kind._before_map(temperature, probs, logits, validate_args), kind._map(), validate_args)

    @property
    def temperature(self) -> Tensor:
        """How far from the corners the outcomes are."""
        return self.base_dist.temperature  # type: ignore[attr-defined]

    @property
    def probs(self) -> Tensor:
        """The probability of being nearest to each corner; of being nearer to 1, where the corners are 0 and 1."""
        return self.base_dist.probs  # type: ignore[attr-defined]

    @property
    def logits(self) -> Tensor:
        """Their logarithms; log p / (1 - p) where the corners are 0 and 1."""
        return self.base_dist.logits  # type: ignore[attr-defined]


class RelaxedBernoulli(_Relaxed):
    """A number between 0 and 1, near the ends for a low temperature, with gradients. Source: Maddison et al. 2017.

    >>> bool(0 < RelaxedBernoulli(0.1, probs=0.5).sample() < 1)
    True
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    _before_map, _map = LogitRelaxedBernoulli, SigmoidTransform


class ExpRelaxedCategorical(_OfClasses):
    """The logarithm of a ``RelaxedOneHotCategorical`` variable: log softmax((logits + Gumbel noise) / temperature)."""

    has_rsample = True
    support = constraints.real_vector
    _without_batch = frozenset({"temperature"})

    def __init__(
        self,
        temperature: Tensor | float,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = from_data.as_tensor(temperature)
        super().__init__(probs, logits, validate_args)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        gumbel = -(-_uniform(self._extended_shape(sample_shape), self.logits).log()).log()
        return softmaxes.log_softmax((self.logits + gumbel) / self.temperature, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        k = self._categorical._num_events
        logits, value = broadcasting.broadcast_tensors(self.logits, self._checked(value))
        scale = self.temperature.log() * (k - 1) + math.lgamma(k)
        return softmaxes.log_softmax(logits - value * self.temperature, -1).sum(-1) + scale


class RelaxedOneHotCategorical(_Relaxed):
    """A point of the simplex, near its corners for a low temperature, with gradients. Source: Jang et al. 2017."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    _before_map, _map = ExpRelaxedCategorical, ExpTransform


class LogisticNormal(TransformedDistribution):
    """A normal vector brought onto the simplex by ``StickBreakingTransform``."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """The normal vector's mean."""
        return self.base_dist.base_dist.loc  # type: ignore[attr-defined]

    @property
    def scale(self) -> Tensor:
        """The normal vector's standard deviations."""
        return self.base_dist.base_dist.scale  # type: ignore[attr-defined]
