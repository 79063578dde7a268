"""What a gradient is: slopes by finite differences, and the chain rule by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

from metagrad.learn.exercise import Chapter, Exercise, Mistake


def polynomial(x: float) -> float:
    """A function that curves, so that looking ahead and looking both ways differ."""
    return x**3 - 2 * x


def _central(f: Callable[[float], float], x: float, h: float) -> float:
    return (f(x + h) - f(x - h)) / (2 * h)


SLOPE = Exercise(
    name="slope",
    task="""The slope of f at x, by looking to both sides: what f gains from x - h to x + h, per unit of x.""",
    stub="""
def slope(f, x, h=1e-4):
    ...
""",
    line="f′(x) ≈ (f(x + h) − f(x − h)) / 2h",
    cases=[(polynomial, 1.0, 0.5), (polynomial, -2.0, 0.25), (math.sin, 0.5, 0.1)],
    right=_central,
    mistakes=[
        Mistake(
            lambda f, x, h: (f(x + h) - f(x)) / h,
            "This looks to one side only, from x to x + h. Its error is of the order of h; looking to both sides it is of the "
            "order of h².",
        ),
        Mistake(
            lambda f, x, h: (f(x + h) - f(x - h)) / h,
            "This is twice the slope: from x − h to x + h the input moves by 2h, not by h.",
        ),
        Mistake(
            lambda f, x, h: f(x + h) - f(x - h),
            "This is what f gains, not what it gains per unit of x: the division is missing.",
        ),
    ],
)


def _right(x: float, w: float, b: float, target: float) -> tuple[float, float]:
    y = math.tanh(w * x + b)
    da = 2 * (y - target) * (1 - y * y)
    return da * x, da


NEURON = Exercise(
    name="neuron_gradient",
    task="""One neuron, y = tanh(w x + b), and its loss L = (y - target)². Return ∂L/∂w and ∂L/∂b as a pair. Call the sum inside
    the tanh a, and go back step by step: ∂L/∂y, then ∂L/∂a, then ∂L/∂w and ∂L/∂b.""",
    stub="""
def neuron_gradient(x, w, b, target):
    ...
""",
    line="∂L/∂a = ∂L/∂y · (1 − y²),   ∂L/∂w = ∂L/∂a · x,   ∂L/∂b = ∂L/∂a,   with ∂L/∂y = 2 (y − target)",
    cases=[(1.5, 0.4, -0.2, 1.0), (-2.0, 0.3, 0.5, 0.0), (0.5, -1.0, 0.1, 0.25)],
    right=_right,
    mistakes=[
        Mistake(
            lambda x, w, b, target: (
                2 * (math.tanh(w * x + b) - target) * x,
                2 * (math.tanh(w * x + b) - target),
            ),
            "The gradient went past the tanh as if it were not there: the factor 1 − y², the slope of tanh, is missing.",
        ),
        Mistake(
            lambda x, w, b, target: (_right(x, w, b, target)[0] / 2, _right(x, w, b, target)[1] / 2),
            "This is half of it: the square's slope is 2 (y − target), and the 2 is missing.",
        ),
        Mistake(
            lambda x, w, b, target: (_right(x, w, b, target)[1] * w, _right(x, w, b, target)[1]),
            "∂L/∂w was multiplied by w. The slope of w x with respect to w is x: each factor gets the other one.",
        ),
        Mistake(
            lambda x, w, b, target: (
                2 * (math.tanh(w * x + b) - target) * (1 - (w * x + b) ** 2) * x,
                2 * (math.tanh(w * x + b) - target) * (1 - (w * x + b) ** 2),
            ),
            "1 − a² was taken where 1 − y² belongs: tanh′(a) is 1 − tanh²(a), and tanh(a) is y.",
        ),
    ],
)

CHAPTER = Chapter(1, "What is a gradient?", "book/01_gradient", (SLOPE, NEURON))
