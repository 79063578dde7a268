"""A noted formula (``fusion.py``) printed as one kernel for a GPU, step by step, each step a line of CUDA C.

    y = 1 / (np.exp(-x) + 1)    float v1 = -x0;
                                float v2 = expf(v1);
                                float v4 = v2 + c3;   ...

The formula's arrays and numbers are the kernel's arguments, so that one kernel serves all numbers; the values that the formula or
its gradient want are its results. CuPy compiles the text, broadcasts the arrays and runs it for each element. Halves are
computed in float and rounded after each step, as NumPy does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from metagrad.base.device import cupy
from metagrad.base.typing import Array
from metagrad.base.warning import warn
from metagrad.kernels import libraries
from metagrad.kernels.cuda_text import EXPRESSIONS, HELPERS
from metagrad.kernels.fusion import Formula, NotPointwise, Tape, is_conversion, is_where

TYPES = {
    "bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int", "uint64": "unsigned long long",
    "float16": "float16", "float32": "float", "float64": "double",
}  # fmt: skip
_NAMES = {np.dtype(name): name for name in TYPES}  # NumPy takes a while to tell a dtype's name


class Text(NamedTuple):
    """A kernel's parameters as CuPy wants them ("float32 x0, float32 c3"), its lines, and the functions those call."""

    inputs: str
    outputs: str
    body: str
    helpers: str


def can_fuse() -> bool:
    """Whether formulas are made kernels: not with METAGRAD_GPU_FUSION=0 in the environment.

    >>> can_fuse() in (True, False)
    True
    """
    return libraries.MAKES_KERNELS and hasattr(cupy(), "ElementwiseKernel")


class Plan(NamedTuple):
    """A noted formula's kernel, and the numbers that are its arguments after the arrays."""

    text: Text
    numbers: list[Any]

    def run(self, arrays: Sequence[Array], into: Sequence[Array] = ()) -> list[Array]:
        """The values that are wanted, of arrays of a GPU; written into ``into`` if given."""
        found = _kernel(self.text)(*arrays, *self.numbers, *into)
        return list(found) if isinstance(found, tuple) else [found]


def plan(tape: Tape, inputs: Sequence[int], wanted: Sequence[int]) -> Plan:
    """How to compute the values ``wanted`` of a tape, by number. What was printed for a tape of the same steps serves again."""
    steps = [(s.function, *s.arguments, s.result) for s in tape.steps]
    dtypes = [getattr(v, "dtype", v.__class__) for v in tape.values]
    key = (*steps, *dtypes, *inputs, "wanted", *wanted)
    known = _known.get(key)
    if known is None:
        if len(Formula(tape, set(wanted)).steps) < 2:
            raise NotPointwise("a step by itself is CuPy's")
        known = _known[key] = printed(tape, inputs, wanted)
    text, constants = known
    return Plan(text, [_number(tape.values[n], dtype) for n, dtype in constants])


_known: dict[Any, tuple[Text, list[tuple[int, str]]]] = {}  # texts by what is computed in them


def compute(tape: Tape, given: dict[int, Array], wanted: Sequence[int], into: Sequence[Array] = ()) -> list[Array]:
    """The values ``wanted``, by number, of a tape whose inputs stand for these arrays of a GPU; written into ``into`` if given."""
    return plan(tape, list(given), wanted).run([*given.values()], into)


class _InPlaceTape(Tape):
    """A tape on which samples may be written to: they then stand for what was written."""

    def write(self, target: Any, value: Any) -> Any:
        if self.number(value) is None:
            raise NotPointwise("a number written to an array")
        self._numbers[id(target)] = self._number_of(self.convert(value, target.dtype))
        return target

    def memory(self, like: Any) -> Any:
        return self.sample(np.ones(2, like.dtype))


def in_place(formula: Callable[..., None], arrays: Sequence[Array | None], settings: Sequence[Any]) -> bool:
    """``formula(*arrays, *settings)``, in place in a GPU's arrays of one shape, as one kernel; whether it was done."""
    if not can_fuse():
        return False
    try:
        prepared, given, changed = planned_in_place(formula, arrays, settings)
        prepared.run([arrays[i] for i in given], [arrays[i] for i in changed])
    except NotPointwise:
        return False
    return True


