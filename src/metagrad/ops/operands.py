"""Operands of one dtype, by PyTorch's rules of promotion; what is an operand, and what is none."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np

from metagrad.autograd.function import Function, quiet
from metagrad.autograd.variable import Variable, recording, wrap
from metagrad.base import dtypes
from metagrad.base.typing import Array, Number
from metagrad.base.warning import warn_once
from metagrad.kernels.copying import copied
from metagrad.ops.dtype_checks import lacking
from metagrad.ops.fitting import fitting

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


class Cast(Function):
    """y = x in another dtype;   ∂L/∂x = ∂L/∂y, which the backward pass casts back."""

    def forward(self, x: Array, dtype: Any) -> Array:
        return copied(x.real if x.dtype.kind == "c" and dtype.kind not in "cb" else x, dtype)

    def backward(self, grad: Any) -> Any:
        return grad


def cast_to(x: Any, dtype: dtypes.dtype) -> Any:
    """``x`` in this dtype: itself if it has it already."""
    return x if x.array.dtype == dtype.dtype else Cast.apply(x, dtype=dtype.dtype)


def in_single(op: Callable[P, R]) -> Callable[P, R]:
    """An op of many roundings: halves and bfloat16 are computed with in float32, rounded once at the end, as PyTorch does it.

    In float16 a sum of many loses the small ones, and the square of 256 is infinite already. The first argument decides;
    the results have its dtype again, also where other tensors are float32, such as the weights of a norm.

    >>> import metagrad
    >>> root_of_squares = in_single(lambda x: (x * x).sum().sqrt())
    >>> root_of_squares(metagrad.tensor([300.0, 400.0]).half())
    tensor(500., dtype=metagrad.float16)
    """

    @functools.wraps(op)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        x = args[0] if args else next(iter(kwargs.values()), None)
        if isinstance(x, Variable) and x.array.dtype.char in "eE" and not _names_a_dtype(args, kwargs):
            wide = {name: _single(value) for name, value in kwargs.items()}
            return cast(R, _narrowed(op(*map(_single, args), **wide), x.dtype))
        return op(*args, **kwargs)

    return run


def _names_a_dtype(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return kwargs.get("dtype") is not None or any(isinstance(x, dtypes.dtype) for x in args)


def promoted_in_single(op: Callable[P, R]) -> Callable[P, R]:
    """``in_single`` for an op that promotes: where another tensor is wider than float16, the result is as wide."""
    rounded = in_single(op)

    @functools.wraps(op)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        floats = {x.array.dtype.char for x in (*args, *kwargs.values()) if isinstance(x, Variable)} & set("eEfdFD")
        return (rounded if len(floats) == 1 else op)(*args, **kwargs)  # float16 and bfloat16 make float32

    return run


def _single(x: Any) -> Any:
    """A tensor of halves as float32, tensors in a list too; anything else as it is."""
    if isinstance(x, (list, tuple)):
        return type(x)(map(_single, x)) if any(isinstance(part, Variable) for part in x) else x
    return cast_to(x, dtypes.float32) if isinstance(x, Variable) and x.array.dtype.char in "eE" else x


def _narrowed(found: Any, kind: dtypes.dtype) -> Any:
    if isinstance(found, tuple):
        parts = [_narrowed(part, kind) for part in found]
        return type(found)(*parts) if hasattr(found, "_fields") else tuple(parts)
    return cast_to(found, kind) if isinstance(found, Variable) and found.array.dtype.char == "f" else found


class NotAnOperand(TypeError, AttributeError):
    """Something is neither a tensor nor an array nor a number. An operator then asks the other operand.

    PyTorch raises the one or the other of the two kinds.
    """


def as_tensor(x: Any) -> Tensor:
    """A tensor for a tensor, an array, or a number."""
    if isinstance(x, Variable):
        return cast("Tensor", x)
    if isinstance(x, np.ndarray):
        return wrap(x)
    if isinstance(x, (bool, int, float, complex, np.generic)):
        return wrap(np.asarray(x, dtypes.of_scalar(x).dtype))
    if hasattr(x, "__array_function__"):
        return wrap(x)
    raise NotAnOperand(f"expected a tensor, an array or a number, got {type(x).__name__}: {x!r:.80}")


def tensor_of(x: Any) -> Any:
    """A tensor for an array; whatever else is given, as it is: an index or a mask may be an array of NumPy's."""
    return wrap(x) if isinstance(x, np.ndarray) else x


