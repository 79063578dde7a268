"""Whether the probabilities can be believed: the temperature that makes them so, and the error of calibration.

Words that are tagged with probability p should be right in a share p of the cases. The temperature T, one number found on words the
network has not learned from, makes p^(1/T) such (Guo, Pleiss, Sun and Weinberger 2017). The expected calibration error is
Σ_b n_b / n |accuracy_b − confidence_b| over bins of the probability (Naeini, Cooper and Hauskrecht 2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

BINS = 15
LEAST = 30  # words from which a temperature is found


class Bin(NamedTuple):
    """Words whose probability is between ``low`` and ``high``: how many, their mean probability, and the share of right ones."""

    low: float
    high: float
    words: int
    confidence: float
    accuracy: float


def bins(confidence: Array, right: Array, count: int = BINS) -> list[Bin]:
    """The words by their probability, in bins of the same width; empty ones are left out.

    >>> [(b.words, round(b.confidence, 2), b.accuracy) for b in bins(np.array([0.9, 0.9, 0.1]), np.array([True, False, False]), 2)]
    [(1, 0.1, 0.0), (2, 0.9, 0.5)]
    """
    number = np.minimum((confidence * count).astype(int), count - 1)
    found = []
    for b in range(count):
        own = number == b
        if own.any():
            found.append(
                Bin(b / count, (b + 1) / count, int(own.sum()), float(confidence[own].mean()), float(right[own].mean()))
            )
    return found


def calibration_error(found: Sequence[Bin]) -> float:
    """Σ n_b / n |accuracy_b − confidence_b|; 0 for nothing.

    >>> round(calibration_error([Bin(0, 1, 10, 0.9, 0.8)]), 6)
    0.1
    """
    total = sum(b.words for b in found)
    return sum(b.words * abs(b.accuracy - b.confidence) for b in found) / max(total, 1)


def find_temperature(log_p: Array, tags: Array) -> float:
    """The temperature of the least mean −ln p of the true tags, for ln p (N, K) and tags (N); 1 for too few words.

    −ln p is convex in 1/T; the golden section between 1/20 and 20 finds its least.

    >>> p = np.log([[0.6, 0.4]] * 100)
    >>> round(find_temperature(p, np.array([0] * 90 + [1] * 10)), 2)  # right more often than it says: surer
    0.18
    """
    if len(tags) < LEAST:
        return 1.0
    log_p = np.maximum(log_p.astype(np.float64), -60)

    def loss(log_sharpness: float) -> float:
        scaled = log_p * np.exp(log_sharpness)
        top = scaled.max(1, keepdims=True)
        normal = top[:, 0] + np.log(np.exp(scaled - top).sum(1))
        return float((normal - scaled[np.arange(len(tags)), tags]).mean())

    low, high = -3.0, 3.0
    golden = (5**0.5 - 1) / 2
    while high - low > 1e-4:
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp(-(low + high) / 2))
