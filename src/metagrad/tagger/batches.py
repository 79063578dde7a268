"""Sentences as arrays of numbers: encoded once, then put into padded batches of similar length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.random import numpy_generator
from metagrad.tagger.vocabulary import PADDING, UNKNOWN, Lexicon
from metagrad.tensor import Tensor

NO_TAG = -100  # at padding, and for a tag that did not occur in training; what cross_entropy leaves out


class Encoded(NamedTuple):
    """One sentence: words (T, F) int64, tags (T) int64."""

    words: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    tags: np.ndarray[tuple[int], np.dtype[np.int64]]


class Batch(NamedTuple):
    """B padded sentences: words (B, T, F), tags (B, T), lengths (B); ``places`` are their numbers in the data."""

    words: Tensor
    tags: Tensor
    lengths: Tensor
    places: list[int]


def encode(sentences: Sequence[Sequence[tuple[str, str]]], lexicon: Lexicon, tags: Sequence[str]) -> list[Encoded]:
    """Numbers for all words and tags; a tag that is not in ``tags`` becomes ``NO_TAG``."""
    numbers = {tag: i for i, tag in enumerate(tags)}
    return [
        Encoded(
            np.array(lexicon.encode([word for word, _ in sentence]), np.int64),
            np.array([numbers.get(tag, NO_TAG) for _, tag in sentence], np.int64),
        )
        for sentence in sentences
    ]


def collate(sentences: Sequence[Encoded], places: Sequence[int]) -> Batch:
    """Pad the sentences at these places to the longest of them."""
    chosen = [sentences[i] for i in places]
    lengths = np.array([len(s.tags) for s in chosen], np.int64)
    words = np.full((len(chosen), lengths.max(), chosen[0].words.shape[1]), PADDING, np.int64)
    tags = np.full(words.shape[:2], NO_TAG, np.int64)
    for row, s in enumerate(chosen):
        words[row, : len(s.tags)], tags[row, : len(s.tags)] = s.words, s.tags
    return Batch(wrap(words), wrap(tags), wrap(lengths), list(places))


def batches(sentences: Sequence[Encoded], size: int) -> Iterator[Batch]:
    """All sentences, from short to long, so that little is padding: for evaluation."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i].tags))
    for start in range(0, len(order), size):
        yield collate(sentences, order[start : start + size])


def shuffled_batches(sentences: Sequence[Encoded], size: int) -> Iterator[Batch]:
    """All sentences in a random order, each batch of similar lengths: for training.

    The shuffled sentences are sorted by length within groups of many batches, and the batches shuffled again. Draws from
    metagrad's generator.
    """
    random = numpy_generator()
    order = random.permutation(len(sentences)).tolist()
    chunks = []
    for start in range(0, len(order), size * 20):
        group = sorted(order[start : start + size * 20], key=lambda i: len(sentences[i].tags))
        chunks += [group[i : i + size] for i in range(0, len(group), size)]
    for i in random.permutation(len(chunks)).tolist():
        yield collate(sentences, chunks[i])


def forget_words(batch: Batch, share: float) -> Batch:
    """The batch with a random share of its words (and their lower-cased forms) made unknown, so that the network learns
    to do without them (word dropout: Iyyer et al. 2015)."""
    if not share:
        return batch
    words = batch.words.array.copy()
    forgotten = (numpy_generator().random(words.shape[:2]) < share) & (words[..., 0] != PADDING)
    words[forgotten, : min(2, words.shape[2])] = UNKNOWN
    return batch._replace(words=wrap(words))