def need_tensors(function: str, **given: Any) -> None:
    """Raise unless all of these arguments, which are named in their order, are tensors or arrays."""
    for position, (name, x) in enumerate(given.items(), 1):
        if not isinstance(x, Variable) and not hasattr(x, "__array_function__"):
            got = ", ".join(type(v).__name__ for v in given.values())
            raise TypeError(
                f"{function}(): argument '{name}' (position {position}) must be Tensor, not {type(x).__name__}: {function}() "
                f"received an invalid combination of arguments - got ({got}), make it one with metagrad.tensor()"
            )


def need_one_dtype(function: str, *tensors: Tensor | None) -> None:
    """RuntimeError unless all tensors have the same dtype, TypeError for what is no tensor; None is none of them.

    >>> import metagrad
    >>> need_one_dtype("mm", metagrad.ones(2), metagrad.ones(2).half())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    RuntimeError: mm: expected all operands to have the same dtype, but got Float and Half: expected scalar type Float but fo...
    """
    kinds: set[Any] = {x.array.dtype if isinstance(x, Variable) else type(x) for x in tensors if x is not None}
    if len(kinds) > 1:
        foreign = [type(x).__name__ for x in tensors if x is not None and not isinstance(x, Variable)]
        if foreign:
            raise TypeError(f"{function}() expected tensors, got {foreign[0]}: make one with tensor()")
        found = [x.dtype for x in tensors if x is not None]
        if function == "matmul" and all(x.array.ndim == 1 for x in tensors if x is not None):
            names = " and ".join(map(dtypes.scalar_name, found))
            raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {names}: use .to()")
        if function == "matmul":
            first, second = map(dtypes.cpp_name, found)
            raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {first} != {second}: use .to()")
        which = "expected all operands to"
        if function in ("linear", "addmm"):
            which = "mat1 and mat2 must"
            found = found[1:] if function == "addmm" and found[1] is not found[2] else found[:2]
        names = " and ".join(map(dtypes.scalar_name, found))
        scalars = names.replace(" and ", " but found ", 1)
        raise RuntimeError(
            f"{function}: {which} have the same dtype, but got {names}: expected scalar type {scalars}, convert one with .to()"
        )


def older_form(name: str, alpha: Any, rest: tuple[Any, ...]) -> tuple[Any, Number]:
    """Operand and factor of ``add(input, alpha, other)``, and of three arguments of which the last two are numbers.

    Raises TypeError for anything else with three arguments.
    """
    if len(rest) == 1 and isinstance(rest[0], (int, float, complex)) and not getattr(alpha, "ndim", 0):
        return alpha, rest[0]
    if isinstance(alpha, Variable) and not alpha.array.ndim and not alpha.requires_grad:
        alpha = alpha.array.item()
    if len(rest) != 1 or isinstance(alpha, Variable) or not isinstance(rest[0], Variable):
        raise TypeError(
            f"{name}() takes 2 positional arguments, or a tensor, a number and a tensor; got {len(rest) + 2}"
        )
    warn_once(
        f"This overload of {name} is deprecated: {name}(input, alpha, other) becomes {name}(input, other, alpha=alpha)"
    )
    return rest[0], alpha


def check_factor(name: str, alpha: Number, kind: dtypes.dtype) -> None:
    """RuntimeError for a factor of a higher category than the result's dtype, and for a bool beside numbers."""
    if isinstance(alpha, complex) and not kind.is_complex:
        raise RuntimeError(f"{name}: For non-complex input tensors, argument alpha must not be a complex number.")
    if alpha.__class__ is bool and kind is not dtypes.bool_:
        raise RuntimeError(f"{name}: Boolean alpha only supported for Boolean results.")
    if kind.category < 2 and isinstance(alpha, float):
        raise RuntimeError(f"{name}: For integral input tensors, argument alpha must not be a floating point number.")
    need_room(alpha, kind)


def need_room(factor: Any, kind: dtypes.dtype) -> None:
    """Raise RuntimeError for a factor that the operands' dtype cannot hold."""
    if factor.__class__ is complex or (
        (factor.__class__ is int or factor.__class__ is float) and not -128 <= factor <= 127  # which all dtypes hold
    ):
        fitting(factor, kind)


