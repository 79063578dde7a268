"""Tokens that stand for several words, as French ``du`` for ``de le``, or Turkish ``evdeki`` for ``evde`` and ``ki``.

What the treebank has is divided as it most often is there. Of what it does not have, the longest ending or beginning decides
that more than half of the treebank's tokens with it divide in one way; so Hebrew's prefixes are found before words never seen.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from metagrad.tagger.corpora.corpus import Token

LONGEST = 8  # letters of an ending or a beginning
LEAST = 2  # different tokens that must divide so
SHARE = 0.5  # of the different tokens with that ending or beginning


class Rule(NamedTuple):
    """What becomes of a token with some ending (or beginning): that many letters of it give way to these words.

    The first of the words (the last, for a beginning) is joined to the letters that stay.
    """

    letters: int
    words: list[str]


class Division:
    """How tokens are divided: ``known`` ones, else by the longest of ``endings`` and ``beginnings``; all in lower case.

    >>> division = Division({"du": ["de", "le"]}, {"deki": Rule(2, ["", "ki"])}, {})
    >>> division.words("Du"), division.words("Evdeki"), division.words("ev")
    (['De', 'le'], ['Evde', 'ki'], ['ev'])
    """

    def __init__(
        self,
        known: Mapping[str, list[str]],
        endings: Mapping[str, Rule] | None = None,
        beginnings: Mapping[str, Rule] | None = None,
    ) -> None:
        self.known, self.endings, self.beginnings = known, endings or {}, beginnings or {}

    @classmethod
    def learn(cls, tokens: Iterable[Token]) -> Division:
        """From the tokens of a treebank."""
        seen = most_often(tokens)
        if all(len(words) == 1 for words in seen.values()):
            return cls({})
        rules = cls(
            {}, rules_of(seen), mirrored(rules_of({t[::-1]: [w[::-1] for w in reversed(ws)] for t, ws in seen.items()}))
        )
        return cls(
            {token: words for token, words in seen.items() if rules.words(token) != words},
            rules.endings,
            rules.beginnings,
        )

    def words(self, token: str) -> list[str]:
        """The words a token stands for, in its case; mostly one, itself."""
        small = lower(token)
        if small in self.known:
            words = self.known[small]
            return words_in_case(token, words) if len(words) > 1 else [token]
        ending, beginning = longest(small, self.endings, -1), longest(small, self.beginnings, 1)
        if ending and len(ending) >= len(beginning):
            count, words = self.endings[ending]
            return [token[: len(token) - count] + words[0], *words[1:]]
        if beginning:
            count, words = self.beginnings[beginning]
            return words_in_case(token, words[:-1]) + [words[-1] + token[count:]]
        return [token]


def lower(token: str) -> str:
    """In lower case, letter for letter."""
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in token)


def words_in_case(token: str, words: Sequence[str]) -> list[str]:
    """These words, the first with the token's capitals."""
    if not token[:1].isupper() or not words:
        return list(words)
    first = words[0].upper() if len(token) > 1 and token.isupper() else words[0][:1].upper() + words[0][1:]
    return [first, *words[1:]]


def most_often(tokens: Iterable[Token]) -> dict[str, list[str]]:
    """The tokens, and the words that each most often stands for."""
    counts: dict[str, Counter[tuple[str, ...]]] = {}
    for token in tokens:
        counts.setdefault(lower(token.form), Counter())[tuple(map(lower, token.words))] += 1
    best = {form: max(found, key=lambda words: (found[words], words)) for form, found in counts.items()}
    return {form: list(words) if len(words) > 1 else [form] for form, words in sorted(best.items())}


def rules_of(seen: Mapping[str, list[str]]) -> dict[str, Rule]:
    """The endings that tell how tokens are divided."""
    having: Counter[str] = Counter()
    ways: dict[str, Counter[tuple[int, tuple[str, ...]]]] = {}
    for token, words in seen.items():
        ends = [token[-count:] for count in range(1, min(LONGEST, len(token) - 1) + 1)]
        having.update(ends)
        stays = len(os.path.commonprefix([token, words[0]]))
        if len(words) == 1 or not stays:
            continue
        way = len(token) - stays, (words[0][stays:], *words[1:])
        for end in ends:
            if len(end) >= way[0]:
                ways.setdefault(end, Counter())[way] += 1
    rules = {}
    for end, found in ways.items():
        way, count = max(found.items(), key=lambda item: (item[1], item[0]))
        if count >= LEAST and count >= SHARE * having[end]:
            rules[end] = Rule(way[0], list(way[1]))
    return rules


def mirrored(rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """The rules for beginnings, of those for the endings of the tokens written backwards."""
    return {end[::-1]: Rule(rule.letters, [w[::-1] for w in reversed(rule.words)]) for end, rule in rules.items()}


def longest(token: str, rules: Mapping[str, Rule], side: int) -> str:
    """The longest ending (side −1) or beginning (1) of a token for which there is a rule, short of the whole; or nothing."""
    for count in range(min(LONGEST, len(token) - 1), 0, -1):
        part = token[:count] if side > 0 else token[-count:]
        if part in rules:
            return part
    return ""
