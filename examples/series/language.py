"""A small language whose structure is known, for programs that learn about words: who is like whom can be scored.

Its nouns are of four kinds, and singular or plural; each animal made a sound of its own, each person had a craft. Sentences are
drawn from a grammar, which also knows how probable each is, so that a model's perplexity has a floor to be compared with.
"""

import math
import random

import numpy as np

ANIMALS = {
    "cat": "purred", "dog": "barked", "cow": "mooed", "horse": "neighed", "lion": "roared", "bird": "chirped",
    "frog": "croaked", "snake": "hissed", "bee": "hummed", "hen": "clucked",
}  # fmt: skip
PEOPLE = {
    "baker": "baked", "farmer": "ploughed", "teacher": "explained", "dancer": "danced", "doctor": "healed",
    "sailor": "sailed", "painter": "painted", "tailor": "sewed", "clerk": "copied", "smith": "hammered",
}  # fmt: skip
FOODS = ["apple", "plum", "carrot", "egg", "nut", "pear", "pie", "bun"]
PLACES = ["barn", "garden", "harbour", "kitchen", "meadow", "river", "village", "wood"]
ADJECTIVES = {"animal": ["big", "small", "wild", "tame"], "person": ["old", "young", "kind", "tall"]}
TASTES = ["sweet", "ripe", "fresh", "tasty"]
EATS = {"animal": ["eat", "find"], "person": ["buy", "cook"]}


class Draw:
    """Choices at random; ``log_probability`` is that of all choices so far."""

    def __init__(self, seed):
        self.random, self.log_probability = random.Random(seed), 0.0

    def one(self, options):
        self.log_probability -= math.log(len(options))
        return self.random.choice(options)


def noun_phrase(draw, nouns, adjectives):
    """Words such as "the old cats", with the noun as it is in the dictionary, and whether it is plural."""
    noun, plural = draw.one(nouns), draw.one([False, True])
    determiner = draw.one(["the", "many"] if plural else ["the", "a"])
    described = [draw.one(adjectives)] if draw.one([True, False]) else []
    return [determiner, *described, noun + "s" * plural], noun, plural


def sentence(draw):
    """One sentence: somebody did what he does, eats, or lives somewhere."""
    kind = draw.one(["animal", "person"])
    deeds = {"animal": ANIMALS, "person": PEOPLE}[kind]
    subject, noun, plural = noun_phrase(draw, list(deeds), ADJECTIVES[kind])

    def verb(stem):
        return stem if plural else stem + "s"

    if draw.one([True, False]):
        return [*subject, deeds[noun], "."]
    if draw.one([True, False]):
        return [*subject, verb(draw.one(EATS[kind])), *noun_phrase(draw, FOODS, TASTES)[0], "."]
    return [*subject, verb("live"), draw.one(["in", "near"]), "the", draw.one(PLACES), "."]


def corpus(sentences, seed=0):
    """Sentences, and the perplexity for one who knows the grammar: exp of minus the mean ln p of a word."""
    draw = Draw(seed)
    found = [sentence(draw) for _ in range(sentences)]
    return found, math.exp(-draw.log_probability / sum(map(len, found)))


def vocabulary(sentences):
    """The number of each word, the commonest first."""
    counts = {}
    for word in (word for words in sentences for word in words):
        counts[word] = counts.get(word, 0) + 1
    return {word: n for n, word in enumerate(sorted(counts, key=lambda word: (-counts[word], word)))}


def pairs(sentences, numbers, window):
    """Each word with each of its neighbours up to ``window`` words away: numbers (N), (N)."""
    found = [
        (numbers[words[i]], numbers[words[j]])
        for words in sentences
        for i in range(len(words))
        for j in range(max(0, i - window), min(len(words), i + window + 1))
        if i != j
    ]
    return np.array(found).T


# ------------------------------------------------ what has been learned


def kinds():
    """Each noun in both numbers, with its kind."""
    groups = {"animal": ANIMALS, "person": PEOPLE, "food": FOODS, "place": PLACES}
    return {noun + s: kind for kind, nouns in groups.items() for noun in nouns for s in ("", "s")}


def nearest(vectors, target, allowed):
    """Which of the words allowed has the vector most like the target, by the cosine."""
    rows = vectors[allowed]
    return allowed[int((rows @ target / np.linalg.norm(rows, axis=1)).argmax())]


def share_of_kin(vectors, numbers):
    """For how many nouns the nearest other noun is of the same kind. By chance it is three in ten."""
    words = {numbers[word]: kind for word, kind in kinds().items() if word in numbers}
    right = [
        words[nearest(vectors, vectors[n], [other for other in words if other != n])] == kind
        for n, kind in words.items()
    ]
    return sum(right) / len(right)


def share_of_analogies(vectors, numbers):
    """How often cats − cat + dog is nearest to dogs, of all other words: over all pairs of animals, and of people."""
    right = [
        nearest(vectors, vectors[numbers[a + "s"]] - vectors[numbers[a]] + vectors[numbers[b]], allowed)
        == numbers[b + "s"]
        for group in (ANIMALS, PEOPLE)
        for a in group
        for b in group
        if a != b
        for allowed in [[n for word, n in numbers.items() if word not in (a, a + "s", b)]]
    ]
    return sum(right) / len(right)
