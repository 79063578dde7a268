"""Pointwise NumPy functions as expressions in Python, by the kind of number they work on; ``formulas.py`` joins them to loops.

{0}, {1} and {2} are the arguments, variables of the loop's dtype {T}. They say what NumPy's function says: nan comes through
maxima and minima.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from metagrad.kernels.compiled import circular, special, transcendental
from metagrad.kernels.compiled.atomic import Instruction
from metagrad.kernels.compiled.compiler import compiles_for, native_inlined
from metagrad.kernels.compiled.remainders import (
    floored_quotient,
    goes_often,
    hypotenuse_of_singles,
    near_remainder_of_singles,
    remainder_of,
    remainder_of_singles,
    with_sign_of,
)

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
    "copysign": "with_sign_of({0}, {1})", "fmod": "remainder_of({0}, {1})",
    "floor_divide": "floored_quotient({0}, {1}, remainder_of({0}, {1}))",
    "isnan": "{0} != {0}", "isinf": "abs({0}) == np.inf", "isfinite": "abs({0}) < np.inf", "conjugate": "{0}",
}  # fmt: skip
SINGLE = {  # instead, of float32
    "fmod": "remainder_of_singles({0}, {1})", "hypot": "hypotenuse_of_singles({0}, {1})",
    "floor_divide": "floored_quotient({0}, {1}, remainder_of_singles({0}, {1}))",
}  # fmt: skip
RARE = {
    "remainder_of_singles": ("goes_often", "near_remainder_of_singles"), "sin": ("turns_often", "near_sin"),
    "cos": ("turns_often", "near_cos"),
}  # fmt: skip
"""Functions that call another one for few arguments: the test for these, and the function without the call, for all others."""
CURVES = {  # what comes near NumPy's, within the errors that ``transcendental.py`` states, by the letter of the dtype
    "f": ("exp", "exp2", "expm1", "log", "log1p", "tanh", "logaddexp"),
    "d": ("exp", "exp2", "expm1", "log", "logaddexp", "sin", "cos"),  # of the others NumPy's are as fast
}
SPECIAL = ("erf", "erfc", "erfinv", "lgamma", "digamma", "trigamma")  # of float32 numbers: ``special.py``
_BOOL = {
    **_ANY, "bitwise_and": "{0} & {1}", "bitwise_or": "{0} | {1}", "bitwise_xor": "{0} != {1}", "invert": "{0} == 0",
    "add": "{0} | {1}", "multiply": "{0} & {1}",
}  # fmt: skip
_INTEGER = {  # which Numba would make wider than they are
    **_ANY, "add": "{T}({0} + {1})", "subtract": "{T}({0} - {1})", "multiply": "{T}({0} * {1})", "square": "{T}({0} * {0})",
    "negative": "{T}({T}(0) - {0})", "bitwise_and": "{T}({0} & {1})", "bitwise_or": "{T}({0} | {1})",
    "bitwise_xor": "{T}({0} ^ {1})", "invert": "{T}(~{0})", "maximum": "{1} if {1} > {0} else {0}",
    "minimum": "{1} if {1} < {0} else {0}", "conjugate": "{0}",
}  # fmt: skip
_SIGNED = {
    **_INTEGER, "absolute": "{T}(-{0}) if {0} < 0 else {0}", "sign": "{T}({T}({0} > 0) - {T}({0} < 0))",
}  # fmt: skip
EXPRESSIONS = {"f": _FLOAT, "i": _SIGNED, "u": _INTEGER, "b": _BOOL}


def text_of(name: str, kind: str) -> str | None:
    """The expression of a ufunc of numbers of a dtype, by its letter; None where there is none.

    >>> text_of("add", "f"), text_of("exp", "d"), text_of("exp", "l")
    ('{0} + {1}', 'exp({0})', None)
    """
    if name in CURVES.get(kind, ()):
        return f"{name}({{0}}, {{1}})" if name == "logaddexp" else f"{name}({{0}})"
    table = EXPRESSIONS.get(np.dtype(kind).kind, {})
    return (SINGLE.get(name) if kind == "f" else None) or table.get(name)


@native_inlined
def larger(a: np.float32, b: np.float32) -> np.float32:
    """The larger of two numbers, nan where one is.

    >>> larger(1.0, 2.0)
    2.0
    """
    c = (
        b if b > a else a
    )  # a, too, where it is nan: one instruction; the limits of a clamp are asked once for all elements
    return b if b != b else c


@native_inlined
def smaller(a: np.float32, b: np.float32) -> np.float32:
    """The smaller of two numbers, nan where one is."""
    c = b if b < a else a
    return b if b != b else c


@native_inlined
def larger_number(a: np.float32, b: np.float32) -> np.float32:
    """The larger of two numbers, the other one where one is nan."""
    c = b if b > a else a
    return b if a != a else c


@native_inlined
def smaller_number(a: np.float32, b: np.float32) -> np.float32:
    """The smaller of two numbers, the other one where one is nan."""
    c = b if b < a else a
    return b if a != a else c


def _to_half(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    from llvmlite import ir  # type: ignore[import-untyped]

    return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))


def _from_half(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    from llvmlite import ir

    return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())


to_half = Instruction(lambda t: t.uint16(t.float32), _to_half)
"""``to_half(x)``: the bits of a float32 as float16."""

from_half = Instruction(lambda t: t.float32(t.uint16), _from_half)
"""``from_half(bits)``: bits of a float16 as float32."""


@native_inlined
def to_bfloat16(x: np.float32) -> np.uint16:
    """The bits of a float32 as bfloat16: the first half of them, rounded to the nearest, of two to the even one."""
    bits = np.float32(x).view(np.uint32)
    odd = np.uint32(bits >> np.uint32(16)) & np.uint32(1)
    rounded = np.uint32(np.uint32(bits + np.uint32(0x7FFF)) + odd)
    rounded = np.uint32(bits | np.uint32(0x400000)) if x != x else rounded
    return np.uint16(np.uint32(rounded >> np.uint32(16)))


@native_inlined
def from_bfloat16(bits: np.uint16) -> np.float32:
    """Bits of a bfloat16 as float32."""
    return np.uint32(np.uint32(bits) << np.uint32(16)).view(np.float32)


@functools.cache
def converts_halves() -> bool:
    """Whether this processor converts float16: without it, compiled code would call a function that may not be there."""
    import platform

    if platform.machine().lower() not in ("x86_64", "amd64"):
        return platform.machine().lower() in ("arm64", "aarch64")
    return compiles_for("f16c")


HALVES = {"e": ("to_half", "from_half"), "E": ("to_bfloat16", "from_bfloat16")}
"""By the letter of a dtype: what makes bits of it of a float32, and what makes a float32 of them."""
FUNCTIONS: dict[str, Any] = {
    **{name: getattr(transcendental, name) for name in (*CURVES["f"], "erf")},
    **{name: getattr(special, name) for name in SPECIAL[1:]},
    **{name: getattr(circular, name) for name in ("sin", "cos", "near_sin", "near_cos", "turns_often")},
    **{f.__name__: f for f in (
        remainder_of, remainder_of_singles, near_remainder_of_singles, goes_often, floored_quotient, hypotenuse_of_singles,
        with_sign_of,
    )},
    "larger": larger, "smaller": smaller, "larger_number": larger_number, "smaller_number": smaller_number,
    "to_half": to_half, "from_half": from_half, "to_bfloat16": to_bfloat16, "from_bfloat16": from_bfloat16,
}  # fmt: skip
LIGHT = {
    "larger", "smaller", "larger_number", "smaller_number", "with_sign_of", "to_half", "from_half", "to_bfloat16", "from_bfloat16",
}  # fmt: skip
"""Those that are an instruction or a few."""