InPlace: TypeAlias = tuple[Plan, list[int], list[int]]
_last: dict[
    Any, InPlace
] = {}  # the plan made last: other parameters follow with these settings; the next step has others


def planned_in_place(formula: Callable[..., None], arrays: Sequence[Array | None], settings: Sequence[Any]) -> InPlace:
    """A plan of a formula in place; which of the arrays it is given, and which of them it writes."""
    dtypes = [None if a is None else a.dtype for a in arrays]
    key: Any = (formula, *dtypes, as_key(tuple(settings)))
    try:
        known = _last.get(key)
    except TypeError:  # a setting that is no number
        known = key = None
    if known is not None:
        return known
    tape = _InPlaceTape([])
    samples = [None if d is None else tape.sample(np.ones(2, d)) for d in dtypes]
    given = {tape.number(x): i for i, x in enumerate(samples) if x is not None}
    with np.errstate(all="ignore"):
        formula(*samples, *settings)
    changed = {tape.number(x): i for i, x in enumerate(samples) if tape.number(x) not in given}
    changed.pop(None, None)
    made = plan(tape, [*given], [*changed]), [*given.values()], [*changed.values()]  # type: ignore[list-item]
    if key is not None:
        _last.clear()
        _last[key] = made
    return made


def as_key(setting: Any) -> Any:
    """A setting as it is told apart from others: 0.0 and −0.0, 1 and True are not the same, nan is.

    >>> as_key(0.0) == as_key(-0.0), as_key((1, float("nan"))) == as_key((1, float("nan")))
    (False, True)
    """
    if setting.__class__ is tuple:
        return tuple([as_key(x) for x in setting])
    if isinstance(setting, (bool, int, float, complex, np.generic)):
        return setting.__class__, repr(setting)
    return setting


@functools.cache
def _kernel(text: Text) -> Callable[..., Any]:
    kernel = cupy().ElementwiseKernel(text.inputs, text.outputs, text.body, "metagrad_formula", preamble=text.helpers)  # type: ignore[union-attr]
    works = True

    def run(*arguments: Any) -> Any:
        nonlocal works
        if works:
            try:
                return kernel(*arguments)
            except Exception as error:
                if type(error).__name__ != "CompileException":
                    raise
                works = False
                warn(
                    f"CuPy does not compile this formula, which is computed step by step instead: {error}\n{text.body}"
                )
        raise NotPointwise("a text that does not compile")

    return run


def printed(tape: Tape, inputs: Sequence[int], wanted: Sequence[int]) -> tuple[Text, list[tuple[int, str]]]:
    """The kernel for a tape's values ``wanted``, and the constants of the tape that are its arguments after the arrays: each with
    the dtype it is wanted in.

    >>> tape = Tape([])
    >>> x = tape.sample(np.ones(2, np.float32))
    >>> y = 1 / (np.exp(-x) + 1)
    >>> text, constants = printed(tape, [0], [tape.number(y)])
    >>> text.inputs, text.outputs, constants
    ('float32 x0, float32 c3, float32 c5', 'float32 y6', [(3, 'float32'), (5, 'float32')])
    >>> print(text.body)
    float v1 = -x0;
    float v2 = expf(v1);
    float v4 = v2 + c3;
    float v6 = c5 / v4;
    y6 = v6;
    """
    printer = _Printer(tape, inputs)
    for step in Formula(tape, set(wanted)).steps:
        printer.add(step.function, step.arguments, step.result)
    lines = [*printer.lines, *[f"y{n} = {printer.names[n]};" for n in wanted]]
    parameters = [f"{_dtype(tape.values[n])} x{n}" for n in inputs] + printer.parameters
    outputs = ", ".join(f"{_dtype(tape.values[n])} y{n}" for n in wanted)
    return Text(", ".join(parameters), outputs, "\n".join(lines), "\n".join(printer.helpers)), printer.constants


