"""Which step to take: momentum, and Adam with the correction of its means."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake, called_quietly

W = np.array([1.0, -2.0, 0.5])
GRADIENTS = [np.array([0.5, -1.0, 2.0]), np.array([0.4, 1.0, -2.0]), np.array([-0.3, 0.5, 1.0])]


def _momentum(
    w: Array, gradients: list[Array], rate: float, mu: float, buffer: float = 1.0, sign: float = 1.0
) -> Array:
    b = np.zeros_like(w)
    for g in gradients:
        b = mu * b + buffer * g
        w = w - sign * rate * b
    return w


def _forgetful(w: Array, gradients: list[Array], rate: float, mu: float) -> Array:
    for g in gradients:
        w = w - rate * (mu * 0 + g)
    return w


MOMENTUM = Exercise(
    name="momentum",
    task="""Descent with momentum: given the weights w and the gradients of some steps in turn, return the weights after the last of
    them. The memory b begins at 0.""",
    stub="""
import numpy as np

def momentum(w, gradients, rate, mu):
    ...
""",
    line="b ← μ b + g,   w ← w − η b",
    cases=[(W, GRADIENTS, 0.1, 0.9), (W, GRADIENTS[:2], 0.5, 0.5), (W, GRADIENTS * 2, 0.01, 0.8)],
    right=_momentum,
    mistakes=[
        Mistake(
            lambda w, gradients, rate, mu: _momentum(w, gradients, rate, mu, 1 - mu),
            "The gradient was multiplied by 1 − μ, which makes b a mean: that is Adam's first memory. Here b is a sum, and grows "
            "to g/(1 − μ).",
        ),
        Mistake(
            _forgetful,
            "Nothing is remembered from step to step: b must be kept outside the loop, and μ b be part of it.",
        ),
        Mistake(
            lambda w, gradients, rate, mu: _momentum(w, gradients, rate, mu, sign=-1.0),
            "The step goes uphill: the gradient points to where the loss grows.",
        ),
    ],
)


def _adam(
    w: Array,
    gradients: list[Array],
    rate: float,
    beta1: float,
    beta2: float,
    correct: bool = True,
    root: bool = True,
    late: bool = False,
) -> Array:
    m = v = np.zeros_like(w)
    for t, g in enumerate(gradients, 0 if late else 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        with np.errstate(all="ignore"):
            c1, c2 = (np.float64(1) - beta1**t, np.float64(1) - beta2**t) if correct else (1.0, 1.0)
            w = w - rate * (m / c1) / ((np.sqrt(v / c2) if root else v / c2) + 1e-8)
    return w


ADAM = Exercise(
    name="adam",
    task="""Adam: given the weights w and the gradients of some steps in turn, return the weights after the last of them. Both means
    begin at 0, the first step is number 1, and ε is 1e-8.""",
    stub="""
def adam(w, gradients, rate, beta1=0.9, beta2=0.999):
    ...
""",
    line="m̂ = m/(1 − β₁ᵗ),   v̂ = v/(1 − β₂ᵗ),   w ← w − η m̂/(√v̂ + ε)",
    cases=[(W, GRADIENTS[:1], 0.1, 0.9, 0.999), (W, GRADIENTS, 0.1, 0.9, 0.999), (W, GRADIENTS * 2, 0.05, 0.8, 0.9)],
    right=_adam,
    ask=called_quietly,
    mistakes=[
        Mistake(
            lambda w, gradients, rate, beta1, beta2: _adam(w, gradients, rate, beta1, beta2, correct=False),
            "The means are not corrected. They begin at 0, so after t steps their weights add up to 1 − βᵗ only: divide by that.",
        ),
        Mistake(
            lambda w, gradients, rate, beta1, beta2: _adam(w, gradients, rate, beta1, beta2, root=False),
            "The step was divided by v̂, the mean of the squares. Its root has the gradient's unit, so that the step has none.",
        ),
        Mistake(
            lambda w, gradients, rate, beta1, beta2: _adam(w, gradients, rate, beta1, beta2, late=True),
            "The first step was counted as number 0, and 1 − β⁰ is 0: count from 1.",
        ),
    ],
)

CHAPTER = Chapter(7, "Which step?", "book/07_step", (MOMENTUM, ADAM))