def no_difference(x: Any, y: Any) -> Exception:
    """What to raise for a difference of truth values: of two, or of one and numbers.

    >>> import metagrad
    >>> no_difference(metagrad.tensor(True), True).args[0]
    'Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.'
    """
    foreign = [
        v for v in (x, y) if not (isinstance(v, (Variable, int, float, complex)) or hasattr(v, "__array_function__"))
    ]
    if foreign:
        return NotAnOperand(f"unsupported operand type(s) for -: 'Tensor' and '{type(foreign[0]).__name__}'")
    which, hint = (
        "a bool tensor",
        "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
    )
    if all(v.__class__ is bool or getattr(v, "dtype", None) is dtypes.bool_ for v in (x, y)):
        which, hint = "two bool tensors", "Use the `^` or `logical_xor()` operator instead."
    return RuntimeError(f"Subtraction, the `-` operator, with {which} is not supported. {hint}")


def real_factor(function: str, factor: Any, x: Tensor) -> Any:
    """A factor of a tensor, if it does not make it complex; RuntimeError if it would.

    >>> import metagrad
    >>> real_factor("addmm", 2.0, metagrad.ones(2))
    2.0
    """
    if isinstance(factor, np.generic):  # whose dtype would count, were it an operand
        factor = factor.item()
    if isinstance(factor, complex) and x.array.dtype.kind != "c":
        raise RuntimeError(
            f"{function}: value cannot be converted to type {dtypes.cpp_name(x.dtype)} without overflow: the factor {factor} is "
            "complex, the operands are not"
        )
    if function != "lerp":  # whose weight is rounded
        need_room(factor, x.dtype)
    return factor


def need_a_tensor(function: str, x: Any, y: Any) -> None:
    """Raise unless one of two operands, at the least, is a tensor or an array."""
    if not any(isinstance(v, Variable) or hasattr(v, "__array_function__") for v in (x, y)):
        raise TypeError(
            f"{function}(): expected at least one tensor, got {type(x).__name__} and {type(y).__name__}: "
            "make one of them a tensor with metagrad.tensor()"
        )


def _combine(higher: dtypes.dtype | None, lower: dtypes.dtype | None) -> dtypes.dtype | None:
    """The dtype of operands of which ``higher`` outrank ``lower``: those matter only by their category."""
    if higher is None or lower is None:
        return higher or lower
    if lower.category <= higher.category and higher is not dtypes.bool_:
        return higher
    if higher.is_floating_point and lower.is_complex:
        return higher.to_complex()
    return dtypes.promote_types(higher, lower)


def result_type(*operands: Any) -> dtypes.dtype:
    """The dtype arithmetic on these has: tensors with dimensions outrank 0-d tensors, which outrank Python numbers.

    A lower rank counts only if its category (bool < integer < float < complex) is higher.

    >>> import metagrad
    >>> metagrad.result_type(metagrad.ones(2, dtype=metagrad.int8), 1.5)
    metagrad.float32
    """
    ranks: list[dtypes.dtype | None] = [None, None, None]
    for x in operands:
        if isinstance(x, Variable):
            rank, kind = (0 if x.array.ndim else 1), x.dtype
        elif isinstance(x, np.ndarray):
            rank, kind = (0 if x.ndim else 1), dtypes.of(x.dtype)
        else:
            rank, kind = 2, dtypes.of_scalar(x)
        earlier = ranks[rank]
        ranks[rank] = kind if earlier is None else dtypes.promote_types(earlier, kind)
    found = _combine(ranks[0], _combine(ranks[1], ranks[2]))
    if found is None:
        raise TypeError("result_type needs at least one operand")
    return found


