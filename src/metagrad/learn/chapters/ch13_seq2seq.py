"""Saying a sentence: beam search, and the precision that BLEU is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from metagrad.learn.exercise import Chapter, Exercise, Mistake

Said = tuple[str, ...]
Choices = Callable[[Said], Mapping[str, float]]


def _table(tree: Mapping[str, Mapping[str, float]]) -> Choices:
    return lambda said: tree.get(" ".join(said), {"x": 0.5, "y": 0.5})


TREES = [
    _table({"": {"a": 0.6, "b": 0.4}, "a": {"c": 0.4, "d": 0.35, "e": 0.25}, "b": {"f": 0.9, "g": 0.1}}),
    _table(
        {
            "": {"a": 0.5, "b": 0.3, "c": 0.2},
            "a": {"d": 0.34, "e": 0.66},
            "b": {"g": 0.9, "i": 0.1},
            "c": {"h": 0.95, "j": 0.05},
        }
    ),
]


def _beam(choices: Choices, steps: int, width: int, sign: float = -1.0, each: bool = False) -> list[str]:
    kept: list[tuple[Said, float]] = [((), 1.0)]
    for _ in range(steps):
        groups = [[((*said, word), p * q) for word, q in choices(said).items()] for said, p in kept]
        if each:
            groups = [sorted(group, key=lambda pair: -pair[1])[:1] for group in groups] if len(kept) > 1 else groups
        longer = [pair for group in groups for pair in group]
        kept = sorted(longer, key=lambda pair: sign * pair[1])[:width]
    return list(kept[0][0])


def _last_only(choices: Choices, steps: int, width: int) -> list[str]:
    kept: list[tuple[Said, float]] = [((), 1.0)]
    for _ in range(steps):
        longer = [((*said, word), q) for said, _ in kept for word, q in choices(said).items()]
        kept = sorted(longer, key=lambda pair: -pair[1])[:width]
    return list(kept[0][0])


def _ask(written: Callable[..., Any], choices: Choices, steps: int, width: int) -> object:
    return list(written(choices, steps, width))


BEAM = Exercise(
    name="beam",
    task="""Beam search: choices(said) gives, for the tuple of words said so far, a dictionary of the possible next
    words with their probabilities. Keep the `width` best beginnings in each step; return the words of the best
    sequence of so many steps.""",
    stub="""
def beam(choices, steps, width):
    ...
""",
    line="continue every kept beginning by every word, multiply the probabilities, and keep the best `width` of all",
    cases=[(TREES[0], 2, 2), (TREES[0], 2, 1), (TREES[1], 2, 3), (TREES[1], 2, 1)],
    right=_beam,
    ask=_ask,
    mistakes=[
        Mistake(
            lambda choices, steps, width: _beam(choices, steps, 1),
            "Only one beginning was kept, whatever the width: that is the greedy way, which cannot come back from "
            "a bad first word.",
        ),
        Mistake(
            _last_only,
            "The beginnings were compared by their last word's probability. It is the product of all that counts.",
        ),
        Mistake(
            lambda choices, steps, width: _beam(choices, steps, width, sign=1.0),
            "The least probable ones were kept: sort from the largest down.",
        ),
    ],
)


def _counts(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _precision(candidate: Sequence[str], reference: Sequence[str], n: int) -> float:
    found = _counts(candidate, n)
    return (found & _counts(reference, n)).total() / found.total()


def _unclipped(candidate: Sequence[str], reference: Sequence[str], n: int) -> float:
    found, known = _counts(candidate, n), _counts(reference, n)
    return sum(count for run, count in found.items() if run in known) / found.total()


def _kinds(candidate: Sequence[str], reference: Sequence[str], n: int) -> float:
    found, known = set(_counts(candidate, n)), set(_counts(reference, n))
    return len(found & known) / len(found)


def _recall(candidate: Sequence[str], reference: Sequence[str], n: int) -> float:
    known = _counts(reference, n)
    return (known & _counts(candidate, n)).total() / known.total()


PRECISION = Exercise(
    name="precision",
    task="""Of the runs of n words in the candidate, which share has the reference, each counted at most as often as
    it occurs there? Both are lists of words.""",
    stub="""
def precision(candidate, reference, n):
    ...
""",
    line="pₙ = Σ min(how often in the candidate, how often in the reference) / how many runs the candidate has",
    cases=[
        ("the the the cat sat".split(), "the cat sat on the mat".split(), 1),
        ("the cat the cat on".split(), "the cat sat on the mat today".split(), 2),
        ("a b a b c a".split(), "a b c a b d e".split(), 2),
    ],
    right=_precision,
    mistakes=[
        Mistake(
            _unclipped,
            "A run was counted as often as the candidate says it. It counts at most as often as the reference has "
            "it, or “the the the” would be perfect.",
        ),
        Mistake(
            _kinds,
            "Each kind of run was counted once. How often it occurs counts, on both sides.",
        ),
        Mistake(
            _recall,
            "This was divided by the runs of the reference: that is how much of it was found, the recall. "
            "Precision divides by the candidate's own.",
        ),
    ],
)

CHAPTER = Chapter(13, "How does a network say a sentence?", "book/13_seq2seq", (BEAM, PRECISION))
