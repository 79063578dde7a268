"""BLEU, step by step (Papineni, Roukos, Ward and Zhu 2002): how good is a translation, when many are right?

python examples/series/bleu_score.py

The examples are of a sentence that a person put in three ways. First what single words tell, then why they are clipped, then
what longer runs of words add, why too short an answer is punished, and last the same by ``metagrad.metrics.bleu``, over answers
that are spoilt more and more.
"""

import math
import random
from collections import Counter

from metagrad.metrics import bleu

REFERENCES = [
    "the train to the coast leaves at half past nine".split(),
    "the coast train departs at nine thirty".split(),
    "at half past nine the train leaves for the coast".split(),
]
GOOD = "the train to the coast departs at half past nine".split()
WORDS_ONLY = "nine half the coast past leaves the at train to".split()
EMPTY_TALK = "the the the the the the the".split()
SHORT = "the train leaves".split()


def runs(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def clipped(candidate, n):
    """How many of its runs of n words are right, each at most as often as one reference has it, and how many there are."""
    allowed = Counter()
    for reference in REFERENCES:
        allowed |= runs(reference, n)  # of each run the larger number
    return (runs(candidate, n) & allowed).total(), runs(candidate, n).total()


print("1. Single words: how many of the answer's are in a reference?")
known = {word for reference in REFERENCES for word in reference}
print(
    f"   {' '.join(EMPTY_TALK)!r}: {sum(word in known for word in EMPTY_TALK)} of {len(EMPTY_TALK)}; that cannot be meant"
)
right, there = clipped(EMPTY_TALK, 1)
print(f"   counted at most as often as one reference says it: {right} of {there}")

print("\n2. Runs of words: do they stand in the right order?")
for name, candidate in (("good", GOOD), ("words only", WORDS_ONLY)):
    print(f"   {name:10}", ", ".join("{} of {}".format(*clipped(candidate, n)) for n in (1, 2, 3, 4)))


def penalty(candidate):
    """1 if it is at least as long as the reference nearest in length; else exp(1 − r/c)."""
    nearest = min((len(reference) for reference in REFERENCES), key=lambda r: (abs(r - len(candidate)), r))
    return min(1.0, math.exp(1 - nearest / len(candidate)))


print("\n3. Length: precision alone would like a short answer best.")
for candidate in (SHORT, GOOD):
    right, there = clipped(candidate, 1)
    print(
        f"   {len(candidate):2} words: precision {right / there:.2f}, times the penalty {right / there * penalty(candidate):.2f}"
    )


def by_hand(candidate):
    """The penalty times the geometric mean of the four precisions."""
    counts = [clipped(candidate, n) for n in (1, 2, 3, 4)]
    if not all(right for right, _ in counts):
        return 0.0
    return penalty(candidate) * math.exp(sum(math.log(right / there) for right, there in counts) / 4)


print("\n4. All together, by hand and by the library:")
for name, candidate in (("good", GOOD), ("words only", WORDS_ONLY), ("short", SHORT)):
    print(f"   {name:10} {by_hand(candidate):.4f} {bleu([candidate], [REFERENCES]):.4f}")

print("\n5. A hundred answers, each word exchanged for a wrong one with probability p:")
draw, scores = random.Random(0), []
for p in (0.0, 0.1, 0.2, 0.4):
    answers = [[word if draw.random() >= p else "?" for word in REFERENCES[0]] for _ in range(100)]
    scores.append(bleu(answers, [REFERENCES] * 100))
    print(f"   p = {p:.1f}: {scores[-1]:.3f}")
print(f"\nfalls with each step: {all(a > b for a, b in zip(scores, scores[1:]))}")
print(
    f"difference from the library: {max(abs(by_hand(c) - bleu([c], [REFERENCES])) for c in (GOOD, WORDS_ONLY, SHORT)):.1e}"
)
