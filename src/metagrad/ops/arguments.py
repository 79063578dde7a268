"""What a public op does with its arguments: real numbers, dimensions from either end, NumPy's names, ``out=``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np

from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, recording
from metagrad.base import dtypes
from metagrad.base.typing import Dims, Operand
from metagrad.ops.argument_names import understood
from metagrad.ops.argument_types import combination, complain
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import NotAnOperand, as_tensor, cast_to
from metagrad.ops.out import PLAIN, Rule, store
from metagrad.ops.overlap import check_apart, check_fits, check_overlap
from metagrad.ops.pointwise.destination import first_result_into, may_be_written_first

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")
Before: TypeAlias = Callable[[str, Variable, dict[str, Any]], None]


def floating(x: Operand) -> Tensor:
    """The operand of a function with real values: integers and bools become the default dtype."""
    if isinstance(x, Variable):
        return x if x.array.dtype.kind in "fcV" else cast_to(x, dtypes.get_default_dtype())
    if not hasattr(x, "__array_function__"):  # a number, as in PyTorch, is no tensor
        raise NotAnOperand(
            f"argument 'input' (position 1) must be Tensor, not {type(x).__name__}: make one of {x!r:.60}"
        )
    return floating(as_tensor(x))


def floats(function: str, x: Operand, refused: str = "biuc") -> Tensor:
    """The operand of a function that PyTorch has for floating-point numbers alone: other dtypes are refused, not converted.

    >>> import metagrad
    >>> floats("softplus", metagrad.tensor([1]))
    Traceback (most recent call last):
    NotImplementedError: "softplus" not implemented for 'Long': convert the tensor first, with .float() or .int()
    """
    if isinstance(x, Variable) and x.array.dtype.kind in "fV":
        return x
    given = x if isinstance(x, Variable) else floating(x)
    refuse(function, given, refused)
    return given


def real(function: str, x: Operand, refused: str = "c") -> Tensor:
    """``floating`` for a function of real numbers alone: complex ones are refused, and other kinds by their letters.

    >>> import metagrad
    >>> real("erf", metagrad.tensor([1])).dtype
    metagrad.float32
    >>> real("erf", metagrad.tensor([1j]))
    Traceback (most recent call last):
    NotImplementedError: "erf_vml_cpu" not implemented for 'ComplexFloat': convert the tensor first, with .float() or .int()
    """
    found = floating(x)
    if found.array.dtype.kind == "c" or refused != "c":
        refuse(function, found, refused)
    return found


def dimension(dim: int, ndim: int) -> int:
    """``dim`` counted from the front; PyTorch lets a 0-d tensor be addressed as if it had one dimension."""
    if dim.__class__ is not int:
        dim = _as_int(dim)
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise no_dimension(dim, limit)
    return dim + limit if dim < 0 else dim


def no_dimension(dim: int, ndim: int) -> IndexError:
    """What to raise for a dimension that a tensor does not have, not even where one without any passes for a vector."""
    if ndim:
        return IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return IndexError(f"Dimension specified as {dim} but tensor has no dimensions")


def _as_int(dim: Any) -> int:
    if not hasattr(dim, "__index__") or dim.__class__ is bool:
        kind = type(dim).__name__
        raise TypeError(
            f"a dimension must be int, not {kind}, and a size must be tuple of ints, not {kind} {dim!r:.60}: the function received "
            f"an invalid combination of arguments - got ({kind})"
        )
    return dim.__index__()


def dimensions(dim: Dims, ndim: int) -> tuple[int, ...]:
    """A tuple of distinct dimensions counted from the front; None or () means all of them."""
    if dim is None:
        return tuple(range(ndim))
    if dim.__class__ is tuple or isinstance(dim, Iterable) and not isinstance(dim, (Variable, dict, set)):
        found = tuple([dimension(d, ndim) for d in cast("Iterable[int]", dim)])  # a 0-d tensor is a number
        if len(set(found)) != len(found):
            repeated = next(d for d in found if found.count(d) > 1)
            raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims {tuple(dim)}")
        return found or tuple(range(ndim))
    return (dimension(cast(int, dim), ndim),)


def axes(dim: Dims, ndim: int) -> tuple[int, ...]:
    """``dimensions`` for NumPy: a 0-d array has no axis 0."""
    return dimensions(dim, ndim) if ndim else dimensions(dim, ndim)[:0]


def is_extent(x: Any) -> bool:
    """Whether ``x`` is an int, of Python's or NumPy's: the older constructors take it for an extent, and not for a number."""
    if isinstance(x, np.ndarray):
        return not x.ndim and x.dtype.kind in "iu"
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


def shape_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as ``f(2, 3)`` or as ``f((2, 3))``."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    for n in size:
        if n.__class__ is not int:
            return tuple([_as_int(n) for n in size])
    return size


def given(args: tuple[Any, ...], named: dict[str, Any], name: str) -> tuple[Any, ...]:
    """The arguments of a function that takes ``f(2, 3)``, ``f((2, 3))`` or, by its name, ``f(name=(2, 3))``."""
    if not named:
        if not args:
            raise TypeError(f'missing 1 required positional arguments: "{name}"')
        return args
    if args or set(named) != {name}:
        raise TypeError(f"expected either ints or {name}=, got {len(args)} arguments and {sorted(named)}")
    return (named[name],)


def asks_for_tensors(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function know its arguments by other names, such as ``axis``, and raise TypeError for one that is no tensor.

    >>> import metagrad
    >>> metagrad.softmax(metagrad.zeros(2), axis=0)
    tensor([0.5000, 0.5000])
    >>> metagrad.dot(None, None)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    metagrad.ops.argument_types.NotATensor: dot(): argument 'input' (position 1) must be Tensor, not NoneType: dot() received...
    """

    @functools.wraps(function)
    def with_tensors(*args: Any, **kwargs: Any) -> R:
        if kwargs:
            kwargs = understood(function, kwargs)
        try:
            return function(*args, **kwargs)
        except Exception as error:
            complain(function, error, args, kwargs)
            raise

    return cast("Callable[P, R]", with_tensors)


