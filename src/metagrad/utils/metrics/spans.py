"""Spans of words, such as names and chunks, written as tags: which there are, and precision, recall and F1 of those found.

A tag is ``O``, outside of all, or a prefix and a type: ``B-X`` begins a span of type X, ``I-X`` goes on with it, ``E-X`` ends
it, ``S-X`` is one by itself. Spans are found as the shared tasks' ``conlleval`` finds them (Tjong Kim Sang and Buchholz 2000),
whichever of these prefixes a corpus uses, and also in sequences that keep no rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metagrad.utils.metrics.classification import PrecisionRecall

OUTSIDE = "O"


class Span(NamedTuple):
    """Words ``start`` to ``end`` (not included), and what they are."""

    type: str
    start: int
    end: int


def parts(tag: str) -> tuple[str, str]:
    """The prefix and the type of a tag; ``O`` has no type."""
    prefix, _, type = tag.partition("-")
    return prefix, type


def spans_of(tags: Sequence[str]) -> list[Span]:
    """The spans in a sequence of tags.

    >>> spans_of(["B-PER", "I-PER", "O", "I-LOC", "S-ORG"])
    [Span(type='PER', start=0, end=2), Span(type='LOC', start=3, end=4), Span(type='ORG', start=4, end=5)]
    """
    found: list[Span] = []
    start, last = 0, OUTSIDE
    for t, tag in enumerate([*tags, OUTSIDE]):
        if last != OUTSIDE and ends(last, tag):
            found.append(Span(parts(last)[1], start, t))
        if begins(last, tag):
            start = t
        last = tag
    return found


def ends(tag: str, following: str) -> bool:
    """Whether a span ends between two tags, the first of which is in one."""
    (prefix, type), (next_prefix, next_type) = parts(tag), parts(following)
    return prefix in "ES" or following == OUTSIDE or next_prefix in "BS" or type != next_type


def begins(before: str, tag: str) -> bool:
    """Whether a span begins with a tag."""
    if tag == OUTSIDE:
        return False
    return before == OUTSIDE or ends(before, tag)


@dataclass(frozen=True)
class SpanScore(PrecisionRecall):
    """Spans of one type, or of all: how many are right (type and both ends), were found, and are there."""

    type: str
    right: int
    found: int
    actual: int

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        numbers = {"right": self.right, "found": self.found, "actual": self.actual}
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1, **numbers}


def score_spans(truth: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]) -> list[SpanScore]:
    """The score of all spans, called ``all``, and then of each type.

    >>> [(s.type, s.right, s.found, s.actual) for s in score_spans([["B-X", "I-X", "B-Y"]], [["B-X", "O", "B-Y"]])]
    [('all', 1, 2, 2), ('X', 0, 1, 1), ('Y', 1, 1, 1)]
    """
    right, found, actual = Counter[str](), Counter[str](), Counter[str]()
    for true, tags in zip(truth, predicted, strict=True):
        a, b = set(spans_of(true)), set(spans_of(tags))
        for counts, spans in ((right, a & b), (found, b), (actual, a)):
            counts.update(span.type for span in spans)
    rows = [SpanScore("all", right.total(), found.total(), actual.total())]
    types = sorted({*found, *actual}, key=lambda type: (-actual[type], type))
    return [*rows, *(SpanScore(type, right[type], found[type], actual[type]) for type in types)]
