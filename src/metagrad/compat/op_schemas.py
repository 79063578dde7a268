"""The arguments of an op: what a schema says of them, the schema of a Python function, and what a call gives them."""

from __future__ import annotations

import ast
import collections.abc
import contextlib
import functools
import inspect
import json
import math
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from metagrad.base.device import device
from metagrad.base.dtypes import dtype
from metagrad.compat.types import Number
from metagrad.tensors.tensor import Tensor

__all__ = ["FunctionSchema", "infer_schema", "signature_of"]

_PART = re.compile(
    r"""(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\[[^]]*\]|[^,"'[])+""", re.DOTALL
)  # no comma but in quotes or brackets
_EMPTY = inspect.Parameter.empty


def signature_of(schema: str, function: Callable[..., Any] | None = None) -> inspect.Signature:
    """The arguments that a schema names, each annotated with its type as it is written there. Raises RuntimeError if it is none.

    Where a function has a default of its own, that is the default: text does not say all of it.

    >>> str(signature_of("scaled(Tensor x, int[] dim=[0, 1], *, float k=2.0, bool up=True) -> (Tensor, Tensor)"))
    "(x: 'Tensor', dim: 'int[]' = [0, 1], *, k: 'float' = 2.0, up: 'bool' = True)"
    """
    inside = schema.rpartition("->")[0].partition("(")[2].rstrip()[:-1]
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    found = []
    parts = _PART.findall(inside)
    if "".join(parts).replace(",", "") != inside.replace(",", ""):
        raise RuntimeError(f"{schema!r} has a quote or a bracket that does not end")
    own: Mapping[str, inspect.Parameter] = {}
    with contextlib.suppress(TypeError, ValueError):  # of None, and of what is built in
        own = inspect.signature(function).parameters  # type: ignore[arg-type]
    for part in filter(None, map(str.strip, parts)):
        if part == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        text, equals, value = part.partition("=")
        written, _, name = text.strip().rpartition(" ")
        default = getattr(own.get(name), "default", _EMPTY) if equals else _EMPTY
        if equals and default is _EMPTY:
            default = _default(value, written)
        found.append(inspect.Parameter(name, kind, default=default, annotation=written))
    return inspect.Signature(found)


def _default(text: str, kind: str) -> Any:
    """The default of a type that is written so."""
    text, inner = text.strip(), kind.rstrip("?")
    if text == "None":
        return None
    if inner == "Device":
        return device(text.strip("\"'"))
    fit, size = _fitter(kind), re.fullmatch(r".*\[(\d+)\]", inner)
    try:
        if fit is None and text.isidentifier():  # a dtype, a layout
            return getattr(sys.modules["metagrad"], text)
        value = float(text) if text.lstrip("-") in ("inf", "nan") else ast.literal_eval(text)
        value = [value] * int(size[1]) if size and not isinstance(value, list) else value
        return value if fit is None else fit(value)
    except (AttributeError, ValueError, SyntaxError, _Unfit):
        raise RuntimeError(f"invalid default value of type {kind}: {text}") from None


# ------------------------------------------------ of a Python function

_SIMPLE = {
    Tensor: "Tensor", int: "SymInt", float: "float", bool: "bool", str: "str", dtype: "ScalarType", device: "Device",
    Number: "Scalar",
}  # fmt: skip
_RETURNED = ("Tensor", "Tensor[]", "SymInt", "float", "bool", "Scalar")


def _written(annotation: Any) -> str | None:
    """An annotation as it is written in a schema; None if it cannot be."""
    try:
        if annotation in _SIMPLE:
            return _SIMPLE[annotation]
    except TypeError:
        return None
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType) and type(None) in inner:
        rest = [a for a in inner if a is not type(None)]
        found = _written(functools.reduce(lambda a, b: a | b, rest))
        return None if found is None or found == "Tensor[]" else f"{found}?"
    if origin in (list, collections.abc.Sequence) and len(inner) == 1:
        found = _written(inner[0])
        return None if found is None or found.endswith("[]") else f"{found}[]"
    return None


def _default_text(value: Any) -> str:
    if isinstance(value, (str, device)):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, dtype):
        return str(value).rpartition(".")[2]
    return str(value)


