"""Gamma and Dirichlet variables whose gradients reach the parameters.

The gradient of a gamma variable x with respect to its shape a is the implicit one: x moves so that
the probability P(a, x) of a smaller outcome stays the same, dx/da = -(∂P/∂a) / p(x). With the series

    P(a, x) = p(x) Σₙ rₙ,   r₀ = x / a,   rₙ₊₁ = rₙ x / (a + n + 1),

this is -Σₙ rₙ (log x - ψ(a + n + 1)). Source: Figurnov, Mohamed and Mnih 2018, arXiv:1805.08498. Of a large a the series is
long; there a z is found that stays as it is when a moves (source: Cornish and Fisher 1938),

    x = a + √a z + (z² - 1) / 3 + (z³ - 7z) / (36 √a) - (3z⁴ + 7z² - 16) / (810 a).

A share xⱼ of a Dirichlet variable is a beta variable with a = aⱼ and b = Σ aᵢ - a, whose series is

    I(a, b, x) = p(x) (1 - x) Σₙ rₙ,   r₀ = x / a,   rₙ₊₁ = rₙ x (a + b + n) / (a + n + 1);

where x is large it is that of 1 - x. When xⱼ moves, the other shares keep their proportions, so that

    ∂L/∂aⱼ = (dxⱼ/daⱼ) / (1 - xⱼ) · (gⱼ - Σᵢ gᵢ xᵢ),   g = ∂L/∂x.

Source: Jankowiak and Obermeyer 2018, arXiv:1806.01851.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable
from metagrad.base.device import CPU, move, of_array
from metagrad.base.typing import Array
from metagrad.ops.create import from_data
from metagrad.ops.create.random import numpy_generator
from metagrad.ops.special import gamma as gamma_functions
from metagrad.tensors.tensor import Tensor


class StandardGamma(Function):
    """x from the gamma distribution of shape a and rate 1, at least the least positive number, for its logarithm's sake."""

    def forward(self, a: Array) -> Array:
        drawn = numpy_generator().standard_gamma(move(a, CPU))
        x = move(np.maximum(drawn, np.finfo(a.dtype).tiny).astype(a.dtype), of_array(a))
        self.save(a, x)
        return x

    def backward(self, grad: Array) -> Array:
        """dx/da · ∂L/∂x. Raises RuntimeError for a second derivative."""
        if isinstance(grad, Variable):
            raise RuntimeError("the gradient of a gamma sample cannot be differentiated again")
        a, x = self.saved
        return grad * move(gamma_slope(move(a, CPU), move(x, CPU)), of_array(a))


def gamma_slope(a: Array, x: Array) -> Array:
    """dx/da of gamma variables; nan where it is not finite. float64 inside."""
    a64, x64 = a.astype(np.float64), x.astype(np.float64)
    found = np.full(x.shape, np.nan)
    finite, large = np.isfinite(a64) & np.isfinite(x64), a64 > _LARGE_SHAPE
    for which, slope in ((finite & ~large, _slope_by_series), (finite & large, _slope_of_large)):
        found[which] = slope(a64[which], x64[which])
    return found.astype(a.dtype)


_LARGE_SHAPE = 1e5  # above it the expansion is exact to 1e-12, and the series has more than 2,000 terms


def _slope_of_large(a: Array, x: Array) -> Array:
    root = np.sqrt(a)
    z = (x - a) / root
    for _ in range(4):
        at = a + root * z + (z**2 - 1) / 3 + (z**3 - 7 * z) / (36 * root) - (3 * z**4 + 7 * z**2 - 16) / (810 * a)
        z -= (at - x) / (root + 2 * z / 3)
    return 1 + z / (2 * root) - (z**3 - 7 * z) / (72 * a * root) + (3 * z**4 + 7 * z**2 - 16) / (810 * a**2)


def _slope_by_series(a64: Array, x64: Array) -> Array:
    ratio = x64 / a64
    gap = np.log(x64) - gamma_functions.digamma(from_data.as_tensor(a64 + 1)).numpy()
    total, n = np.zeros_like(x64), 1
    while ratio.size:
        term = ratio * gap
        total -= term
        if (np.abs(term) <= 1e-12 * np.abs(total)).all() and (x64 <= a64 + n).all():
            break
        gap -= 1 / (a64 + n)
        ratio *= x64 / (a64 + n)
        n += 1
    return total


