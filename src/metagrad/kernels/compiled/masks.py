"""Elements where a mask holds, in blocks: how many there are, what stands there, and what is to be put there.

A mask is as hard to guess as a coin, and each wrong guess costs a processor as much as many steps. So every element is written,
and the next one over it unless the mask held: ``y[k] = x[i]``, then k grows by 0 or 1. Masks come as bytes, 0 or 1.
"""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native


@native
def count(blocks: Array, counts: Array, mask: Array, length: int) -> None:
    """counts = in how many elements of each block, of ``length``, the mask holds."""
    for b in range(len(blocks)):
        here = mask[blocks[b] * length : (blocks[b] + 1) * length]
        total = 0
        for i in range(len(here)):
            total += here[i]
        counts[b] = total


@native
def _numbers(mask: Array, first: int, y: Array) -> None:
    i = 0
    k = 0
    while k < len(y):
        y[k] = first + i
        k += mask[i]
        i += 1


@native
def numbers(blocks: Array, starts: Array, stops: Array, mask: Array, y: Array, length: int) -> None:
    """y from start to stop = the numbers of the elements of each block in which the mask holds."""
    for b in range(len(blocks)):
        first = blocks[b] * length
        _numbers(mask[first : first + length], first, y[starts[b] : stops[b]])


@native
def _select(mask: Array, x: Array, y: Array) -> None:
    i = 0
    k = 0
    while k < len(y):
        y[k] = x[i]
        k += mask[i]
        i += 1


@native
def select(blocks: Array, starts: Array, stops: Array, mask: Array, x: Array, y: Array, length: int) -> None:
    """y from start to stop = the elements of each block of x in which the mask holds."""
    for b in range(len(blocks)):
        first = blocks[b] * length
        _select(mask[first : first + length], x[first : first + length], y[starts[b] : stops[b]])


@native
def _put(mask: Array, y: Array, x: Array) -> None:
    k = 0
    last = len(x) - 1
    for i in range(len(mask)):
        y[i] = x[min(k, last)] if mask[i] else y[i]
        k += mask[i]


@native
def put(blocks: Array, starts: Array, stops: Array, mask: Array, y: Array, x: Array, length: int) -> None:
    """The elements of each block of y in which the mask holds = x from start to stop."""
    for b in range(len(blocks)):
        first = blocks[b] * length
        if starts[b] < stops[b]:
            _put(mask[first : first + length], y[first : first + length], x[starts[b] : stops[b]])


@native
def fill(mask: Array, y: Array, x: Array) -> None:
    """y = x₀ where the mask holds."""
    for i in range(len(mask)):
        y[i] = x[0] if mask[i] else y[i]


@native
def divide(numbers: Array, remainders: Array, width: int) -> None:
    """numbers = ⌊numbers / width⌋ and what is left, of numbers that ascend: a division for each new quotient alone."""
    quotient = 0
    end = 0
    for k in range(len(numbers)):
        n = numbers[k]
        if n >= end:
            quotient = n // width
            end = (quotient + 1) * width
        remainders[k] = n - (end - width)
        numbers[k] = quotient
