"""Gamma and Dirichlet variables whose gradients reach the parameters.

The gradient of a gamma variable x with respect to its shape a is the implicit one: x moves so that
the probability P(a, x) of a smaller outcome stays the same, dx/da = -(∂P/∂a) / p(x). With the series

    P(a, x) = p(x) Σₙ rₙ,   r₀ = x / a,   rₙ₊₁ = rₙ x / (a + n + 1),

this is -Σₙ rₙ (log x - ψ(a + n + 1)). Source: Figurnov, Mohamed and Mnih 2018, arXiv:1805.08498.

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
    """dx/da of gamma variables, by the series above; float64 inside."""
    a64, x64 = a.astype(np.float64), x.astype(np.float64)
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
    return total.astype(a.dtype)


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
    """(dx/da) / (1 - x) of each share, by the series above; float64 inside."""
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
    at, r, gap = np.arange(x64.size), (x64 / own).ravel(), (np.log(x64) + apart).ravel()
    low, near, over, under = low.ravel(), np.where(low, x64, 1 - x64).ravel(), total.ravel(), own.ravel() + 1
    part, tolerance = np.zeros(x64.size), 1e-12 if a.dtype.itemsize == 8 else 1e-8
    while at.size:
        for _ in range(8):  # steps before somebody asks who is done
            part += r * gap
            r *= near * over / under
            gap += 1 / over - low / under
            over, under = over + 1, under + 1
        going = (near * over >= under) | (r * (1 + np.abs(gap)) > tolerance * np.abs(part))
        found.reshape(-1)[at[~going]] = part[~going]
        at, r, gap, low, near, over, under, part = (each[going] for each in (at, r, gap, low, near, over, under, part))
    return (sign * found).astype(a.dtype)


def _digamma(x: Array) -> Array:
    return gamma_functions.digamma(from_data.as_tensor(x)).numpy()


def standard_dirichlet(concentration: Tensor, shape: Sequence[int]) -> Tensor:
    """Dirichlet variables, with gradients for the concentration."""
    return StandardDirichlet.apply(concentration.expand(shape))
