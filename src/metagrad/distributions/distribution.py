"""What all distributions have in common: batches of them, events, samples."""

from __future__ import annotations

from typing import Any

from metagrad import functions
from metagrad.autograd.mode import no_grad
from metagrad.dtypes import get_default_dtype
from metagrad.tensor import Size, Tensor


class Distribution:
    """A batch of random variables. A sample has the shape ``sample_shape + batch_shape + event_shape``.

    ``rsample`` draws so that gradients reach the parameters, where ``has_rsample`` says that it can.
    """

    has_rsample = False
    has_enumerate_support = False

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        self._validate_args = validate_args is not False

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
    def variance(self) -> Tensor:
        """The expected squared distance from the mean."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The variance's square root."""
        return self.variance.sqrt()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """A sample that is a differentiable function of the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no differentiable samples: use sample() and log_prob()")

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """A sample, without a gradient."""
        with no_grad():
            return self.rsample(sample_shape)

    def sample_n(self, n: int) -> Tensor:
        """``sample((n,))``, by its older name."""
        return self.sample((n,))

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density, or of the probability, at a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value: Any) -> Tensor:
        """The probability of an outcome no greater than value."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def icdf(self, value: Any) -> Tensor:
        """The value that ``cdf`` maps to this probability."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf")

    def entropy(self) -> Tensor:
        """The expected value of -log_prob."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def perplexity(self) -> Tensor:
        """e to the entropy."""
        return self.entropy().exp()

    def _extended(self, sample_shape: Any) -> Size:
        return Size((*sample_shape, *self._batch_shape, *self._event_shape))

    def __repr__(self) -> str:
        shown = []
        for name in self._shown:
            value = getattr(self, name)
            shown.append(f"{name}: {value if value.numel() == 1 else value.size()}")
        return f"{type(self).__name__}({', '.join(shown)})"

    _shown: tuple[str, ...] = ()


def parameters(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape and dtype."""
    known = [v for v in values if isinstance(v, Tensor)]
    kind = known[0].dtype if known else get_default_dtype()
    tensors = [v if isinstance(v, Tensor) else functions.tensor(v, dtype=kind) for v in values]
    return tuple(functions.broadcast_tensors(*tensors)) if len(tensors) > 1 else tuple(tensors)


def positive(kind: type, **values: Any) -> None:
    """Raise a ValueError unless all values are greater than zero."""
    for name, value in values.items():
        if not bool((value > 0).all()):
            raise ValueError(f"{kind.__name__} expects {name} to be greater than zero everywhere, got {value}")
