"""Tensors from numbers, from arrays, and from nothing."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.emulation import widened
from metagrad.autograd.inference import Untracked
from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable, lifters, unwrap, wrap
from metagrad.base import dtypes
from metagrad.base.device import CPU, get_default_device, move, of_array
from metagrad.base.device import device as Device
from metagrad.base.layouts import check_layout, contiguous_format, inverse, layout, memory_format
from metagrad.base.meta import made as made_of
from metagrad.base.result_order import copied
from metagrad.base.typing import Array, DeviceLike, DTypeLike, Operand, Sizes
from metagrad.base.warning import warn, warn_once
from metagrad.ops.argument_types import is_sequence
from metagrad.ops.arguments import shape_of
from metagrad.ops.fitting import check_range, fitting
from metagrad.ops.out import Rule, store

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "as_tensor", "empty", "empty_permuted", "eye", "full", "ones",
    "scalar_tensor", "tensor", "zeros",
]  # fmt: skip


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
    out = wrap(array)
    if mode.inference:
        out._counter = Untracked()
    if requires_grad is not False:
        if requires_grad is not True and requires_grad is not None:
            raise TypeError(f"argument 'requires_grad' must be True or False, got {requires_grad!r:.60}")
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
            raise TypeError(f"{function.__name__}(): out must be a tensor, got {type(out).__name__}")
        if out is None and sized and (device is not None or get_default_device() is not CPU):
            where = get_default_device() if device is None else Device(device)
            if where.type == "meta":  # however large it is, it costs nothing
                return finished(
                    made_of(extents(args, kwargs), kind_or_default(dtype).dtype), None, where, requires_grad
                )
        if draws:  # where the numbers are wanted
            kwargs["device"] = device if out is None else of_array(out.array)
        if out is None:
            return finished(function(*args, dtype=dtype, **kwargs), None, device, requires_grad)
        if dtype is not None and dtypes.of(dtype) != out.dtype:
            raise RuntimeError(f"dtype {dtypes.of(dtype)} does not match dtype of out parameter ({out.dtype})")
        found = function(*args, dtype=out.dtype, **kwargs)
        if in_a_row and found.size == out.array.size:  # whatever its shape, it is filled
            found = found.reshape(out.array.shape)
        return store(wrap(found), out, Rule(quiet=function.__name__ != "arange"))

    sized = any(
        p.name == "size" and p.kind is p.VAR_POSITIONAL for p in inspect.signature(function).parameters.values()
    )
    added = [p for p in inspect.signature(made, follow_wrapped=False).parameters.values() if p.kind is p.KEYWORD_ONLY]
    own = inspect.signature(function)
    draws, in_a_row = "device" in own.parameters, "end" in own.parameters
    both = {p.name: p for p in [*own.parameters.values(), *added]}  # dtype is declared by either
    made.__signature__ = own.replace(parameters=sorted(both.values(), key=lambda p: p.kind))  # type: ignore[attr-defined]
    return made


# ------------------------------------------------ from data


def _survey(data: object, found: set[Any]) -> tuple[int, ...]:
    """The shape of nested lists, checked: rows of different lengths are an error. ``found``: the kinds of their items."""
    if isinstance(data, (list, tuple, range)):
        inner = [_survey(d, found) for d in data]
        if any(inner) and _are_numbers(data, inner):
            return (len(data),)
        for i, shape in enumerate(inner):
            if shape != inner[0]:
                length, got = (inner[0][:1] or (1,))[0], (shape[:1] or (1,))[0]
                raise ValueError(
                    f"expected sequence of length {length} at dim 1 (got {got}): nested lists have equal lengths, but here an "
                    f"item has shape {inner[0]} at position 0 and one {shape} at position {i}: pad them first "
                    "(metagrad.nn.utils.rnn.pad_sequence)"
                )
        return (len(data), *(inner[0] if inner else ()))
    kind = data.__class__
    if kind is float or kind is int or kind is bool:
        found.add(kind)
        return ()
    if kind is np.ndarray and data.ndim:  # type: ignore[attr-defined]
        warn_once(
            "Creating a tensor from a list of numpy.ndarrays is slow: make one array of them first, with numpy.array()"
        )
    item = unwrap(data)
    found.add(getattr(item, "dtype", None) or next((k for k in (int, float, complex) if issubclass(kind, k)), kind))
    return tuple(np.shape(item))


def _as_lists(data: Any) -> Any:
    """Nested sequences of any kind as nested lists."""
    return [_as_lists(data[i]) for i in range(len(data))] if is_sequence(type(data)) else data


def _are_numbers(data: Sequence[object], shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether these are numbers and tensors of one element, which beside each other count as numbers."""
    return all(
        shape == () or isinstance(d, Variable) and d.array.size == 1 for d, shape in zip(data, shapes, strict=True)
    )


