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
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels.compiled.atomic import pointer
from metagrad.kernels.compiled.compiler import Native, compiling, kept, linked

_Kind = tuple[str, int, int]  # of an array: its dtype, its dimensions, and which is the first one in its place
_Seen = tuple[int, tuple[int, ...], str, bool]  # an array's place, shape, dtype, and whether it is cut
_Key = tuple[Any, ...]


class Work(NamedTuple):
    """What ``perform`` asks for: an entry's address, and its data. The arrays must live until it is done."""

    address: int
    data: Array


def work_of(
    loop: Callable[..., None], parts: Sequence[Array], whole: Sequence[Array] = (), numbers: Sequence[Any] = ()
) -> Work:
    """The work of ``loop(*parts, *whole, *numbers)``: contiguous arrays, of which parts are to be cut; floats and ints."""
    values: list[Any] = []
    kinds: list[_Kind] = []
    seen: list[_Seen] = []
    cuts = len(parts)
    for i, a in enumerate((*parts, *whole)):
        place, shape, kind = a.__array_interface__["data"][0], a.shape, a.dtype.char
        values += (place, *shape)
        seen.append((place, shape, kind, i < cuts))
        kinds.append((kind, len(shape), seen.index(seen[i])))
    at = len(values)
    data = np.array(values + [0] * len(numbers), np.int64)
    for i, number in enumerate(numbers, at):
        (data if isinstance(number, int) else data.view(np.float64))[i] = number
    are_ints = tuple([isinstance(n, int) for n in numbers])
    return Work(_address((loop, cuts, tuple(kinds), are_ints)), data)


NAMES = {
    "f": "float32", "d": "float64", "l": "int64", "q": "int64", "i": "int32", "?": "boolean", "b": "int8", "B": "uint8",
    "H": "uint16", "I": "uint32", "L": "uint64",
}  # fmt: skip
_addresses: dict[_Key, int] = {}
_alive: list[Any] = []


def _address(key: _Key) -> int:
    found = _addresses.get(key)
    if found is None:
        with compiling:
            found = _addresses[key] = _addresses.get(key) or _compiled(*key)
    return found


def _compiled(loop: Native, parts: int, kinds: Sequence[_Kind], are_ints: Sequence[bool]) -> int:
    """The address of a new entry."""
    name = "_".join(
        [loop.function.__name__, *[f"{k}{n}{i}" for k, n, i in kinds], *[str(int(n)) for n in are_ints], str(parts)]
    )
    return around(loop, printed(parts, kinds, are_ints), name)


def around(loop: Native, text: str, name: str) -> int:
    """Where the function ``entry`` that a text defines is, in which ``loop`` is spelled out."""
    import numba

    function = loop.function
    scope = {"loop": numba.njit(inline="always")(linked(function))}
    return at_address(text, scope, name, function.__code__.co_filename, function.__module__, loop.fastmath)


def at_address(text: str, scope: dict[str, Any], name: str, file: str, module: str, fastmath: set[str]) -> int:
    """Where the function ``entry`` that a text defines is, once compiled; kept on disk under a name, as if it stood in a file."""
    import numba

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


def printed(parts: int, kinds: Sequence[_Kind], are_ints: Sequence[bool]) -> str:
    """An entry's text, for arrays of these kinds, of which the first ``parts`` are cut, and numbers.

    >>> print(printed(2, [("f", 1, 0), ("f", 1, 0)], [False]))
    def entry(data, start, stop):
        d, f = carray(data, (5,), int64), carray(data, (5,), float64)
        a0 = carray(pointer(d[0]), (d[1],), float32)[start:stop]
        loop(a0, a0, float32(f[4]))
    """
    lines, at = [], 0
    for i, (kind, dims, same) in enumerate(kinds):
        shape = "".join(f"d[{at + 1 + d}], " for d in range(dims)).rstrip(" " if dims == 1 else ", ")
        if i == same:
            cut = "[start:stop]" if i < parts else ""
            lines.append(f"a{i} = carray(pointer(d[{at}]), ({shape}), {NAMES[kind]}){cut}")
        at += 1 + dims
    given = [f"a{same}" for _, _, same in kinds]
    given += [f"d[{i}]" if is_int else f"{NAMES[kinds[0][0]]}(f[{i}])" for i, is_int in enumerate(are_ints, at)]
    size = at + len(are_ints)
    first = f"d, f = carray(data, ({size},), int64), carray(data, ({size},), float64)"
    return "\n    ".join(["def entry(data, start, stop):", first, *lines, f"loop({', '.join(given)})"])
