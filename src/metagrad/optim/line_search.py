"""How far to go along a direction: a line search for the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Point(NamedTuple):
    """A point on the line: how far t, the loss f there, its gradient, and its slope f' along the line.

    Slopes have the gradient's dtype, and so has what is computed with them: in float32 the search goes as far as float32 sees.
    """

    t: float
    loss: float
    grad: Any
    slope: Any


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    reach: float,
    most: int,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
) -> tuple[Point, int]:
    """A point with f(t) ≤ f(0) + c₁ t f'(0) and |f'(t)| ≤ c₂ |f'(0)|, and how often the loss was evaluated to find it.

    at: evaluates a point; t: where to look first; reach: the largest element of the direction; most: how many more
    evaluations may follow. If none is found, the best of what was seen is returned. Nocedal and Wright, Numerical
    Optimization (2006), algorithms 3.5 and 3.6.

    >>> parabola = lambda t: Point(t, (t - 3) ** 2, None, np.float64(2 * (t - 3)))
    >>> found, evaluations = strong_wolfe(parabola, parabola(0.0), 0.1, 1.0, 20)
    >>> round(float(found.t), 6), evaluations
    (1.0, 2)
    """

    def too_high(point: Point) -> bool:
        return point.loss > start.loss + c1 * point.t * start.slope

    def flat(point: Point) -> bool:
        return abs(point.slope) <= -c2 * start.slope

    # Go out until a minimum must lie between the last two points.
    last, new, tried = start, at(t), 0
    pair = None
    while tried < most and pair is None:
        if too_high(new) or (tried > 1 and new.loss >= last.loss):
            pair = [last, new]
        elif flat(new):
            return new, tried + 1
        elif new.slope >= 0:
            pair = [last, new]
        else:
            further = lowest_of_cubic(last, new, new.t + 0.01 * (new.t - last.t), new.t * 10)
            last, new, tried = new, at(further), tried + 1
    pair = pair or [start, new]

    # Close in on it.
    def order() -> tuple[int, int]:
        return (0, 1) if pair[0].loss <= pair[1].loss else (1, 0)

    low, high = order()
    near_the_edge = False
    while tried < most and abs(pair[1].t - pair[0].t) * reach >= tolerance:
        left, right = sorted((pair[0].t, pair[1].t))
        t = lowest_of_cubic(pair[0], pair[1], left, right)
        margin = 0.1 * (right - left)
        if min(right - t, t - left) >= margin:
            near_the_edge = False
        elif near_the_edge or not left < t < right:  # twice in a row: the cubic does not help
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near_the_edge = False
        else:
            near_the_edge = True
        new, tried = at(t), tried + 1
        if too_high(new) or new.loss >= pair[low].loss:
            pair[high] = new
            low, high = order()
            continue
        if not flat(new) and new.slope * (pair[high].t - pair[low].t) >= 0:
            pair[high] = pair[low]
        pair[low] = new
        if flat(new):
            break
    return pair[low], tried + 1


def lowest_of_cubic(a: Point, b: Point, left: float, right: float) -> float:
    """The minimum within [left, right] of the cubic with both points' losses and slopes; the middle if there is none."""
    if a.t > b.t:
        a, b = b, a
    width = b.t - a.t
    u = (
        a.slope + b.slope - 3 * float(np.float64(a.loss - b.loss) / -width)
    )  # NumPy's floats divide by 0 without an error
    square = u * u - a.slope * b.slope
    if not square >= 0:
        return (left + right) / 2
    v = np.sqrt(square)
    lowest: float = min(max(b.t - width * ((b.slope + v - u) / (b.slope - a.slope + 2 * v)), left), right)
    return lowest
