"""A learning curve: how good the tagger is with parts of its training sentences, and so what more of them would bring.

The share of errors falls as a power of the number of sentences, a n^−b, over wide ranges (Hestness et al. 2017): a line through the
logarithms, continued, says what to expect of twice as many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from metagrad.tagger.learning import evaluate, learn
from metagrad.tagger.settings import Settings
from metagrad.tagger.splits import Split, shuffled
from metagrad.tagger.training import Recipe

SHARES = (1 / 8, 1 / 4, 1 / 2)


class Point(NamedTuple):
    """So many sentences to learn from, and the score reached: accuracy, or F1 of spans."""

    sentences: int
    score: float


def learning_curve(
    parts: Split, settings: Settings, recipe: Recipe, about: dict[str, object], whole: float,
    told: Callable[[Point], None] = lambda point: None,
) -> list[Point]:  # fmt: skip
    """Train on an eighth, a quarter and half of the training sentences, each part within the next; ``whole`` is the score with all.

    What is judged on is the held-out part if there is one, else the test part.
    """
    judged, count = parts.dev or parts.test, len(parts.train)
    order = shuffled(count, recipe.seed)
    points = []
    for share in SHARES:
        some = sorted(order[: max(1, round(count * share))])
        model, _ = learn(replace(parts, train=[parts.train[i] for i in some]), settings, recipe, dict(about))
        scores, _ = evaluate(model, judged)
        points.append(Point(len(some), scores.main))
        told(points[-1])
    points.append(Point(count, whole))
    told(points[-1])
    return points


def forecast(points: Sequence[Point], factor: float = 2.0) -> Point:
    """The score to expect of ``factor`` times the sentences of the last point, by the power law through the last three.

    >>> forecast([Point(100, 0.8), Point(200, 0.9), Point(400, 0.95)])
    Point(sentences=800, score=0.975)
    """
    last = points[-3:]
    n = np.log([p.sentences for p in last])
    errors = np.log([max(1 - p.score, 1e-6) for p in last])
    slope = min(0.0, float(np.polyfit(n, errors, 1)[0])) if len(last) > 1 else 0.0
    error = (1 - last[-1].score) * factor**slope
    return Point(round(last[-1].sentences * factor), round(1 - error, 6))


def as_text(points: Sequence[Point]) -> str:
    """The curve for reading, with what twice as many sentences would bring."""
    lines = [f"  {p.sentences:>9,} sentences   {p.score:.4f}" for p in points]
    more = forecast(points)
    gain = more.score - points[-1].score
    lines.append(f"  {more.sentences:>9,} sentences   {more.score:.4f}   expected: {gain:+.4f} for twice as many")
    return "\n".join(lines)
