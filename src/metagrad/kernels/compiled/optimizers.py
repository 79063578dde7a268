"""Steps of optimizers: each element of a parameter, and of what is remembered beside it, is read and written once.

Their results are those of the optimizers' formulas in NumPy, bit for bit. What is written is not read again from its array,
which another might share for all that the compiler knows: it would not do several elements at once.
"""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native_exact


@native_exact
def adam(
    p: Array, g: Array, m: Array, v: Array, left: float, new: float, old_square: float, new_square: float, eps: float,
    rate: float, sign: float, decay: float,
) -> None:  # fmt: skip
    """Adam's step of arrays (*); what is left of p, 1 − β₁, β₂, 1 − β₂, √(1 − β₂ᵗ) ε, η √(1 − β₂ᵗ) / (1 − β₁ᵗ), ±1, λ."""
    for i in range(len(p)):
        d = sign * g[i] + decay * p[i] if decay != 0 else sign * g[i]
        mean = m[i] + new * (d - m[i])
        square = old_square * v[i] + new_square * (d * d)
        p[i] = left * p[i] - rate * (mean / (np.sqrt(square) + eps))
        m[i], v[i] = mean, square


@native_exact
def sgd(p: Array, g: Array, rate: float, sign: float, decay: float) -> None:
    """p ← p − η (±g + λ p)."""
    for i in range(len(p)):
        p[i] -= rate * (sign * g[i] + decay * p[i] if decay != 0 else sign * g[i])


@native_exact
def sgd_with_momentum(
    p: Array, g: Array, b: Array, rate: float, sign: float, decay: float, keep: float, take: float, ahead: float
) -> None:
    """d = ±g + λ p, b ← keep b + take d, and p ← p − η b, or p − η (d + μ b), μ being ``ahead``."""
    for i in range(len(p)):
        d = sign * g[i] + decay * p[i] if decay != 0 else sign * g[i]
        momentum = keep * b[i] + take * d
        p[i] -= rate * (d + ahead * momentum if ahead != 0 else momentum)
        b[i] = momentum


def adam_numbers(t: float, lr: float, beta1: float, beta2: float, eps: float) -> list[float]:
    """The numbers of step t, from 1 − β₁ to the rate."""
    root = math.sqrt(1 - beta2**t)
    return [1 - beta1, beta2, 1 - beta2, eps * root, lr * root / (1 - beta1**t)]
