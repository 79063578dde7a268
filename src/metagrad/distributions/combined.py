"""Distributions made of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metagrad import functions
from metagrad.autograd.mode import no_grad
from metagrad.distributions.distribution import Distribution
from metagrad.distributions.transforms import ComposeTransform, Transform
from metagrad.tensor import Tensor


def sum_last(x: Tensor, count: int) -> Tensor:
    """The sum over the last ``count`` dimensions."""
    return x.sum(tuple(range(-count, 0))) if count else x


class Independent(Distribution):
    """The last dimensions of a batch as one event: their log probabilities are added.

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
                f"reinterpreted_batch_ndims must be at most {len(batch)}, the dimensions of the batch; "
                f"got {reinterpreted_batch_ndims}"
            )
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        cut = len(batch) - reinterpreted_batch_ndims
        super().__init__(batch[:cut], (*batch[cut:], *event), validate_args)
        self.has_rsample = base_distribution.has_rsample

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    @property
    def mode(self) -> Tensor:
        """The likeliest value."""
        return self.base_dist.mode  # type: ignore[attr-defined]

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        return sum_last(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_last(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """y = f(x), x from a base distribution: log p(y) = log p(x) - log |dy/dx|."""

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ) -> None:
        self.base_dist = base_distribution
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        self._map = ComposeTransform(self.transforms)
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        events = max(len(base_distribution.event_shape), self._map.event_dim)
        cut = len(shape) - events
        self._extra = events - len(base_distribution.event_shape)
        super().__init__(shape[:cut], shape[cut:], validate_args)
        self.has_rsample = base_distribution.has_rsample

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._map(self.base_dist.rsample(sample_shape))

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self._map(self.base_dist.sample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        x = self._map.inv(value)
        slope = sum_last(self._map.log_abs_det_jacobian(x, value), len(self.event_shape) - self._map.event_dim)
        return sum_last(self.base_dist.log_prob(x), self._extra) - slope


class MixtureSameFamily(Distribution):
    """One of K components of a batch, chosen by a ``Categorical``: p(x) = Σ wₖ pₖ(x)."""

    def __init__(
        self, mixture_distribution: Any, component_distribution: Distribution, validate_args: bool | None = None
    ) -> None:
        self.mixture_distribution, self.component_distribution = mixture_distribution, component_distribution
        super().__init__(component_distribution.batch_shape[:-1], component_distribution.event_shape, validate_args)

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

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            values = self.component_distribution.sample(sample_shape)
            chosen = self.mixture_distribution.sample(sample_shape)
            index = chosen.reshape((*chosen.shape, 1, *[1] * len(self.event_shape)))
            index = index.expand((*chosen.shape, 1, *self.event_shape))
            return values.gather(values.dim() + self._k, index).squeeze(self._k)

    def log_prob(self, value: Tensor) -> Tensor:
        parts = self.component_distribution.log_prob(value.unsqueeze(self._k))
        return (parts + functions.log_softmax(self.mixture_distribution.logits, -1)).logsumexp(-1)
