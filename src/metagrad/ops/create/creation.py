"""Tensors from nothing: zeros, ones, one number everywhere; and what all functions have in common that make tensors."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.inference import in_this_mode
from metagrad.autograd.variable import Variable, lifters, wrap
from metagrad.base import dtypes
from metagrad.base.device import CPU, get_default_device, move, of_array, out_of_memory, repeated_on
from metagrad.base.device import device as Device
from metagrad.base.layouts import check_layout, contiguous_format, inverse, layout, memory_format
from metagrad.base.meta import made as made_of
from metagrad.base.typing import Array, DeviceLike, DTypeLike, Operand, Sizes
from metagrad.kernels import copying
from metagrad.ops.arguments import shape_of
from metagrad.ops.dtype_checks import need_differentiable
from metagrad.ops.fitting import fitting
from metagrad.ops.out import Rule, store

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["empty", "empty_permuted", "eye", "full", "ones", "scalar_tensor", "zeros"]


def finished(
    array: Array, dtype: DTypeLike = None, device: DeviceLike = None, requires_grad: bool | None = False
) -> Tensor:
    """A leaf around a new array, in a dtype and on a device.

    >>> import metagrad
    >>> finished(np.zeros(2), metagrad.float32)
    tensor([0., 0.])
    """
    if dtype is not None:
        array = array.astype(dtypes.of(dtype).dtype, copy=False)
    if device is not None:
        array = move(array, Device(device))
    elif isinstance(array, np.ndarray):  # one on a GPU stays there
        array = move(array, get_default_device())
    out: Tensor = in_this_mode(wrap(array))
    if requires_grad is not False:
        if requires_grad is not True and requires_grad is not None:
            raise TypeError(f"argument 'requires_grad' must be bool, not {type(requires_grad).__name__}")
        if requires_grad:
            need_differentiable(out.dtype)
        out.requires_grad = bool(requires_grad)
    return out


def factory(function: Callable[..., Array]) -> Callable[..., Tensor]:
    """A function that makes tensors, of one that makes arrays: it also takes ``out``, ``device``, ``requires_grad``.

    ``layout`` and ``pin_memory`` are accepted: metagrad has one layout, and no memory to pin. With ``out``, its dtype
    is the default. What it makes raises RuntimeError if ``dtype`` is not that of ``out``.

    >>> import metagrad
    >>> metagrad.zeros(2, out=metagrad.ones(2, dtype=metagrad.int64))
    tensor([0, 0])
    """

    @functools.wraps(function)
    def made(
        *args: Any,
        out: Tensor | None = None,
        dtype: DTypeLike = None,
        layout: layout | None = None,
        device: DeviceLike = None,
        pin_memory: bool = False,
        requires_grad: bool = False,
        **kwargs: Any,
    ) -> Tensor:
        if layout is not None:
            check_layout(layout, function.__name__)
        if out is not None and not isinstance(out, Variable):
            raise TypeError(f"{function.__name__}(): argument 'out' must be Tensor, not {type(out).__name__}")
        if out is None and sized and (device is not None or get_default_device() is not CPU):
            where = get_default_device() if device is None else Device(device)
            if where.type in ("meta", "cuda") and not (draws and (where.type == "cuda" or not lists_sizes)):
                return finished(elsewhere(where, args, kwargs, dtype), None, where, requires_grad)
        if draws:  # where the numbers are wanted
            kwargs["device"] = device if out is None else of_array(out.array)
        if out is None:
            try:
                return finished(function(*args, dtype=dtype, **kwargs), None, device, requires_grad)
            except (MemoryError, ValueError) as error:
                raise too_large(error) from None
        if dtype is not None and dtypes.of(dtype) != out.dtype:
            raise RuntimeError(
                f"dtype {dtypes.scalar_name(dtype)} does not match dtype of out parameter ({dtypes.scalar_name(out.dtype)})"
            )
        found = function(*args, dtype=out.dtype, **kwargs)
        if in_a_row and found.size == out.array.size:  # whatever its shape, it is filled
            found = found.reshape(out.array.shape)
        return store(wrap(found), out, Rule(quiet=function.__name__ != "arange"))

    def elsewhere(where: Device, args: tuple[Any, ...], kwargs: dict[str, Any], dtype: DTypeLike) -> Array:
        """An array on meta, which costs nothing, or on a GPU, to which one number travels."""
        size, rest = (args, ()) if lists_sizes else (args[:1], args[1:])
        shape = extents(size, {name: value for name, value in kwargs.items() if name not in ("fill_value", "device")})
        if draws:
            return made_of(shape, kind_or_default(dtype).dtype)
        value = {name: kwargs[name] for name in ("fill_value",) if name in kwargs}
        one = function((), *rest, dtype=dtype, **value)
        return made_of(shape, one.dtype) if where.type == "meta" else repeated_on(where, one, shape)

    own = inspect.signature(function)
    sized = "size" in own.parameters and own.parameters.keys().isdisjoint({"physical_layout", "stride"})
    lists_sizes = sized and own.parameters["size"].kind is inspect.Parameter.VAR_POSITIONAL
    added = [p for p in inspect.signature(made, follow_wrapped=False).parameters.values() if p.kind is p.KEYWORD_ONLY]
    draws, in_a_row = "device" in own.parameters, "end" in own.parameters
    both = {p.name: p for p in [*own.parameters.values(), *added]}  # dtype is declared by either
    made.__signature__ = own.replace(parameters=sorted(both.values(), key=lambda p: p.kind))  # type: ignore[attr-defined]
    return made


def too_large(error: Exception) -> Exception:
    """What to raise where NumPy has not that much memory, or no such large arrays; another error as it is.

    >>> too_large(ValueError("array is too big"))
    RuntimeError('Storage size calculation overflowed: array is too big')
    """
    if isinstance(error, MemoryError):
        return out_of_memory(error)
    beyond = str(error).startswith(("Maximum allowed", "array is too big"))
    return RuntimeError(f"Storage size calculation overflowed: {error}") if beyond else error


def kind_or_default(dtype: DTypeLike) -> dtypes.dtype:
    """A dtype, or the default one.

    >>> kind_or_default(None), kind_or_default("int8")
    (metagrad.float32, metagrad.int8)
    """
    return dtypes.get_default_dtype() if dtype is None else dtypes.of(dtype)


def extents(size: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    """A shape given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``, checked.

    Raises TypeError for other arguments or none, RuntimeError for a negative extent.

    >>> extents((2, 3), {}), extents(((2, 3),), {}), extents((), {"size": (2, 3)})
    ((2, 3), (2, 3), (2, 3))
    """
    unknown = set(named) - {"size", "names", "memory_format"}
    if unknown:
        raise TypeError(f"got an unexpected keyword argument {sorted(unknown)[0]!r}")
    if not size and "size" not in named:
        raise TypeError('missing 1 required positional arguments: "size"')
    shape = shape_of((named["size"],) if "size" in named else size)
    if min((*shape, 0)) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


@factory
def zeros(*size: Sizes, dtype: DTypeLike = None, **named: Any) -> Array:
    """Zeros, in the default dtype unless told otherwise.

    >>> import metagrad
    >>> metagrad.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return copying.zeros(extents(size, named), kind_or_default(dtype).dtype)


