"""Distributions over integers, and over numbered classes. Most are given by probabilities or by logits."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metagrad.base.dtypes import finfo
from metagrad.base.size import Size
from metagrad.distributions import constraints
from metagrad.distributions.constraints import Constraint
from metagrad.distributions.distribution import Distribution, ExponentialFamily
from metagrad.distributions.gammas import Gamma
from metagrad.distributions.utils import broadcast_all, lazy_property
from metagrad.nn.functional.loss import binary_cross_entropy_with_logits
from metagrad.nn.functional.smooth_activation import logsigmoid, softplus
from metagrad.ops.create import creation, like, parametric, ranges, sampling
from metagrad.ops.pointwise import exponential
from metagrad.ops.shape import broadcasting
from metagrad.ops.special import gamma as gamma_functions
from metagrad.ops.special import logarithms
from metagrad.tensors.tensor import Tensor


def one_of(probs: Tensor | float | None, logits: Tensor | float | None) -> Tensor:
    """The one of the two that was given, as a tensor. Raises ValueError if both are given, or none."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return broadcast_all(logits if probs is None else probs)[0]  # type: ignore[arg-type]


def _known(d: Binary | Categorical) -> tuple[str, ...]:
    """Of probabilities and logits what was given, and what was asked for since."""
    given = "probs" if d._from_probs else "logits"
    return tuple(name for name in ("probs", "logits") if name == given or name in d.__dict__)


class Binary(Distribution):
    """Distributions with a probability of success, p = σ(logits)."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        self._param = one_of(probs, logits)
        self._from_probs = logits is None
        super().__init__(self._param.shape, (), validate_args)

    @lazy_property
    def probs(self) -> Tensor:
        """The probability of success."""
        return self._param if self._from_probs else self._param.sigmoid()

    @lazy_property
    def logits(self) -> Tensor:
        """log p / (1 - p)."""
        if not self._from_probs:
            return self._param
        eps = finfo(self._param.dtype).eps
        p = self._param.clamp(eps, 1 - eps)
        return exponential.log(p) - exponential.log1p(-p)

    @property
    def param_shape(self) -> Size:
        """The parameter's shape."""
        return self._param.shape

    @property
    def _shown(self) -> tuple[str, ...]:
        return _known(self)

    def _expanded(self, sample_shape: Sequence[int]) -> Tensor:
        return self.probs.detach().expand(self._extended_shape(sample_shape))


