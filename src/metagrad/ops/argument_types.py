"""Whether each argument of a call is what its annotation says; asked when a call has failed, so that good calls pay nothing.

NumPy's errors, and those of Python's own arithmetic, say what went wrong deep inside an op. What a program needs to know is
which argument was at fault: so a failed call's arguments are read against the annotations of its function, and the first that is
of another type is named in a TypeError, which is what PyTorch raises.
"""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from metagrad.autograd.devices import apart
from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.ops.operands import NotAnOperand

_flags = frozenset(
    """accumulate adjoint align_corners antialias as_tuple ceil_mode center count_include_pad density descending equal_nan full
    full_matrices hermitian include_self is_causal keepdim largest left log_input log_target non_blocking onesided out_int32
    pivot replacement requires_grad return_complex return_counts return_inverse right scale_grad_by_freq some sorted sparse
    stable training transpose unbiased unitriangular unpack_data unpack_pivots use_input_stats with_replacement
    zero_infinity""".split()
)
_or_none = frozenset(["align_corners", "onesided", "requires_grad", "return_complex", "stable"])


def check_flags(function: Callable[..., Any], named: dict[str, Any]) -> None:
    """Raise TypeError if an argument of those that are true or false is something else.

    >>> import metagrad
    >>> metagrad.sort(metagrad.ones(2), descending="no")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    TypeError: sort(): argument 'descending' must be bool, not str: sort() received an invalid combination of arguments ...
    """
    for name, value in named.items():
        if value is True or value is False or name not in _flags:
            continue
        if not isinstance(value, np.bool_) and (value is not None or name not in _or_none):
            declared = inspect.signature(function).parameters
            if name in declared or any(p.kind is p.VAR_KEYWORD for p in declared.values()):
                argument = f"{function.__name__}(): argument '{name}'"
                raise TypeError(
                    f"{argument} must be bool, not {type(value).__name__}: {combination(function.__name__, (), named)}"
                )


class NotATensor(TypeError, AttributeError):
    """An argument lacks what tensors have. PyTorch raises the one or the other of the two."""


# ------------------------------------------------ what an annotation allows

Test = Callable[[Any], bool]


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Variable) or (hasattr(x, "__array_function__") and not isinstance(x, np.generic))


def _is_int(x: Any) -> bool:
    if isinstance(x, Variable):  # without dimensions it is a number
        return not x.array.ndim and x.array.dtype.kind in "iu"
    return hasattr(x, "__index__") and not isinstance(x, (bool, np.bool_))


def _is_number(x: Any) -> bool:
    return not x.array.ndim if isinstance(x, Variable) else isinstance(x, (int, float, complex, np.number, np.bool_))


def _is_real(x: Any) -> bool:
    if isinstance(x, Variable):
        return not x.array.ndim and x.array.dtype.kind != "c"
    return isinstance(x, (int, float, np.bool_)) or (isinstance(x, np.number) and x.dtype.kind != "c")


def _is_sequence(x: Any, element: Test) -> bool:
    return isinstance(x, (list, tuple, range)) and all(map(element, x))


def _is_sizes(x: Any) -> bool:
    return _is_int(x) or _is_sequence(x, _is_int)


def _anything(x: Any) -> bool:
    return True


_tests: dict[str, Test] = {
    "Tensor": _is_tensor,
    "Array": _is_tensor,
    "Operand": lambda x: _is_tensor(x) or _is_number(x),
    "Number": _is_number,
    "float": _is_real,
    "int": _is_int,
    "bool": lambda x: isinstance(x, (bool, np.bool_)),
    "str": lambda x: isinstance(x, str),
    "None": lambda x: x is None,
    "Dims": lambda x: x is None or isinstance(x, bool) or _is_sizes(x),  # std(x, True): the older unbiased
    "Sizes": _is_sizes,
    "Setting": lambda x: isinstance(x, bool) or _is_sizes(x),
    "OutputSize": lambda x: x is None or _is_int(x) or _is_sequence(x, lambda n: n is None or _is_int(n)),
    "Ratio": lambda x: x is None or _is_real(x) or _is_sequence(x, _is_real),
    "DTypeLike": lambda x: x is None or isinstance(x, (dtypes.dtype, np.dtype, type)),
}


