"""A corpus in three parts: to learn from, to choose the best epoch by, and to be tested on once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from metagrad.tagger.corpora import Corpus, Sentence

LEAST = 200  # sentences to learn from, for some to be held out for calibration


@dataclass(frozen=True)
class Split:
    """The sentences for training, those held out of training, and those for the test; none is in two parts.

    ``calibration``: sentences held out to learn how sure the tagger may be, where nothing else is held out.
    """

    train: list[Sentence]
    dev: list[Sentence]
    test: list[Sentence]
    calibration: list[Sentence] = field(default_factory=list)


def split(corpus: Corpus, *, dev: float = 0.1, test: float = 0.2, seed: int = 0) -> Split:
    """Divide a corpus, always in the same way for the same arguments, on every machine.

    If the corpus has a published protocol (the treebank: its first 3,000 sentences are for training, the other 914 for
    the test), the protocol sets the test part, and the last sentences of the training part are held out: then ``test``
    and ``seed`` change nothing. Otherwise ``seed`` picks a share ``test`` of all sentences, and of the remaining ones
    a share ``dev``. Within each part sentences keep their order.

    ``dev=0`` holds nothing out, and the treebank's training part is the protocol's. A share above 0 is one sentence at
    least. Raises ValueError for a share outside [0, 1), and for a corpus too small to leave any sentence to learn from.

    >>> parts = split(Corpus("letters", [[(letter, "LS")] for letter in "abcdefghij"], "made up", "CC0"))
    >>> [len(part) for part in (parts.train, parts.dev, parts.test)]
    [7, 1, 2]
    """
    for name, share in (("dev", dev), ("test", test)):
        if not 0 <= share < 1:
            raise ValueError(f"{name} is a share of the sentences: expected 0 <= {name} < 1, got {share!r}")
    count = len(corpus.sentences)
    if corpus.training is None:
        order = shuffled(count, seed)
        for_test, rest = cut(order, test)
        held_out, learned = cut(rest, dev)
    else:
        rest, for_test = range(count)[: corpus.training], range(count)[corpus.training :]
        learned, held_out = rest[: len(rest) - size(len(rest), dev)], rest[len(rest) - size(len(rest), dev) :]
    if not learned:
        raise ValueError(
            f"the corpus {corpus.name!r} is too small: expected enough sentences for shares of {dev:g} (dev) and "
            f"{test:g} (test) and at least one to learn from, got {count}"
            + "; where a word has a line, an empty one ends a sentence, or another number in a column sentence"
            * (count == 1)
            * (count == 1)
        )
    train_part, dev_part, test_part = (
        [corpus.sentences[i] for i in sorted(part)] for part in (learned, held_out, for_test)
    )
    return Split(train_part, dev_part, test_part)


def hold_out(parts: Split) -> Split:
    """A fortieth of the training sentences, from everywhere, held out for calibration: 10 to 100, if there are 200 or more.

    With a held-out part for the epochs, that one serves, and nothing more is held out.

    >>> parts = hold_out(Split([[(str(n), "CD")] for n in range(400)], [], []))
    >>> len(parts.train), len(parts.calibration)
    (390, 10)
    """
    count = len(parts.train)
    if parts.dev or count < LEAST:
        return parts
    chosen = set(cut(shuffled(count, 1), min(100, max(10, count // 40)) / count)[0])
    learned, held = ([s for i, s in enumerate(parts.train) if (i in chosen) == is_held] for is_held in (False, True))
    return replace(parts, train=learned, calibration=held)


def shuffled(count: int, seed: int) -> list[int]:
    """0 to count - 1 in an order that only the seed decides, and no library's version."""
    return sorted(range(count), key=lambda i: hashlib.sha256(f"{seed}:{i}".encode()).digest())


def size(count: int, share: float) -> int:
    """How many of ``count`` make up a share: the nearest whole number, and at least one if the share is not 0."""
    return max(round(count * share), 1) if share else 0


def cut(order: Sequence[int], share: float) -> tuple[Sequence[int], Sequence[int]]:
    """The first part, of this share, and what is left."""
    end = size(len(order), share)
    return order[:end], order[end:]
