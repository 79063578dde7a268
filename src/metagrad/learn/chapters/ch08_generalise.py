"""Doing well on what was not seen: dropout, and the gradient of a norm."""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake

_draw = np.random.default_rng(0)
X = _draw.normal(size=(3, 4)) * 2 + 1
DRAWN = _draw.random((3, 4))
G = _draw.normal(size=(3, 4))


def _dropout(x: Array, drawn: Array, p: float, training: bool) -> Array:
    if not training:
        return x
    found: Array = x * (drawn >= p) / (1 - p)
    return found


def _unscaled(x: Array, drawn: Array, p: float, training: bool) -> Array:
    return _dropout(x, drawn, p, training) * (1 - p) if training else x


def _always(x: Array, drawn: Array, p: float, training: bool) -> Array:
    return _dropout(x, drawn, p, True)


def _by_p(x: Array, drawn: Array, p: float, training: bool) -> Array:
    return _dropout(x, drawn, p, training) * (1 - p) / p if training else x


DROPOUT = Exercise(
    name="dropout",
    task="""Dropout: drawn has a number between 0 and 1 for each of x, drawn at random. A unit drops out where it is below p. What
    is left is scaled so that the mean stays what it was; when the network is not training, nothing drops out.""",
    stub="""
import numpy as np

def dropout(x, drawn, p, training):
    ...
""",
    line="y = x ⊙ m/(1 − p) with m = [drawn ≥ p] while training;   y = x otherwise",
    cases=[(X, DRAWN, 0.3, True), (X, DRAWN, 0.6, True), (X, DRAWN, 0.3, False)],
    right=_dropout,
    mistakes=[
        Mistake(
            _unscaled,
            "What is left is not scaled: the mean has become (1 − p) times what it was, and the network will see larger numbers "
            "when it is used than it ever saw in training.",
        ),
        Mistake(_always, "Units drop out although the network is not training."),
        Mistake(_by_p, "What is left was divided by p, the share that drops out; it is 1 − p that is left."),
    ],
)


def _norm(x: Array, eps: float = 1e-5) -> tuple[Array, Array]:
    d = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt((d * d).mean(-1, keepdims=True) + eps)
    return d * r, r


def _gradient(x: Array, g: Array, mean: bool = True, stretch: bool = True, axis: int = -1) -> Array:
    y, r = _norm(x)
    found = g - g.mean(axis, keepdims=True) if mean else g
    if stretch:
        found = found - y * (g * y).mean(axis, keepdims=True)
    return r * found


NORM = Exercise(
    name="layer_norm_gradient",
    task="""Layer norm without γ and β: y = (x − μ)/√(σ² + ε) for each row of x, ε = 1e-5. Given x and the gradient g of y, return
    the gradient of x.""",
    stub="""
def layer_norm_gradient(x, g, eps=1e-5):
    ...
""",
    line="∂x = r (g − mean(g) − y mean(g y)),   r = 1/√(σ² + ε), means over each row",
    cases=[(X, G), (3 * X[:1], G[:1]), (X[:, :3], G[:, 1:])],
    right=_gradient,
    mistakes=[
        Mistake(
            lambda x, g: _gradient(x, g, mean=False, stretch=False),
            "The mean and the deviation were taken for constants. Both are made of x, so x has a say through each of them.",
        ),
        Mistake(
            lambda x, g: _gradient(x, g, stretch=False),
            "The way through the deviation is missing: − y mean(g y).",
        ),
        Mistake(
            lambda x, g: _gradient(x, g, mean=False),
            "The way through the mean is missing: − mean(g).",
        ),
        Mistake(
            lambda x, g: _gradient(x, g, axis=0),
            "The means go down the columns, over the examples. A layer norm knows only its own row.",
        ),
    ],
)

CHAPTER = Chapter(8, "How to do well on what was not seen?", "book/08_generalise", (DROPOUT, NORM))
