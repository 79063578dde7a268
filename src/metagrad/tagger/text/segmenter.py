"""Where words and sentences end, learned from a treebank that says where spaces were (CoNLL-U's SpaceAfter).

After every character a linear classifier says: within a word, end of a word, or end of a word and of its sentence (Neubig, Nakata
and Mori 2011 cut Japanese so). It reads the characters about the place, their kinds, and the words between blanks before and
after, as numbers made by hashing (Weinberger et al. 2009), and is trained by AdaGrad (Duchi, Hazan and Singer 2011) on the
cross-entropy. Which tokens stand for several words, ``division.py`` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from metagrad.tagger.corpora.corpus import Written
from metagrad.tagger.text.division import Division
from metagrad.tagger.text.sentences import PARAGRAPH
from metagrad.tagger.text.words import WHOLE, kind

Array = np.ndarray[Any, Any]

BUCKETS = 1 << 18
INSIDE, WORD_END, SENTENCE_END = range(3)
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# The characters a feature reads, counted from the one the decision comes after.
LETTERS = [
    (-2,), (-1,), (0,), (1,), (2,), (3,), (-1, 0), (0, 1), (1, 2), (2, 3), (-2, -1, 0), (-1, 0, 1), (0, 1, 2), (1, 2, 3),
    (-1, 0, 1, 2), (-2, -1, 0, 1), (-3, -2, -1, 0), (1, 2, 3, 4), (-2, -1, 0, 1, 2),
]  # fmt: skip
KINDS = [(-1, 0, 1, 2), (-2, -1, 0, 1, 2, 3), (0, 1), (0, 1, 2, 3)]
AROUND = 8  # characters on each side that any feature may read
LOOK_AHEAD = 60  # characters that must follow a place for a decision, while more text may come
LEAST = 500  # words from which there is something to learn


def hashed(parts: Sequence[Array], seed: int) -> Array:
    """One number below BUCKETS for each row of these columns."""
    h = np.full(len(parts[0]), seed * 0x51ED27 + 7, np.uint64)
    for part in parts:
        h = (h ^ part) * MULTIPLIER
        h ^= h >> np.uint64(29)
    return (h & np.uint64(BUCKETS - 1)).astype(np.int64)


def running_words(codes: Array) -> Array:
    """For each character a hash of what stands from the blank before it up to here."""
    found, h = [], 0
    for code in codes.tolist():
        h = 0 if code == 32 else (h * 1_000_003 + code) & 0xFFFFFFFFFFFF
        found.append(h)
    return np.array(found, np.uint64)


def features(text: str) -> Array:
    """The numbers (N, F) of the features after each of N characters."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    kinds = np.array([ord(letter_kind(c)) for c in text], np.uint64)
    around = np.pad(codes, AROUND, constant_values=2), np.pad(kinds, AROUND, constant_values=2)
    count = len(codes)

    def at(which: int, place: int) -> Array:
        return around[which][AROUND + place : AROUND + place + count]

    columns = [hashed([at(0, p) for p in places], n) for n, places in enumerate(LETTERS)]
    columns += [hashed([at(1, p) for p in places], 100 + n) for n, places in enumerate(KINDS)]
    before, after = running_words(codes), running_words(codes[::-1])[::-1]
    follows = np.append(after[1:], np.zeros(2, np.uint64))
    next_word = np.where(at(0, 1) == 32, follows[1:][:count], follows[:count])
    columns += [
        hashed([before], 200),
        hashed([next_word], 201),
        hashed([before, next_word], 202),
        hashed([before, at(1, 1), at(1, 2)], 203),
    ]
    return np.stack(columns, 1)


def letter_kind(c: str) -> str:
    """The kind of a character, with capital letters apart, and marks of their own."""
    found = kind(c)
    return "U" if found == "L" and c.isupper() else c if found in "bmno" and ord(c) < 128 else found


