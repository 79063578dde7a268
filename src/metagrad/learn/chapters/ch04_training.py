"""What training is: descent for a line, and how large a step may be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake

Line = tuple[float, float]
X = np.array([0.5, 1.0, 2.0, 3.5])
Y = np.array([0.0, 1.5, 2.0, 5.0])


def _gradient(x: Array, y: Array, w: float, b: float) -> Line:
    e = w * x + b - y
    return 2 * float(np.mean(e * x)), 2 * float(np.mean(e))


def _walk(scale: Callable[[Array], float]) -> Callable[..., Line]:
    """Descent with the gradient multiplied by what ``scale`` says."""

    def walked(x: Array, y: Array, w: float, b: float, rate: float, steps: int) -> Line:
        for _ in range(steps):
            dw, db = _gradient(x, y, w, b)
            w, b = w - rate * scale(x) * dw, b - rate * scale(x) * db
        return w, b

    return walked


def _one_after_the_other(x: Array, y: Array, w: float, b: float, rate: float, steps: int) -> Line:
    for _ in range(steps):
        w -= rate * _gradient(x, y, w, b)[0]
        b -= rate * _gradient(x, y, w, b)[1]
    return w, b


DESCENT = Exercise(
    name="descend",
    task="""Take so many steps of gradient descent on L = mean((w x + b - y)²), from the w and b that are given, and return the
    last (w, b). x and y are NumPy arrays.""",
    stub="""
import numpy as np


def descend(x, y, w, b, rate, steps):
    ...
""",
    line="∂w = (2/N) Σᵢ e_i x_i,   ∂b = (2/N) Σᵢ e_i,   w ← w − η ∂w,   b ← b − η ∂b",
    cases=[(X, Y, 0.0, 0.0, 0.1, 1), (X, Y, 1.0, -1.0, 0.05, 3), (-X[:3], Y[1:], 0.5, 2.0, 0.01, 10)],
    right=_walk(lambda x: 1.0),
    mistakes=[
        Mistake(
            _walk(lambda x: 0.5),
            "Each step is half as long as it should be: the square's slope is 2 e, and the 2 is missing.",
        ),
        Mistake(
            _walk(lambda x: float(len(x))),
            "The errors are added up, and not divided by N: the loss is a mean. This way the step grows with the data.",
        ),
        Mistake(
            _walk(lambda x: -1.0),
            "This goes uphill: the gradient points to where the loss grows, and the step goes against it.",
        ),
        Mistake(
            _one_after_the_other,
            "w is moved first, and ∂b is then computed with the new w. Both derivatives belong to the same point: "
            "compute them, then move both.",
        ),
    ],
)


def _limit(columns: Array, pick: Callable[[Array], float] = max) -> float:
    return 2 / float(pick(np.linalg.eigvalsh(2 * columns.T @ columns / len(columns))))


def _with_ones(x: Array) -> Array:
    return np.stack([x, np.ones_like(x)], axis=1)


LIMIT = Exercise(
    name="largest_rate",
    task="""The learning rate above which descent for the line of the first exercise moves away from the minimum: 2 / λ, where λ is
    the largest eigenvalue of the matrix of second derivatives. np.linalg.eigvalsh(H) gives the eigenvalues of H.""",
    stub="""
def largest_rate(x):
    ...
""",
    line="η < 2/λ_max, with λ_max of H = (2/N) XᵀX, where X has the columns x and 1",
    cases=[(X,), (np.array([-1.0, 0.0, 1.0, 0.5]),), (10 + X[:3],)],
    right=lambda x: _limit(_with_ones(x)),
    mistakes=[
        Mistake(
            lambda x: _limit(_with_ones(x)) / 2,
            "This is half of it, 1/λ: there the steepest direction is reached in one step; the limit is where the "
            "step is twice as long.",
        ),
        Mistake(
            lambda x: _limit(_with_ones(x), min),
            "This is 2/λ_min. The flattest direction would bear that; the steepest does not.",
        ),
        Mistake(
            lambda x: 2 / (2 * float(np.mean(x * x))),
            "This is the limit for w alone. b is a parameter, too: X has a second column, of ones.",
        ),
        Mistake(
            lambda x: 2 / float(np.linalg.eigvalsh(_with_ones(x).T @ _with_ones(x)).max()),
            "H is XᵀX here. The loss is a mean of squares, so its second derivatives have the factor 2/N.",
        ),
    ],
)

CHAPTER = Chapter(4, "What is training?", "book/04_training", (DESCENT, LIMIT))
