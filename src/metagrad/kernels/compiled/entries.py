"""Compiled loops with an address, which threads call without the interpreter (``sharing.py``).

A loop takes arrays and numbers; at an address there is ``entry(data, start, stop)``, where ``data`` lists the arrays' places in
memory, their shapes, and the numbers. It is printed for each kind of arguments, as here for ``add_number(x, y, number)``::

    def entry(data, start, stop):
        d, f = carray(data, (6,), int64), carray(data, (6,), float64)
        a0 = carray(pointer(d[0]), (d[1],), float32)[start:stop]
        a1 = carray(pointer(d[2]), (d[3],), float32)[start:stop]
        loop(a0, a1, float32(f[4]))

Of two arrays in one place, as in an op in place, the second is the first's variable. As the loop is spelled out inside, the
compiler sees that they are the same, and need not fear that one is written before the other is read.
"""

from __future__ import annotations

import functools
import struct
from array import array
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.base.layouts import place_of
from metagrad.base.optional import need
from metagrad.base.typing import Array
from metagrad.kernels.compiled.atomic import narrow, pointer
from metagrad.kernels.compiled.compiler import Native, compiling, kept, linked

_A_FLOAT, _AN_INT = struct.Struct("d"), struct.Struct("q")
_Kind = tuple[str, int]  # an array's dtype and dimensions
_Key = tuple[Any, ...]


class Work(NamedTuple):
    """What ``perform`` asks for: an entry's address, and its data. The arrays must live until it is done."""

    address: int
    data: array[int]


def work_of(
    loop: Callable[..., None], parts: Sequence[Array], whole: Sequence[Array] = (), numbers: Sequence[Any] = ()
) -> Work:
    """The work of ``loop(*parts, *whole, *numbers)``: contiguous arrays, of which parts are to be cut; floats and ints."""
    values: list[Any] = []
    arrays, places, kinds, are_ints = (*parts, *whole), [], [], []
    for a in arrays:
        place, shape = place_of(a), a.shape
        places.append(place)
        values += (place, *shape)
        kinds.append((a.dtype.char, len(shape)))
    for n in numbers:
        are_ints.append(isinstance(n, int))
        values.append(n if are_ints[-1] else bits_of(n))
    same = tuple(range(len(places)))
    if len(set(places)) < len(places):  # as of what is done in place
        same = same_places(arrays, places, [True] * len(parts) + [False] * len(whole))
    key = (loop, len(parts), tuple(kinds), tuple(are_ints), same)
    return Work(address_of(key, _compiled, _addresses), array("q", values))


def same_places(arrays: Sequence[Array], places: Sequence[int], uses: Sequence[Any]) -> tuple[int, ...]:
    """Of each array, which is the first one of its place, shape, dtype and use."""
    if len(set(places)) == len(places):  # as for nearly all
        return tuple(range(len(places)))
    first = tuple(map(places.index, places))
    for i, f in enumerate(first):
        if i != f and (arrays[i] is not arrays[f] or uses[i] != uses[f]):
            break
    else:  # as of what is done in place
        return first
    seen = [(place, a.shape, a.dtype.char, use) for a, place, use in zip(arrays, places, uses, strict=True)]
    return tuple([seen.index(s) for s in seen])


def bits_of(number: Any) -> int:
    """The integer of the same 64 bits.

    >>> hex(bits_of(-2.0))
    '-0x4000000000000000'
    """
    return _AN_INT.unpack(_A_FLOAT.pack(number))[0]


NAMES = {c: "boolean" if c == "?" else np.dtype(c).name for c in "fdlqi?bBHIL"}
_addresses: dict[_Key, int] = {}
_alive: list[Any] = []


def address_of(key: _Key, compiled: Callable[..., int], addresses: dict[_Key, int]) -> int:
    """What is at hand for a key, or ``compiled(*key)``, once."""
    found = addresses.get(key)
    if found is None:
        with compiling:
            found = addresses[key] = addresses.get(key) or compiled(*key)
    return found


def _compiled(loop: Native, parts: int, kinds: Sequence[_Kind], are_ints: Sequence[bool], same: Sequence[int]) -> int:
    """The address of a new entry."""
    arrays = [f"{k}{n}{i}" for (k, n), i in zip(kinds, same, strict=True)]
    name = "_".join([loop.function.__name__, *arrays, *[str(int(n)) for n in are_ints], str(parts)])
    return around(loop, printed(parts, kinds, are_ints, same), name)


def around(loop: Native, text: str, name: str) -> int:
    """Where the function ``entry`` that a text defines is, in which ``loop`` is spelled out."""
    numba = need("numba", "fast")

    function = loop.function
    scope = {"loop": numba.njit(inline="always")(linked(function))}
    code = function.__code__
    return at_address(text, scope, name, code.co_filename, function.__module__, loop.fastmath, loop.streams)


def at_address(
    text: str, scope: dict[str, Any], name: str, file: str, module: str, fastmath: set[str], streams: bool
) -> int:
    """Where the function ``entry`` that a text defines is, once compiled; kept on disk under a name, as if it stood in a file.

    streams: it waits for memory rather than for its arithmetic.
    """
    numba = need("numba", "fast")
    if streams:
        scope, text = {**scope, "narrow": narrow.compiled()}, text.replace("\n", "\n    narrow()\n", 1)

    names: dict[str, Any] = {kind: getattr(numba, kind) for kind in ("carray", *NAMES.values())}
    names |= {**scope, "pointer": pointer.compiled()}
    exec(compile(text, file, "exec"), names)
    entry = names["entry"]
    entry.__name__ = entry.__qualname__ = name
    entry.__module__ = module
    signature = numba.types.void(numba.types.voidptr, numba.types.intp, numba.types.intp)
    made = kept(functools.partial(numba.cfunc, signature), fastmath)(entry)
    _alive.append(made)
    return int(made.address)


def printed(parts: int, kinds: Sequence[_Kind], are_ints: Sequence[bool], same: Sequence[int]) -> str:
    """An entry's text, for arrays of these kinds, of which the first ``parts`` are cut, and numbers; same: of each array,
    the first one in its place.

    >>> print(printed(2, [("f", 1), ("f", 1)], [False], [0, 0]))
    def entry(data, start, stop):
        d, f = carray(data, (5,), int64), carray(data, (5,), float64)
        a0 = carray(pointer(d[0]), (d[1],), float32)[start:stop]
        loop(a0, a0, float32(f[4]))
    """
    lines, at = [], 0
    for i, (kind, dims) in enumerate(kinds):
        shape = "".join(f"d[{at + 1 + d}], " for d in range(dims)).rstrip(" " if dims == 1 else ", ")
        if same[i] == i:
            cut = "[start:stop]" if i < parts else ""
            lines.append(f"a{i} = carray(pointer(d[{at}]), ({shape}), {NAMES[kind]}){cut}")
        at += 1 + dims
    given = [f"a{i}" for i in same]
    given += [f"d[{i}]" if is_int else f"{NAMES[kinds[0][0]]}(f[{i}])" for i, is_int in enumerate(are_ints, at)]
    size = at + len(are_ints)
    first = f"d, f = carray(data, ({size},), int64), carray(data, ({size},), float64)"
    return "\n    ".join(["def entry(data, start, stop):", first, *lines, f"loop({', '.join(given)})"])
