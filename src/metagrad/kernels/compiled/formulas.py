"""A formula printed as one loop over all elements, compiled, with an address (``entries.py``).

y = x * n + r, with r the same for every row:

def entry(data, start, stop):
    d, f = carray(data, (9,), int64), carray(data, (9,), float64)
    a0 = carray(pointer(d[0]), (d[1], d[2],), float32)[start:stop]
    a1 = carray(pointer(d[3]), (d[4],), float32)
    a2 = carray(pointer(d[5]), (d[6], d[7],), float32)[start:stop]
    n0 = f[8]
    for i in range(stop - start):
        b0, b2 = a0[i], a2[i]
        for j in range(len(b2)):
            x0, x1 = b0[j], a1[j]
            v0 = x0 * float32(n0)
            v1 = v0 + x1
            b2[j] = v1
"""

from __future__ import annotations

import functools
import re
from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.base.layouts import place_of
from metagrad.base.typing import Array, Number
from metagrad.kernels.compiled.entries import NAMES, Work, address_of, at_address, bits_of, same_places
from metagrad.kernels.compiled.expressions import CURVES, FUNCTIONS, LIGHT, RARE, SPECIAL, converts_halves, text_of

_BLOCK = 1024  # elements that are looked at for rare arguments, and then worked on while the cache has them
_SHORT = 8  # lines of a formula up to which it waits for memory, if they call none of ``FUNCTIONS`` but the light ones
_ARGUMENTS = r"\w+(?:\(\w+\))?(?:, \w+(?:\(\w+\))?)*"  # variables, some of them cast
EXACT = 2**53  # of integers up to here float64 has all
ELEMENTS, ROW, COLUMN = "e", "r", "c"  # an array of the loop's shape; one row for every row; a number for every row


class Program(NamedTuple):
    """What a loop does. Arrays are numbered, x0 the element of the first; so are numbers, n0 the first."""

    forms: tuple[str, ...]  # of each array: ELEMENTS, ROW or COLUMN
    kinds: tuple[str, ...]  # its dtype, a letter
    numbers: int
    lines: tuple[str, ...]
    stores: tuple[tuple[int, str], ...]  # an array, and the variable that is written to it


class NotPrintable(Exception):
    """A function has no expression, or a dtype no loop."""


