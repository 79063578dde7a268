"""BLEU: how near a translation is to those that people made (Papineni, Roukos, Ward and Zhu 2002)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

Words = Sequence[str]


def bleu(candidates: Sequence[Words], references: Sequence[Sequence[Words]], max_order: int = 4) -> float:
    """BLEU of a corpus: the brevity penalty times the geometric mean of the precisions of n-grams, n = 1 … max_order.

    BLEU = min(1, exp(1 − r/c)) · (Π pₙ)^(1/N). pₙ is the share of the candidates' n-grams that a reference has too, each
    counted at most as often as in the reference that has it most often; c is the length of all candidates, r that of the
    references nearest to each in length (the shorter of two equally near). Counts are of the whole corpus, so a sentence
    without a four-gram costs little.

    ``candidates`` (N) are sequences of words, ``references`` (N) the sequences that are right for each. 0 if no n-gram of some
    order is right. ValueError if there are not as many references as candidates, or if a candidate has none.

    >>> said = "the cat sat on the mat".split()
    >>> round(bleu([said], [["the cat sat on a mat".split(), "a cat was on the mat".split()]]), 4)
    0.6756
    """
    if len(candidates) != len(references):
        raise ValueError(f"expected references for each candidate, got {len(references)} for {len(candidates)}")
    if any(isinstance(words, str) for words in candidates):
        raise ValueError("expected candidates as sequences of words, got strings: use .split()")
    right, there = [0] * max_order, [0] * max_order
    length = nearest = 0
    for candidate, right_ones in zip(candidates, references, strict=True):
        if not right_ones:
            raise ValueError(f"expected a reference for {' '.join(candidate)!r}, got none")
        length += len(candidate)
        nearest += min((len(reference) for reference in right_ones), key=lambda n: (abs(n - len(candidate)), n))
        for n in range(max_order):
            found = ngrams(candidate, n + 1)
            right[n] += (found & most_often(right_ones, n + 1)).total()
            there[n] += found.total()
    if not all(right):
        return 0.0
    log_precision = sum(math.log(a / b) for a, b in zip(right, there, strict=True)) / max_order
    return math.exp(min(0.0, 1 - nearest / length) + log_precision)


def ngrams(words: Words, n: int) -> Counter[tuple[str, ...]]:
    """How often each run of n words occurs.

    >>> ngrams("a b a b".split(), 2).most_common(1)
    [(('a', 'b'), 2)]
    """
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def most_often(references: Sequence[Words], n: int) -> Counter[tuple[str, ...]]:
    """How often each run of n words occurs in that reference which has it most often."""
    counts: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        counts |= ngrams(reference, n)
    return counts
