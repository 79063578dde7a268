"""Why cross entropy: the logarithm of the softmax without overflow, and the gradient of the loss."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake, called_quietly

SCORES = np.array([[1.0, 2.0, 0.5], [-1.0, 0.0, 3.0], [0.2, 0.1, 0.0], [2.0, -2.0, 1.0]])
CLASSES = np.array([1, 0, 2, 2])


def _log_softmax(z: Array, axis: int = -1) -> Array:
    z = z - z.max(axis, keepdims=True)
    found: Array = z - np.log(np.exp(z).sum(axis, keepdims=True))
    return found


def _overflowing(z: Array) -> Array:
    with np.errstate(all="ignore"):
        e = np.exp(z)
        found: Array = np.log(e / e.sum(-1, keepdims=True))
    return found


def _rounded_to_zero(z: Array) -> Array:
    with np.errstate(all="ignore"):
        e = np.exp(z - z.max(-1, keepdims=True))
        found: Array = np.log(e / e.sum(-1, keepdims=True))
    return found


LOG_SOFTMAX = Exercise(
    name="log_softmax",
    task="""The logarithm of the softmax of each row of z (N, K), for scores of any size. Subtract the largest of each row
    first, and do not form the probabilities.""",
    stub="""
import numpy as np

def log_softmax(z):
    ...
""",
    line="ln p_k = z_k − m − ln Σⱼ e^(z_j − m),   m = max z_j",
    cases=[(SCORES,), (np.array([[1000.0, 0.0], [-1000.0, -1001.0]]),), (np.array([[0.0, -800.0, 2.0]]),)],
    right=_log_softmax,
    ask=called_quietly,
    mistakes=[
        Mistake(
            _overflowing,
            "It overflows: e^1000 is infinite, and ∞/∞ is nan. Subtract the row's largest score before the exponential.",
        ),
        Mistake(
            _rounded_to_zero,
            "The probability was formed, and its logarithm taken afterwards: e^−1000 is rounded to 0, and ln 0 is −∞. Take the "
            "logarithm of the sum only, and subtract it from the scores.",
        ),
        Mistake(
            lambda z: _log_softmax(z, 0),
            "The sum goes down the columns, over the examples. Each row is one example: its own sum is over the last axis.",
        ),
        Mistake(
            lambda z: np.exp(_log_softmax(z)),
            "These are the probabilities; the logarithm is asked for.",
        ),
    ],
)


def _gradient(z: Array, t: Array) -> Array:
    p = np.exp(_log_softmax(z))
    p[np.arange(len(t)), t] -= 1
    return p / len(t)


def _wrong_sign(z: Array, t: Array) -> Array:
    return -_gradient(z, t)


def _of_right_class(z: Array, t: Array) -> Array:
    only: Array = np.zeros_like(z)
    rows = np.arange(len(t))
    only[rows, t] = _gradient(z, t)[rows, t]
    return only


GRADIENT = Exercise(
    name="cross_entropy_gradient",
    task="""The gradient of cross entropy with respect to the scores z (N, K), for classes t (N): the loss is the mean of
    −ln p(t) over the N rows. What was said, minus what should have been said.""",
    stub="""
def cross_entropy_gradient(z, t):
    ...
""",
    line="∂L/∂z_k = (p_k − [k = t]) / N",
    cases=[(SCORES, CLASSES), (SCORES[:1], CLASSES[:1]), (3 * SCORES[1:], CLASSES[1:])],
    right=_gradient,
    mistakes=[
        Mistake(
            lambda z, t: _gradient(z, t) * len(t),
            "This is the gradient of the sum. The loss is the mean over the rows, so each gets 1/N.",
        ),
        Mistake(
            _wrong_sign,
            "The sign is turned: a step against this gradient makes the loss larger. It is p − y, not y − p.",
        ),
        Mistake(
            lambda z, t: np.exp(_log_softmax(z)) / len(t),
            "These are the probabilities: the 1 at the right class is not yet subtracted.",
        ),
        Mistake(
            _of_right_class,
            "Only the right class's score gets a gradient. The others are in the sum Σⱼ e^z_j, and each gets its p.",
        ),
    ],
)

CHAPTER = Chapter(5, "Why cross entropy?", "book/05_cross_entropy", (LOG_SOFTMAX, GRADIENT))