def infer_schema(
    prototype_function: Callable[..., Any], /, *, mutates_args: Any = (), op_name: str | None = None
) -> str:
    """The schema of a function, by its annotations. Raises ValueError for what none can say.

    >>> def scaled(x: Tensor, k: float = 2.0, *, dims: list[int] | None = None) -> tuple[Tensor, Tensor]: ...
    >>> infer_schema(scaled, mutates_args=())
    '(Tensor x, float k=2.0, *, SymInt[]? dims=None) -> (Tensor, Tensor)'
    """
    plain = inspect.signature(prototype_function)

    def wrong(said: str) -> ValueError:
        return ValueError(f"infer_schema(func): {said} Got func with signature {plain})")

    try:
        signature = inspect.signature(prototype_function, eval_str=True)
    except (NameError, SyntaxError) as error:
        raise wrong(f"Unsupported type annotation: {error}.") from error
    parts, written_to = [], set()
    for name, parameter in signature.parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise wrong("We do not support positional-only args, varargs, or varkwargs.")
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        if parameter.annotation is _EMPTY:
            raise wrong(f"Parameter {name} must have a type annotation.")
        kind = _written(parameter.annotation)
        if kind is None:
            raise wrong(
                f"Parameter {name} has unsupported type {parameter.annotation}. The valid types are: tensors, numbers, bool, str, "
                "torch.dtype, torch.device, and lists and optional ones of these."
            )
        if kind.startswith("Tensor") and (mutates_args == "unknown" or name in mutates_args):
            kind = f"Tensor(a{len(parts) - ('*' in parts)}!){kind[6:]}"
            written_to.add(name)
        if parameter.default is _EMPTY:
            parts.append(f"{kind} {name}")
        elif isinstance(parameter.default, (int, float, bool, str, dtype, device, type(None))):
            parts.append(f"{kind} {name}={_default_text(parameter.default)}")
        else:
            raise wrong(
                f"Parameter {name} has an unsupported default value type {type(parameter.default)}. Please file an issue on GitHub "
                "so we can prioritize this."
            )
    if mutates_args != "unknown" and set(mutates_args) - written_to:
        raise wrong(
            f"{set(mutates_args) - written_to} in mutates_args were not found in the custom op's signature. mutates_args should "
            "contain the names of all args that the custom op mutates, or just the string 'unknown' if you don't know."
        )
    return f"{op_name or ''}({', '.join(parts)}) -> {_returned(signature.return_annotation, wrong)}"


def _returned(annotation: Any, wrong: Callable[[str], ValueError]) -> str:
    if annotation is _EMPTY:
        raise wrong("No return type annotation was provided. Please add one.")
    if annotation is None or annotation is type(None):
        return "()"
    several = typing.get_origin(annotation) is tuple
    found = [_written(a) for a in (typing.get_args(annotation) if several else (annotation,))]
    for kind in found:
        if kind not in _RETURNED:
            raise wrong(f"Return has unsupported type {annotation}. The valid types are: {', '.join(_RETURNED)}.")
    return f"({', '.join(filter(None, found))})" if several else str(found[0])


# ------------------------------------------------ what a call gives

_NUMBERS: dict[str, tuple[type, ...]] = {
    "SymInt": (int,),
    "int": (int,),
    "float": (float, int),
    "Scalar": (int, float, complex),
}
_IN_WORDS = {"SymInt": "int", "Scalar": "number"}


class _Unfit(Exception):
    """A value that is of another type than an argument."""


@functools.cache
def _fitter(kind: str) -> Callable[[Any], Any] | None:
    """What makes an argument of a type from a value, or raises _Unfit; None where anything is one."""
    if kind.endswith("?"):
        inner = _fitter(kind[:-1])
        return None if inner is None else functools.partial(_as_optional, inner)
    if "[" in kind:
        inner, size = _fitter(kind[: kind.rindex("[")]), re.fullmatch(r"int\[(\d+)\]", kind)
        return functools.partial(_as_list, inner, int(size[1]) if size else None)
    if kind in _NUMBERS:
        return functools.partial(_as_number, _NUMBERS[kind], _NUMBERS[kind][: None if kind == "Scalar" else 1])
    return _as_tensor if kind.startswith("Tensor") else {"bool": _as_bool, "str": _as_str}.get(kind)


