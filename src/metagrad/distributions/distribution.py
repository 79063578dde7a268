"""What all distributions have in common: batches of them, events, samples."""

from __future__ import annotations

import copy
import operator
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from metagrad.autograd.interface import grad
from metagrad.autograd.mode import no_grad
from metagrad.base.naming import is_own
from metagrad.base.size import Size
from metagrad.base.typing import DTypeLike
from metagrad.base.warning import warn
from metagrad.distributions import constraints
from metagrad.distributions.constraints import Constraint
from metagrad.distributions.transform import sum_last
from metagrad.ops.create import from_data
from metagrad.tensors.tensor import Tensor


class Distribution:
    """A batch of random variables. A sample has the shape ``sample_shape + batch_shape + event_shape``.

    ``rsample`` draws so that gradients reach the parameters, where ``has_rsample`` says that it can. Parameters, and the
    values given to ``log_prob`` and ``cdf``, are checked unless ``validate_args`` is False.

    >>> import metagrad
    >>> from metagrad.distributions import Normal
    >>> d = Normal(metagrad.zeros(3), 1.0)
    >>> d.batch_shape, d.sample((2,)).shape, d.support
    (metagrad.Size([3]), metagrad.Size([2, 3]), Real())
    """

    has_rsample = False
    has_enumerate_support = False
    arg_constraints: ClassVar[dict[str, Constraint]] = {}
    support: Any = constraints.dependent  # a Constraint; a property where it depends on the parameters
    _validate_args: bool = True
    _without_batch: ClassVar[frozenset[str]] = frozenset()  # tensors that ``expand`` leaves as they are

    def __init__(
        self, batch_shape: Sequence[int] = (), event_shape: Sequence[int] = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape = Size(operator.index(extent) for extent in batch_shape)
        self._event_shape = Size(operator.index(extent) for extent in event_shape)
        if validate_args is not None:
            self._validate_args = bool(validate_args)
        if self._validate_args:
            if self.arg_constraints is Distribution.arg_constraints and not is_own(type(self).__module__):
                warn(
                    f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize the "
                    "distribution with `validate_args=False` to turn off validation."
                )
            for name in self._shown:
                self._check_parameter(name)

    def _check_parameter(self, name: str) -> None:
        constraint, value = self.arg_constraints.get(name), getattr(self, name)
        if constraint is None or constraints.is_dependent(constraint):
            return
        if not bool(constraint.check(value).all()):
            raise ValueError(
                f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} "
                f"to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
            )

    def _validate_sample(self, value: Tensor | float) -> None:
        """Raise a ValueError unless the value has the shape of a sample and lies in the support."""
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        whole = (*self._batch_shape, *self._event_shape)
        if tuple(value.shape[value.dim() - len(self._event_shape) :]) != tuple(self._event_shape):
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}."
            )
        for i, j in zip(reversed(value.shape), reversed(whole), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {whole}.")
        support = self.support
        if not constraints.is_dependent(support) and not bool(support.check(value).all()):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _checked(self, value: Tensor | float, dtype: DTypeLike = None) -> Tensor:
        """The value as a tensor, validated if it is to be."""
        if self._validate_args:
            self._validate_sample(value)
        return from_data.as_tensor(value, dtype=dtype)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from here on check what they are given, unless they are told.

        Raises ValueError for anything but True and False.
        """
        if value not in (True, False):
            raise ValueError(f"expected True or False, got {value!r}")
        Distribution._validate_args = value

    def expand(self, batch_shape: Sequence[int], _instance: Distribution | None = None) -> Self:
        """The same distribution with its batch broadcast to a larger shape; memory is shared.

        >>> from metagrad.distributions import Normal
        >>> Normal(0.0, 1.0).expand((2, 3)).sample().shape
        metagrad.Size([2, 3])
        """
        wide, narrow = Size(batch_shape), len(self._batch_shape)
        made: Any = _instance
        if made is None:
            self._get_checked_instance(next(kind for kind in type(self).__mro__ if is_own(kind.__module__)))
            made = copy.copy(self)
        made.__dict__ |= self.__dict__
        for name, value in self.__dict__.items():
            if name in self._without_batch:
                continue
            if isinstance(value, Tensor) and tuple(value.shape[:narrow]) == tuple(self._batch_shape):
                made.__dict__[name] = value.expand((*wide, *value.shape[narrow:]))
            elif isinstance(value, Distribution):
                made.__dict__[name] = value.expand((*wide, *value.batch_shape[narrow:]))
        made._batch_shape = wide
        return made

    def _get_checked_instance(self, cls: type, _instance: Distribution | None = None) -> Distribution:
        """The instance that an ``expand`` of one's own is to fill: a new one, unless a subclass gave it.

        Raises NotImplementedError for a subclass with an ``__init__`` of its own that did not give one.
        """
        if _instance is not None:
            return _instance
        if type(self).__init__ != cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method "
                "must also define a custom .expand() method."
            )
        return object.__new__(type(self))

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters: how many variables there are."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one outcome: () unless it is a vector or more."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def mode(self) -> Tensor:
        """The likeliest value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The variance's square root."""
        return self.variance.sqrt()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A sample that is a differentiable function of the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no differentiable samples: use sample() and log_prob()")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """A sample, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def sample_n(self, n: int) -> Tensor:
        """``sample((n,))``, by its older name, of which it warns."""
        warn("`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", FutureWarning)
        return self.sample((n,))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of the density, or of the probability, at a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of an outcome no greater than value."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """The value that ``cdf`` maps to this probability."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def entropy(self) -> Tensor:
        """The expected value of -log_prob."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All possible outcomes, along a new first dimension; for some discrete distributions."""
        raise NotImplementedError(f"{type(self).__name__} has too many outcomes to list them")

    def perplexity(self) -> Tensor:
        """e to the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Sequence[int] = ()) -> Size:
        """The shape of so many samples: sample_shape + batch_shape + event_shape."""
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def __repr__(self) -> str:
        shown = []
        for name in self._printed:
            value = getattr(self, name)
            shown.append(f"{name}: {value if value.numel() == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def _shown(self) -> tuple[str, ...]:
        """The parameters it was made from: those that are checked."""
        return tuple(name for name in self.arg_constraints if name in self.__dict__)

    @property
    def _printed(self) -> tuple[str, ...]:
        """Those that are printed: PyTorch leaves out what it computes from another distribution's."""
        return self._shown


class ExponentialFamily(Distribution):
    """Distributions whose density is exp(Σ θ(parameters) · t(x) - A(θ)) h(x).

    A subclass that gives θ (``_natural_params``), A (``_log_normalizer``) and -E log h (``_mean_carrier_measure``) has an
    ``entropy`` A(θ) - θ · ∇A(θ) - E log h, and divergences from others of its class.
    """

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        """θ: tensors of the shape ``batch_shape + event_shape``."""
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        """A(θ), for each of a batch."""
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> Any:
        """-E log h; 0 where h is 1."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """-E log p. Raises NotImplementedError unless the subclass gives θ, A and h."""
        carrier = self._mean_carrier_measure
        at = [parameter.detach().requires_grad_() for parameter in self._natural_params]
        normalizer = self._log_normalizer(*at)
        slopes = grad(normalizer.sum(), at, create_graph=True)
        for parameter, slope in zip(at, slopes, strict=True):
            term = parameter * slope
            normalizer = normalizer - sum_last(term, term.dim() - len(self._batch_shape))
        return normalizer - carrier
