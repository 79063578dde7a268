"""A noted formula (``fusion.py``) as one compiled loop: each element goes through all of its steps before the next one does.

As ``fused.py`` prints such a formula in CUDA C for a GPU, this one prints it in Python for Numba (``compiled/formulas.py``).

To note a formula takes as long as 100,000 additions. So what was found out is kept for the next time, as a plan: which loop
computes the formula for arguments of some kinds, with which of them, and what its results are. Numbers are part of the kind: a
formula with other numbers has another plan.

A loop makes float32 numbers of the bits of halves that it reads. Formulas of float16 round after each step, as NumPy does; those of
bfloat16 are noted with samples of float32, and round where a loop writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from metagrad.base.typing import Array, Number
from metagrad.kernels.chunks import perform_formula
from metagrad.kernels.compiled.choice import is_half, use_formula
from metagrad.kernels.compiled.entries import NAMES
from metagrad.kernels.compiled.expressions import HALVES
from metagrad.kernels.compiled.formulas import (
    COLUMN,
    ELEMENTS,
    EXACT,
    ROW,
    NotPrintable,
    Program,
    cast,
    expression,
    special,
)
from metagrad.kernels.fusion import Formula, is_conversion, is_where, own_function

_SINGLE, _ROUNDED = np.dtype(np.float32), "from_half(to_half({}))"
_programs: dict[Any, tuple[Program, list[int]] | None] = {}


def compute(
    formula: Formula, arrays: Mapping[int, Array], unit: int
) -> tuple[Program, list[Array], list[Number]] | None:
    """The loop that has filled the formula's arrays, by the number of their values, its arrays and numbers; None without one.

    They are contiguous and of one shape, or columns with a number for each row of it; smaller arrays among its values are rows of
    ``unit`` elements.
    """
    values, results = formula.values, {step.result for step in formula.steps}
    if not any(use_formula(a) or is_half(a) for a in arrays.values()):
        return None
    used = sorted({a for step in formula.steps for a in step.arguments} - results)
    kinds = tuple([_kind(arrays.get(n, values[n])) for n in used])
    columns = {n for n, x in arrays.items() if x.ndim == 2 and x.shape[1] == 1 < unit}
    key = (
        tuple([(s.function, tuple(s.arguments), s.result, values[s.result].dtype) for s in formula.steps]),
        tuple(used), kinds, tuple([(n in arrays, _is_array(values[n])) for n in used]), tuple(arrays), unit > 1, *columns,
    )  # fmt: skip
    if key not in _programs:
        try:
            _programs[key] = _program(formula, dict(zip(used, kinds, strict=True)), arrays, columns)
        except (NotPrintable, TypeError):
            _programs[key] = None
    found = _programs[key]
    if found is None:
        return None
    program, order = found
    numbers = [_number(values[n]) for n in used if n not in order]
    if not all(isinstance(n, float) or abs(n) < EXACT for n in numbers):
        return None
    given = [arrays.get(n, values[n]) for n in order]
    perform_formula(program, given, numbers, unit if unit > 1 else 0)
    return program, given, numbers


def _kind(value: Any) -> Any:
    """What promotion asks of a value: its dtype, or the type of a number."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.dtype
    if isinstance(value, (bool, int, float)):
        return np.dtype(bool) if isinstance(value, bool) else type(value)
    return None


def _number(value: Any) -> Number:
    return value.item() if hasattr(value, "item") else value


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0


def _program(
    formula: Formula, kinds: dict[int, Any], arrays: Mapping[int, Array], columns: set[int]
) -> tuple[Program, list[int]]:
    """The loop, and its arrays by number, in order."""
    values, names = formula.values, {}
    order: list[int] = []
    forms, lines, count = [], [], 0
    for n, kind in kinds.items():
        if kind is None:
            raise NotPrintable("a value that is no number")
        if n in arrays or _is_array(values[n]):
            names[n] = f"x{len(order)}"
            order.append(n)
            forms.append(COLUMN if n in columns else ELEMENTS if n in arrays else ROW)
        else:
            names[n], count = f"n{count}", count + 1
    types = dict(kinds)
    for n, kind in kinds.items():
        if n in order and kind.char in HALVES:
            lines.append(f"h{n} = {HALVES[kind.char][1]}({names[n]})")
            names[n], types[n] = f"h{n}", kind if kind.char == "e" else _SINGLE
    for step in formula.steps:
        text, dtype = _line(
            step.function,
            [types[a] for a in step.arguments],
            [names[a] for a in step.arguments],
            values[step.result].dtype,
        )
        names[step.result], types[step.result] = f"v{step.result}", dtype
        lines.append(f"v{step.result} = {text}")
    stores = []
    for n in arrays:
        if n not in kinds and n in types:
            to = HALVES.get(arrays[n].dtype.char)
            value = f"{to[0]}({names[n]})" if to else names[n]
            stores.append((len(order), value))
            order.append(n)
            forms.append(ELEMENTS)
    kept = [arrays.get(n, values[n]).dtype.char for n in order]
    letters = tuple(["H" if kind in HALVES else kind for kind in kept])
    if not stores or any(k not in NAMES for k in letters):
        raise NotPrintable("halves, or nothing")
    return Program(tuple(forms), letters, count, tuple(lines), tuple(stores)), order


