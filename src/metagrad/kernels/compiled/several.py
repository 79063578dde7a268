"""One loop over several groups of arrays, begun once, as if the groups lay one behind the other (``entries.py``).

An optimizer has a group for each parameter: p, its gradient g, and what is remembered of them. ``loop(p, g, number)`` of float32:

def entry(data, start, stop):
    head = carray(data, (2,), int64)
    d, f = carray(data, (2 + 3 * head[0],), int64), carray(data, (2,), float64)
    n0 = float32(f[1])
    begin = 0
    for at in range(2, len(d), 3):
        end = d[at]
        if begin < stop and start < end:
            size, low, high = end - begin, max(start, begin) - begin, min(stop, end) - begin
            a0 = carray(pointer(d[at + 1]), (size,), float32)[low:high]
            a1 = carray(pointer(d[at + 2]), (size,), float32)[low:high]
            loop(a0, a1, n0)
        begin = end
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from metagrad.base.layouts import place_of
from metagrad.base.typing import Array
from metagrad.kernels.compiled.entries import NAMES, Work, address_of, around, bits_of

Group = tuple[int, list[int]]  # the number of its elements, and where its arrays are in memory


def group_of(arrays: Sequence[Array]) -> Group:
    """A group of arrays of one dimension and length, one element after the other."""
    return arrays[0].size, [place_of(a) for a in arrays]


def work_of_several(
    loop: Callable[..., None], groups: Sequence[Group], numbers: Sequence[float], kind: str
) -> tuple[Work, int]:
    """The work of ``loop(*arrays, *numbers)`` for each group, and how many elements all have together.

    All arrays are of one dtype, whose letter is ``kind``, and must live until the work is done.
    """
    values, end = [len(groups), *map(bits_of, numbers)], 0
    for size, places in groups:
        end += size
        values.append(end)
        values += places
    key = loop, len(groups[0][1]), len(numbers), kind
    return Work(address_of(key, _compiled, _addresses), array("q", values)), end


_addresses: dict[Any, int] = {}


def _compiled(loop: Any, arrays: int, numbers: int, kind: str) -> int:
    """The address of a new entry."""
    return around(loop, printed(arrays, numbers, kind), f"several_{loop.function.__name__}_{kind}")


def printed(arrays: int, numbers: int, kind: str) -> str:
    """The text above, for so many arrays and numbers."""
    first, step = 1 + numbers, 1 + arrays
    lines = [
        "def entry(data, start, stop):",
        f"    head = carray(data, ({first},), int64)",
        f"    d, f = carray(data, ({first} + {step} * head[0],), int64), carray(data, ({first},), float64)",
        *[f"    n{k} = {NAMES[kind]}(f[{1 + k}])" for k in range(numbers)],
        "    begin = 0",
        f"    for at in range({first}, len(d), {step}):",
        "        end = d[at]",
        "        if begin < stop and start < end:",
        "            size, low, high = end - begin, max(start, begin) - begin, min(stop, end) - begin",
        *[
            f"            a{i} = carray(pointer(d[at + {1 + i}]), (size,), {NAMES[kind]})[low:high]"
            for i in range(arrays)
        ],
        f"            loop({', '.join([*[f'a{i}' for i in range(arrays)], *[f'n{k}' for k in range(numbers)]])})",
        "        begin = end",
    ]
    return "\n".join(lines)