def standard_gamma(concentration: Tensor, shape: Sequence[int]) -> Tensor:
    """Gamma variables of rate 1, with gradients for their shape parameter."""
    return StandardGamma.apply(concentration.expand(shape))


class StandardDirichlet(Function):
    """Shares from the Dirichlet distribution, strictly between 0 and 1, for the logarithms of x and 1 - x."""

    def forward(self, a: Array) -> Array:
        limits = np.finfo(a.dtype)
        drawn = np.maximum(numpy_generator().standard_gamma(move(a, CPU)), limits.tiny).astype(a.dtype)
        shares = drawn / drawn.sum(-1, keepdims=True, dtype=drawn.dtype)
        x = move(np.clip(shares, limits.tiny, np.nextafter(a.dtype.type(1), a.dtype.type(0))), of_array(a))
        self.save(a, x)
        return x

    def backward(self, grad: Array) -> Array:
        """Σᵢ ∂L/∂xᵢ · ∂xᵢ/∂aⱼ. Raises RuntimeError for a second derivative."""
        if isinstance(grad, Variable):
            raise RuntimeError("the gradient of a Dirichlet sample cannot be differentiated again")
        a, x = self.saved
        slope = move(share_slope(move(a, CPU), move(x, CPU)), of_array(a))
        return slope * (grad - (grad * x).sum(-1, keepdims=True))


def share_slope(a: Array, x: Array) -> Array:
    """(dx/da) / (1 - x) of each share, by the series above, or as of a normal variable; nan where it is not finite.

    float64 inside.
    """
    a64, x64 = a.astype(np.float64), x.astype(np.float64)
    once = a64[tuple([slice(0, 1) if step == 0 else slice(None) for step in a.strides])]  # without what was repeated
    total, psi = once.sum(-1, keepdims=True), _digamma(once)
    if once.shape[-1] < a.shape[-1]:
        total = total * a.shape[-1]
    apart_low, apart_high = (np.broadcast_to(_digamma(total) - p, a.shape) for p in (psi + 1 / once, psi))
    total = np.broadcast_to(total, a.shape)
    low = np.where((x64 < 0.01) | (x64 > 0.99), x64 < 0.5, x64 * total <= a64)  # the shorter series is that of x
    sign = np.where(low, -1.0, 1.0)
    own = np.where(low, a64, total - a64)
    found = np.zeros(x64.shape)
    apart = np.where(low, apart_low, apart_high)
    tolerance, largest = (1e-12, 1e8) if a.dtype.itemsize == 8 else (1e-8, 1e6)
    others = total - a64
    long = (np.minimum(a64, others) > largest) | (others < 1e-12 * total)  # where the series would be, or has no b
    at = np.flatnonzero(~long & np.isfinite(total) & np.isfinite(x64))
    every = (x64 / own, np.log(x64) + apart, low, np.where(low, x64, 1 - x64), total, own + 1, np.zeros(x64.shape))
    r, gap, low, near, over, under, part = (each.ravel()[at] for each in every)
    while at.size:
        for _ in range(8):  # steps before somebody asks who is done
            part += r * gap
            r *= near * over / under
            gap += 1 / over - low / under
            over, under = over + 1, under + 1
        going = (near * over >= under) | (r * (1 + np.abs(gap)) > tolerance * np.abs(part))
        found.reshape(-1)[at[~going]] = part[~going]
        at, r, gap, low, near, over, under, part = (each[going] for each in (at, r, gap, low, near, over, under, part))
    found *= sign
    found[long] = _share_slope_of_large(a64[long], x64[long], total[long])
    found[~np.isfinite(total) | ~np.isfinite(x64)] = np.nan
    return found.astype(a.dtype)


def _share_slope_of_large(a: Array, x: Array, total: Array) -> Array:
    """Of a normal variable: it stays as many of its standard deviations from its mean. The relative error is about 1/a."""
    mean = a / total
    slope = (1 - mean) / total + (x - mean) * (1 / a - 2 / total - 1 / (total + 1)) / 2
    return slope / (1 - x)


def _digamma(x: Array) -> Array:
    return gamma_functions.digamma(from_data.as_tensor(x)).numpy()


def standard_dirichlet(concentration: Tensor, shape: Sequence[int]) -> Tensor:
    """Dirichlet variables, with gradients for the concentration."""
    return StandardDirichlet.apply(concentration.expand(shape))