def work_of(program: Program, arrays: Sequence[Array], numbers: Sequence[Number], width: int = 0) -> Work:
    """The work of a program on these arrays, which are contiguous; width: the length of a row, where there are rows or columns."""
    values: list[Any] = []
    places = []
    for a, form in zip(arrays, program.forms, strict=True):
        place = place_of(a)
        places.append(place)
        if not width or form == ROW:
            values += (place, a.size)
        else:
            values += (place, a.size // width, width) if form == ELEMENTS else (place, a.size, 1)
    if numbers:
        values += map(bits_of, numbers)
    return Work(loop_of(program, same_places(arrays, places, program.forms)), array("q", values))


def loop_of(program: Program, same: tuple[int, ...]) -> int:
    """The address of a program's loop; ``same``: of each array the first one in its place."""
    return address_of((program, same), _compiled, _addresses)


_addresses: dict[Any, int] = {}


def _compiled(program: Program, same: tuple[int, ...]) -> int:
    import hashlib  # takes milliseconds, and few programs come here

    text = printed(program, same)
    name = f"formula_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    used = {name: function.compiled() for name, function in FUNCTIONS.items() if f"{name}(" in text}
    streams = len(program.lines) <= _SHORT and used.keys() <= LIGHT
    return at_address(
        text, {"np": np, **used}, name, __file__, __name__, set(), streams
    )  # bit for bit what NumPy computes


def printed(program: Program, same: Sequence[int]) -> str:
    """The text of a loop; ``same``: of each array the first one in its place."""
    is_flat = all(form == ELEMENTS for form in program.forms)
    head, at = [], 0
    for i, (form, kind) in enumerate(zip(program.forms, program.kinds, strict=True)):
        dims = 1 if is_flat or form == ROW else 2
        shape = "".join(f"d[{at + 1 + d}], " for d in range(dims))
        cut = "" if form == ROW else "[start:stop]"
        if same[i] == i:
            head.append(f"a{i} = carray(pointer(d[{at}]), ({shape.rstrip()}), {NAMES[kind]}){cut}")
        at += 1 + dims
    head += [f"n{k} = f[{at + k}]" for k in range(program.numbers)]
    size = at + program.numbers
    first = f"d, f = carray(data, ({size},), int64), carray(data, ({size},), float64)"
    read = [i for i in range(len(same)) if i not in {k for k, _ in program.stores}]
    lines = [f"x{i} = {_element(program, same, i, is_flat)}" for i in read if program.forms[i] != COLUMN] + list(
        program.lines
    )
    lines += [f"{_element(program, same, k, is_flat)} = {value}" for k, value in program.stores]
    if is_flat:
        loop = _loop("i", "stop - start", lines)
    else:
        columns = [f"x{i} = a{same[i]}[i, 0]" for i in read if program.forms[i] == COLUMN]
        rows = [f"b{i} = a{i}[i]" for i in sorted({same[i] for i in range(len(same)) if program.forms[i] == ELEMENTS})]
        length = f"len(b{same[program.stores[0][0]]})"
        loop = [
            "for i in range(stop - start):",
            *_indented([*columns, *rows, *_loop("j", length, lines)]),
        ]
    return "\n".join(["def entry(data, start, stop):", *_indented([first, *head, *loop])])


def _loop(i: str, length: str, lines: Sequence[str]) -> list[str]:
    """The lines for each element. Where they have a function with rare arguments, blocks without these take a shorter one.

    A call, though it be seldom made, keeps the compiler from taking many elements at once.
    """
    text = "\n".join(lines)
    calls = [(name, given) for name in RARE for given in re.findall(rf"\b{name}\(({_ARGUMENTS})\)", text)]
    if calls:
        rare = dict.fromkeys([f"rare |= {RARE[name][0]}({given})" for name, given in calls])
        cuts = [f"s_{a} = {a}[first:last]" for a in dict.fromkeys(re.findall(r"\b([ab]\d+)\[", text))]
        exact = [re.sub(r"\b([ab]\d+)\[", r"s_\1[", line) for line in lines]
        usual = [re.sub(rf"\b({'|'.join(RARE)})\(", lambda call: f"{RARE[call[1]][1]}(", line) for line in exact]
        each = f"for {i} in range(last - first):"
        return [
            f"for first in range(0, {length}, {_BLOCK}):",
            *_indented([f"last, rare = min(first + {_BLOCK}, {length}), False", *cuts, each]),
            *_indented(_indented([*[line for line in usual if not line.startswith("s_")], *rare])),
            *_indented(["if rare:", *_indented([each, *_indented(exact)])]),
            *_indented(["else:", *_indented([each, *_indented(usual)])]),
        ]
    return [f"for {i} in range({length}):", *_indented(lines)]


def _element(program: Program, same: Sequence[int], i: int, is_flat: bool) -> str:
    if is_flat:
        return f"a{same[i]}[i]"
    return f"a{same[i]}[j]" if program.forms[i] == ROW else f"b{same[i]}[j]"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


# ------------------------------------------------ expressions


def expression(ufunc: np.ufunc, kinds: Sequence[Any], arguments: Sequence[str]) -> tuple[str, str]:
    """A ufunc of variables as text, and the letter of its result's dtype; kinds: dtypes, or int and float for numbers.

    >>> expression(np.add, [np.dtype("f"), float], ["x0", "n0"])
    ('x0 + float32(n0)', 'f')
    """
    *loop, out = [d.char for d in ufunc.resolve_dtypes((*kinds, None))]
    text = text_of(ufunc.__name__, loop[0])
    if text is None or len(set(loop)) > 1 or loop[0] not in NAMES:
        raise NotPrintable(f"{ufunc.__name__} of {loop}")
    given = [cast(a, k, loop[0]) for a, k in zip(arguments, kinds, strict=True)]
    return text.format(*given, T=NAMES[loop[0]]), out


def special(name: str, kinds: Sequence[Any], arguments: Sequence[str]) -> str:
    """A special function of one variable as text.

    >>> special("erfc", [np.dtype("f")], ["x0"])
    'erfc(x0)'
    """
    if name not in SPECIAL or [getattr(k, "char", None) for k in kinds] != ["f"]:
        raise NotPrintable(f"{name} of {kinds}")
    return f"{name}({arguments[0]})"


def cast(variable: str, kind: Any, to: str) -> str:
    """A variable of one dtype as another.

    >>> cast("x0", np.dtype("f"), "d"), cast("x0", np.dtype("f"), "f")
    ('float64(x0)', 'x0')
    """
    if isinstance(kind, np.dtype) and kind.char == to and not variable.startswith("n"):  # numbers are float64
        return variable
    if to == "?":
        return f"({variable} != 0)"
    if to not in NAMES:
        raise NotPrintable(f"a {to} in a loop")
    return f"{NAMES[to]}({variable})"


@functools.lru_cache(maxsize=4096)
def of_ufunc(ufunc: np.ufunc, forms: tuple[str, ...], kinds: tuple[str, ...], out: str) -> Program | None:
    """The program of one ufunc, whose arguments have these forms ("n" for a number) and dtypes; None where there is none."""
    if "e" in kinds:
        return _of_halves(ufunc, forms, kinds, out)
    variables: list[str] = []
    types: list[Any] = []
    arrays: list[tuple[str, str]] = []
    for form, kind in zip(forms, kinds, strict=True):
        if form == "n":
            variables.append(f"n{len(variables) - len(arrays)}")
            types.append({"i": int, "f": float}.get(kind) or np.dtype(kind))
        else:
            variables.append(f"x{len(arrays)}")
            types.append(np.dtype(kind))
            arrays.append((form, kind))
    try:
        text, found = expression(ufunc, types, variables)
    except (NotPrintable, TypeError):
        return None
    if found != out or any(kind not in NAMES for _, kind in arrays):
        return None
    store = len(arrays)
    arrays.append((ELEMENTS, out))
    return Program(
        tuple([f for f, _ in arrays]),
        tuple([k for _, k in arrays]),
        len(forms) - store,
        (f"v = {text}",),
        ((store, "v"),),
    )


def _of_halves(ufunc: np.ufunc, forms: tuple[str, ...], kinds: tuple[str, ...], out: str) -> Program | None:
    """The program of a ufunc of halves, given by their bits: in float32, rounded once, as NumPy computes it."""
    wide = None
    if converts_halves() and ufunc.__name__ not in CURVES["f"] and set(kinds) == {"e"}:
        wide = of_ufunc(ufunc, forms, ("f",) * len(kinds), "f" if out == "e" else out)
    if wide is None:
        return None
    lines = [re.sub(r"\b(x\d+)\b", r"from_half(\1)", line) for line in wide.lines]
    store, value = wide.stores[0]
    stores = ((store, f"to_half({value})" if out == "e" else value),)
    halves = tuple(["H" if kind == "f" else kind for kind in wide.kinds])
    return wide._replace(kinds=halves, lines=tuple(lines), stores=stores)