def _line(
    function: Callable[..., Any], kinds: Sequence[Any], names: Sequence[str], to: np.dtype[Any]
) -> tuple[str, np.dtype[Any]]:
    """A step as text, and the dtype of its result."""
    if to.char == "e" or any(getattr(kind, "char", "") == "e" for kind in kinds):
        return _line_of_halves(function, kinds, names, to)
    if is_conversion(function):
        return cast(names[0], kinds[0], to.char), to
    if is_where(function):
        condition, x, y = (cast(n, k, t) for n, k, t in zip(names, kinds, ("?", to.char, to.char), strict=True))
        return f"{x} if {condition} else {y}", to
    own = own_function(function)
    if own is not None:
        return special(own.__name__, kinds, names), to
    if not isinstance(function, np.ufunc):
        raise NotPrintable("a function with no expression")
    text, out = expression(function, kinds, names)
    return (text, to) if out == to.char else (cast(f"({text})", np.dtype(out), to.char), to)


def _line_of_halves(
    function: Callable[..., Any], kinds: Sequence[Any], names: Sequence[str], to: np.dtype[Any]
) -> tuple[str, np.dtype[Any]]:
    """The same where there is float16: of float32 variables, rounded to numbers that float16 has too, as NumPy computes it.

    Python's numbers are rounded before, but for factors that say that they are none of NumPy's (``NumberOfHalves``).
    """
    wide, given = [], []
    for kind, name in zip(kinds, names, strict=True):
        is_own = kind in (int, float) or function not in (np.multiply, np.divide)
        is_number = isinstance(kind, type) and is_own and to.char in "e?"
        given.append(_ROUNDED.format(f"float32({name})") if is_number else name)
        wide.append(_SINGLE if is_number or getattr(kind, "char", "") == "e" else float if _is_float(kind) else kind)
    text, found = _line(function, wide, given, _SINGLE if to.char == "e" else to)
    return (text, to) if to.char != "e" or is_where(function) else (_ROUNDED.format(f"float32({text})"), to)


def _is_float(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, float)


# ------------------------------------------------ plans

GIVEN, MADE, CONSTANT = 0, 1, 2
Reference = tuple[int, Any]  # an argument by its number, a new array by its number, or a value
MOST_PLANS = 1024
_plans: dict[Any, Plan] = {}


class Plan(NamedTuple):
    """A loop and its arrays, the dtypes of new ones, and what is made of them: the formula's results, and attributes by name."""

    program: Program
    numbers: Sequence[Number]
    arrays: Sequence[Reference]
    dtypes: Sequence[np.dtype[Any]]
    results: Sequence[Reference]
    attributes: Sequence[str]

    def compute(self, values: Sequence[Any], unit: int, memory: Callable[[np.dtype[Any]], Array]) -> list[Any] | None:
        """The results for these arguments; None if loops do not serve them. memory: makes an array of a dtype."""
        if not (use_formula(values[0]) or any(map(use_formula, values)) or any(map(is_half, values))):
            return None
        known = (values, [memory(dtype) for dtype in self.dtypes])
        arrays = [known[kind][at] for kind, at in self.arrays]
        perform_formula(self.program, arrays, self.numbers, unit if unit > 1 else 0)
        return [at if kind == CONSTANT else known[kind][at] for kind, at in self.results]


def key_of(formula: object, shape: tuple[int, ...], values: Sequence[Any], settings: Mapping[str, object]) -> Any:
    """What a plan is found by: the kinds of the arguments of a formula that gives results of a shape; None if it has no plan."""
    kinds: list[Any] = [formula]
    for x in values:
        if x.__class__ is ndarray and x.size > 1:
            first = 0
            while values[first] is not x:
                first += 1
            kinds.append((x.dtype, first, x.shape == shape, x.ndim))
            continue
        number = x.item() if x.__class__ is ndarray and x.size else x
        if not _is_number(number):
            return None
        kinds.append((getattr(x, "dtype", None), number.__class__, _told_apart(number)))
    for name, x in settings.items():
        if not _is_number(x) and not isinstance(x, np.ufunc):
            return None
        kinds.append((name, x.__class__, _told_apart(x)))
    return tuple(kinds)


def _told_apart(x: Any) -> Any:
    """What is equal for numbers of one type that are the same, and for no others: zeros have signs, and nan is not equal to itself.

    >>> _told_apart(0.5), _told_apart(-0.0), _told_apart(float("nan"))
    (0.5, '-0.0', 'nan')
    """
    return x if x and x == x else repr(x)


def _is_number(x: object) -> bool:
    kind = x.__class__
    return (
        kind is float or kind is int or kind is bool or x is None or (isinstance(x, float) and not hasattr(x, "dtype"))
    )


def plan_of(key: Any) -> Plan | None:
    """The plan that was kept."""
    return None if key is None else _plans.get(key)


def keep_plan(
    key: Any,
    computed: tuple[Program, Sequence[Array], Sequence[Number]],
    values: Sequence[Any],
    made: Sequence[Array],
    results: Sequence[Any],
    attributes: Sequence[str],
) -> None:
    """Keep a plan: ``computed`` is the loop that made new arrays of values, and its arguments."""
    program, arrays, numbers = computed
    stored = {i for i, _ in program.stores}  # memory that was given for a result may be one of the values
    read = [reference(x, ((MADE, made),) if i in stored else ((GIVEN, values),)) for i, x in enumerate(arrays)]
    found = [reference(x, ((MADE, made), (GIVEN, values))) for x in results]
    if all(kind != CONSTANT for kind, _ in read) and all(kind != CONSTANT or _is_number(x) for kind, x in found):
        if len(_plans) >= MOST_PLANS:
            _plans.clear()
        _plans[key] = Plan(program, numbers, read, [a.dtype for a in made], found, attributes)


def reference(x: Any, among: Sequence[tuple[int, Sequence[Any]]]) -> Reference:
    """Where an array stands among several lists of arguments; what stands in none is a value."""
    for kind, arrays in among:
        for at, known in enumerate(arrays):
            if known is x:
                return kind, at
    return CONSTANT, x
