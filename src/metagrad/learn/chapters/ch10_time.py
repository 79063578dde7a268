"""Back-propagation through time, and clipping."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake

_draw = np.random.default_rng(0)


def _case(steps: int) -> tuple[Array, Array, Array]:
    return _draw.normal(size=(steps, 3)), _draw.normal(size=(3, 3)) * 0.6, _draw.normal(size=(steps, 3))


def _states(x: Array, u: Array) -> list[Array]:
    h = [np.zeros(3)]
    for row in x:
        h.append(np.tanh(row + h[-1] @ u))
    return h


def _gradient(x: Array, u: Array, g: Array, carry: bool = True, bend: bool = True, late: bool = False) -> Array:
    h, found, back = _states(x, u), np.zeros_like(u), np.zeros(3)
    for t in reversed(range(len(x))):
        dh = g[t] + (back if carry else 0)
        da = dh * (1 - h[t + 1] ** 2) if bend else dh
        found += np.outer(h[t + 1] if late else h[t], da)
        back = da @ u.T
    return found


TIME = Exercise(
    name="recurrent_gradient",
    task="""A network hₜ = tanh(xₜ + hₜ₋₁ U) that starts from a state of zeros. Given x (T, H), U (H, H), and the
    gradient g (T, H) that each state gets from the loss directly, return the gradient of U.""",
    stub="""
import numpy as np

def recurrent_gradient(x, U, g):
    ...
""",
    line="∂hₜ = gₜ + ∂aₜ₊₁ Uᵀ,   ∂aₜ = ∂hₜ ⊙ (1 − hₜ²),   ∂U = Σₜ hₜ₋₁ᵀ ∂aₜ",
    cases=[_case(2), _case(4), _case(7)],
    right=_gradient,
    mistakes=[
        Mistake(
            lambda x, u, g: _gradient(x, u, g, carry=False),
            "Nothing comes back from the next step: ∂hₜ is gₜ + ∂aₜ₊₁ Uᵀ, for hₜ also went into step t + 1.",
        ),
        Mistake(
            lambda x, u, g: _gradient(x, u, g, bend=False),
            "The gradient went past the tanh as if it were not there: ∂aₜ = ∂hₜ ⊙ (1 − hₜ²).",
        ),
        Mistake(
            lambda x, u, g: _gradient(x, u, g, late=True),
            "∂U was made with the state after the step. U is multiplied by the one before, hₜ₋₁.",
        ),
    ],
)


def _clip(grads: list[Array], most: float) -> list[Array]:
    norm = np.sqrt(sum((g * g).sum() for g in grads))
    return [g * min(1.0, most / norm) for g in grads]


CLIP = Exercise(
    name="clip",
    task="""Clipping: given the gradients of all parameters, a list of arrays, return them scaled down together so
    that their norm is at most `most`; if it is not larger, return them as they are.""",
    stub="""
def clip(grads, most):
    ...
""",
    line="ĝ = g · min(1, c/|g|),   |g|² = the sum of squares over all parameters",
    cases=[
        ([np.array([3.0, 0.0]), np.array([[4.0]])], 1.0),
        ([np.array([0.3, 0.0]), np.array([[0.4]])], 1.0),
        ([np.array([6.0, -8.0]), np.array([[0.5]])], 5.0),
    ],
    right=_clip,
    mistakes=[
        Mistake(
            lambda grads, most: [g * min(1.0, most / np.sqrt((g * g).sum())) for g in grads],
            "Each gradient was clipped by itself, which turns the direction of the whole. It is one norm, over "
            "all of them.",
        ),
        Mistake(
            lambda grads, most: [g * (most / np.sqrt(sum((g * g).sum() for g in grads))) for g in grads],
            "Small gradients were scaled up to the limit. Only those that are too large are changed: min(1, c/|g|).",
        ),
        Mistake(
            lambda grads, most: [np.clip(g, -most, most) for g in grads],
            "Each number was cut off, which turns the direction. The whole gradient is scaled.",
        ),
    ],
)

CHAPTER = Chapter(10, "How does a network learn from what was long ago?", "book/10_time", (TIME, CLIP))