class NumberOfHalves(float):
    """A number beside halves, which they are multiplied or divided by in float32, rounded once, as in PyTorch.

    So the number itself may be one that float16 does not have.

    >>> (np.ones(1, np.float16) / 2 * NumberOfHalves(100_000)).tolist()
    [49984.0]
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        plain = [float(x) if isinstance(x, NumberOfHalves) else x for x in inputs]
        wide = ufunc in (np.multiply, np.true_divide) and all(
            isinstance(x, float) or x.dtype.char == "e" for x in plain
        )
        if not wide:
            with np.errstate(over="ignore"):  # of the number itself
                return getattr(ufunc, method)(*plain, **kwargs, **({} if out is None else {"out": out}))
        single = [x if isinstance(x, float) else copied(x, np.dtype(np.float32)) for x in plain]
        found = ufunc(*single, **kwargs)
        found = copied(found, np.dtype(np.float16)) if found.__class__ is np.ndarray else found.astype(np.float16)
        if out is None:
            return found
        out[0][...] = found
        return out[0]

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*[float(x) if isinstance(x, NumberOfHalves) else x for x in args], **kwargs)

    def conjugate(self) -> NumberOfHalves:
        """The number itself, for the formulas of gradients."""
        return self


def converted(x: Any, dtype: dtypes.dtype) -> Any:
    """An operand in this dtype; a Python number becomes one that NumPy will not widen for."""
    if isinstance(x, Variable):
        return cast_to(x, dtype)
    if isinstance(x, np.ndarray):
        return wrap(x.astype(dtype.dtype, copy=False))
    if dtype.category == 2:
        return float(x)
    if dtype.category == 3:
        return complex(x)
    return np.asarray(x).astype(dtype.dtype)[()]  # integers wrap around, as in PyTorch


@quiet  # a number may be one that the dtype does not have
def tensor_in(x: Any, dtype: dtypes.dtype) -> Any:
    """A tensor of this dtype, of a tensor or a number: the number is rounded once, and not to the default dtype first.

    >>> import metagrad
    >>> tensor_in(0.1, metagrad.float64).item()
    0.1
    """
    return cast_to(x, dtype) if isinstance(x, Variable) else wrap(np.asarray(x).astype(dtype.dtype))


def operands(x: Any, y: Any, scales: bool = False) -> tuple[Any, Any]:
    """The two operands of a binary op in one dtype, by PyTorch's rules; scales: it multiplies x by y, or divides."""
    if isinstance(x, Variable):
        if isinstance(y, Variable):
            if x.array.dtype is y.array.dtype:
                return x, y
        elif (
            y.__class__ is float and x.array.dtype.char in "fd" and x.array.__class__ is np.ndarray and -1e38 < y < 1e38
        ):
            return x, np.array(y, x.array.dtype)  # NumPy takes half the time for it that it takes for a Python number
        elif (y.__class__ is float or y.__class__ is int) and x.array.dtype.char in "fd":
            return x, y
    elif not isinstance(y, Variable):
        x = as_tensor(x)
    elif (x.__class__ is float or x.__class__ is int) and y.array.dtype.char in "fd":
        return float(x), y
    x, y = _operand(x), _operand(y)
    kind = result_type(x, y)
    if kind is dtypes.float16 or kind is dtypes.bfloat16:
        return _beside_halves(x, y, kind, scales)
    return converted(x, kind), converted(y, kind)


def _beside_halves(x: Any, y: Any, kind: dtypes.dtype, scales: bool) -> tuple[Any, Any]:
    """Operands in float16 or bfloat16: numbers are rounded, but for the second of two factors, a 0-d tensor as well."""
    if scales and isinstance(y, Variable) and isinstance(x, Variable) and y.dtype is not kind:
        a = y.array
        if a.__class__ is np.ndarray and not a.ndim and not recording(y):
            y = float(a)
    x, y = converted(x, kind), converted(y, kind)
    if x.__class__ is float:
        return tensor_in(x, kind).item(), y
    if y.__class__ is float:
        y = NumberOfHalves(y) if kind is dtypes.float16 else y if scales else tensor_in(y, kind).item()
    return x, y


def _operand(x: Any) -> Any:
    if isinstance(x, (Variable, np.ndarray, bool, int, float, complex, np.generic)):
        return x.item() if isinstance(x, np.generic) else x
    return as_tensor(x)


def need_numbers(function: str, *operands: Any, category: int = 1) -> None:
    """NotImplementedError if the operands' dtype is of a lower category: integers are 1, floating-point numbers 2.

    >>> import metagrad
    >>> need_numbers("pow", metagrad.tensor([True]))
    Traceback (most recent call last):
    NotImplementedError: "pow" not implemented for 'Bool': convert the operands, with .int() or .float()
    """
    kinds = [x.dtype for x in operands if isinstance(x, Variable)]
    if all(kind.category < category for kind in kinds):
        raise NotImplementedError(f"{lacking(function, kinds[0])}: convert the operands, with .int() or .float()")


def float_operands(x: Any, y: Any, scales: bool = False) -> tuple[Any, Any]:
    """``operands`` for an op whose result is never an integer, such as division."""
    a, b = operands(x, y, scales)
    if (a if isinstance(a, Variable) else b).array.dtype.kind not in "biu":
        return a, b
    default = dtypes.get_default_dtype()  # of the operands as they were: -1 is no uint8
    if not isinstance(x, Variable) and not isinstance(y, Variable):
        x = a
    return converted(_operand(x), default), converted(_operand(y), default)
