"""What every family of ops shares: operands of one dtype, dimensions counted from either end, NumPy's names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import dtypes
from metagrad.base.typing import Array, Dims

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


class Cast(Function):
    """y = x in another dtype;   ∂L/∂x = ∂L/∂y, which the backward pass casts back."""

    def forward(self, x: Array, dtype: Any) -> Array:
        return (x.real if x.dtype.kind == "c" and dtype.kind not in "cb" else x).astype(dtype)

    def backward(self, grad: Any) -> Any:
        return grad


def cast_to(x: Any, dtype: dtypes.dtype) -> Any:
    """``x`` in this dtype: itself if it has it already."""
    return x if x.array.dtype == dtype.dtype else Cast.apply(x, dtype=dtype.dtype)


def in_single(op: Callable[P, R]) -> Callable[P, R]:
    """An op that adds up: halves are added up in float32, as PyTorch does it, for a sum of many would lose them."""

    @functools.wraps(op)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        x = args[0] if args else None
        if isinstance(x, Variable) and x.array.dtype.char == "e" and kwargs.get("dtype") is None:
            return cast(R, _halved(op(cast_to(x, dtypes.float32), *args[1:], **kwargs)))  # type: ignore[arg-type]
        return op(*args, **kwargs)

    return run


def _halved(found: Any) -> Any:
    if isinstance(found, tuple):
        parts = [_halved(part) for part in found]
        return type(found)(*parts) if hasattr(found, "_fields") else tuple(parts)
    return cast_to(found, dtypes.float16)


class NotAnOperand(TypeError):
    """Something is neither a tensor nor an array nor a number. An operator then asks the other operand."""


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


def need_tensors(function: str, **given: Any) -> None:
    """Raise unless all of these arguments, which are named in their order, are tensors or arrays."""
    for position, (name, x) in enumerate(given.items(), 1):
        if not isinstance(x, Variable) and not hasattr(x, "__array_function__"):
            raise TypeError(
                f"{function}(): argument '{name}' (position {position}) must be a tensor, got {type(x).__name__}: "
                "make it one with metagrad.tensor()"
            )


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


def operands(x: Any, y: Any) -> tuple[Any, Any]:
    """The two operands of a binary op in one dtype, by PyTorch's rules."""
    if isinstance(x, Variable):
        if isinstance(y, Variable):
            if x.array.dtype is y.array.dtype:
                return x, y
        elif (y.__class__ is float or y.__class__ is int) and x.array.dtype.kind == "f":
            return x, y
    elif not isinstance(y, Variable):
        x = as_tensor(x)
    x, y = _operand(x), _operand(y)
    kind = result_type(x, y)
    return converted(x, kind), converted(y, kind)


def _operand(x: Any) -> Any:
    if isinstance(x, (Variable, np.ndarray, bool, int, float, complex, np.generic)):
        return x.item() if isinstance(x, np.generic) else x
    return as_tensor(x)


def float_operands(x: Any, y: Any) -> tuple[Any, Any]:
    """``operands`` for an op whose result is never an integer, such as division."""
    x, y = operands(x, y)
    kind = (x if isinstance(x, Variable) else y).array.dtype.kind
    if kind in "biu":
        default = dtypes.get_default_dtype()
        return converted(x, default), converted(y, default)
    return x, y


def floating(x: Any) -> Any:
    """The operand of a function with real values: integers and bools become the default dtype."""
    if isinstance(x, Variable):
        return x if x.array.dtype.kind in "fc" else cast_to(x, dtypes.get_default_dtype())
    return floating(as_tensor(x))


def dimension(dim: int, ndim: int) -> int:
    """``dim`` counted from the front; PyTorch lets a 0-d tensor be addressed as if it had one dimension."""
    if dim.__class__ is not int:
        dim = _as_int(dim)
    limit = max(ndim, 1)
    if not -limit <= dim < limit:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})")
    return dim + limit if dim < 0 else dim


def _as_int(dim: Any) -> int:
    try:
        return dim.__index__()
    except AttributeError:
        raise TypeError(f"a dimension must be an int, got {type(dim).__name__}: {dim!r}") from None


def dimensions(dim: Dims, ndim: int) -> tuple[int, ...]:
    """A tuple of distinct dimensions counted from the front; None or () means all of them."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, Iterable):
        found = tuple(dimension(d, ndim) for d in dim)
        if len(set(found)) != len(found):
            repeated = next(d for d in found if found.count(d) > 1)
            raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims {tuple(dim)}")
        return found or tuple(range(ndim))
    return (dimension(dim, ndim),)


def axes(dim: Dims, ndim: int) -> tuple[int, ...]:
    """``dimensions`` for NumPy: a 0-d array has no axis 0."""
    return dimensions(dim, ndim) if ndim else dimensions(dim, ndim)[:0]


def shape_of(size: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as ``f(2, 3)`` or as ``f((2, 3))``."""
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    return tuple([n if n.__class__ is int else _as_int(n) for n in size])


def given(args: tuple[Any, ...], named: dict[str, Any], name: str) -> tuple[Any, ...]:
    """The arguments of a function that takes ``f(2, 3)``, ``f((2, 3))`` or, by its name, ``f(name=(2, 3))``."""
    if not named:
        return args
    if args or set(named) != {name}:
        raise TypeError(f"expected either ints or {name}=, got {len(args)} arguments and {sorted(named)}")
    return (named[name],)


_numpy_names = {"axis": "dim", "keepdims": "keepdim"}


def accepts_axis(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function with ``dim`` and ``keepdim`` also be called with NumPy's ``axis`` and ``keepdims``."""

    @functools.wraps(function)
    def with_numpy_names(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {_numpy_names.get(name, name): value for name, value in kwargs.items()}
        try:
            return function(*args, **kwargs)
        except AttributeError as error:
            raise not_a_tensor(function, error) from None

    return cast("Callable[P, R]", with_numpy_names)


def not_a_tensor(function: Callable[..., Any], error: AttributeError) -> Exception:
    """What to raise for an error in a function: if it is that some argument has no array, that it is no tensor."""
    if error.name != "array" or isinstance(error.obj, Variable):
        return error
    return TypeError(
        f"{function.__name__}() expected a tensor, got {type(error.obj).__name__} {error.obj!r:.60}: make one with tensor()"
    )
