"""Steps of optimizers: each element of a parameter, and of what is remembered beside it, is read and written once."""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native


@native
def adam(p: Array, g: Array, m: Array, v: Array, numbers: Array) -> None:
    """Adam's step of arrays (*); numbers: what is left of p, 1 − β₁, β₂, 1 − β₂, √(1 − β₂ᵗ) ε and η √(1 − β₂ᵗ) / (1 − β₁ᵗ)."""
    left, new, eps, rate = numbers[0], numbers[1], numbers[4], numbers[5]
    old_square, new_square = numbers[2], numbers[3]
    for i in range(len(p)):
        m[i] += new * (g[i] - m[i])
        v[i] = old_square * v[i] + new_square * (g[i] * g[i])
        p[i] = left * p[i] - rate * (m[i] / (np.sqrt(v[i]) + eps))


@native
def sgd(p: Array, g: Array, numbers: Array) -> None:
    """p ← p − η (±g + λ p); numbers: η, the sign, λ."""
    rate, sign, decay = numbers[0], numbers[1], numbers[2]
    for i in range(len(p)):
        p[i] -= rate * (sign * g[i] + decay * p[i] if decay != 0 else sign * g[i])


@native
def sgd_with_momentum(p: Array, g: Array, b: Array, numbers: Array) -> None:
    """d = ±g + λ p, b ← keep b + take d, and p ← p − η b, or p − η (d + μ b); numbers: η, the sign, λ, keep, take, μ or 0."""
    rate, sign, decay, keep, take, ahead = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]
    for i in range(len(p)):
        d = sign * g[i] + decay * p[i] if decay != 0 else sign * g[i]
        b[i] = keep * b[i] + take * d
        p[i] -= rate * (d + ahead * b[i] if ahead != 0 else b[i])


def adam_numbers(t: float, lr: float, beta1: float, beta2: float, eps: float, shrink: float) -> list[float]:
    """The numbers of step t, of which the weights shrink by this share."""
    root = math.sqrt(1 - beta2**t)
    return [1 - shrink, 1 - beta1, beta2, 1 - beta2, eps * root, lr * root / (1 - beta1**t)]