def _as_optional(inner: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else inner(value)


def _as_list(inner: Callable[[Any], Any] | None, size: int | None, value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value) if inner is None else [inner(part) for part in value]
    if size is None or inner is None:
        raise _Unfit
    return [inner(value)] * size  # one stands for all of them


def _as_number(taken: tuple[type, ...], kept: tuple[type, ...], value: Any) -> Any:
    if type(value) in kept:
        return value
    if hasattr(value, "dtype"):
        if isinstance(value, Tensor) and (value.numel() != 1 or len(kept) > 1):
            raise _Unfit
        value = value.item()
    if not isinstance(value, taken):
        raise _Unfit
    return kept[0](value) if len(kept) == 1 else value


def _as_tensor(value: Any) -> Any:
    if value is None or isinstance(value, Tensor):
        return value
    raise _Unfit


def _as_bool(value: Any) -> bool:
    if not hasattr(type(value), "__bool__"):  # text and lists have a length alone
        raise _Unfit
    try:
        return bool(value)
    except (RuntimeError, ValueError):  # arrays of several elements
        raise _Unfit from None


def _as_str(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise _Unfit


def _in_words(kind: str) -> str:
    if kind.endswith("?"):
        return f"Optional[{_in_words(kind[:-1])}]"
    if "[" in kind:
        return f"List[{_in_words(kind[: kind.rindex('[')])}]"
    return _IN_WORDS.get(kind, kind.partition("(")[0])


def _type_text(written: str) -> str:
    """A schema's type as TorchScript names it.

    >>> _type_text("Tensor(a!)"), _type_text("int[2]?"), _type_text("Scalar"), _type_text("Tensor?[]")
    ('Tensor', 'Optional[List[int]]', 'number', 'List[Optional[Tensor]]')
    """
    kind = re.sub(r"\([^()]*\)", "", written.strip())
    if kind.endswith("?"):
        return f"Optional[{_type_text(kind[:-1])}]"
    if kind.endswith("]"):
        return f"List[{_type_text(kind[: kind.rindex('[')])}]"
    return {"Scalar": "number", "SymInt": "int", "ScalarType": "int", "Layout": "int", "MemoryFormat": "int"}.get(
        kind, kind
    )


class FunctionSchema:
    """A schema, ``ns::name(arguments) -> returns``: as text, and what it says."""

    def __init__(self, name: str, text: str, function: Callable[..., Any] | None = None) -> None:
        found = re.fullmatch(r"[^(]*(\(.*\)\s*->\s*\(?([^()]*(?:\([^()]*\)[^()]*)*)\)?)", text.strip(), re.DOTALL)
        if found is None:
            raise RuntimeError(f"{text!r} is no schema such as 'name(Tensor x, int k=1) -> Tensor'")
        self.name, _, self.overload_name = name.partition(".")
        self._text = name + re.sub(r"=\[[^]]*]", lambda default: re.sub(r",\s*", ", ", default[0]), found[1])
        self.signature = signature_of(text, function)
        self.arguments = [
            SimpleNamespace(
                name=p.name, type=_type_text(p.annotation), default_value=None if p.default is _EMPTY else p.default,
                kwarg_only=p.kind is p.KEYWORD_ONLY, is_write="!" in p.annotation,
            )
            for p in self.signature.parameters.values()
        ]  # fmt: skip
        self.returns = [SimpleNamespace(type=kind.strip()) for kind in found[2].split(",") if kind.strip()]
        self.is_mutable = any(argument.is_write for argument in self.arguments)
        by_place = [p for p in self.signature.parameters.values() if p.kind is not p.KEYWORD_ONLY]
        self._fitters = [_fitter(p.annotation) for p in by_place]
        self._defaults = [p.default for p in by_place]
        self._further = {a.name: a.default_value for a in self.arguments if a.kwarg_only}
        needed = any(p.default is _EMPTY for p in self.signature.parameters.values() if p not in by_place)
        self._least: float = (
            math.inf if needed else self._defaults.count(_EMPTY)
        )  # arguments by place, if none is by name

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What a call gives each argument, defaults among it. Raises RuntimeError where a call does not fit."""
        count = len(args)
        if kwargs or not self._least <= count <= len(self._fitters):
            return self._by_name(args, kwargs)
        try:
            given = [x if fit is None else fit(x) for fit, x in zip(self._fitters, args, strict=False)]
        except _Unfit:
            return self._by_name(args, kwargs)  # which says what is wrong
        return (*given, *self._defaults[count:]), self._further.copy()

    def _by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        parameters, name = self.signature.parameters, self.name
        unknown = next((key for key in kwargs if key not in parameters), None)
        given = len(args) + len(kwargs)
        if given > len(parameters):
            raise RuntimeError(
                f"{name}() expected at most {len(parameters)} argument(s) but received {given} argument(s). Declaration: {self}"
            )
        if unknown is not None:
            raise RuntimeError(f"Unknown keyword argument '{unknown}' for operator '{name}'. Schema: {self}")
        open_ones = [p for p in list(parameters.values())[len(args) :] if p.default is _EMPTY]
        missing = next((p.name for p in open_ones if p.name not in kwargs), None)
        if missing is not None:
            raise RuntimeError(f"{name}() is missing value for argument '{missing}'. Declaration: {self}")
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise RuntimeError(f"{name}(): {error}. Declaration: {self}") from None
        for position, (key, parameter) in enumerate(parameters.items()):
            if key not in bound.arguments:
                continue
            value = bound.arguments[key]
            try:
                fit = _fitter(parameter.annotation)
                bound.arguments[key] = value if fit is None else fit(value)
            except _Unfit:
                raise RuntimeError(
                    f"{name}() Expected a value of type '{_in_words(parameter.annotation)}' for argument '{key}' but instead found "
                    f"type '{type(value).__name__}'.\nPosition: {position}\nValue: {value!r}\nDeclaration: {self}"
                ) from None
        bound.apply_defaults()  # what a context and a gradient are given does not depend on how the op was called
        return bound.args, bound.kwargs
