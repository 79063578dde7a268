"""The few largest or smallest of many numbers: each is compared with the last of those kept, and seldom comes before it."""

from __future__ import annotations

from metagrad.base.typing import Array
from metagrad.kernels.compiled.compiler import native, native_inlined


@native_inlined
def _comes_before(v: float, w: float, largest: int) -> bool:
    """Whether v is larger than w, or smaller; nan is larger than any number."""
    return (v > w) | ((v != v) & (w == w)) if largest else (v < w) | ((w != w) & (v == v))


@native
def _first_few(row: Array, order: Array, kept: Array, largest: int) -> None:
    count = 0
    for j in range(len(row)):
        v = row[j]
        if count == len(order):
            if not _comes_before(v, kept[count - 1], largest):
                continue
            count -= 1
        at = count
        while at > 0 and _comes_before(v, kept[at - 1], largest):
            kept[at] = kept[at - 1]
            order[at] = order[at - 1]
            at -= 1
        kept[at] = v
        order[at] = j
        count += 1


@native
def first_few(rows: Array, order: Array, kept: Array, largest: int) -> None:
    """order[r] = the indices of the K largest (or smallest) numbers of each row, in order, of equal ones the first first.

    rows (R, N), order (R, K), kept (K) to work in; 0 < K ≤ N.
    """
    for r in range(len(rows)):
        _first_few(rows[r], order[r], kept, largest)
