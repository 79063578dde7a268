"""Distributions made of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from metagrad.autograd.mode import no_grad
from metagrad.base.size import Size
from metagrad.distributions import constraints
from metagrad.distributions.constraints import Constraint
from metagrad.distributions.discrete import Categorical
from metagrad.distributions.distribution import Distribution
from metagrad.distributions.transform import ComposeTransform, Transform, sum_last
from metagrad.ops.create import creation
from metagrad.ops.reduce import softmax as softmaxes
from metagrad.tensors.tensor import Tensor


class Independent(Distribution):
    """The last dimensions of a batch as one event: their log probabilities are added.

    Raises ValueError for more dimensions than the batch has.

    >>> import metagrad
    >>> from metagrad.distributions import Normal
    >>> Independent(Normal(metagrad.zeros(5, 3), 1.0), 1).log_prob(metagrad.zeros(5, 3)).shape
    metagrad.Size([5])
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ) -> None:
        batch, event = base_distribution.batch_shape, base_distribution.event_shape
        if reinterpreted_batch_ndims > len(batch):
            raise ValueError(
                "Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), "
                f"actual {reinterpreted_batch_ndims} vs {len(batch)}"
            )
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        cut = len(batch) - reinterpreted_batch_ndims
        super().__init__(batch[:cut], (*batch[cut:], *event), validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base can."""
        return self.base_dist.has_rsample

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The base's, taken together."""
        base, count = self.base_dist.support, self.reinterpreted_batch_ndims
        return constraints.independent(base, count) if count else base

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return sum_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether the base has, and nothing is taken together."""
        return self.base_dist.has_enumerate_support and not self.reinterpreted_batch_ndims

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """The base's outcomes. Raises NotImplementedError for dimensions taken together: that is every combination."""
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """y = f(x), x from a base distribution: log p(y) = log p(x) - log |dy/dx|.

    Raises ValueError if the base has fewer dimensions than the maps need.

    >>> import metagrad
    >>> from metagrad.distributions import ExpTransform, Normal
    >>> TransformedDistribution(Normal(0.0, 1.0), ExpTransform()).log_prob(metagrad.tensor(1.0))
    tensor(-0.9189)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        given = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(given, (list, tuple)) or not all(isinstance(each, Transform) for each in given):
            raise ValueError(f"transforms must be a Transform or list, but was {transforms!r:.80}")
        self.transforms = list(given)
        whole = ComposeTransform(self.transforms)
        shape = Size((*base_distribution.batch_shape, *base_distribution.event_shape))
        base_events = len(base_distribution.event_shape)
        if len(shape) < whole.domain.event_dim:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {whole.domain.event_dim}, but got {shape}."
            )
        result = whole.forward_shape(shape)
        wider = whole.inverse_shape(result)
        if tuple(wider) != tuple(shape):
            base_distribution = base_distribution.expand(wider[: len(wider) - base_events])
        taken = whole.domain.event_dim - base_events
        self.base_dist = Independent(base_distribution, taken) if taken > 0 else base_distribution
        events = whole.codomain.event_dim + max(base_events - whole.domain.event_dim, 0)
        cut = len(result) - events
        super().__init__(result[:cut], result[cut:], validate_args)

    def expand(self, batch_shape: Sequence[int], _instance: Distribution | None = None) -> Self:
        made = super().expand(batch_shape, _instance)
        shape = ComposeTransform(self.transforms).inverse_shape((*batch_shape, *self.event_shape))
        made.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        return made

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base can."""
        return self.base_dist.has_rsample

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Constraint:
        """Where the last map leads."""
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        extra = len(self.event_shape) - last.event_dim
        return constraints.independent(last, extra) if extra > 0 else last

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return ComposeTransform(self.transforms)(self.base_dist.rsample(sample_shape))

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return ComposeTransform(self.transforms)(self.base_dist.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        y, total, events = self._checked(value), creation.zeros(()), len(self.event_shape)
        for step in reversed(self.transforms):
            x = step.inv(y)
            events += step.domain.event_dim - step.codomain.event_dim
            total = total - sum_last(step.log_abs_det_jacobian(x, y), events - step.domain.event_dim)
            y = x
        return total + sum_last(self.base_dist.log_prob(y), events - len(self.base_dist.event_shape))

    def _risen(self, probability: Any) -> Any:
        """A probability of the base as one of the result: where the maps fall, that of the other side."""
        sign = ComposeTransform(self.transforms).sign
        return sign * (probability - 0.5) + 0.5

    def cdf(self, value: Tensor) -> Tensor:
        x = ComposeTransform(self.transforms).inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(x)
        return self._risen(self.base_dist.cdf(x))

    def icdf(self, value: Tensor) -> Tensor:
        return ComposeTransform(self.transforms)(self.base_dist.icdf(self._risen(value)))


class MixtureSameFamily(Distribution):
    """One of K components of a batch, chosen by a ``Categorical``: p(x) = Σ wₖ pₖ(x).

    Raises ValueError unless the mixture is a ``Categorical`` of as many classes as there are components.

    >>> import metagrad
    >>> from metagrad.distributions import Categorical, Normal
    >>> two = Normal(metagrad.tensor([-1.0, 1.0]), 0.5)
    >>> MixtureSameFamily(Categorical(metagrad.tensor([0.25, 0.75])), two).mean
    tensor(0.5000)
    """

    def __init__(
        self,
        mixture_distribution: Distribution,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(component_distribution, Distribution):
            raise ValueError("The Component distribution needs to be an instance of torch.distributions.Distribution")
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of torch.distributions.Categorical"
                f", got {type(mixture_distribution).__name__}"
            )
        count, found = mixture_distribution._num_events, component_distribution.batch_shape
        if found[-1] != count:
            raise ValueError(
                f"`mixture_distribution component` ({count}) does not equal `component_distribution.batch_shape[-1]` ({found[-1]})"
            )
        own = mixture_distribution.batch_shape
        if any(a != b and 1 not in (a, b) for a, b in zip(own[::-1], found[-2::-1], strict=False)):
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({own}) is not compatible with `component_distribution.batch_shape`({found})"
            )
        self.mixture_distribution, self.component_distribution = mixture_distribution, component_distribution
        super().__init__(found[:-1], component_distribution.event_shape, validate_args)

    @constraints.dependent_property
    def support(self) -> Constraint:
        """The components'."""
        return constraints.MixtureSameFamilyConstraint(self.component_distribution.support)

    def _weights(self) -> Tensor:
        probs = self.mixture_distribution.probs
        return probs.reshape((*probs.shape, *[1] * len(self.event_shape)))

    @property
    def _k(self) -> int:
        return -1 - len(self.event_shape)

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self.component_distribution.mean).sum(self._k)

    @property
    def variance(self) -> Tensor:
        w, means = self._weights(), self.component_distribution.mean
        within = (w * self.component_distribution.variance).sum(self._k)
        return within + (w * (means - self.mean.unsqueeze(self._k)) ** 2).sum(self._k)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            chosen = self.mixture_distribution.sample(sample_shape)
            values = self.component_distribution.sample(sample_shape)
            index = chosen.reshape((*chosen.shape, 1, *[1] * len(self.event_shape)))
            index = index.expand((*chosen.shape, 1, *self.event_shape))
            return values.gather(values.dim() + self._k, index).squeeze(self._k)

    def log_prob(self, value: Tensor) -> Tensor:
        parts = self.component_distribution.log_prob(self._checked(value).unsqueeze(self._k))
        return (parts + softmaxes.log_softmax(self.mixture_distribution.logits, -1)).logsumexp(-1)

    def cdf(self, value: Tensor) -> Tensor:
        parts = self.component_distribution.cdf(self._checked(value).unsqueeze(self._k))
        return (parts * self.mixture_distribution.probs).sum(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
