"""Tensors from numbers, nested lists and arrays, in the dtype PyTorch would infer."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.emulation import widened
from metagrad.autograd.variable import Variable, unwrap
from metagrad.base import dtypes
from metagrad.base.device import CPU, move
from metagrad.base.result_order import copied
from metagrad.base.typing import Array, DeviceLike, DTypeLike
from metagrad.base.warning import warn, warn_once
from metagrad.ops.argument_types import is_sequence
from metagrad.ops.create.creation import finished
from metagrad.ops.fitting import check_range

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["as_tensor", "tensor"]


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
    if item is not data and item.size != 1:
        raise _no_number(item)
    found.add(getattr(item, "dtype", None) or next((k for k in (int, float, complex) if issubclass(kind, k)), kind))
    return tuple(np.shape(item))


def _no_number(array: Array) -> Exception:
    """What to raise for a tensor among numbers that has not one element."""
    if array.dtype.kind in "iu":
        return TypeError(
            "only integer tensors of a single element can be converted to an index: use stack() for tensors"
        )
    return ValueError("only one element tensors can be converted to Python scalars: use stack() for tensors")


def check_strides(array: Array) -> None:
    """Raise ValueError for an array of NumPy's that is seen backwards."""
    if min(array.strides, default=0) < 0 and array.size:
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
            "supported. (You can probably work around this by making a copy of your array  with array.copy().)"
        )


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
    elif isinstance(data, np.ndarray):
        if not data.flags.c_contiguous:
            check_strides(data)
        array = data
    elif hasattr(data, "__array_function__") and not isinstance(data, np.generic):
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
    if isinstance(data, np.ndarray):
        known = "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, "
        return TypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only supported types are: {known}and bool."
        )
    if array.dtype != object:
        kind = {"U": "str", "S": "bytes"}.get(array.dtype.kind, array.dtype.name)
        text = isinstance(data, (list, tuple)) and isinstance(_first(data), str)
        return (
            ValueError(f"too many dimensions 'str': {said}")
            if text
            else TypeError(f"new(): invalid data type {kind!r}: {said}")
        )
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
