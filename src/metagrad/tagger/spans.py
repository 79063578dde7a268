"""Spans of words, such as names and chunks, as tags of the words: the schemes BIO, BIOES and IOB1, and how spans are scored.

=========  =======================================================================================================
``BIO``    ``B-X`` begins a span of type X, ``I-X`` goes on with it, ``O`` is outside of all (also called IOB2)
``IOB1``   the same, but ``B-X`` stands only where a span of the same type ends just before; else ``I-X`` begins it
``BIOES``  ``E-X`` ends a span, ``S-X`` is one of a single word
=========  =======================================================================================================

Spans are found in tags as the shared tasks' ``conlleval`` finds them (Tjong Kim Sang and Buchholz 2000), in any scheme and also in
sequences that are none of it. A model of spans never gives such a sequence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from metagrad.tagger.corpora import Sentence, Written

Array = np.ndarray[Any, Any]

OUTSIDE = "O"
SCHEMES = ("BIO", "BIOES", "IOB1")
PREFIXES = "BIES"


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


def tags_of(spans: Iterable[Span], words: int, scheme: str = "BIO") -> list[str]:
    """The tags of a sentence of so many words with these spans.

    >>> tags_of([Span("PER", 0, 2), Span("LOC", 3, 4)], 4, "BIOES")
    ['B-PER', 'E-PER', 'O', 'S-LOC']
    """
    tags = [OUTSIDE] * words
    for span in spans:
        for t in range(span.start, span.end):
            first, last = t == span.start, t == span.end - 1
            prefix = "B" if first else "I"
            if scheme == "BIOES":
                prefix = "S" if first and last else "B" if first else "E" if last else "I"
            elif scheme == "IOB1" and first and not (t and parts(tags[t - 1]) in (("I", span.type), ("B", span.type))):
                prefix = "I"
            tags[t] = f"{prefix}-{span.type}"
    return tags


def scheme_of(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme that sequences of tags are in; ValueError if they are in none.

    >>> scheme_of([["I-PER", "I-PER", "B-PER"]]), scheme_of([["B-PER", "I-PER"]]), scheme_of([["S-PER"]])
    ('IOB1', 'BIO', 'BIOES')
    """
    begun_with_i = begun_with_b = False
    prefixes: Counter[str] = Counter()
    for tags in sentences:
        last = OUTSIDE
        for tag in tags:
            prefix, type = parts(tag)
            if tag != OUTSIDE and (prefix not in PREFIXES or not prefix or not type):
                raise ValueError(
                    f"expected tags of spans such as B-PER, I-PER and O, got {tag!r}: is it the right column?"
                )
            prefixes[prefix] += 1
            if begins(last, tag):
                begun_with_i |= prefix == "I"
                begun_with_b |= prefix == "B" and (last == OUTSIDE or parts(last)[1] != type)
            last = tag
    if prefixes["E"] or prefixes["S"]:
        return "BIOES"
    return "IOB1" if begun_with_i and not begun_with_b else "BIO"


def converted(sentences: Iterable[Sentence], scheme: str) -> list[Sentence]:
    """Sentences of (word, tag) with their tags in a scheme."""
    found: list[Sentence] = []
    for sentence in sentences:
        tags = tags_of(spans_of([tag for _, tag in sentence]), len(sentence), scheme)
        pairs = [(word, tag) for (word, _), tag in zip(sentence, tags, strict=True)]
        found.append(
            Written(pairs, sentence.tokens, sentence.begins_paragraph) if isinstance(sentence, Written) else pairs
        )
    return found


# ------------------------------------------------ sequences that may be


def may_follow(scheme: str) -> Callable[[str, str], bool]:
    """Whether a tag may follow another in a scheme; the beginning and the end of a sentence count as ``O``.

    >>> allowed = may_follow("BIO")
    >>> allowed("O", "I-PER"), allowed("B-PER", "I-PER"), allowed("B-LOC", "I-PER")
    (False, True, False)
    """

    def bioes(before: str, tag: str) -> bool:
        (prefix, type), (next_prefix, next_type) = parts(before), parts(tag)
        if prefix in ("B", "I"):
            return next_prefix in ("I", "E") and next_type == type
        return next_prefix not in ("I", "E")

    def bio(before: str, tag: str) -> bool:
        return parts(tag)[0] != "I" or parts(before)[1] == parts(tag)[1]

    def iob1(before: str, tag: str) -> bool:
        return parts(tag)[0] != "B" or parts(before)[1] == parts(tag)[1]

    return {"BIO": bio, "BIOES": bioes, "IOB1": iob1}[scheme]


def allowed_transitions(names: Sequence[str], scheme: str) -> tuple[Array, Array, Array]:
    """Scores, 0 or −∞, of beginning with each tag (K), of a tag after another (K, K), and of ending with each (K)."""
    allowed = may_follow(scheme)

    def score(is_allowed: bool) -> float:
        return 0.0 if is_allowed else -np.inf

    begin = np.array([score(allowed(OUTSIDE, name)) for name in names])
    follow = np.array([[score(allowed(before, name)) for name in names] for before in names])
    return begin, follow, np.array([score(allowed(name, OUTSIDE)) for name in names])


def best_legal(log_p: Array, transitions: tuple[Array, Array, Array]) -> Array:
    """The tags (T) of the greatest Σ ln p, of the sequences that may be, for ln p (T, K): Viterbi's algorithm (1967).

    >>> names = ["B-X", "I-X", "O"]
    >>> best_legal(np.log([[0.3, 0.5, 0.2], [0.1, 0.7, 0.2]]), allowed_transitions(names, "BIO")).tolist()
    [0, 1]
    """
    begin, follow, end = transitions
    if not len(log_p):
        return np.zeros(0, np.int64)
    best, back = begin + log_p[0], []
    for row in log_p[1:]:
        scores = best[:, None] + follow
        back.append(scores.argmax(0))
        best = scores.max(0) + row
    path = [int((best + end).argmax())]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return np.array(path[::-1], np.int64)


# ------------------------------------------------ scores


@dataclass(frozen=True)
class SpanScore:
    """Spans of one type, or of all: how many are right (type and both ends), were found, and are there."""

    type: str
    right: int
    found: int
    actual: int

    @property
    def precision(self) -> float:
        """right / found; 0 if none was found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """right / actual; 0 if there is none."""
        return self.right / self.actual if self.actual else 0.0

    @property
    def f1(self) -> float:
        """2 right / (found + actual)."""
        return 2 * self.right / (self.found + self.actual) if self.found + self.actual else 0.0

    def as_dict(self) -> dict[str, Any]:
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
