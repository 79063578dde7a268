"""The tags that words may have: of one column, or of several, each with a vocabulary of its own.

A tag of several columns is one string with tabs between its parts, as it stands in a file. The network has a score for every tag of
every column, side by side in one row; ``slices`` says which are whose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

TAB = "\t"


def parts_of(tag: str) -> list[str]:
    """What a tag says in each column."""
    return tag.split(TAB)


def for_json(tag: str, columns: Sequence[str] = ()) -> str | list[str] | dict[str, str]:
    r"""A tag as JSON has it: of several columns a mapping from their names, or a list where they have none.

    >>> for_json("NOUN"), for_json("NOUN\tSing", ["UPOS", "FEATS"]), for_json("NOUN\tSing")
    ('NOUN', {'UPOS': 'NOUN', 'FEATS': 'Sing'}, ['NOUN', 'Sing'])
    """
    parts = parts_of(tag)
    return tag if len(parts) == 1 else dict(zip(columns, parts, strict=True)) if len(columns) == len(parts) else parts


class TagSet(list[str]):
    r"""The tags of all columns in a row; ``columns`` has them column by column, and ``together`` (M, C) the numbers of those that
    are tags of one word in the training sentences; None where that is not known, or where there is one column.

    >>> tags = TagSet.of(["NOUN\tSing", "VERB\tSing", "VERB\tPlur"])
    >>> tags, tags.columns, tags.slices
    (['NOUN', 'VERB', 'Plur', 'Sing'], [['NOUN', 'VERB'], ['Plur', 'Sing']], [slice(0, 2, None), slice(2, 4, None)])
    >>> tags.numbers("NOUN\tPlur"), tags.numbers("ADJ\tSing"), tags.name([1, 2]), tags.unknown("ADJ\tSing")
    ([0, 2], [None, 3], 'VERB\tPlur', [(0, 'ADJ')])
    >>> tags.together.tolist()
    [[0, 3], [1, 2], [1, 3]]
    """

    def __init__(self, columns: Iterable[Iterable[str]], together: Iterable[Sequence[int]] | None = None) -> None:
        self.columns = [list(column) for column in columns]
        super().__init__(tag for column in self.columns for tag in column)
        starts = [sum(map(len, self.columns[:c])) for c in range(len(self.columns))]
        self.slices = [slice(s, s + len(own)) for s, own in zip(starts, self.columns, strict=True)]
        self._set_together(together)
        self._numbers = [{tag: s + k for k, tag in enumerate(own)} for s, own in zip(starts, self.columns, strict=True)]

    @classmethod
    def of(cls, tags: Iterable[str]) -> TagSet:
        """The tags that occur, sorted; ValueError where they have not all as many parts."""
        found = set(tags)
        rows = [parts_of(tag) for tag in found]
        if len({len(row) for row in rows}) > 1:
            few, many = min(rows, key=len), max(rows, key=len)
            raise ValueError(f"expected tags of as many columns each, got {TAB.join(few)!r} and {TAB.join(many)!r}")
        tags = cls(sorted(set(column)) for column in zip(*rows, strict=True))
        if not tags.is_one:
            tags._set_together(sorted([k for k in tags.numbers(tag) if k is not None] for tag in found))
        return tags

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

    def unknown(self, tag: str) -> list[tuple[int, str]]:
        """The parts of a tag that are not there, each with the number of its column."""
        parts = [tag] if self.is_one else parts_of(tag)
        return [(c, part) for c, (part, k) in enumerate(zip(parts, self.numbers(tag), strict=False)) if k is None]

    # ------------------------------------------------ tags of several columns, together

    def _set_together(self, rows: Iterable[Sequence[int]] | None) -> None:
        self.together = None if rows is None else np.array(list(rows), np.int64).reshape(-1, len(self.columns))
        if self.together is not None and not all(
            ((s.start <= own) & (own < s.stop)).all() for own, s in zip(self.together.T, self.slices, strict=True)
        ):
            raise ValueError("the tags that may stand together are others than those of the columns")

    @property
    def shares(self) -> list[float]:
        """What each column's opinion counts, 1 / ln K for K tags: as a share of what one that knows nothing is unsure."""
        return [1 / math.log(max(2, size)) for size in self.sizes]

    def best_together(self, log_p: Array) -> Array:
        """The numbers (N, C) of the tags of the greatest Σ_c ln p_c / ln K_c, of those that may stand together, for ln p (N, K)."""
        assert self.together is not None
        total = sum(log_p[:, own] * share for own, share in zip(self.together.T, self.shares, strict=True))
        return self.together[np.argmax(total, 1)]
