"""What a segmenter reads about a place in a text: numbers made by hashing (Weinberger et al. 2009).

Of words: the characters about the place, their kinds, and what stands between blanks before and after. Of sentences, these too, and
the shapes of the words about the place, as ``Aa`` or ``9.9``, the next word, and how far back a mark stands that could have ended a
sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.tagger.text.words import kind

Array = np.ndarray[Any, Any]

BUCKETS = 1 << 18
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# The characters a clue reads, counted from the one the decision comes after.
LETTERS = [
    (-2,), (-1,), (0,), (1,), (2,), (3,), (-1, 0), (0, 1), (1, 2), (2, 3), (-2, -1, 0), (-1, 0, 1), (0, 1, 2), (1, 2, 3),
    (-1, 0, 1, 2), (-2, -1, 0, 1), (-3, -2, -1, 0), (1, 2, 3, 4), (-2, -1, 0, 1, 2),
]  # fmt: skip
KINDS = [(-1, 0, 1, 2), (-2, -1, 0, 1, 2, 3), (0, 1), (0, 1, 2, 3)]
AROUND = 8  # characters on each side that any of these may read
BLANK = ord(" ")
MARKS = [ord(c) for c in ".!?\u2026:;\u3002\uff01\uff1f"]  # a sentence may end after these
NOTHING = np.uint64(3)  # where the text has no such word


def hashed(parts: Sequence[Array], seed: int) -> Array:
    """One number below BUCKETS for each row of these columns."""
    h = np.full(len(parts[0]), seed * 0x51ED27 + 7, np.uint64)
    for part in parts:
        h = (h ^ part) * MULTIPLIER
        h ^= h >> np.uint64(29)
    return (h & np.uint64(BUCKETS - 1)).astype(np.int64)


def letter_kind(c: str) -> str:
    """The kind of a character, with capital letters apart, and marks of their own."""
    found = kind(c)
    return "U" if found == "L" and c.isupper() else c if found in "bmno" and ord(c) < 128 else found


def codes_of(text: str) -> Array:
    """The numbers of the characters."""
    return np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)


def running_words(codes: Array) -> Array:
    """For each character a hash of what stands from the blank before it up to here."""
    found, h = [], 0
    for code in codes.tolist():
        h = 0 if code == BLANK else (h * 1_000_003 + code) & 0xFFFFFFFFFFFF
        found.append(h)
    return np.array(found, np.uint64)


def running_shapes(kinds: Array) -> Array:
    """The same of the kinds of characters, of which several alike count once."""
    found, h, last = [], 0, -1
    for code in kinds.tolist():
        if code == BLANK:
            h = 0
        elif code != last:
            h = (h * 1_000_003 + code) & 0xFFFFFFFFFFFF
        last = code
        found.append(h)
    return np.array(found, np.uint64)


def word_clues(text: str) -> Array:
    """The numbers (N, F) after each of N characters, by which it is decided whether a word ends there."""
    codes, kinds = codes_of(text), codes_of("".join(map(letter_kind, text)))
    around = np.pad(codes, AROUND, constant_values=2), np.pad(kinds, AROUND, constant_values=2)
    count = len(codes)

    def at(which: int, place: int) -> Array:
        return around[which][AROUND + place : AROUND + place + count]

    columns = [hashed([at(0, p) for p in places], n) for n, places in enumerate(LETTERS)]
    columns += [hashed([at(1, p) for p in places], 100 + n) for n, places in enumerate(KINDS)]
    before, after = running_words(codes), running_words(codes[::-1])[::-1]
    follows = np.append(after[1:], np.zeros(2, np.uint64))
    next_word = np.where(at(0, 1) == BLANK, follows[1:][:count], follows[:count])
    columns += [
        hashed([before], 200),
        hashed([next_word], 201),
        hashed([before, next_word], 202),
        hashed([before, at(1, 1), at(1, 2)], 203),
    ]
    return np.stack(columns, 1)


def sentence_clues(text: str, places: Array) -> Array:
    """The further numbers (P, F) after the characters at these places, by which it is decided whether a sentence ends there."""
    small = codes_of("".join(c.lower() if len(c.lower()) == 1 else c for c in text))
    kinds = codes_of("".join(map(letter_kind, text)))
    blank = small == BLANK
    here = np.arange(len(text))
    followed = np.append(blank[1:], False)[places]
    start = np.maximum.accumulate(np.where(blank, here, -1))[places]  # the blank before the word that ends here
    next_start = places + 1 + followed
    stops = np.append(np.minimum.accumulate(np.where(blank, here, len(text))[::-1])[::-1], [len(text)] * 3)
    after_next = stops[next_start] + 1
    left, right = running_shapes(kinds), running_shapes(kinds[::-1])[::-1]
    word, next_word = running_words(small)[places], at_places(running_words(small[::-1])[::-1], next_start)
    shape, last_shape = left[places], at_places(left, start - 1)
    next_shape, then_shape = at_places(right, next_start), at_places(right, after_next)
    marks = np.isin(small, MARKS) & np.append(blank[1:], True)
    last = np.append(-1, np.maximum.accumulate(np.where(marks, here, -1)))[places]
    distance = np.minimum(np.log2(np.maximum(places - last, 1)).astype(np.uint64), np.uint64(8))
    blanks = followed.astype(np.uint64)
    length = np.minimum(places - start, 12).astype(np.uint64)
    columns = [
        [shape, next_shape], [last_shape, shape, next_shape], [shape, next_shape, then_shape],
        [last_shape, shape, next_shape, then_shape], [word, next_shape], [shape, next_word],
        [length, small[places], next_shape], [small[places], next_word],
        [distance, small[places], next_shape], [distance, shape, next_shape], [distance],
    ]  # fmt: skip
    return np.stack([hashed([*parts, blanks], 300 + n) for n, parts in enumerate(columns)], 1)


def at_places(values: Array, places: Array) -> Array:
    """The values at these places, NOTHING outside of the text."""
    inside = (places >= 0) & (places < len(values))
    return np.where(inside, values[np.clip(places, 0, len(values) - 1)], NOTHING)