def _plain(data: object) -> object:
    """Nested lists with tensors replaced by their numbers."""
    if isinstance(data, (list, tuple, range)):
        parts: list[Any] = [_plain(d) for d in data]
        shapes = [np.shape(p) if isinstance(d, Variable) else () for d, p in zip(data, parts, strict=True)]
        if any(shapes) and _are_numbers(data, [s or np.shape(p) for s, p in zip(shapes, parts, strict=True)]):
            return [p.reshape(()) if s else p for s, p in zip(shapes, parts, strict=True)]
        return parts
    return widened(move(unwrap(data), CPU)) if hasattr(data, "dtype") else data


def to_array(data: object, dtype: DTypeLike = None) -> Array:
    """Data as an array, in the dtype PyTorch would infer: Python ints are int64, floats the default dtype.

    Raises ValueError for lists of different lengths, RuntimeError or TypeError for what is no number, or does not fit.

    >>> to_array([[1, 2], [3, 4]]).dtype, to_array([0.5]).dtype
    (dtype('int64'), dtype('float32'))
    """
    if isinstance(data, Variable):
        array = data.array
    elif isinstance(data, np.ndarray) or (hasattr(data, "__array_function__") and not isinstance(data, np.generic)):
        array = data
    elif hasattr(data, "__array__") and not isinstance(data, np.generic):
        array = (
            data.seen_as(dtypes.of(dtype) if dtype is not None else None)
            if hasattr(data, "seen_as")
            else np.asarray(data)
        )
    else:
        if isinstance(data, bytes):
            raise TypeError("cannot make a tensor of bytes: use frombuffer(), or list() for one number a byte")
        kinds: set[Any] = set()
        _survey(data, kinds)
        if any(isinstance(kind, type) and is_sequence(kind) for kind in kinds):
            data, kinds = _as_lists(data), set()
            _survey(data, kinds)
        array = np.asarray(_plain(data))
        if array.dtype == object and kinds <= {int, float, bool}:  # an integer beyond 64 bits
            if float not in kinds and (dtype is None or dtypes.of(dtype).category < 2):
                raise ValueError("an integer does not fit in 64 bits: give a floating-point dtype")
            array = array.astype(np.float64)
        if dtype is None and array.dtype.kind in "biufc":
            dtype = _inferred(kinds, array)
        elif dtype is not None:
            check_range(array, dtypes.of(dtype))
    if array.dtype == object or (array.dtype.kind in "USMmV" and array.dtype.name != "bfloat16"):
        raise _no_numbers(data, array)
    target = dtypes.of(dtype or array.dtype)
    if array.dtype.kind == "c" and 0 < target.category < 3:
        warn_once("Casting complex values to real discards the imaginary part: use .real if that is meant", UserWarning)
        array = array.real
    with np.errstate(all="ignore"):  # a number too large becomes infinite, in an array of any size
        return array.astype(target.dtype, copy=False)


