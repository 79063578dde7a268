"""Philox: random numbers made of a counter, each without the others, as a GPU needs them.

A block cipher of ten rounds turns the number of a block, under a key, into four words that look random. So where a stream stands is
two numbers, its key and how many blocks were drawn, and any part of it can be made at once. Salmon et al. 2011, "Parallel
random numbers: as easy as 1, 2, 3": Philox-4x32-10.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array

_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_STEPS = 0x9E3779B9, 0xBB67AE85  # what the two halves of the key grow by, from round to round
_LOW = 0xFFFFFFFF
_ROUNDS = 10


def words(key: int, first: int, count: int, like: Array) -> Array:
    """The words (count) of the blocks from number ``first`` on, as uint32, on the device of ``like``. key: 64 bits.

    >>> words(0, 0, 4, np.zeros(0)).tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    True
    """
    number = np.arange(-(-count // 4), dtype=np.uint64, like=like) + np.uint64(first)
    nothing = np.zeros_like(number)
    block = encrypted((number & np.uint64(_LOW), number >> np.uint64(32), nothing, nothing), key)
    return np.stack(block, axis=-1).astype(np.uint32).reshape(-1)[:count]


def encrypted(block: tuple[Array, Array, Array, Array], key: int) -> tuple[Array, Array, Array, Array]:
    """Ten rounds: four words of 32 bits in arrays of uint64, for there their products have room.

    >>> [hex(w) for w in encrypted((np.uint64(0),) * 4, 0)]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    low, half = np.uint64(_LOW), np.uint64(32)
    a, b, c, d = block
    left, right = key & _LOW, key >> 32 & _LOW
    for _ in range(_ROUNDS):
        p, q = a * np.uint64(_MULTIPLIERS[0]), c * np.uint64(_MULTIPLIERS[1])
        a, b, c, d = (q >> half) ^ b ^ np.uint64(left), q & low, (p >> half) ^ d ^ np.uint64(right), p & low
        left, right = (left + _STEPS[0]) & _LOW, (right + _STEPS[1]) & _LOW
    return a, b, c, d
