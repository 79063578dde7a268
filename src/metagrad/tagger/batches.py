"""Sentences as arrays of numbers: each distinct word is described once; batches are packed, and of similar lengths.

Legend: U distinct words of a batch, F descriptions of a word, L letters of its longest word, B sentences, T steps of the
longest, N words of the batch in packed order: the first of every sentence, then the second of those that have one …
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.nn.utils.rnn import PackedSequence, batch_sizes_of, packed_positions
from metagrad.ops.create.random import numpy_generator
from metagrad.tagger.tagset import TagSet
from metagrad.tagger.vocabulary import IDENTITIES, UNKNOWN, Lexicon
from metagrad.tensors.tensor import Tensor

MOST = 8192  # words in a batch that is tagged
NO_TAG = -100  # for a tag that did not occur in training; what cross_entropy leaves out

Array = np.ndarray[Any, Any]


@dataclass
class Words:
    """Distinct words, described: ``features`` (W, F) and ``letters`` (W, L), and how often each occurs, (W)."""

    features: Array
    letters: Array
    counts: Array
    identities: int  # how many of the descriptions, the first ones, tell one word from another

    @classmethod
    def of(cls, words: Sequence[str], counts: Sequence[int], lexicon: Lexicon) -> Words:
        """Describe words by a lexicon."""
        features = np.array([lexicon.describe(word) for word in words], np.int64).reshape(
            len(words), len(lexicon.sizes)
        )
        spellings = [lexicon.spell(word) for word in words]
        letters = np.zeros((len(words), max(map(len, spellings), default=1)), np.int64)
        for row, spelling in zip(letters, spellings, strict=True):
            row[: len(spelling)] = spelling
        return cls(features, letters, np.array(counts, np.int64), sum(name in IDENTITIES for name in lexicon.sizes))


@dataclass
class Encoded:
    """Sentences as numbers: for each the rows of its words in ``words``, (T), and its tags, (T), or of C columns (T, C)."""

    words: Words
    rows: list[Array] = field(default_factory=list)
    tags: list[Array] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)


class Batch(NamedTuple):
    """B packed sentences.

    features (U, F) and letters (U, L) of the distinct words; ``which`` (N): which of them stands where; tags (N) or (N, C);
    frequencies (N), ⌊ln count⌋ of each word; batch_sizes (T); ``places`` (B): the sentences' numbers in the data, in the
    order they are packed in.
    """

    features: Tensor
    letters: Tensor
    which: Tensor
    tags: Tensor
    frequencies: Tensor
    batch_sizes: Tensor
    places: list[int]

    def packed(self, data: Tensor) -> PackedSequence:
        """Features (N, *) of this batch's words as a packed sequence."""
        return PackedSequence(data, self.batch_sizes)

    def sentences(self, values: Array) -> Iterator[tuple[int, Array]]:
        """Values (N, *) sentence by sentence: its number in the data, and its rows (T, *)."""
        starts = np.cumsum(self.batch_sizes.array) - self.batch_sizes.array
        for row, place in enumerate(self.places):
            yield place, values[starts[self.batch_sizes.array > row] + row]


def encode(sentences: Sequence[Sequence[tuple[str, str]]], lexicon: Lexicon, tags: Sequence[str]) -> Encoded:
    """Numbers for all words and tags; a tag that is not in ``tags``, or a part of one, becomes ``NO_TAG``."""
    known = TagSet.one(tags)
    numbers: dict[str, list[int]] = {}
    rows: dict[str, int] = {}
    counts: list[int] = []
    encoded_rows, encoded_tags = [], []
    for sentence in sentences:
        own = np.empty(len(sentence), np.int64)
        for t, (word, _) in enumerate(sentence):
            row = rows.setdefault(word, len(counts))
            if row == len(counts):
                counts.append(0)
            counts[row] += 1
            own[t] = row
        encoded_rows.append(own)
        encoded_tags.append(numbered([tag for _, tag in sentence], known, numbers))
    return Encoded(Words.of(list(rows), counts, lexicon), encoded_rows, encoded_tags)


def numbered(tags: Sequence[str], known: TagSet, numbers: dict[str, list[int]]) -> Array:
    """The numbers of a sentence's tags, (T) or (T, C); ``numbers`` keeps what was looked up."""
    for tag in tags:
        if tag not in numbers:
            found = [NO_TAG if k is None else k for k in known.numbers(tag)]
            numbers[tag] = found if len(found) == len(known.columns) else [NO_TAG] * len(known.columns)
    rows = np.array([numbers[tag] for tag in tags], np.int64).reshape(len(tags), len(known.columns))
    return rows[:, 0] if known.is_one else rows


def collate(data: Encoded, places: Sequence[int], word_dropout: float = 0.0, letter_dropout: float = 0.0) -> Batch:
    """Pack the sentences at these places.

    A share ``word_dropout`` of the words, drawn at random, is made unknown (their spelling remains), so that the network
    learns to do without them (Iyyer et al. 2015); and a share ``letter_dropout`` of the letters.
    """
    words = data.words
    places = sorted(places, key=lambda i: -len(data.rows[i]))
    lengths = np.array([len(data.rows[i]) for i in places], np.int64)
    sizes = batch_sizes_of(lengths)
    step, sequence = packed_positions(sizes)
    flat = (np.cumsum(lengths) - lengths)[sequence] + step  # where a packed row stands, sentence after sentence
    rows = np.concatenate([data.rows[i] for i in places])[flat]
    tags = np.concatenate([data.tags[i] for i in places])[flat]
    random = numpy_generator() if word_dropout or letter_dropout else None
    forgotten = random.random(len(rows)) < word_dropout if random is not None else np.zeros(len(rows), bool)
    keys, index = np.unique(rows * 2 + forgotten, return_inverse=True)
    chosen = keys >> 1
    features = words.features[chosen]
    features[(keys & 1).astype(bool), : words.identities] = UNKNOWN
    letters = words.letters[chosen]
    letters = letters[:, : max(1, int((letters > 0).sum(1).max()))]
    if random is not None and letter_dropout:
        letters[(random.random(letters.shape) < letter_dropout) & (letters > 0)] = UNKNOWN
    frequencies = np.log(words.counts[rows]).astype(np.int64)
    return Batch(
        wrap(features), wrap(letters), wrap(index), wrap(tags), wrap(frequencies), wrap(sizes), list(places)
    )  # fmt: skip


def by_length(data: Encoded, size: int) -> Iterator[Batch]:
    """All sentences that have words, from short to long, up to ``size`` of them and MOST words together: for evaluation."""
    order = sorted((i for i in range(len(data)) if len(data.rows[i])), key=lambda i: len(data.rows[i]))
    start = 0
    while start < len(order):
        end = start + 1
        while end < min(start + size, len(order)) and len(data.rows[order[end]]) * (end + 1 - start) <= MOST:
            end += 1
        yield collate(data, order[start:end])
        start = end


def shuffled(data: Encoded, size: int) -> list[list[int]]:
    """The numbers of all sentences in a random order, in batches of similar lengths: for training.

    The shuffled sentences are sorted by length within groups of many batches, and the batches shuffled again. Draws from
    metagrad's generator.
    """
    random = numpy_generator()
    order = random.permutation(len(data)).tolist()
    chunks = []
    for start in range(0, len(order), size * 20):
        group = sorted(order[start : start + size * 20], key=lambda i: len(data.rows[i]))
        chunks += [group[i : i + size] for i in range(0, len(group), size)]
    return [chunks[i] for i in random.permutation(len(chunks)).tolist()]