class Segmenter:
    """Where words and sentences end; ``weights`` (BUCKETS, 3), and how tokens that stand for several words are divided.

    blanks_within: words of this language may have blanks in them, as Vietnamese ones have.
    """

    def __init__(self, weights: Array, division: Division, blanks_within: bool) -> None:
        self.weights, self.division, self.blanks_within = weights, division, blanks_within

    @classmethod
    def learn(cls, sentences: Iterable[Written], epochs: int = 8, seed: int = 0) -> Segmenter:
        """Learn from sentences that know how they were written."""
        sentences = list(sentences)
        text, labels = running_text(sentences)
        rows = np.flatnonzero(labels >= 0)
        weights = fit(features(text)[rows], labels[rows], epochs, seed)
        blanks = any(" " in token.form for sentence in sentences for token in sentence.tokens)
        return cls(weights, Division.learn(token for sentence in sentences for token in sentence.tokens), blanks)

    def decide(self, text: str) -> Array:
        """INSIDE, WORD_END or SENTENCE_END after each character."""
        if not text:
            return np.zeros(0, np.int64)
        plain, places = one_blank(text)
        found = np.full(len(text), INSIDE, np.int64)
        found[places] = self.weights[features(plain)].sum(1).argmax(1)
        blank = np.array([c.isspace() for c in text])
        before_blank = np.append(blank[1:], True) & ~blank
        if not self.blanks_within:
            found = np.where(before_blank, np.maximum(found, WORD_END), found)
        for whole in WHOLE.finditer(text):
            found[whole.start() : whole.end() - 1] = INSIDE
            found[whole.end() - 1] = max(found[whole.end() - 1], WORD_END)
        found[blank] = INSIDE
        return found

    def ends(self, text: str, more: bool) -> list[int]:
        """Where sentences end; what ``sentences.spans`` asks for."""
        places: list[int] = []
        start = 0
        for paragraph in PARAGRAPH.finditer(text):  # each by itself, so that it does not matter how the text came
            places += [start + end for end in self._ends(text[start : paragraph.start()])] + [paragraph.end()]
            start = paragraph.end()
        last = [start + end for end in self._ends(text[start:])]
        return places + [place for place in last if not more or place <= len(text) - LOOK_AHEAD]

    def _ends(self, paragraph: str) -> list[int]:
        """Where the sentences of a paragraph end."""
        ends: list[int] = (np.flatnonzero(self.decide(paragraph) == SENTENCE_END) + 1).tolist()
        return ends

    def words(self, sentence: str) -> Iterable[tuple[int, int]]:
        """The places of a sentence's tokens."""
        start = 0
        for end in [*(np.flatnonzero(self.decide(sentence)) + 1).tolist(), len(sentence)]:
            while start < end and sentence[start].isspace():
                start += 1
            if sentence[start:end].strip():
                yield start, start + len(sentence[start:end].rstrip())
            start = max(start, end)


def one_blank(text: str) -> tuple[str, Array]:
    """The text with runs of blanks as one space, and the place of each of its characters in the text."""
    places = np.array([i for i, c in enumerate(text) if not c.isspace() or not text[i - 1 : i].isspace()], np.int64)
    return "".join(" " if text[i].isspace() else text[i] for i in places.tolist()), places


def running_text(sentences: Sequence[Written]) -> tuple[str, Array]:
    """All sentences as running text, and after each character what is decided there; −1 where there is nothing to decide."""
    text, labels = [], []
    for sentence in sentences:
        for n, token in enumerate(sentence.tokens):
            form = re.sub(r"\s", " ", token.form)
            last = SENTENCE_END if n == len(sentence.tokens) - 1 else WORD_END
            text.append(form + " " * token.space_after)
            labels += [-1 if c == " " else INSIDE for c in form[:-1]] + [last] + [-1] * token.space_after
    return "".join(text), np.array(labels, np.int64)


def fit(rows: Array, labels: Array, epochs: int, seed: int, rate: float = 0.2, size: int = 512) -> Array:
    """Weights (BUCKETS, 3) by AdaGrad, from the features (N, F) and the decisions (N)."""
    random = np.random.default_rng(seed)
    weights, squares = np.zeros((BUCKETS, 3), np.float32), np.full((BUCKETS, 3), 1e-2, np.float32)
    one_hot = np.eye(3, dtype=np.float32)
    for _ in range(epochs):
        order = random.permutation(len(rows))
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            scores = weights[rows[batch]].sum(1)
            p = np.exp(scores - scores.max(1, keepdims=True))
            gradient = p / p.sum(1, keepdims=True) - one_hot[labels[batch]]
            touched, where = np.unique(rows[batch], return_inverse=True)
            where = where.reshape(rows[batch].shape)
            each = np.repeat(gradient, rows.shape[1], axis=0)
            total = np.stack([np.bincount(where.ravel(), each[:, k], len(touched)) for k in range(3)], 1).astype(
                np.float32
            )
            squares[touched] += total**2
            weights[touched] -= rate * total / np.sqrt(squares[touched])
    return weights