def asks_for_a_tensor(function: Callable[P, R]) -> Callable[P, R]:
    """``asks_for_tensors`` for a function of one tensor: as a method it needs no such thing, and is spared the call.

    >>> import metagrad
    >>> metagrad.flatten(2)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    metagrad.ops.argument_types.NotATensor: flatten(): argument 'input' (position 1) must be Tensor, not int: flatten() ...
    """
    asking = asks_for_tensors(function)
    asking.as_method = function  # type: ignore[attr-defined]
    return asking


def takes_out(function: Callable[P, R], rule: Rule = PLAIN, before: Before | None = None) -> Callable[P, R]:
    """Serve the ``out=`` that a function declares, so that its body need not: it only ever sees None.

    What is written into ``out`` is not recorded: PyTorch's rule, and its error. The result is converted, if its dtype's
    category is not above that of ``out``, unless ``rule`` says otherwise. before(name, out, arguments): looks at one ``out``
    and at the arguments given by name, which it may change, before the function is called. The function so made
    does what ``asks_for_tensors`` does, and raises RuntimeError if an argument or ``out`` requires grad, and what ``store`` raises.

    >>> import metagrad
    >>> y = metagrad.empty(0, dtype=metagrad.float64)
    >>> metagrad.add(metagrad.ones(2), 1, out=y)
    tensor([2., 2.], dtype=metagrad.float64)
    """

    @functools.wraps(function)
    def with_out(*args: Any, out: object = None, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = understood(function, kwargs)
        if out is None:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                complain(function, error, args, kwargs)
                raise
        outs = out if isinstance(out, (tuple, list)) else [out]
        given = [*args, *kwargs.values()]
        tensors = [t for v in given for t in (v if isinstance(v, (tuple, list)) else [v])]
        if not rule.flat:
            _refuse_recording(function, [*tensors, *outs])
        for o in outs:
            if isinstance(o, Variable):
                check_overlap(o, [*tensors, *outs])
                if rule.apart:
                    check_apart(o, tensors)
                if before is not None and o is out:
                    before(function.__name__, o, kwargs)
            elif o is out:
                raise _no_result(function.__name__, o, args, {**kwargs, "out": out})
        direct = isinstance(out, Variable) and may_be_written_first(out.array, tensors)
        try:
            with first_result_into(cast(Variable, out).array) if direct else nullcontext():
                result = function(*args, **kwargs)
        except Exception as error:
            complain(function, error, args, kwargs)
            raise
        if isinstance(result, Variable) and len(tensors) > 1:
            check_fits(result, out, tensors)
        if isinstance(result, Variable) is not isinstance(out, Variable):
            raise _no_result(function.__name__, result, args, {**kwargs, "out": out})
        return store(result, out, rule)

    with_out.without_out = function  # type: ignore[attr-defined]
    return cast("Callable[P, R]", with_out)


def _no_result(function: str, result: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> TypeError:
    """What to raise where ``out`` is not what a function returns: a tensor, or a tuple of them."""
    wanted = "tuple of Tensors" if isinstance(result, tuple) else "Tensor"
    found = type(kwargs["out"]).__name__
    return TypeError(
        f"{function}(): argument 'out' must be {wanted}, not {found}: {combination(function, args, kwargs)}"
    )


def _refuse_recording(function: Callable[..., object], tensors: list[Any]) -> None:
    """Raise if a function that writes into ``out`` would have to be recorded."""
    if recording(*tensors):
        if not mode.grad or not any(getattr(t, "requires_grad", False) for t in tensors):
            raise NotImplementedError(f"{function.__name__}(): out=... would have no tangent: leave it away")
        raise RuntimeError(
            f"{function.__name__}(): functions with out=... arguments don't support automatic differentiation, but "
            "one of the arguments requires grad: leave out= away, or detach() it"
        )


def takes_out_by(
    before: Before | None = None,
    *,
    exactly: bool = False,
    anything: bool = False,
    apart: bool = False,
    quiet: bool = False,
    error: type[Exception] = RuntimeError,
    words: str = "",
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """``takes_out`` with the rule that these make.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0, 2.0])
    >>> metagrad.take(x, metagrad.tensor([1, 0]), out=x)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory...
    """
    rule = Rule(exactly=exactly, anything=anything, apart=apart, quiet=quiet, error=error, words=words)
    return lambda function: takes_out(function, rule, before)


def takes_flat_out(function: Callable[P, R]) -> Callable[P, R]:
    """``takes_out`` for a function without a gradient, such as a comparison."""
    return takes_out(function, Rule(flat=True))


def takes_same_out(function: Callable[P, R]) -> Callable[P, R]:
    """``takes_exact_out`` for a function of one tensor, whose dtype the result has."""
    return takes_out(function, Rule(exactly=True, words="Found dtype {given} but expected {wanted}"))


def takes_exact_out(function: Callable[P, R]) -> Callable[P, R]:
    """``takes_out`` for a function that writes no other dtype than its result's.

    >>> import metagrad
    >>> wide = metagrad.empty(1, 1, dtype=metagrad.float64)
    >>> metagrad.triu(metagrad.ones(1, 1), out=wide)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: Expected out tensor to have dtype float, but got double instead: ...
    """
    return takes_out(function, Rule(exactly=True))


def without_out(function: Callable[..., R]) -> Callable[..., R]:
    """The function as it is below ``takes_out``: what operators call, for theirs is no ``out=``.

    >>> import metagrad
    >>> without_out(metagrad.exp)(metagrad.zeros(1))
    tensor([1.])
    """
    below: Callable[..., R] = getattr(function, "without_out", function)
    return below if getattr(function, "__wrapped__", None) is below else function


def as_method(function: Callable[..., R]) -> Callable[..., R]:
    """A function that takes ``out=`` as a method of its first argument, which takes none: it raises TypeError.

    >>> import metagrad
    >>> metagrad.ones(2).exp(out=metagrad.empty(2))
    Traceback (most recent call last):
    TypeError: exp() got an unexpected keyword argument 'out': as a method it takes none, use metagrad.exp(x, out=...)
    """
    bare = without_out(function)

    @functools.wraps(bare)
    def method(input: Any, /, *args: Any, **kwargs: Any) -> R:
        try:
            if not kwargs:
                return bare(input, *args) if args else bare(input)
            if "out" in kwargs:
                raise no_out(bare.__name__)
            kwargs = understood(bare, kwargs)
            return bare(input, *args, **kwargs)
        except Exception as error:
            if "out" not in kwargs:
                complain(bare, error, (input, *args), kwargs, first=0)
            raise

    vars(method)["__wrapped__"] = WithoutOut(bare)
    return method


class WithoutOut:
    """A function as its method shows it; the signature is made when somebody asks, for there are hundreds.

    >>> import inspect, metagrad
    >>> list(inspect.signature(metagrad.Tensor.sum).parameters)
    ['input', 'dim', 'keepdim', 'dtype']
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function

    @property
    def __signature__(self) -> inspect.Signature:
        return signature_without_out(self.__wrapped__)


def signature_without_out(function: Callable[..., Any]) -> inspect.Signature:
    """What a method shows that takes all that a function takes, but for its ``out=``.

    >>> import metagrad
    >>> list(signature_without_out(metagrad.sum).parameters)
    ['input', 'dim', 'keepdim', 'dtype']
    """
    declared = inspect.signature(function)
    return declared.replace(parameters=[p for p in declared.parameters.values() if p.name != "out"])


def no_out(name: str) -> TypeError:
    """What to raise where a method was given ``out=``.

    >>> no_out("exp_").args[0]
    "exp_() got an unexpected keyword argument 'out': as a method it takes none, use metagrad.exp(x, out=...)"
    """
    function = name.removesuffix("_")
    return TypeError(
        f"{name}() got an unexpected keyword argument 'out': as a method it takes none, use metagrad.{function}(x, out=...)"
    )
