"""Where words and sentences end, learned from a treebank that says where spaces were (CoNLL-U's SpaceAfter).

After every character a linear classifier says whether a word ends there (Neubig, Nakata and Mori 2011 cut Japanese so), and after
every word another one whether its sentence does. What they read is in ``clues.py``; they are trained by AdaGrad (Duchi, Hazan and
Singer 2011) on the cross-entropy, and are the average of the later weights. Which tokens stand for several words, ``division.py``
says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

import numpy as np

from metagrad.tagger.corpora.corpus import Written
from metagrad.tagger.text.clues import BUCKETS, Array, sentence_clues, word_clues
from metagrad.tagger.text.division import Division, lower
from metagrad.tagger.text.marks import MARKS, as_seen, marks_of, quotation_marks
from metagrad.tagger.text.sentences import PARAGRAPH
from metagrad.tagger.text.words import LONG, WHOLE, long_words

INSIDE, WORD_END, SENTENCE_END = range(3)
LOOK_AHEAD = 80  # characters that must follow a place for a decision, while more text may come
LEAST = 500  # words from which there is something to learn


class Segmenter:
    """Where words and sentences end; ``weights`` (BUCKETS, 2), and how tokens that stand for several words are divided.

    blanks_within: words of this language may have blanks in them, as Vietnamese ones have. marks: the quotation marks, brackets,
    dashes and apostrophes that the treebank has (see ``marks.py``); by default all. spaced: between most tokens there is a blank,
    so what has none for long is one word.
    """

    def __init__(
        self, weights: Array, division: Division, blanks_within: bool, marks: str | None = None, spaced: bool = True
    ) -> None:
        if weights.shape != (BUCKETS, 2):
            raise ValueError(
                f"expected the weights ({BUCKETS}, 2) of a tokenizer, got {weights.shape}: the model was trained by an earlier "
                "metagrad; train it again"
            )
        self.weights, self.division, self.blanks_within = weights, division, blanks_within
        self.spaced = spaced
        self.marks = "".join(sorted(MARKS)) if marks is None else marks

    @classmethod
    def learn(cls, sentences: Iterable[Written], seed: int = 0) -> Segmenter:
        """Learn from sentences that know how they were written."""
        sentences = list(sentences)
        text, labels = running_text(sentences)
        marks = marks_of(text)
        text = as_seen(text, marks)
        decided, ends = np.flatnonzero(labels >= 0), np.flatnonzero(labels >= WORD_END)
        clues = word_clues(text)
        words = fit(clues[decided], labels[decided] >= WORD_END, 8, seed)
        stops = fit(np.hstack([clues[ends], sentence_clues(text, ends)]), labels[ends] == SENTENCE_END, 12, seed)
        blanks = any(" " in token.form for sentence in sentences for token in sentence.tokens)
        division = Division.learn(token for sentence in sentences for token in sentence.tokens)
        spaces = [token.space_after for sentence in sentences for token in sentence.tokens]
        return cls(np.stack([words, stops], 1), division, blanks, marks, sum(spaces) * 2 > len(spaces))

    def decide(self, text: str, sentences: bool = True) -> Array:
        """INSIDE, WORD_END or SENTENCE_END after each character; without ``sentences`` only where words end is asked."""
        found = np.full(len(text), INSIDE, np.int64)
        places = np.delete(np.arange(len(text)), middles(self._long(text)))
        if len(places) == len(text):
            return self._decide(text, sentences) if text else found
        found[places] = self._decide("".join(map(text.__getitem__, places.tolist())), sentences)
        return found

    def _long(self, text: str) -> list[tuple[int, int]]:
        """The places of words so long that they need not be looked at."""
        return long_words(text) if self.spaced else []

    def _wholes(self, text: str) -> list[tuple[int, int]]:
        """The places of what is one word in any language."""
        return [found.span() for found in WHOLE.finditer(text)] + self._long(text)

    def _decide(self, text: str, sentences: bool) -> Array:
        """``decide`` for text whose long words are shortened."""
        plain, places = one_blank(as_seen(text, self.marks))
        clues = word_clues(plain)
        found = np.full(len(text), INSIDE, np.int64)
        found[places] = self.weights[clues, 0].sum(1) > 0
        blank = np.array([c.isspace() for c in text])
        if not self.blanks_within:
            found[np.append(blank[1:], True) & ~blank] = WORD_END
        found[self._certain(text)] = WORD_END
        for start, end in self._wholes(text):
            found[start : end - 1] = INSIDE
            found[end - 1] = WORD_END
        found[blank] = INSIDE
        if not sentences:
            return found
        ends = np.flatnonzero(found[places])
        score = self.weights[clues[ends], 1].sum(1) + self.weights[sentence_clues(plain, ends), 1].sum(1)
        found[places[ends[score > 0]]] = SENTENCE_END
        return found

    def _certain(self, text: str) -> list[int]:
        """Where words certainly end: at quotation marks, before what is one word, and about the marks beside that."""
        wholes = self._wholes(text)
        beside = [place for start, end in wholes for place in (start - 1, end)]
        alone = [*quotation_marks(text, self.marks), *(i for i in beside if text[max(i, 0) : i + 1] in MARKS)]
        before = [place - 1 for place in [*alone, *(start for start, _ in wholes)] if place]
        return [*alone, *before]

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
        for end in [*(np.flatnonzero(self.decide(sentence, False)) + 1).tolist(), len(sentence)]:
            while start < end and sentence[start].isspace():
                start += 1
            if sentence[start:end].strip():
                yield start, start + len(sentence[start:end].rstrip())
            start = max(start, end)

    def forms(self, token: str) -> list[str]:
        """The words that a token stands for, with its own marks and capitals where they are parts of it."""
        plain = as_seen(token, self.marks)
        forms = self.division.words(plain)
        if lower("".join(forms)) != lower(plain):
            return forms
        ends = [0, *accumulate(map(len, forms))]
        return [token[start:end] for start, end in pairwise(ends)]


def middles(long: Iterable[tuple[int, int]]) -> Array:
    """The places in long words that need not be looked at: all but their beginnings and ends."""
    inside = [np.arange(start + LONG // 2, end - LONG // 2) for start, end in long]
    return np.concatenate(inside) if inside else np.zeros(0, np.int64)


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
    """Weights (BUCKETS) by AdaGrad, from the clues (N, F) and what is true (N); the average over the second half of the epochs."""
    random = np.random.default_rng(seed)
    weights, squares = np.zeros(BUCKETS, np.float32), np.full(BUCKETS, 1e-2, np.float32)
    total = np.zeros(BUCKETS, np.float32)
    for epoch in range(epochs):
        order = random.permutation(len(rows))
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            chance = 0.5 + 0.5 * np.tanh(0.5 * weights[rows[batch]].sum(1))
            error = (chance - labels[batch]).astype(np.float32)
            touched, where = np.unique(rows[batch], return_inverse=True)
            gradient = np.bincount(where.ravel(), np.repeat(error, rows.shape[1]), len(touched)).astype(np.float32)
            squares[touched] += gradient**2
            weights[touched] -= rate * gradient / np.sqrt(squares[touched])
        total += weights * (epoch >= epochs // 2)
    return total / (epochs - epochs // 2)
