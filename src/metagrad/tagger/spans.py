"""Spans of words, such as names and chunks, as tags of the words: the schemes BIO, BIOES and IOB1, and the sequences that may be.

=========  =======================================================================================================
``BIO``    ``B-X`` begins a span of type X, ``I-X`` goes on with it, ``O`` is outside of all (also called IOB2)
``IOB1``   the same, but ``B-X`` stands only where a span of the same type ends just before; else ``I-X`` begins it
``BIOES``  ``E-X`` ends a span, ``S-X`` is one of a single word
=========  =======================================================================================================

Which spans a sequence has, and how they are scored, says ``metagrad.utils.metrics.spans``, for any sequence of tags. A model of
spans never gives a sequence that is none of its scheme.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from metagrad.tagger.corpora import Sentence, Written
from metagrad.utils.metrics.spans import OUTSIDE, Span, begins, parts, spans_of

Array = np.ndarray[Any, Any]

SCHEMES = ("BIO", "BIOES", "IOB1")
PREFIXES = "BIES"
LEARNED = "BIOES"  # the network is told where spans end, too (Ratinov and Roth 2009)


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


# ------------------------------------------------ learned in one scheme, given in another


class Rewritten:
    """Tags of spans learned in one scheme and given in another: the ``names`` there, and what becomes of a sentence's tags.

    The probability of a tag is the sum of those it stands for: of ``I-X`` in BIO those of ``I-X`` and ``E-X`` in BIOES.

    >>> rewritten = Rewritten(["B-X", "E-X", "O", "S-X"], "BIO")
    >>> tags, p = rewritten(np.array([0, 1, 3]), np.array([[0.7, 0.0, 0.1, 0.2], [0.1, 0.6, 0.3, 0.0], [0.1, 0.1, 0.2, 0.6]]))
    >>> rewritten.names, tags.tolist(), p.round(2).tolist()
    (['B-X', 'I-X', 'O'], [0, 1, 0], [[0.9, 0.0, 0.1], [0.1, 0.6, 0.3], [0.7, 0.1, 0.2]])
    """

    def __init__(self, learned: Sequence[str], scheme: str) -> None:
        self.learned, self.scheme = list(learned), scheme
        begin = "I" if scheme == "IOB1" else "B"
        plain = [tag if scheme == "BIOES" else f"{begin if tag[0] in 'BS' else 'I'}{tag[1:]}" if tag != OUTSIDE else tag
                 for tag in learned]  # fmt: skip
        self.names = sorted({*plain, *(f"B-{parts(tag)[1]}" for tag in learned if tag != OUTSIDE)})
        self._numbers = {name: k for k, name in enumerate(self.names)}
        self._sums = np.zeros((len(plain), len(self.names)), np.float32)
        self._sums[np.arange(len(plain)), [self._numbers[name] for name in plain]] = 1

    def __call__(self, tags: Array, p: Array) -> tuple[Array, Array]:
        """Tags (T) and probabilities (T, K) of the names."""
        spans = spans_of([self.learned[k] for k in tags.tolist()])
        names = tags_of(spans, len(tags), self.scheme)
        summed = p @ self._sums.astype(p.dtype)
        if self.scheme == "IOB1":  # whether a span that begins stands next to another is not for the network to say
            for t, name in enumerate(names):
                if name[0] == "B":
                    own, other = self._numbers[name], self._numbers[f"I{name[1:]}"]
                    summed[t, own], summed[t, other] = summed[t, other], summed[t, own]
        return np.array([self._numbers[name] for name in names], np.int64), summed
