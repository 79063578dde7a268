"""What the network knows of a word: numbers for the word itself, and for how it is spelled.

A network that has only a number for each word knows nothing of a word it has not seen. But a word that ends in -ly is
often an adverb, and one in capitals often a name. So every word is also described by its lower-cased form, its first and
last letters, and its shape; each description has a vocabulary of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

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
    def of(cls, strings: Iterable[str] | Mapping[str, int], at_least: int = 1) -> Vocabulary:
        """The strings that occur ``at_least`` so often, the most frequent first; a mapping says how often each occurs."""
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


def lower(word: str) -> str:
    """A word in lower case with every digit as 0: the form that words of one kind share.

    >>> lower("Dickens"), lower("1,987")
    ('dickens', '0,000')
    """
    return _DIGIT.sub("0", word.lower())


def _itself(word: str) -> str:
    return word


def _first(count: int, word: str) -> str:
    return lower(word[:count])


def _last(count: int, word: str) -> str:
    return lower(word[-count:])


_DIGIT = re.compile(r"\d")

# name: (the description, how often it must occur in training to have a number of its own)
DESCRIPTIONS: dict[str, tuple[Callable[[str], str], int]] = {
    "word": (_itself, 1),
    "lower": (lower, 1),
    "first letter": (partial(_first, 1), 2),
    "first two letters": (partial(_first, 2), 2),
    "first three letters": (partial(_first, 3), 2),
    "last letter": (partial(_last, 1), 2),
    "last two letters": (partial(_last, 2), 2),
    "last three letters": (partial(_last, 3), 2),
    "last four letters": (partial(_last, 4), 2),
    "shape": (shape, 2),
}
IDENTITIES = ("word", "lower")  # what tells one word from another; the other descriptions are of its spelling

# A word longer than this is read from both ends: its letters and its marks of beginning and end.
LONGEST_WORD = 24
BEGIN, END = "\x02", "\x03"


def spelled(word: str) -> str:
    """The letters to be read, between marks of the beginning and the end.

    >>> spelled("dog")
    '\\x02dog\\x03'
    """
    whole = BEGIN + word + END
    half = LONGEST_WORD // 2
    return whole if len(whole) <= LONGEST_WORD else whole[:half] + whole[-half:]


def tally(counted: Iterable[tuple[str, int]]) -> Counter[str]:
    """How often each string occurs, counted in parts.

    >>> tally([("a", 2), ("b", 1), ("a", 3)])
    Counter({'a': 5, 'b': 1})
    """
    total: Counter[str] = Counter()
    for string, count in counted:
        total[string] += count
    return total


class Lexicon:
    """The vocabularies of all descriptions in use, and the alphabet, built from the words of the training part only.

    >>> lexicon = Lexicon.of(["the", "dog", "the"], ["word", "shape"])
    >>> lexicon.describe("the"), lexicon.describe("cat"), lexicon.spell("he!")
    ([2, 2], [1, 2], [2, 5, 4, 1, 3])
    """

    def __init__(self, vocabularies: dict[str, Vocabulary], alphabet: Vocabulary) -> None:
        unknown = [name for name in vocabularies if name not in DESCRIPTIONS]
        if unknown:
            raise ValueError(f"unknown word descriptions {unknown}: expected some of {list(DESCRIPTIONS)}")
        self.vocabularies, self.alphabet = vocabularies, alphabet
        self._columns = [(DESCRIPTIONS[name][0], v) for name, v in vocabularies.items()]

    @classmethod
    def of(cls, words: Sequence[str], descriptions: Iterable[str]) -> Lexicon:
        """Count the training words under every description. A description of all words alike gets at least one entry."""
        found = {}
        rare, counts = len(words) > 1000, Counter(words)
        for name in descriptions:
            describe, at_least = DESCRIPTIONS[name]
            found[name] = Vocabulary.of(
                tally((describe(word), n) for word, n in counts.items()), at_least if rare else 1
            )
        letters = tally((c, n) for word, n in counts.items() for c in word if c not in (BEGIN, END))
        return cls(found, Vocabulary([BEGIN, END, *Vocabulary.of(letters, 2 if rare else 1).entries]))

    def describe(self, word: str) -> list[int]:
        """The word's number under each description."""
        return [vocabulary[describe(word)] for describe, vocabulary in self._columns]

    def spell(self, word: str) -> list[int]:
        """The numbers of its letters, with the marks of its beginning and end."""
        alphabet = self.alphabet
        return [alphabet[c] for c in spelled(word)]

    def knows(self, word: str) -> bool:
        """Whether the word itself was seen in training."""
        return word in self.vocabularies["word"]

    @property
    def sizes(self) -> dict[str, int]:
        """How many numbers each description has."""
        return {name: len(v) for name, v in self.vocabularies.items()}
