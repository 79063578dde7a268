"""Many layers: how numbers grow or shrink from layer to layer, and what weights to start with."""

from __future__ import annotations

import math

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake

GROWTH = Exercise(
    name="growth",
    task="""Layers of n inputs and n outputs, without a bend between them, whose weights have standard deviation std. By what factor
    has the standard deviation of the numbers been multiplied after so many layers?""",
    stub="""
def growth(n, std, layers):
    ...
""",
    line="Var a = n · Var w · mean of x², so after L layers the deviation is multiplied by (√n · std)ᴸ",
    cases=[(100, 0.1, 7), (64, 0.0625, 10), (50, 0.2, 3)],
    right=lambda n, std, layers: (math.sqrt(n) * std) ** layers,
    mistakes=[
        Mistake(
            lambda n, std, layers: (n * std**2) ** layers,
            "This is the factor of the variance. The standard deviation is its square root.",
        ),
        Mistake(
            lambda n, std, layers: (n * std) ** layers,
            "The n terms were added up as if all had the same sign. Of independent terms the variances add up, so the deviation "
            "grows with √n.",
        ),
        Mistake(
            lambda n, std, layers: math.sqrt(n) * std * layers,
            "Each layer multiplies what the one before gave: that is a power of the number of layers, not a multiple.",
        ),
    ],
)


def _pass(x: Array, weights: list[Array], dy: Array, slope: bool = True, of_output: bool = False) -> list[Array]:
    outputs = [x]
    for w in weights:
        outputs.append(np.tanh(outputs[-1] @ w))
    found = []
    for w, before, y in zip(reversed(weights), reversed(outputs[:-1]), reversed(outputs[1:]), strict=True):
        da = dy * (1 - y * y) if slope else dy
        found.append((y if of_output else before).T @ da)
        dy = da @ w.T
    return found[::-1]


_draw = np.random.default_rng(0)
_CASES: list[tuple[Array, list[Array], Array]] = [
    (
        _draw.normal(size=(4, 3)),
        [_draw.normal(size=(3, 3)) * 0.7 for _ in range(layers)],
        _draw.normal(size=(4, 3)),
    )
    for layers in (1, 2, 4)
]

DEEP = Exercise(
    name="deep_gradients",
    task="""Layers y = tanh(x W), one after the other: weights is the list of their W. Given x (N, n) and the gradient dy of what
    the last layer gives, return the list of ∂L/∂W, in the order of the layers.""",
    stub="""
import numpy as np

def deep_gradients(x, weights, dy):
    ...
""",
    line="∂a = ∂y ⊙ (1 − y²),   ∂W = xᵀ ∂a,   ∂x = ∂a Wᵀ, from the last layer to the first",
    cases=_CASES,
    right=_pass,
    mistakes=[
        Mistake(
            lambda x, weights, dy: _pass(x, weights, dy, slope=False),
            "The gradient went past each tanh as if it were not there: ∂a is ∂y ⊙ (1 − y²).",
        ),
        Mistake(
            lambda x, weights, dy: _pass(x, weights, dy, of_output=True),
            "∂W was made of what the layer gives; it is made of what goes in, xᵀ ∂a.",
        ),
        Mistake(
            lambda x, weights, dy: _pass(x, weights, dy)[::-1],
            "The gradients are in the order in which they were found, the last layer first. Turn the list round.",
        ),
    ],
)

CHAPTER = Chapter(6, "Why many layers, and how do they start?", "book/06_depth", (GROWTH, DEEP))
