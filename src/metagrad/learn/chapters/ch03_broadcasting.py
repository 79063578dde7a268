"""What broadcasting does to a gradient: where the way forward copies, the way back adds."""

from __future__ import annotations

import math

import numpy as np

from metagrad.autograd import broadcasting
from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake

Shape = tuple[int, ...]


def numbers(*shape: int) -> Array:
    """Numbers that differ from each other, so that every sum of some of them is another number."""
    return np.sqrt(np.arange(1.0, 1.0 + math.prod(shape))).reshape(shape)


def _leading(g: Array, shape: Shape) -> Array:
    return g.sum(axis=tuple(range(g.ndim - len(shape))))


def _stretched(g: Array, shape: Shape) -> list[int]:
    return [i for i, (n, m) in enumerate(zip(shape, g.shape, strict=True)) if n == 1 != m]


def _first_row(g: Array, shape: Shape) -> Array:
    index = [0] * (g.ndim - len(shape)) + [0 if n == 1 else slice(None) for n in shape]
    return np.asarray(g[tuple(index)]).reshape(shape)


SUMMED = Exercise(
    name="summed_to",
    task="""The gradient of an input of this shape, given the gradient g of what broadcasting made of it: add up what was copied.
    Dimensions that broadcasting put in front are summed away; those of extent 1 that it stretched are summed, and stay.""",
    stub="""
import numpy as np


def summed_to(g, shape):
    ...
""",
    line="∂b_j = Σᵢ ∂y_ij: sum over every dimension along which the way forward copied",
    cases=[
        (numbers(2, 3), (3,)),
        (numbers(2, 3), (2, 1)),
        (numbers(2, 3), ()),
        (numbers(4, 2, 3), (2, 1)),
        (numbers(4, 2, 3), (1, 3)),
        (numbers(2, 3), (2, 3)),
        (numbers(2, 1), (2, 1)),
    ],
    right=broadcasting.sum_to_shape,
    mistakes=[
        Mistake(
            _leading,
            "New dimensions in front are summed away, but a dimension of extent 1 that was stretched is not: it was copied, too.",
        ),
        Mistake(
            lambda g, shape: _leading(g, shape).sum(axis=tuple(_stretched(_leading(g, shape), shape))),
            "The sums are right, but a stretched dimension is gone: the gradient has the input's shape, with the 1. `keepdims`.",
        ),
        Mistake(
            lambda g, shape: broadcasting.sum_to_shape(g, shape) / (g.size / max(math.prod(shape), 1)),
            "This is the mean of what the copies get. Each copy influences the result by itself, and the influences add.",
        ),
        Mistake(
            _first_row,
            "This is what one of the copies gets; the others are lost.",
        ),
    ],
)


def _linear(x: Array, w: Array, g: Array) -> tuple[Array, Array, Array]:
    return g @ w.T, x.T @ g, g.sum(axis=0)


LINEAR = Exercise(
    name="linear_gradient",
    task="""A linear layer is y = x @ w + b, with x (N, K), w (K, M), b (M). Given g = ∂L/∂y, return (∂L/∂x, ∂L/∂w, ∂L/∂b).""",
    stub="""
def linear_gradient(x, w, g):
    ...
""",
    line="∂X = ∂Y Wᵀ,   ∂W = Xᵀ ∂Y,   ∂b_j = Σᵢ ∂y_ij",
    cases=[
        (numbers(4, 3), numbers(3, 2), numbers(4, 2) - 1.5),
        (numbers(3, 3), -numbers(3, 3), numbers(3, 3) - 2),
        (numbers(1, 2), numbers(2, 2), numbers(1, 2)),
    ],
    right=_linear,
    mistakes=[
        Mistake(
            lambda x, w, g: (g @ w.T, x.T @ g, g),
            "∂L/∂b is still (N, M). b is one row that was copied to all N rows, so it gets the sum of what they get.",
        ),
        Mistake(
            lambda x, w, g: (g @ w.T, x.T @ g, g.mean(axis=0)),
            "∂L/∂b is the mean over the rows, and should be their sum: each row's influence counts.",
        ),
        Mistake(
            lambda x, w, g: (g @ w.T, x.T @ g / len(x), g.sum(axis=0)),
            "∂L/∂w was divided by the number of rows. If the loss is a mean, that factor is in g already.",
        ),
        Mistake(
            lambda x, w, g: (g @ w.T, g.T @ x, g.sum(axis=0)),
            "∂L/∂w is transposed: it has the shape of w, (K, M), and xᵀ g is that.",
        ),
        Mistake(
            lambda x, w, g: (g @ w, x.T @ g, g.sum(axis=0)),
            "∂L/∂x was multiplied by w, not by wᵀ: with a square w nothing raises, and it is still wrong.",
        ),
    ],
)

CHAPTER = Chapter(3, "What does broadcasting do to a gradient?", "book/03_broadcasting", (SUMMED, LINEAR))