class Bernoulli(Binary, ExponentialFamily):
    """1 with probability p, else 0.

    >>> import metagrad
    >>> Bernoulli(metagrad.tensor([0.25])).log_prob(metagrad.tensor([1.0])).exp()
    tensor([0.2500])
    """

    has_enumerate_support = True
    support = constraints.boolean

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return (self.probs >= 0.5).to(self.probs.dtype).masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return parametric.bernoulli(self._expanded(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcasting.broadcast_tensors(self.logits, self._checked(value, self._param.dtype))
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = ranges.arange(2, dtype=self._param.dtype, device=self._param.device).view(
            -1, *[1] * len(self._batch_shape)
        )
        return values.expand(-1, *self._batch_shape) if expand else values


class Geometric(Binary):
    """How many failures come before the first success: p(k) = (1 - p)ᵏ p.

    >>> Geometric(probs=0.25).mean
    tensor(3.)
    """

    support = constraints.nonnegative_integer

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        super().__init__(probs, logits, validate_args)
        if self._validate_args and self._from_probs and not bool((self._param > 0).all()):
            raise ValueError(
                f"Expected parameter probs (Tensor of shape {tuple(self._param.shape)}) of distribution {self!r} to be "
                f"positive, for else there is never a success, but found invalid values:\n{self._param}"
            )

    @property
    def mode(self) -> Tensor:
        return like.zeros_like(self.probs)

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        p = self._expanded(sample_shape)
        u = sampling.rand(p.shape, dtype=p.dtype, device=p.device).clamp(min=finfo(p.dtype).tiny)
        return (u.log() / (-p).log1p()).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value)
        p = self.probs.masked_fill((self.probs == 1) & (value == 0), 0)
        return value * (-p).log1p() + self.probs.log()

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none") / self.probs


class OfTrials(Binary):
    """Distributions of how many of several trials succeed."""

    def __init__(
        self,
        total_count: Tensor | float = 1,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        count, param = broadcast_all(total_count, one_of(probs, logits))
        self.total_count = count.to(param.dtype)
        given_probs = logits is None
        super().__init__(param if given_probs else None, None if given_probs else param, validate_args)

    @property
    def _shown(self) -> tuple[str, ...]:
        return ("total_count", *super()._shown)


class Binomial(OfTrials):
    """How many of ``total_count`` trials succeed.

    >>> import metagrad
    >>> Binomial(2, probs=0.5).log_prob(metagrad.tensor([0.0, 1.0, 2.0])).exp()
    tensor([0.2500, 0.5000, 0.2500])
    """

    arg_constraints = {
        "total_count": constraints.nonnegative_integer,
        "probs": constraints.unit_interval,
        "logits": constraints.real,
    }
    has_enumerate_support = True

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        """0 to ``total_count``."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        most = int(self.total_count.max())
        if not bool((self.total_count == most).all()):
            raise NotImplementedError("Inhomogeneous total count not supported by `enumerate_support`.")
        values = ranges.arange(most + 1, dtype=self._param.dtype, device=self._param.device).view(
            -1, *[1] * len(self._batch_shape)
        )
        return values.expand(-1, *self._batch_shape) if expand else values

    def entropy(self) -> Tensor:
        log_p = self.log_prob(self.enumerate_support(False))
        return -(log_p.exp() * log_p).sum(0)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        p = self._expanded(sample_shape)
        return parametric.binomial(self.total_count.expand(p.shape), p)

    def log_prob(self, value: Tensor) -> Tensor:
        n, logits = self.total_count, self.logits
        value = self._checked(value, logits.dtype)
        choices = (
            gamma_functions.lgamma(n + 1) - gamma_functions.lgamma(value + 1) - gamma_functions.lgamma(n - value + 1)
        )
        return choices + value * logits - n * softplus(logits)


class Categorical(Distribution):
    """One of K classes, with probabilities in proportion to ``probs``, or to e to the ``logits``, in the last dimension.

    Raises ValueError for a parameter without dimensions.

    >>> import metagrad
    >>> Categorical(probs=metagrad.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    has_enumerate_support = True
    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = one_of(probs, logits)
        if given.dim() < 1:
            raise ValueError(f"`{'logits' if probs is None else 'probs'}` parameter must be at least one-dimensional.")
        self._from_probs = logits is None
        if self._from_probs:
            self._param = given / given.sum(-1, keepdim=True)
        else:
            self._param = given - given.logsumexp(-1, keepdim=True)
        super().__init__(given.shape[:-1], (), validate_args)

    @property
    def _shown(self) -> tuple[str, ...]:
        return _known(self)

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities, which sum to one."""
        return self._param if self._from_probs else self._param.softmax(-1)

    @lazy_property
    def logits(self) -> Tensor:
        """Their logarithms."""
        if not self._from_probs:
            return self._param
        eps = finfo(self._param.dtype).eps
        return self._param.clamp(eps, 1 - eps).log()

    @property
    def param_shape(self) -> Size:
        """The parameter's shape."""
        return self._param.shape

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        """The numbers of the classes."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def _num_events(self) -> int:
        return int(self._param.shape[-1])

    @property
    def mean(self) -> Tensor:
        return creation.full(self._batch_shape, math.nan, dtype=self._param.dtype, device=self._param.device)

    variance = mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        probs, count = self.probs.detach().reshape(-1, self._num_events), Size(sample_shape).numel()
        drawn = parametric.multinomial(probs, count, replacement=True).transpose(0, 1)
        return drawn.reshape((*sample_shape, *self._batch_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        index = self._checked(value).long().unsqueeze(-1)
        index, logits = broadcasting.broadcast_tensors(index, self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        low = finfo(self._param.dtype).min
        return -(self.logits.clamp(min=low) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All classes, along a new first dimension."""
        values = ranges.arange(self._num_events, device=self._param.device).view(-1, *[1] * len(self._batch_shape))
        return values.expand(-1, *self._batch_shape) if expand else values


class Poisson(ExponentialFamily):
    """p(k) = rateᵏ e^(-rate) / k!.

    >>> import metagrad
    >>> Poisson(3.0).log_prob(metagrad.tensor(0.0))
    tensor(-3.)
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Tensor | float, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    variance = mean

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return parametric.poisson(self.rate.detach().expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        value = self._checked(value, self.rate.dtype)
        return logarithms.xlogy(value, self.rate) - self.rate - gamma_functions.lgamma(value + 1)


class NegativeBinomial(OfTrials):
    """How many successes come before ``total_count`` failures: p(k) = Γ(n + k) / (k! Γ(n)) pᵏ (1 - p)ⁿ."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        rate = Gamma(self.total_count.detach(), (-self.logits.detach()).exp(), validate_args=False)
        return parametric.poisson(rate.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        n, logits, lgamma = self.total_count, self.logits, gamma_functions.lgamma
        value = self._checked(value, logits.dtype)
        norm = (-lgamma(n + value) + lgamma(1 + value) + lgamma(n)).masked_fill(n + value == 0, 0.0)
        return n * logsigmoid(-logits) + value * logsigmoid(logits) - norm
