"""Words as the training corpus writes them: the network reads these, while what is printed is what was given.

A corpus writes brackets as ``(`` or ``-LRB-``, quotation marks as ``"`` or as ``````` and ``''``, an apostrophe straight or
curled. A word that the corpus has is read as it is; one it does not have is read as the first of its other ways to be written that
the corpus does have. Every path, of raw text, of words that are split already and of corpora, goes through ``as_known``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

BRACKETS = {"(": "-LRB-", ")": "-RRB-", "[": "-LSB-", "]": "-RSB-", "{": "-LCB-", "}": "-RCB-"}
OPENING, CLOSING = ("``", "\u201c", "\u00ab", '"'), ("''", "\u201d", "\u00bb", '"')
OTHERS = {
    **{a: (b,) for a, b in BRACKETS.items()}, **{b: (a,) for a, b in BRACKETS.items()},
    "[": ("-LSB-", "-LRB-"), "]": ("-RSB-", "-RRB-"),
    "\u2026": ("...",), "...": ("\u2026",), "\u2013": ("--", "-"), "\u2014": ("--", "-"), "--": ("\u2014", "\u2013", "-"),
    "\u2018": ("`", "'"), "\u2019": ("'",),
}  # fmt: skip
ENDS_BEFORE_CLOSING = {".", ",", "!", "?", "...", "\u2026", "--", "\u2014"}


def as_known(words: Sequence[str], knows: Callable[[str], bool]) -> list[str]:
    """The words of a sentence as a corpus that ``knows`` words would write them.

    >>> as_known(["(", '"', "don\u2019t", '"', ")"], {"-LRB-", "-RRB-", "``", "''", "don't"}.__contains__)
    ['-LRB-', '``', "don't", "''", '-RRB-']
    """
    found = []
    is_open = False
    for t, word in enumerate(words):
        others = OTHERS.get(word, ())
        if word == '"':
            is_open = not is_open and not (t and not is_open and words[t - 1] in ENDS_BEFORE_CLOSING)
            others = OPENING if is_open else CLOSING
        elif word in OPENING[:-1] or word in CLOSING[:-1]:
            is_open = word in OPENING
            others = OPENING if is_open else CLOSING
        elif "\u2019" in word:
            others = (word.replace("\u2019", "'"),)
        found.append(word if knows(word) else next(filter(knows, others), word))
    return found
