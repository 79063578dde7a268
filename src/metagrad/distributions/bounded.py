"""Distributions on the circle and between 0 and 1: VonMises, ContinuousBernoulli."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metagrad.autograd.mode import no_grad
from metagrad.base.dtypes import finfo
from metagrad.base.size import Size
from metagrad.base.typing import Array
from metagrad.distributions import constraints
from metagrad.distributions.discrete import one_of
from metagrad.distributions.distribution import Distribution, ExponentialFamily
from metagrad.distributions.utils import broadcast_all
from metagrad.ops.create import from_data, sampling
from metagrad.ops.create.random import numpy_generator
from metagrad.ops.pointwise import exponential, selection, trigonometric
from metagrad.ops.special.bessel import i0e, i1e
from metagrad.tensors.tensor import Tensor


class VonMises(Distribution):
    """An angle around ``loc``: p(x) = exp(concentration · cos(x - loc)) / (2π I₀(concentration)), -π <= x < π.

    Samples: the rejection method of Best and Fisher 1979.

    >>> import metagrad
    >>> VonMises(0.0, 4.0).log_prob(metagrad.tensor(0.0)).round(decimals=4)
    tensor(-0.2628)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Tensor | float, concentration: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    mode = mean

    @property
    def variance(self) -> Tensor:
        """The circular variance, 1 - I₁ / I₀."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            loc, k = (p.detach().expand(shape).double().cpu().numpy() for p in (self.loc, self.concentration))
            drawn = (_around_zero(k) + loc + math.pi) % (2 * math.pi) - math.pi
            return from_data.as_tensor(np.asarray(drawn), dtype=self.loc.dtype, device=self.loc.device)

    def log_prob(self, value: Tensor) -> Tensor:
        k = self.concentration
        return k * (trigonometric.cos(self._checked(value) - self.loc) - 1) - math.log(2 * math.pi) - i0e(k).log()


def _around_zero(k: Array) -> Array:
    """Angles around 0 of concentration k: proposed from a wrapped Cauchy distribution, all anew until each was accepted."""
    tau = 1 + np.sqrt(1 + 4 * k**2)
    rho = (tau - np.sqrt(2 * tau)) / (2 * np.maximum(k, 1e-300))
    r = np.where(k < 1e-5, 1 / np.maximum(k, 1e-300) + k, (1 + rho**2) / np.maximum(2 * rho, 1e-300))
    stream, found, done = numpy_generator(), np.full(k.shape, math.nan), np.isnan(k)
    while not done.all():
        turn, u, side = stream.random((3, *k.shape))
        z = np.cos(math.pi * turn)
        f = (1 + r * z) / (r + z)
        c = k * (r - f)
        with np.errstate(divide="ignore", invalid="ignore"):
            accepted = (c * (2 - c) > u) | (np.log(c / u) + 1 - c >= 0)
        found[accepted] = (np.sign(side - 0.5) * np.arccos(f))[accepted]
        done |= accepted
    return found


def _falling_mean(t: Tensor) -> Tensor:
    """The mean of the density eᵗˣ, x from 0 to 1, for t < 0."""
    return exponential.exp(t) / exponential.expm1(t) - 1 / t


class ContinuousBernoulli(ExponentialFamily):
    """p(x) ∝ probsˣ (1 - probs)^(1 - x) for x between 0 and 1. Source: Loaiza-Ganem and Cunningham 2019, arXiv:1907.06845.

    Near probs = ½, within ``lims``, the normalizing constant is taken from its Taylor series. Raises ValueError for
    probabilities outside [0, 1].
    """

    has_rsample = True
    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(
        self, probs: Tensor | float | None = None, logits: Tensor | float | None = None, lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        given = one_of(probs, logits)
        self._from_probs, self._lims = logits is None, lims
        if self._from_probs:
            eps = finfo(given.dtype).eps
            if validate_args is not False and not bool(constraints.unit_interval.check(given).all()):
                raise ValueError("The parameter probs has invalid values")
            given = given.clamp(eps, 1 - eps)
        self._param = given
        super().__init__(given.shape, (), validate_args)

    @property
    def param_shape(self) -> Size:
        """The parameter's shape."""
        return self._param.shape

    @property
    def _shown(self) -> tuple[str, ...]:
        return ("probs" if self._from_probs else "logits",)

    @property
    def probs(self) -> Tensor:
        """The parameter, between 0 and 1; not a probability of anything."""
        eps = finfo(self._param.dtype).eps
        return self._param if self._from_probs else self._param.sigmoid().clamp(eps, 1 - eps)

    @property
    def logits(self) -> Tensor:
        """log probs / (1 - probs)."""
        return self._param.log() - (-self._param).log1p() if self._from_probs else self._param

    def _middle(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where probs is near ½, t = logits, 0 elsewhere, and -|t|, a harmless value there."""
        p, t = self.probs, self.logits
        near = (p > self._lims[0]) & (p <= self._lims[1]) | (t.abs() < finfo(t.dtype).eps ** (1 / 6))
        return self._apart(near)

    def _even(self) -> tuple[Tensor, Tensor, Tensor]:
        """The same where the density is nearly even."""
        return self._apart(self.logits.abs() < finfo(self.logits.dtype).eps ** 0.25)

    def _apart(self, near: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        t = self.logits
        return near, t.masked_fill(~near, 0), -t.abs().masked_fill(near, 1)

    def _log_area(self) -> Tensor:
        """ln ∫ eᵗˣ dx = ln((eᵗ - 1) / t) = max(t, 0) + ln((1 - e⁻ᵃ) / a), where a = |t|. All else is from its derivatives."""
        near, small, fall = self._middle()
        exact = self.logits.relu() + (exponential.expm1(fall) / fall).log()
        return selection.where(near, small / 2 + (1 / 24 - small**2 / 2880) * small**2, exact)

    @property
    def mean(self) -> Tensor:
        near, small, fall = self._middle()
        low = _falling_mean(fall)  # for -a, and 1 minus it for a
        exact = selection.where(self.logits > 0, 1 - low, low)
        return selection.where(near, 0.5 + (1 / 12 - small**2 / 720) * small, exact)

    @property
    def variance(self) -> Tensor:
        near, small, fall = self._middle()
        exact = 1 / fall**2 - exponential.exp(fall) / exponential.expm1(fall) ** 2
        return selection.where(near, 1 / 12 - (1 / 240 - small**2 / 6048) * small**2, exact)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.icdf(
            sampling.rand(self._extended_shape(sample_shape), dtype=self._param.dtype, device=self._param.device)
        )

    def log_prob(self, value: Tensor) -> Tensor:
        value, t = self._checked(value, self._param.dtype), self.logits
        rest = self._log_area() - t.relu()
        return selection.where(t > 0, (value - 1) * t, value * t) - rest

    def cdf(self, value: Tensor) -> Tensor:
        (near, small, fall), x = self._even(), self._checked(value).clamp(0.0, 1.0)
        falling = exponential.expm1(fall * x) / exponential.expm1(fall)
        exact = selection.where(self.logits > 0, exponential.exp(fall * (1 - x)) * falling, falling)
        return selection.where(near, x - x * (1 - x) * small / 2 * (1 - (1 - 2 * x) * small / 6), exact)

    def icdf(self, value: Tensor) -> Tensor:
        (near, small, fall), up = self._even(), self.logits > 0
        u = selection.where(up, 1 - value, value)
        end = u == 1  # where e⁻ᵃ is lost beside 1
        found = exponential.log1p(u.masked_fill(end, 0) * exponential.expm1(fall)) / fall
        found = found.masked_fill(end, 1)
        even = value + value * (1 - value) * small / 2 * (1 + (1 - 2 * value) * small / 3)
        return selection.where(near, even, selection.where(up, 1 - found, found))

    def entropy(self) -> Tensor:
        near, small, fall = self._middle()
        exact = (exponential.expm1(fall) / fall).log() - fall * _falling_mean(fall)  # -a has the same entropy
        return selection.where(near, (-1 / 24 + small**2 / 960) * small**2, exact)
