"""A noted formula (``fusion.py``) as one compiled loop: each element goes through all of its steps before the next one does.

As ``fused.py`` prints such a formula in CUDA C for a GPU, this one prints it in Python for Numba (``compiled/formulas.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from metagrad.base.typing import Array, Number
from metagrad.kernels.chunks import perform_formula
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.compiled.entries import NAMES
from metagrad.kernels.compiled.formulas import ELEMENTS, ROW, NotPrintable, Program, cast, expression, special
from metagrad.kernels.fusion import Formula, is_conversion, is_where, own_function

_programs: dict[Any, tuple[Program, list[int]] | None] = {}
_LARGEST = 2**53  # of integers, as float64 has them all


def compute(formula: Formula, arrays: Mapping[int, Array], unit: int) -> bool:
    """Whether the formula's arrays, by the number of their values, have been filled by a loop.

    They are contiguous and of one shape; smaller arrays among its values are rows of ``unit`` elements.
    """
    values, results = formula.values, {step.result for step in formula.steps}
    if not any(use_compiled(a) for a in arrays.values()):
        return False
    used = sorted({a for step in formula.steps for a in step.arguments} - results)
    kinds = tuple([_kind(arrays.get(n, values[n])) for n in used])
    key = (
        tuple([(s.function, tuple(s.arguments), s.result, values[s.result].dtype) for s in formula.steps]),
        tuple(used), kinds, tuple([(n in arrays, _is_array(values[n])) for n in used]), tuple(arrays), unit > 1,
    )  # fmt: skip
    if key not in _programs:
        try:
            _programs[key] = _program(formula, dict(zip(used, kinds, strict=True)), arrays)
        except (NotPrintable, TypeError):
            _programs[key] = None
    found = _programs[key]
    if found is None:
        return False
    program, order = found
    numbers = [_number(values[n]) for n in used if n not in order]
    if not all(isinstance(n, float) or abs(n) < _LARGEST for n in numbers):
        return False
    perform_formula(program, [arrays.get(n, values[n]) for n in order], numbers, unit if unit > 1 else 0)
    return True


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


def _program(formula: Formula, kinds: dict[int, Any], arrays: Mapping[int, Array]) -> tuple[Program, list[int]]:
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
            forms.append(ELEMENTS if n in arrays else ROW)
        else:
            names[n], count = f"n{count}", count + 1
    types = dict(kinds)
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
            stores.append((len(order), names[n]))
            order.append(n)
            forms.append(ELEMENTS)
    letters = tuple([(types[n] if n in kinds else values[n].dtype).char for n in order])
    if not stores or any(k not in NAMES for k in letters):
        raise NotPrintable("halves, or nothing")
    return Program(tuple(forms), letters, count, tuple(lines), tuple(stores)), order


def _line(
    function: Callable[..., Any], kinds: Sequence[Any], names: Sequence[str], to: np.dtype[Any]
) -> tuple[str, np.dtype[Any]]:
    """A step as text, and the dtype of its result."""
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
