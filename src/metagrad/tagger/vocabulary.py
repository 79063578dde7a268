"""What the network knows of a word: numbers for the word itself, and for how it is spelled.

A network that has only a number for each word knows nothing of a word it has not seen. But a word that ends in -ly is
often an adverb, and one in capitals often a name. So every word is also described by its lower-cased form, its first and
last letters, and its shape; each description has a vocabulary of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

PADDING, UNKNOWN = 0, 1
_RESERVED = 2


class Vocabulary:
    """Numbers for strings: 0 is padding, 1 every string that is not known, and then the known ones.

    >>> v = Vocabulary(["the", "dog"])
    >>> v["dog"], v["cat"], len(v)
    (3, 1, 4)
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = list(entries)
        self._numbers = {entry: i + _RESERVED for i, entry in enumerate(self.entries)}
        if len(self._numbers) != len(self.entries):
            raise ValueError("a vocabulary's entries must be distinct")

    @classmethod
    def of(cls, strings: Iterable[str], at_least: int = 1) -> Vocabulary:
        """The strings that occur ``at_least`` so often, the most frequent first."""
        counts = Counter(strings)
        return cls(sorted((s for s, n in counts.items() if n >= at_least), key=lambda s: (-counts[s], s)))

    def __getitem__(self, string: str) -> int:
        return self._numbers.get(string, UNKNOWN)

    def __contains__(self, string: str) -> bool:
        return string in self._numbers

    def __len__(self) -> int:
        return len(self.entries) + _RESERVED


def shape(word: str) -> str:
    """A word with its letters and digits replaced by their kind, runs shortened: ``McDonald's-1987`` is ``XxXxx'x-dd``.

    >>> shape("Dickens"), shape("1,000"), shape("mid-1980s")
    ('Xxx', 'd,dd', 'xx-ddx')
    """
    kinds = "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word)
    return re.sub(r"(.)\1{2,}", r"\1\1", kinds)


def _lower(word: str) -> str:
    return word.lower()


def _first_two(word: str) -> str:
    return word[:2].lower()


def _last_two(word: str) -> str:
    return word[-2:].lower()


def _last_three(word: str) -> str:
    return word[-3:].lower()


def _itself(word: str) -> str:
    return word


# name: (the description, how often it must occur in training to have a number of its own)
DESCRIPTIONS: dict[str, tuple[Callable[[str], str], int]] = {
    "word": (_itself, 1),
    "lower": (_lower, 2),
    "first two letters": (_first_two, 2),
    "last two letters": (_last_two, 2),
    "last three letters": (_last_three, 2),
    "shape": (shape, 2),
}


class Lexicon:
    """The vocabularies of all descriptions in use, built from the words of the training part only.

    >>> lexicon = Lexicon.of(["the", "dog", "the"], ["word", "shape"])
    >>> lexicon.encode(["the", "cat"])
    [[2, 2], [1, 2]]
    """

    def __init__(self, vocabularies: dict[str, Vocabulary]) -> None:
        unknown = [name for name in vocabularies if name not in DESCRIPTIONS]
        if unknown:
            raise ValueError(f"unknown word descriptions {unknown}: expected some of {list(DESCRIPTIONS)}")
        self.vocabularies = vocabularies

    @classmethod
    def of(cls, words: Sequence[str], descriptions: Iterable[str]) -> Lexicon:
        """Count the training words under every description. A description of all words alike gets at least one entry."""
        found = {}
        for name in descriptions:
            describe, at_least = DESCRIPTIONS[name]
            found[name] = Vocabulary.of(map(describe, words), at_least if len(words) > 1000 else 1)
        return cls(found)

    def encode(self, words: Sequence[str]) -> list[list[int]]:
        """Numbers of each word under each description: (words, descriptions)."""
        columns = [(DESCRIPTIONS[name][0], v) for name, v in self.vocabularies.items()]
        return [[vocabulary[describe(word)] for describe, vocabulary in columns] for word in words]

    def knows(self, word: str) -> bool:
        """Whether the word itself was seen in training."""
        return word in self.vocabularies["word"]

    @property
    def sizes(self) -> list[int]:
        """How many numbers each description has."""
        return [len(v) for v in self.vocabularies.values()]