_words = {  # for a message, what its name does not say
    "Operand": "Tensor",
    "Dims": "tuple of ints",
    "Sequence[Tensor]": "tuple of Tensors",
    "Sequence[int]": "tuple of ints",
    "Sequence[float]": "tuple of floats",
    "Sizes": "tuple of ints",
    "Setting": "tuple of ints",
    "OutputSize": "int or tuple of ints",
    "Ratio": "float or tuple of floats",
    "DTypeLike": "dtype",
}


@functools.cache
def allows(annotation: str) -> Test:
    """The test of an annotation: of a name, of ``A | B``, of a sequence. What it does not know, it lets pass.

    >>> test = allows("int | Sequence[int] | None")
    >>> test(2), test([1, 2]), test(None), test(1.5), test("a"), allows("Graph")(1.5)
    (True, True, True, False, False, True)
    """
    return _allows(ast.parse(annotation, mode="eval").body)


def _allows(node: ast.expr) -> Test:
    if isinstance(node, ast.BinOp):
        left, right = _allows(node.left), _allows(node.right)
        return lambda x: left(x) or right(x)
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Sequence", "list", "tuple"):
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        tests = [_allows(part) for part in inner if ast.unparse(part) != "..."]
        return lambda x: _is_sequence(x, lambda part: any(test(part) for test in tests))
    return _tests.get(ast.unparse(node), _anything)


# ------------------------------------------------ what to raise


def complain(
    function: Callable[..., Any], error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any], first: int = 1
) -> None:
    """Raise what an error in a function comes from, if an argument's type is the cause; the caller raises the error otherwise.

    first: the place of the first argument; 0 for a method, whose own tensor is not counted.

    And if NumPy found no number in a string, or an extent below zero, or too many of them: PyTorch's kinds of error.

    >>> import metagrad
    >>> metagrad.ones(2, 3).argmax("a")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    TypeError: argmax(): argument 'dim' (position 1) must be int, not str: argmax() received an invalid combination of ...
    """
    if isinstance(error, NotATensor):
        return
    found: Exception | None = misfit(function, args, kwargs, first)
    if isinstance(error, NotAnOperand):
        if found is not None:
            raise NotAnOperand(*found.args) from None
        return
    if found is None and isinstance(error, TypeError):
        found = unbound(function, args, kwargs, first) if function.__module__.startswith("metagrad.ops") else None
    if found is None and isinstance(error, AttributeError):
        found = _of_an_attribute(function, error, args, kwargs)
    if found is None and isinstance(error, ValueError):
        found = _of_numbers(function.__name__, error)
    if found is None and isinstance(error, (TypeError, NotImplementedError)):
        found = apart((*args, *kwargs.values()))
    if found is not None:
        raise found from None


