"""Beyond one process: whose gradient counts how much, who sends what around a ring, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metagrad.base.typing import Array
from metagrad.learn.exercise import Chapter, Exercise, Mistake


def _sum(weights: Sequence[float], gradients: Sequence[Array]) -> Array:
    return sum((w * g for w, g in zip(weights, gradients, strict=True)), np.zeros_like(gradients[0]))


WEIGHTED = Exercise(
    name="weighted_gradient",
    task="""Each rank has the gradient of the mean loss over its own samples: `gradients`, a list of arrays. `counts`
    says how many samples each had. Return the gradient of the mean loss over all samples.""",
    stub="""
def weighted_gradient(gradients, counts):
    ...
""",
    line="∂L/∂w = Σᵣ (nᵣ/N) gᵣ",
    cases=[
        ([np.array([1.0, 2.0]), np.array([3.0, -4.0])], [1, 3]),
        ([np.array([0.5]), np.array([2.0]), np.array([-1.0])], [4, 1, 5]),
    ],
    right=lambda gradients, counts: _sum([n / sum(counts) for n in counts], gradients),
    mistakes=[
        Mistake(
            lambda gradients, counts: _sum([1 / len(counts)] * len(counts), gradients),
            "This is the mean of the means: a rank with one sample counts as much as one with many.",
        ),
        Mistake(
            lambda gradients, counts: _sum([n / sum(counts) / len(counts) for n in counts], gradients),
            "It is divided by the number of ranks as well: the weights n/N already add up to 1.",
        ),
        Mistake(
            lambda gradients, counts: _sum(counts, gradients),
            "This is the gradient of the sum over all samples, not of their mean: N is missing.",
        ),
        Mistake(
            lambda gradients, counts: _sum([1 / sum(counts)] * len(counts), gradients),
            "The gradients were added up as if each were of one sample: a mean over n samples stands for n of them.",
        ),
    ],
)


def _ring(arrays: Sequence[Array], first: int = 1, second: int = 1, adds: bool = True) -> list[Array]:
    """The ring's all_reduce in lockstep, with so many steps less than ranks in each round."""
    ranks = len(arrays)
    chunks = [[chunk.copy() for chunk in np.array_split(array, ranks)] for array in arrays]
    for s in range(ranks - first):
        sent = [chunks[r][(r - s) % ranks].copy() for r in range(ranks)]
        for r in range(ranks):
            at = (r - s - 1) % ranks
            chunks[r][at] = sent[r - 1] + chunks[r][at] if adds else sent[r - 1]
    for s in range(ranks - second):
        sent = [chunks[r][(r + 1 - s) % ranks].copy() for r in range(ranks)]
        for r in range(ranks):
            chunks[r][(r - s) % ranks] = sent[r - 1]
    return [np.concatenate(own) for own in chunks]


def _added_twice(arrays: Sequence[Array]) -> list[Array]:
    """The second round adds what arrives, too."""
    ranks = len(arrays)
    chunks = [np.array_split(array, ranks) for array in _ring(arrays, second=len(arrays))]
    for s in range(ranks - 1):
        sent = [chunks[r][(r + 1 - s) % ranks].copy() for r in range(ranks)]
        for r in range(ranks):
            chunks[r][(r - s) % ranks] = chunks[r][(r - s) % ranks] + sent[r - 1]
    return [np.concatenate(own) for own in chunks]


RING = Exercise(
    name="ring_all_reduce",
    task="""`arrays` has one array for each of P ranks; return what each has after an all_reduce (sum) as a ring, a list
    of arrays. Cut each array into P chunks (np.array_split). In step s of the first round every rank r sends its
    chunk r − s (modulo P) to rank r + 1, which adds it to its own chunk of that number; in step s of the second, chunk
    r + 1 − s, which replaces the receiver's. All send at once: take copies of what is sent before anything is added.""",
    stub="""
def ring_all_reduce(arrays):
    ...
""",
    line="two rounds of P − 1 steps: chunk r − s is added, then chunk r + 1 − s replaces",
    cases=[
        ([np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]), np.array([100.0, 200.0, 300.0])],),
        ([np.arange(5.0), np.arange(5.0) ** 2 + 1, np.array([3.0, 1.0, 4.0, 1.0, 5.0]), np.full(5, 0.5)],),
    ],
    right=lambda arrays: [sum(arrays[1:], arrays[0])] * len(arrays),
    mistakes=[
        Mistake(
            lambda arrays: _ring(arrays, second=len(arrays)),
            "The second round is missing: each rank has one whole chunk, and the others do not have it.",
        ),
        Mistake(
            lambda arrays: _ring(arrays, first=2),
            "The first round is one step short: a chunk must pass all P − 1 others to be whole.",
        ),
        Mistake(
            lambda arrays: _ring(arrays, adds=False),
            "In the first round what arrives replaces the receiver's chunk; it must be added to it.",
        ),
        Mistake(
            _added_twice,
            "In the second round what arrives is added; it is whole already, and must replace what is there.",
        ),
    ],
)

COST = Exercise(
    name="ring_cost",
    task="""The seconds that a ring's all_reduce of n bytes takes on P ranks, if a message of m bytes takes
    alpha + beta * m, and in each step all ranks send at once.""",
    stub="""
def ring_cost(P, n, alpha, beta):
    ...
""",
    line="2 (P − 1) (α + β n/P)",
    cases=[(4, 8e6, 2e-5, 8e-10), (16, 8e3, 2e-5, 8e-10), (2, 1e5, 1e-4, 5e-10)],
    right=lambda P, n, alpha, beta: 2 * (P - 1) * (alpha + beta * n / P),
    mistakes=[
        Mistake(
            lambda P, n, alpha, beta: (P - 1) * (alpha + beta * n / P),
            "This is one round. There are two: the sums are collected, and then handed out.",
        ),
        Mistake(
            lambda P, n, alpha, beta: 2 * (P - 1) * (alpha + beta * n),
            "A step sends the whole array here; it sends one chunk, n/P bytes.",
        ),
        Mistake(
            lambda P, n, alpha, beta: 2 * P * (alpha + beta * n / P),
            "A round has P − 1 steps: a chunk need not come back to where it began.",
        ),
    ],
)

CHAPTER = Chapter(16, "How does it go beyond one process?", "book/16_beyond", (WEIGHTED, RING, COST))
