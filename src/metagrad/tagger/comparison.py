"""Two taggings of the same sentences compared: is the difference more than chance?

McNemar's test looks at the words that only one of them tagged right, b and c of them: if both were equally good, each such word
would be a coin's throw, so b has the binomial distribution of b + c throws; p is the chance of a difference as large, exactly
(McNemar 1947). Words of one sentence are not independent of each other, so beside it stands the paired bootstrap over sentences:
an interval for the difference of the accuracies, from sentences drawn again with replacement (Efron and Tibshirani 1993).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metagrad.tagger.metrics import Scores, TagScore

Tagging = Sequence[Sequence[str]]
SAMPLES = 10_000


@dataclass(frozen=True)
class Comparison:
    """A against B: only_a words that A alone tagged right, only_b that B alone did, McNemar's p, and 95% of the differences of
    the accuracies, A's less B's, under the bootstrap."""

    words: int
    only_a: int
    only_b: int
    p: float
    difference: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self))

    def __str__(self) -> str:
        surely = "more than chance" if self.p < 0.05 else "may be chance"
        return (
            f"accuracy A - B: {self.difference:+.4f}; A alone is right on {self.only_a:,} words, B alone on {self.only_b:,}\n"
            f"  McNemar's exact test: p = {self.p:.2g} ({surely} at the level 0.05)\n"
            f"  paired bootstrap over sentences, 95% of {SAMPLES:,} samples: {self.low:+.4f} to {self.high:+.4f}"
        )


def mcnemar(b: int, c: int) -> float:
    """The two-sided p of b and c under equal chances: min(1, 2 P(X ≤ min(b, c))), X binomial of b + c throws.

    >>> round(mcnemar(2, 8), 6), mcnemar(3, 3)
    (0.109375, 1.0)
    """
    n, few = b + c, min(b, c)
    log_chance = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(few + 1)
    ]
    return min(1.0, 2 * math.fsum(map(math.exp, log_chance)))


def compare(truth: Tagging, a: Tagging, b: Tagging, seed: int = 0) -> Comparison:
    """Compare two taggings with the true tags.

    >>> found = compare([["N", "V"]] * 20, [["N", "V"]] * 20, [["N", "N"]] * 20)
    >>> found.only_a, found.only_b, found.difference, found.p < 0.001
    (20, 0, 0.5, True)
    """
    rows = []  # per sentence: words, right in A, right in B, right in A alone, right in B alone
    for true, tags_a, tags_b in zip(truth, a, b, strict=True):
        pairs = [(t == x, t == y) for t, x, y in zip(true, tags_a, tags_b, strict=True)]
        rows.append([len(true), *(sum(test) for test in zip(*[(x, y, x > y, y > x) for x, y in pairs], strict=True))]
                    if pairs else [0] * 5)  # fmt: skip
    counts = np.array(rows, np.int64).reshape(len(rows), 5)
    words, right_a, right_b, only_a, only_b = counts.sum(0).tolist()
    if not words:
        raise ValueError("there are no words to compare on")
    random = np.random.default_rng(seed)
    differences = np.empty(SAMPLES)
    for i in range(SAMPLES):
        drawn = counts[random.integers(0, len(counts), len(counts)), :3].sum(0)
        differences[i] = (drawn[1] - drawn[2]) / max(1, drawn[0])
    low, high = np.quantile(differences, [0.025, 0.975]).tolist()
    return Comparison(words, only_a, only_b, mcnemar(only_a, only_b), (right_a - right_b) / words, low, high)


def by_tag(a: Scores, b: Scores) -> list[tuple[TagScore, TagScore]]:
    """Each tag's score in A and in B, the largest difference of F1, weighted by how often the tag occurs, first."""
    others = {t.tag: t for t in b.tags}
    pairs = [(t, others.get(t.tag, TagScore(t.tag, 0, 0, t.actual))) for t in a.tags]
    return sorted(pairs, key=lambda pair: -abs(pair[0].right - pair[1].right))