class _Printer:
    """The lines so far, with what they need."""

    def __init__(self, tape: Tape, inputs: Sequence[int]) -> None:
        self.values = tape.values
        self.names = {n: f"x{n}" for n in inputs}
        self.lines: list[str] = []
        self.parameters: list[str] = []
        self.constants: list[tuple[int, str]] = []
        self.helpers: dict[str, None] = {}

    def add(self, function: Callable[..., Any], arguments: Sequence[int], result: int) -> None:
        """The line of a step."""
        to = _dtype(self.values[result])
        if is_conversion(function):
            text = self.argument(arguments[0], to)
        elif is_where(function):
            condition, x, y = (self.argument(n, t) for n, t in zip(arguments, ("bool", to, to), strict=True))
            text = f"{condition} ? {x} : {y}"
        elif isinstance(function, np.ufunc):
            text = self.call(function, arguments, to)
        else:
            raise NotPointwise("a function with no expression in C")
        self.lines.append(f"{TYPES[to]} v{result} = {text};")
        self.names[result] = f"v{result}"

    def call(self, ufunc: np.ufunc, arguments: Sequence[int], to: str) -> str:
        """A ufunc's expression for arguments of the dtype that NumPy chooses; halves in float."""
        *loop, out = [
            _NAMES.get(d, "") for d in ufunc.resolve_dtypes((*[_kind(self.values[n]) for n in arguments], None))
        ]
        if len({*loop}) > 1 or loop[0] not in TYPES:
            raise NotPointwise(f"{ufunc.__name__} of {loop}")
        name, kind = ("float32" if loop[0] == "float16" else loop[0]), np.dtype(loop[0]).kind
        filled = {"T": TYPES[name], "t": name, "f": "f" if name == "float32" else ""}
        expression = EXPRESSIONS[kind].get(ufunc.__name__)
        if expression is None:
            raise NotPointwise(f"{ufunc.__name__} has no expression in C")
        if ufunc.__name__ in HELPERS.get(kind, {}):
            self.helpers[HELPERS[kind][ufunc.__name__].format(**filled)] = None
        text = expression.format(*[self.argument(n, loop[0], name) for n in arguments], **filled)
        result = "float32" if out == "float16" else out
        return text if out == to else _cast(f"({text})", result, to)  # a line's type rounds and cuts what it is given

    def argument(self, number: int, dtype: str, computed: str | None = None) -> str:
        """A value as a dtype, in C as ``computed`` of it; a number becomes a parameter."""
        if number not in self.names:
            self.names[number] = f"c{number}"
            self.parameters.append(f"{dtype} c{number}")
            _number(self.values[number], dtype)  # refuses what is none
            self.constants.append((number, dtype))
            return _cast(f"c{number}", dtype, computed or dtype)
        name, of = self.names[number], _dtype(self.values[number])
        if dtype == "float16" and of != dtype:
            name, of = f"({_cast(name, of, dtype)})", dtype
        return _cast(name, of, computed or dtype)


def _dtype(value: Any) -> str:
    name = _NAMES.get(value.dtype)
    if name is None:
        raise NotPointwise(f"{value.dtype} in C")
    return name


def _kind(value: Any) -> Any:
    """What NumPy's promotion asks of a value: its dtype, or the type of a Python number."""
    if isinstance(value, (bool, np.bool_)):
        return np.dtype(bool)
    if isinstance(value, (int, float)) and not isinstance(value, np.generic):
        return int if isinstance(value, int) else float
    return np.dtype(_dtype(value)) if hasattr(value, "dtype") else _refuse(value)


def _number(value: Any, dtype: str) -> Any:
    """A constant of a formula as a Python number, of the dtype it is computed with."""
    if isinstance(value, np.ndarray) and value.ndim == 0 or isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (bool, int, float)):
        _refuse(value)
    return {"b": bool, "i": int, "u": int, "f": float}[np.dtype(dtype).kind](value)


def _refuse(value: Any) -> Any:
    raise NotPointwise(f"a {type(value).__name__} in a formula")


def _cast(name: str, of: str, to: str) -> str:
    if of == to:
        return name
    if of == "float16":
        return f"(float){name}" if to == "float32" else _cast(f"(float){name}", "float32", to)
    if to == "bool":
        return f"({name} != 0)"
    through = "(float)" if to == "float16" and of not in ("float32", "float64") else ""
    if of in ("float32", "float64") and to in ("uint8", "uint16", "uint32"):
        through = "(long long)"  # which wraps around where a GPU would stop at 0
    return f"({TYPES[to]}){through}{name}"
