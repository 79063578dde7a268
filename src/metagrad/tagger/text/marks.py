"""Quotation marks, brackets, dashes and apostrophes that a treebank does not have, for a segmenter that has learned from it.

What was never seen, or hardly ever, says little to a classifier. So a mark that the treebank lacks is read as one that stands for
the same and that it has, such as ``"`` for a curled quotation mark; and quotation marks are words of their own, whatever the
classifier says.
"""

from __future__ import annotations

import re
from collections import Counter

# What else a mark may be read as, the likeliest first.
ALIKE = {
    "\u201c": '"\u00ab\u201e', "\u201d": '"\u00bb\u201c', "\u201e": '"\u201c\u00ab', "\u201f": '"\u201c', "\u00ab": '"\u201c\u201e',
    "\u00bb": '"\u201d\u201c', "\u2039": '\u00ab"\u201c', "\u203a": '\u00bb"\u201d', "\u2018": "'\"\u201c", "\u2019": "'\"\u201d",
    "\u2013": "-\u2014", "\u2014": "-\u2013", "\u2026": ".", "'": "\u2019", '"': "\u201c\u00ab", "\uff02": '"',
    "[": "(", "]": ")", "{": "([", "}": ")]", "<": "([\u00ab", ">": ")]\u00bb",
}  # fmt: skip
MARKS = frozenset(ALIKE) | frozenset("".join(ALIKE.values()))
DOUBLE = "\u201c\u201d\u201e\u201f"  # never within a word, in any language
OPENING = re.compile(r"(?<![^\s(\[{\u201c\u201e\u00ab])\u2018(?=\w)")
CLOSING = re.compile(r"(?<=[\w.,!?\u2026])\u2019(?!\w)")  # where a single one is open; else it is an apostrophe
WITHIN = 300  # characters from one to the other, at most
RARE = 20  # a mark is hardly ever seen where one that stands for the same is so many times as frequent


def marks_of(text: str) -> str:
    """Which of the marks a text has, sorted, but for those that it hardly ever has.

    >>> marks_of("l'h\u00f4tel \u2014 oui"), marks_of("l'eau " * 100 + "l\u2019eau")
    ("'\u2014", "'")
    """
    counts = Counter(c for c in text if c in MARKS)
    rare = {mark for mark, others in ALIKE.items() if any(counts[c] >= RARE * counts[mark] for c in others)}
    return "".join(sorted(counts.keys() - rare))


def as_seen(text: str, seen: str) -> str:
    """The text, as long as it was, with each mark that is not ``seen`` as one that is.

    >>> as_seen("\u201cl\u2019h\u00f4tel\u201d\u2026", "'\\".")
    '"l\\'h\u00f4tel".'
    """
    found = {
        ord(mark): next((c for c in others if c in seen), mark) for mark, others in ALIKE.items() if mark not in seen
    }
    return text.translate(found)


def quotation_marks(text: str, seen: str) -> list[int]:
    """Where the quotation marks are that are words of their own: curled ones, and of the others those that are not ``seen``.

    >>> quotation_marks("a \u201cb\u201d \u2018c\u2019 d\u2019e ta\u2019", "")
    [2, 4, 6, 8]
    """
    doubles = DOUBLE + "".join(mark for mark in "\u00ab\u00bb\u2039\u203a" if mark not in seen)
    return [i for i, c in enumerate(text) if c in doubles] + (single_marks(text) if "\u2018" not in seen else [])


def single_marks(text: str) -> list[int]:
    """Where single quotation marks open, and where the next one closes."""
    opened = [found.start() for found in OPENING.finditer(text)]
    closed = [CLOSING.search(text, start, start + WITHIN) for start in opened]
    return sorted({*opened, *(found.start() for found in closed if found)})
