"""What a corpus is: named, tagged sentences, where they come from, and how their words were written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

Sentence = list[tuple[str, str]]
"""The words of one sentence, each with its tag."""


class Token(NamedTuple):
    """A stretch of text: its form, whether a space follows, and the words it stands for (``du`` for ``de`` and ``le``)."""

    form: str
    space_after: bool
    words: tuple[str, ...]


class Written(Sentence):
    """A sentence that knows how it was written: its tokens with the spaces between them, and whether it begins a paragraph.

    >>> sentence = Written([("Go", "VB"), (".", ".")], [Token("Go", False, ("Go",)), Token(".", True, (".",))], False)
    >>> sentence == [("Go", "VB"), (".", ".")], sentence.text
    (True, 'Go.')
    """

    def __init__(self, pairs: Iterable[tuple[str, str]], tokens: list[Token], begins_paragraph: bool) -> None:
        super().__init__(pairs)
        self.tokens, self.begins_paragraph = tokens, begins_paragraph

    @property
    def text(self) -> str:
        """The sentence as it was written."""
        return "".join(token.form + " " * token.space_after for token in self.tokens).rstrip()


def text_of(sentence: Sentence) -> str:
    """The text of a sentence: as it was written if that is known, else its words with spaces between them."""
    return sentence.text if isinstance(sentence, Written) else " ".join(word for word, _ in sentence)


@dataclass(frozen=True)
class Corpus:
    """Tagged sentences with their name, source and licence.

    ``training`` is how many sentences, counted from the first, are for training by a published protocol; ``None`` if
    there is no such protocol. ``format`` is what the file was read as, ``column`` the column its tags are from, if its
    columns have names, ``others`` the other ones they could be from, and ``remark`` what a reader of the tags should know about
    that choice.

    >>> corpus = Corpus("pets", [[("Cats", "NNS"), ("sleep", "VBP")], [("Dogs", "NNS")]], "made up", "CC0")
    >>> len(corpus.sentences), corpus.words, corpus.tags
    (2, 3, ['NNS', 'VBP'])
    """

    name: str
    sentences: list[Sentence]
    source: str
    licence: str
    training: int | None = None
    format: str | None = None
    column: str | None = None
    remark: str = ""
    others: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """How many words, with repetitions, all sentences have together."""
        return sum(len(sentence) for sentence in self.sentences)

    @property
    def tags(self) -> list[str]:
        """The different tags, sorted."""
        return sorted({tag for sentence in self.sentences for _, tag in sentence})

    @property
    def constant(self) -> str:
        """What to say of a column whose tags are all alike, from which there is nothing to learn; nothing if there is none."""
        tags = {tuple(tag.split("\t")) for sentence in self.sentences for _, tag in sentence}
        rows = list(zip(*tags, strict=True)) if len(set(map(len, tags))) == 1 else []
        same = [(c, column[0]) for c, column in enumerate(rows) if len(set(column)) == 1]
        if not same:
            return self._reversed(len(rows[0]) if rows else 0)
        place, tag = same[0]
        names = (self.column or "").split(",")
        where = f" in the column {names[place]}" if self.column and len(names) == len(rows) else ""
        advice = f": is it the right column? There are {', '.join(self.others)} too" if self.others else ""
        return f"all words have the same tag{where}, {tag!r}, so there is nothing to learn{advice}."

    def _reversed(self, tags: int) -> str:
        """What to say of more different tags than words."""
        words = len({word for sentence in self.sentences for word, _ in sentence})
        if tags <= words or words < 10:
            return ""
        return f"there are {tags:,} different tags and only {words:,} different words: are the columns the other way round?"

    @property
    def notice(self) -> str:
        """A sentence that says what is used, how it was read, and which tags it has.

        >>> Corpus("a.conllu", [[("Go", "VERB")]], "the file a.conllu", "CC0", format="conllu", column="UPOS").notice
        'Using the file a.conllu (1 sentence), read as conllu, tags from the column UPOS.'
        """
        count = f"{len(self.sentences)} sentence{'s' * (len(self.sentences) != 1)}"
        how = f", read as {self.format}" if self.format else ""
        others = f" (others: {', '.join(self.others)})" if self.others and self.format != "conllu" else ""
        which = f", tags from the column {self.column}{others}" if self.column else ""
        return f"Using {self.source} ({count}){how}{which}.{' ' * bool(self.remark)}{self.remark}"
