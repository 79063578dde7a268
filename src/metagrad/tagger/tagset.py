"""The tags that words may have: of one column, or of several, each with a vocabulary of its own.

A tag of several columns is one string with tabs between its parts, as it stands in a file. The network has a score for every tag of
every column, side by side in one row; ``slices`` says which are whose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

TAB = "\t"


def parts_of(tag: str) -> list[str]:
    """What a tag says in each column."""
    return tag.split(TAB)


class TagSet(list[str]):
    r"""The tags of all columns in a row; ``columns`` has them column by column.

    >>> tags = TagSet.of(["NOUN\tSing", "VERB\tSing", "VERB\tPlur"])
    >>> tags, tags.columns, tags.slices
    (['NOUN', 'VERB', 'Plur', 'Sing'], [['NOUN', 'VERB'], ['Plur', 'Sing']], [slice(0, 2, None), slice(2, 4, None)])
    >>> tags.numbers("NOUN\tPlur"), tags.numbers("ADJ\tSing"), tags.name([1, 2]), tags.unknown("ADJ\tSing")
    ([0, 2], [None, 3], 'VERB\tPlur', 'ADJ')
    """

    def __init__(self, columns: Iterable[Iterable[str]]) -> None:
        self.columns = [list(column) for column in columns]
        super().__init__(tag for column in self.columns for tag in column)
        starts = [sum(map(len, self.columns[:c])) for c in range(len(self.columns))]
        self.slices = [slice(s, s + len(own)) for s, own in zip(starts, self.columns, strict=True)]
        self._numbers = [{tag: s + k for k, tag in enumerate(own)} for s, own in zip(starts, self.columns, strict=True)]

    @classmethod
    def of(cls, tags: Iterable[str]) -> TagSet:
        """The tags that occur, sorted; ValueError where they have not all as many parts."""
        found = set(tags)
        rows = [parts_of(tag) for tag in found]
        if len({len(row) for row in rows}) > 1:
            few, many = min(rows, key=len), max(rows, key=len)
            raise ValueError(f"expected tags of as many columns each, got {TAB.join(few)!r} and {TAB.join(many)!r}")
        return cls(sorted(set(column)) for column in zip(*rows, strict=True))

    @classmethod
    def one(cls, tags: Sequence[str]) -> TagSet:
        """The tags of one column, in this order; a set of tags stays what it is."""
        return tags if isinstance(tags, TagSet) else cls([tags])

    @property
    def is_one(self) -> bool:
        """Whether there is one column only, the usual case; its tags may have tabs in them."""
        return len(self.columns) == 1

    @property
    def sizes(self) -> list[int]:
        """How many tags each column has."""
        return [len(column) for column in self.columns]

    def numbers(self, tag: str) -> list[int | None]:
        """Where the parts of a tag stand in the row; None for one that is not there."""
        parts = [tag] if self.is_one else parts_of(tag)
        return [own.get(part) for own, part in zip(self._numbers, parts, strict=False)] or [None]

    def name(self, numbers: int | Sequence[int]) -> str:
        """The tag of these numbers, one a column."""
        return self[numbers] if isinstance(numbers, int) else TAB.join(self[k] for k in numbers)

    def unknown(self, tag: str) -> str:
        """The parts of a tag that are not there, or nothing."""
        parts = [tag] if self.is_one else parts_of(tag)
        return TAB.join(part for part, k in zip(parts, self.numbers(tag), strict=False) if k is None)