def combination(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """What PyTorch says where none of a function's forms takes the arguments.

    >>> combination("fmod", (1, None), {"out": 2})
    'fmod() received an invalid combination of arguments - got (int, NoneType, out=int)'
    """
    kinds = [type(x).__name__ for x in args] + [f"{name}={type(x).__name__}" for name, x in kwargs.items()]
    return f"{function}() received an invalid combination of arguments - got ({', '.join(kinds)})"


def unbound(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], first: int = 1
) -> TypeError | None:
    """What is wrong with a call whose arguments are too few, too many or unknown, in PyTorch's words; None if it is another thing.

    >>> import metagrad
    >>> unbound(metagrad.mm, (), {}).args[0][:69]
    'mm() missing 2 required positional argument: "input", "mat2": mm() re'
    """
    signature, name = inspect.signature(function), function.__name__
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        parameters = signature.parameters
        missing = [
            p.name
            for p in list(parameters.values())[len(args) :]
            if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and p.name not in kwargs
        ]
        by_position = [p for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        unknown = [n for n in kwargs if n not in parameters]
        if missing and "out" not in unknown:
            listed = ", ".join(f'"{n}"' for n in missing)
            words = f"missing {len(missing)} required positional argument{'s' * (len(missing) == 1)}: {listed}"
        elif len(args) > len(by_position) and not any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
            most, given = len(by_position) + first - 1, len(args) + first - 1
            least = sum(p.default is p.empty for p in by_position) + first - 1
            count = str(most) if least == most else f"from {least} to {most}"
            plural, were = "s" * (count != "1"), "was" if given == 1 else "were"
            words = f"takes {count} positional argument{plural} but {given} {were} given"
        else:
            words = f"got an unexpected keyword argument '{unknown[0]}'" if unknown else f"got {error}"
        return TypeError(f"{name}() {words}: {combination(name, args[1 - first :], kwargs)}")
    return None


def misfit(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], first: int = 1
) -> TypeError | None:
    """The TypeError that names the first argument whose type is not the annotated one, or None."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return None
    for position, (name, value) in enumerate(bound.arguments.items(), first):
        declared = bound.signature.parameters[name]
        if (
            not isinstance(declared.annotation, str)
            or declared.kind is declared.VAR_KEYWORD
            or name in ("out", "reduction")
        ):
            continue  # of these the error itself speaks
        values = value if declared.kind is declared.VAR_POSITIONAL else [value]
        for i, x in enumerate(values):
            # a program's own kind of tensor
            stands_in = hasattr(x, "__torch_function__") and not isinstance(x, Variable)
            if x is not declared.default and not stands_in and not allows(declared.annotation)(x):
                if declared.kind is declared.VAR_POSITIONAL and declared.annotation.startswith(("Tensor", "Operand")):
                    return TypeError(
                        f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}: make one with tensor()"
                    )
                where = "" if name in kwargs else f" (position {position})"
                argument = f"{function.__name__}(): argument '{name}'{where}"
                return _misfit(
                    argument, declared.annotation, x, combination(function.__name__, args[1 - first :], kwargs)
                )
    return None


def _misfit(argument: str, annotation: str, got: object, call: str) -> TypeError:
    kinds = [_words.get(kind, kind) for kind in annotation.split(" | ") if kind != "None"]
    wanted, found = " or ".join(kinds), type(got).__name__
    if kinds[0] == "Tensor":
        return NotATensor(f"{argument} must be Tensor, not {found}: {call}; use tensor()")
    if isinstance(got, (list, tuple)) and "(position 1)" in argument and "of Tensors" in wanted:
        i, x = next((i, x) for i, x in enumerate(got) if not isinstance(x, Variable))
        return TypeError(
            f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}: make one with tensor()"
        )
    return TypeError(f"{argument} must be {wanted}, not {found}: {call}")


def _of_an_attribute(
    function: Callable[..., Any], error: AttributeError, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> TypeError | None:
    """If an argument lacks what tensors have: that it is no tensor."""
    if isinstance(error.obj, Variable) or not any(error.obj is x for x in flattened([*args, *kwargs.values()])):
        return None
    import traceback  # here, for it is slow to import, and needed for an error's words alone

    raised_by = [frame.f_globals["__name__"] for frame, _ in traceback.walk_tb(error.__traceback__)][-1]
    if not raised_by.startswith("metagrad."):  # a program's own
        return None
    name, got = function.__name__, f"{type(error.obj).__name__} {error.obj!r:.60}"
    return NotATensor(f"{name}() expected a tensor, got {got}: make one with tensor()")


def _of_numbers(function: str, error: Exception) -> Exception | None:
    text = str(error)
    if text.startswith(
        ("invalid literal for int()", "could not convert string to float", "only one element tensors can")
    ):
        return TypeError(f"{function}() expected a number: {text}")
    if text.startswith(("negative dimensions", "Maximum allowed")):
        return RuntimeError(f"{function}(): {text}")
    return None


def flattened(values: Iterable[Any]) -> list[Any]:
    """Values, and those within lists and tuples among them."""
    return [inner for v in values for inner in ([v, *flattened(v)] if isinstance(v, (list, tuple)) else [v])]


def is_sequence(kind: type) -> bool:
    """Whether things of this type have items in order, as lists do: a deque, an array of ``array``, a class of one's own.

    >>> import collections
    >>> is_sequence(collections.deque), is_sequence(str), is_sequence(dict)
    (True, False, False)
    """
    items = hasattr(kind, "__getitem__") and hasattr(kind, "__len__")
    return items and not hasattr(kind, "dtype") and not issubclass(kind, (str, bytes, dict))
