"""Chapter 16: a solution, and wrong answers with the words of the hint each must get."""

WEIGHTED = """
def weighted_gradient(gradients, counts):
    return sum(n * g for n, g in zip(counts, gradients)) / sum(counts)
"""
RING = """
import numpy as np


def ring_all_reduce(arrays):
    P = len(arrays)
    arrays = [array.copy() for array in arrays]
    chunks = [np.array_split(array, P) for array in arrays]
    for s in range(P - 1):
        sent = [chunks[r][(r - s) % P].copy() for r in range(P)]
        for r in range(P):
            chunks[(r + 1) % P][(r - s) % P] += sent[r]
    for s in range(P - 1):
        sent = [chunks[r][(r + 1 - s) % P].copy() for r in range(P)]
        for r in range(P):
            chunks[(r + 1) % P][(r + 1 - s) % P][:] = sent[r]
    return arrays
"""
COST = """
def ring_cost(P, n, alpha, beta):
    steps = 2 * (P - 1)
    return steps * (alpha + beta * n / P)
"""
RIGHT = WEIGHTED + RING + COST


def _weighted(old, new):
    return WEIGHTED.replace(old, new) + RING + COST


def _ring(old, new):
    return WEIGHTED + RING.replace(old, new) + COST


def _cost(old, new):
    return WEIGHTED + RING + COST.replace(old, new)


ADD, REPLACE = "(r - s) % P] += sent", "(r + 1 - s) % P][:] = sent"
WRONG = [
    (
        "weighted_gradient",
        "mean of the means",
        _weighted("n * g for n, g in zip(counts, gradients)) / sum(counts)", "gradients) / len(gradients)"),
    ),
    ("weighted_gradient", "as well", _weighted("/ sum(counts)", "/ sum(counts) / len(counts)")),
    ("weighted_gradient", "N is missing", _weighted(" / sum(counts)", "")),
    ("weighted_gradient", "as if each were of one sample", _weighted("n * g for", "g for")),
    (
        "ring_all_reduce",
        "second round is missing",
        _ring(RING[RING.rindex("    for s in") : RING.index("    return")], ""),
    ),
    ("ring_all_reduce", "one step short", WEIGHTED + RING.replace("P - 1", "P - 2", 1) + COST),
    ("ring_all_reduce", "must be added to it", _ring(ADD, "(r - s) % P][:] = sent")),
    ("ring_all_reduce", "whole already", _ring(REPLACE, "(r + 1 - s) % P] += sent")),
    ("ring_cost", "This is one round", _cost("2 * (P - 1)", "P - 1")),
    ("ring_cost", "one chunk", _cost("n / P", "n")),
    ("ring_cost", "need not come back", _cost("(P - 1)", "P")),
]
