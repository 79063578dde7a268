"""Pointwise NumPy functions as expressions in Python, by the kind of number they work on; ``formulas.py`` joins them to loops.

{0}, {1} and {2} are the arguments, variables of the loop's dtype {T}. They say what NumPy's function says: nan comes through
maxima and minima.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.kernels.compiled.compiler import native

_ANY = {
    "positive": "{0}", "equal": "{0} == {1}", "not_equal": "{0} != {1}",
    "less": "{0} < {1}", "less_equal": "{0} <= {1}", "greater": "{0} > {1}", "greater_equal": "{0} >= {1}",
    "logical_and": "({0} != 0) & ({1} != 0)", "logical_or": "({0} != 0) | ({1} != 0)", "logical_not": "{0} == 0",
    "logical_xor": "({0} != 0) != ({1} != 0)",
}  # fmt: skip
_FLOAT = {
    **_ANY,
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}", "square": "{0} * {0}",
    "negative": "-{0}", "absolute": "abs({0})", "fabs": "abs({0})", "reciprocal": "{T}(1) / {0}", "sqrt": "np.sqrt({0})",
    "floor": "np.floor({0})", "ceil": "np.ceil({0})", "trunc": "np.trunc({0})", "rint": "np.rint({0})",
    "maximum": "larger({0}, {1})", "minimum": "smaller({0}, {1})", "fmax": "larger_number({0}, {1})",
    "fmin": "smaller_number({0}, {1})",
    "clip": "smaller(larger({0}, {1}), {2})", "sign": "{T}({0} > 0) - {T}({0} < 0) if {0} == {0} else {0}",
    "isnan": "{0} != {0}", "isinf": "abs({0}) == np.inf", "isfinite": "abs({0}) < np.inf", "conjugate": "{0}",
}  # fmt: skip
_BOOL = {
    **_ANY, "bitwise_and": "{0} & {1}", "bitwise_or": "{0} | {1}", "bitwise_xor": "{0} != {1}", "invert": "{0} == 0",
    "add": "{0} | {1}", "multiply": "{0} & {1}",
}  # fmt: skip
EXPRESSIONS = {"f": _FLOAT, "i": _ANY, "u": _ANY, "b": _BOOL}


@native
def larger(a: np.float32, b: np.float32) -> np.float32:
    """The larger of two numbers, nan where one is.

    >>> larger(1.0, 2.0)
    2.0
    """
    c = a if a >= b else b
    return a if a != a else c


@native
def smaller(a: np.float32, b: np.float32) -> np.float32:
    """The smaller of two numbers, nan where one is."""
    c = a if a <= b else b
    return a if a != a else c


@native
def larger_number(a: np.float32, b: np.float32) -> np.float32:
    """The larger of two numbers, the other one where one is nan."""
    c = b if b > a else a
    return b if a != a else c


@native
def smaller_number(a: np.float32, b: np.float32) -> np.float32:
    """The smaller of two numbers, the other one where one is nan."""
    c = b if b < a else a
    return b if a != a else c


FUNCTIONS: dict[str, Any] = {
    "larger": larger, "smaller": smaller, "larger_number": larger_number, "smaller_number": smaller_number,
}  # fmt: skip
