"""What a corpus is: named, tagged sentences, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass

Sentence = list[tuple[str, str]]
"""The words of one sentence, each with its tag."""


@dataclass(frozen=True)
class Corpus:
    """Tagged sentences with their name, source and licence.

    ``training`` is how many sentences, counted from the first, are for training by a published protocol; ``None`` if
    there is no such protocol.

    >>> corpus = Corpus("pets", [[("Cats", "NNS"), ("sleep", "VBP")], [("Dogs", "NNS")]], "made up", "CC0")
    >>> len(corpus.sentences), corpus.words, corpus.tags
    (2, 3, ['NNS', 'VBP'])
    """

    name: str
    sentences: list[Sentence]
    source: str
    licence: str
    training: int | None = None

    @property
    def words(self) -> int:
        """How many words, with repetitions, all sentences have together."""
        return sum(len(sentence) for sentence in self.sentences)

    @property
    def tags(self) -> list[str]:
        """The different tags, sorted."""
        return sorted({tag for sentence in self.sentences for _, tag in sentence})
