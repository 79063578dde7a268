"""Invertible maps of numbers: affine, exponential, power, sigmoid, tanh and so on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from metagrad.base.dtypes import finfo
from metagrad.distributions import constraints
from metagrad.distributions.distribution import Distribution
from metagrad.distributions.transform import Transform, sum_last
from metagrad.nn.functional.smooth_activation import softplus
from metagrad.ops.create import from_data, like
from metagrad.ops.shape import broadcasting
from metagrad.tensors.tensor import Tensor


class _Rising(Transform):
    """A map that rises everywhere."""

    bijective = True
    sign = 1


class AffineTransform(Transform):
    """y = loc + scale · x.

    >>> import metagrad
    >>> AffineTransform(1.0, 2.0).log_abs_det_jacobian(metagrad.zeros(2), metagrad.ones(2))
    tensor([0.6931, 0.6931])
    """

    bijective = True

    def __init__(self, loc: Tensor | float, scale: Tensor | float, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.loc, self.scale = loc, scale
        self.domain = self.codomain = (
            constraints.independent(constraints.real, event_dim) if event_dim else constraints.real
        )

    @property
    def sign(self) -> Tensor | int:
        return self.scale.sign() if isinstance(self.scale, Tensor) else (self.scale > 0) - (self.scale < 0)

    def _call(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        if isinstance(self.scale, Tensor) and self.event_dim:  # as long as the scale is, however x is shaped
            size = sum_last(self.scale.abs().log(), min(self.event_dim, self.scale.dim()))
            return size.expand(x.shape[: -self.event_dim])
        if not isinstance(self.scale, Tensor):
            return sum_last(like.full_like(x, math.log(abs(self.scale))), self.event_dim)
        size = self.scale.abs().log().expand(x.shape)
        return sum_last(size, self.event_dim)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        own = (p.shape for p in (self.loc, self.scale) if isinstance(p, Tensor))
        return broadcasting.broadcast_shapes(shape, *own)

    inverse_shape = forward_shape

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AffineTransform):
            return False
        pairs = ((self.loc, other.loc), (self.scale, other.scale))
        return all(bool((from_data.as_tensor(mine) == theirs).all()) for mine, theirs in pairs)


class ExpTransform(_Rising):
    """y = eˣ."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x


class PowerTransform(_Rising):
    """y = x to the power of ``exponent``, for positive x."""

    domain = codomain = constraints.positive

    def __init__(self, exponent: Tensor | float, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.exponent = from_data.as_tensor(exponent)

    @property
    def sign(self) -> Tensor | int:  # type: ignore[override]
        return self.exponent.sign()

    def _call(self, x: Tensor) -> Tensor:
        return x.pow(self.exponent)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.exponent * y / x).abs().log()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PowerTransform) and bool((self.exponent == other.exponent).all())

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return broadcasting.broadcast_shapes(shape, self.exponent.shape)

    inverse_shape = forward_shape


class SigmoidTransform(_Rising):
    """y = σ(x).

    >>> import metagrad
    >>> SigmoidTransform()(metagrad.tensor([0.0, 100.0])), SigmoidTransform().inv(metagrad.tensor(0.5))
    (tensor([0.5000, 1.0000]), tensor(0.))
    """

    codomain = constraints.unit_interval

    def _call(self, x: Tensor) -> Tensor:
        info = finfo(x.dtype)
        return x.sigmoid().clamp(info.tiny, 1.0 - info.eps)

    def _inverse(self, y: Tensor) -> Tensor:
        info = finfo(y.dtype)
        y = y.clamp(info.tiny, 1.0 - info.eps)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x) - softplus(x)


class SoftplusTransform(_Rising):
    """y = log(1 + eˣ)."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -softplus(-x)


class TanhTransform(_Rising):
    """y = tanh x.

    >>> import metagrad
    >>> TanhTransform().inv(TanhTransform()(metagrad.tensor(0.5)))
    tensor(0.5000)
    """

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * (math.log(2) - x - softplus(-2 * x))


class AbsTransform(Transform):
    """y = |x|; going back gives the positive one of the two."""

    codomain = constraints.positive

    def _call(self, x: Tensor) -> Tensor:
        return x.abs()

    def _inverse(self, y: Tensor) -> Tensor:
        return y


class CumulativeDistributionTransform(_Rising):
    """y = the probability of an outcome no greater than x, of a distribution of one number."""

    codomain = constraints.unit_interval

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution, self.domain = distribution, distribution.support

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)
