"""The Mersenne Twister of Matsumoto and Nishimura (1998): its words, and what PyTorch makes of them.

624 words of 32 bits are its state. When all have been given out, each is made anew of itself, the next one and the one 397
places further; none depends on any that was made a moment before, so a processor makes several at once.
"""

from __future__ import annotations

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native

_WORDS, _FURTHER = 624, 397
_HIGHEST, _LOWER = np.uint32(0x80000000), np.uint32(0x7FFFFFFF)
_ODD, _ONE = np.uint32(0x9908B0DF), np.uint32(1)
_MASK_OF_7, _MASK_OF_15 = np.uint32(0x9D2C5680), np.uint32(0xEFC60000)
_LOW_24, _STEP, _LOW_21 = np.uint32(0xFFFFFF), np.float32(2.0**-24), 0x1FFFFF


@native
def _renew(state: Array) -> None:
    """In memory of its own: of loops over parts that may overlap a compiler makes one step at a time."""
    new = np.empty_like(state)
    _combine(state[:227], state[1:228], state[_FURTHER:], new[:227])
    _combine(state[227:454], state[228:455], new[:227], new[227:454])
    _combine(state[454:623], state[455:], new[227:396], new[454:623])
    _combine(state[623:], new[:1], new[396:397], new[623:])
    state[:] = new


@native
def _combine(first: Array, second: Array, further: Array, out: Array) -> None:
    """out = further ⊕ half of the number whose highest bit is the first one's and whose others are the second's, ⊕ a constant if
    that number is odd.
    """
    for i in range(len(out)):
        joined = (first[i] & _HIGHEST) | (second[i] & _LOWER)
        out[i] = further[i] ^ (joined >> _ONE) ^ ((joined & _ONE) * _ODD)


@native
def _temper(state: Array, words: Array) -> None:
    for i in range(len(words)):
        y = state[i]
        y ^= y >> np.uint32(11)
        y ^= (y << np.uint32(7)) & _MASK_OF_7
        y ^= (y << np.uint32(15)) & _MASK_OF_15
        words[i] = y ^ (y >> np.uint32(18))


@native
def draw_words(state: Array, place: int, words: Array) -> int:
    """The next ``words`` (uint32) of a state (624, uint32) of which ``place`` were given out; how many now are."""
    done = 0
    while done < len(words):
        if place == _WORDS:
            _renew(state)
            place = 0
        count = min(_WORDS - place, len(words) - done)
        _temper(state[place : place + count], words[done : done + count])
        place += count
        done += count
    return place


@native
def draw_uniform(state: Array, place: int, numbers: Array) -> int:
    """Uniform numbers in [0, 1), float32, of 24 bits of a word each."""
    words = np.empty(_WORDS, np.uint32)
    for start in range(0, len(numbers), _WORDS):
        some = numbers[start : start + _WORDS]
        place = draw_words(state, place, words[: len(some)])
        _scale(words, some)
    return place


@native
def draw_below(state: Array, place: int, first: int, second: int, found: Array) -> int:
    """Whether 53 bits of two words each are less than a threshold: its bits but the last 32, and those; found (n) bools."""
    words = np.empty(2 * _WORDS, np.uint32)
    for start in range(0, len(found), _WORDS):
        some = found[start : start + _WORDS]
        place = draw_words(state, place, words[: 2 * len(some)])
        _compare(words, first, second, some)
    return place


@native
def shuffle(order: Array, words: Array) -> None:
    """Exchange each of ``order`` (n), int64, for one of those from it on, whose place a word says (n − 1, uint32)."""
    for i in range(len(words)):
        j = i + np.int64(words[i]) % (len(order) - i)
        order[i], order[j] = order[j], order[i]


@native
def _scale(words: Array, numbers: Array) -> None:
    for i in range(len(numbers)):
        numbers[i] = np.float32(np.int32(words[i] & _LOW_24)) * _STEP


@native
def _compare(words: Array, first: int, second: int, found: Array) -> None:
    for i in range(len(found)):
        high, low = np.int64(words[2 * i]) & _LOW_21, np.int64(words[2 * i + 1])
        found[i] = (high < first) | ((high == first) & (low < second))