@factory
def ones(*size: Sizes, dtype: DTypeLike = None, **named: Any) -> Array:
    """Ones, in the default dtype unless told otherwise.

    >>> import metagrad
    >>> metagrad.ones(2, dtype=metagrad.int64)
    tensor([1, 1])
    """
    return copying.full(extents(size, named), 1, kind_or_default(dtype).dtype)


@factory
def empty(
    *size: Sizes, dtype: DTypeLike = None, memory_format: memory_format = contiguous_format, **named: Any
) -> Array:
    """Memory as it was found: to be filled before it is read.

    >>> import metagrad
    >>> metagrad.empty(2, 3).shape
    metagrad.Size([2, 3])
    """
    shape = extents(size, named)
    return _permuted(shape, memory_format.order_of(len(shape)), kind_or_default(dtype))


@factory
def empty_permuted(size: Sequence[int], physical_layout: Sequence[int], *, dtype: DTypeLike = None) -> Array:
    """Unfilled memory in which ``physical_layout`` lists the dimensions from the widest steps to the narrowest.

    Raises RuntimeError unless each dimension is named once.

    >>> import metagrad
    >>> metagrad.empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """
    shape, order = extents((size,), {}), shape_of((physical_layout,))
    if len(order) != len(shape):
        raise RuntimeError(
            f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {len(shape)} is "
            f"not equal to len(physical_layout) = {len(order)}"
        )
    for d in order:
        if not 0 <= d < len(shape):
            raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got {d})")
    if len(set(order)) != len(order):
        raise RuntimeError(f"Duplicate dim not allowed in the physical_layout, got {order}")
    return _permuted(shape, order, kind_or_default(dtype))


def _permuted(shape: tuple[int, ...], order: tuple[int, ...], kind: dtypes.dtype) -> Array:
    make = np.zeros if lifters else np.empty  # what a model's trace keeps must not be what memory happened to hold
    return make([shape[d] for d in order], kind.dtype).transpose(inverse(order))


def need_sizes(function: str, size: object) -> None:
    """Raise TypeError for one number where a function takes a tuple of sizes alone.

    >>> need_sizes("full", 2)
    Traceback (most recent call last):
    TypeError: full(): argument 'size' (position 1) must be tuple of ints, not int: write (2,)
    """
    if isinstance(size, int):
        raise TypeError(f"{function}(): argument 'size' (position 1) must be tuple of ints, not int: write ({size},)")


@factory
def full(size: Sizes, fill_value: Operand, *, dtype: DTypeLike = None, **named: Any) -> Array:
    """One number everywhere; its own dtype unless told otherwise.

    >>> import metagrad
    >>> metagrad.full((2,), 7), metagrad.full((2,), 7.0)
    (tensor([7, 7]), tensor([7., 7.]))
    """
    need_sizes("full", size)
    if getattr(fill_value, "ndim", 0):
        raise TypeError("full(): argument 'fill_value' (position 2) must be Number, not Tensor: it has dimensions")
    value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    kind = dtypes.of_scalar(value) if dtype is None else dtypes.of(dtype)
    return copying.full(extents((size,), named), fitting(value, kind), kind.dtype)


@factory
def eye(n: int, m: int | None = None, *, dtype: DTypeLike = None) -> Array:
    """The n × m matrix with ones on the diagonal, zeros elsewhere.

    Raises RuntimeError for negative numbers of rows and columns.

    >>> import metagrad
    >>> metagrad.eye(2, 3)
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    for name, count in (("n", n), ("m", m)):
        if count is not None and count < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {count}")
    return np.eye(n, m, dtype=kind_or_default(dtype).dtype)


@factory
def scalar_tensor(s: Operand, *, dtype: DTypeLike = None) -> Array:
    """A 0-d tensor in the default dtype.

    >>> import metagrad
    >>> metagrad.scalar_tensor(3)
    tensor(3.)
    """
    kind = kind_or_default(dtype)
    return np.asarray(fitting(s, kind, rounds=True), kind.dtype)
