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


def adam_numbers(t: float, lr: float, beta1: float, beta2: float, eps: float, shrink: float) -> list[float]:
    """The numbers of step t, of which the weights shrink by this share."""
    root = math.sqrt(1 - beta2**t)
    return [1 - shrink, 1 - beta1, beta2, 1 - beta2, eps * root, lr * root / (1 - beta1**t)]