def _first(data: Any) -> Any:
    """The first element of nested sequences."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return data


def _no_numbers(data: object, array: Array) -> Exception:
    """What to raise for data of which no tensor can be made."""
    said = f"cannot make a tensor of {type(data).__name__} with elements of type {array.dtype}: numbers are needed"
    if array.dtype != object:
        kind = {"U": "str", "S": "bytes"}.get(array.dtype.kind, array.dtype.name)
        text = isinstance(data, (list, tuple)) and isinstance(_first(data), str)
        return (
            ValueError(f"too many dimensions 'str': {said}")
            if text
            else TypeError(f"new(): invalid data type {kind!r}: {said}")
        )
    if isinstance(data, np.ndarray):
        return TypeError(f"can't convert np.ndarray of type numpy.object_: {said}")
    return RuntimeError(
        f"Could not infer dtype of {type(array.reshape(-1)[0] if array.size else data).__name__}: {said}"
    )


_python_numbers: dict[Any, Callable[[], dtypes.dtype]] = {
    bool: lambda: dtypes.bool_,
    int: lambda: dtypes.int64,
    float: lambda: dtypes.get_default_dtype(),
    complex: lambda: dtypes.get_default_dtype().to_complex(),
}


def _inferred(kinds: set[Any], array: Array) -> dtypes.dtype:
    """The dtype of items of these kinds: arrays and tensors have their own, Python's numbers the default of their type."""
    if int in kinds and (array.dtype == np.uint64 or (kinds <= {int, bool} and array.dtype.kind == "f")):
        raise ValueError("an integer does not fit in int64: give a dtype, metagrad.uint64 or a floating-point one")
    own = [_python_numbers[k]() if k in _python_numbers else dtypes.of(k) for k in kinds]
    return functools.reduce(dtypes.promote_types, own) if own else dtypes.get_default_dtype()


def tensor(
    data: object,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A new leaf tensor with a copy of ``data``: a number, nested lists, an array, or a tensor.

    dtype: inferred if None. Python ints become int64, floats the default dtype (float32), bools bool; arrays and
    tensors keep theirs.

    >>> import metagrad
    >>> metagrad.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    >>> metagrad.tensor([1.0, 2.0]).dtype
    metagrad.float32
    """
    if isinstance(data, Variable):
        warn(
            "To copy construct from a tensor, use x.clone(), or x.detach().clone() for one that is cut off from the graph"
        )
    array = to_array(data, dtype)
    return finished(
        copied(array, array.dtype) if isinstance(data, (Variable, np.ndarray)) or array.base is not None else array,
        None,
        device,
        requires_grad,
    )


def as_tensor(data: object, dtype: DTypeLike = None, device: DeviceLike = None) -> Tensor:
    """``data`` as a tensor, sharing memory where possible: a tensor of this dtype is returned as it is.

    >>> import metagrad
    >>> x = metagrad.tensor([1, 2])
    >>> metagrad.as_tensor(x) is x, metagrad.as_tensor([1, 2], dtype=metagrad.float32)
    (True, tensor([1., 2.]))
    """
    if isinstance(data, Variable):
        return data.to(dtype=dtype, device=device)  # type: ignore[attr-defined]
    return finished(to_array(data, dtype), None, device)


# ------------------------------------------------ from nothing


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
        raise TypeError(f"unexpected keyword argument {sorted(unknown)[0]!r}")
    if not size and "size" not in named:
        raise TypeError("missing 1 required argument: size")
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
    return np.zeros(extents(size, named), kind_or_default(dtype).dtype)


@factory
def ones(*size: Sizes, dtype: DTypeLike = None, **named: Any) -> Array:
    """Ones, in the default dtype unless told otherwise.

    >>> import metagrad
    >>> metagrad.ones(2, dtype=metagrad.int64)
    tensor([1, 1])
    """
    return np.ones(extents(size, named), kind_or_default(dtype).dtype)


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
    value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    kind = dtypes.of_scalar(value) if dtype is None else dtypes.of(dtype)
    return np.full(extents((size,), named), fitting(value, kind), kind.dtype)


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
