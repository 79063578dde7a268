"""Tensors from numbers, from arrays, and from nothing."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.base import dtypes
from metagrad.base.device import device as Device
from metagrad.base.device import get_default_device, move
from metagrad.base.layouts import check_layout, contiguous_format, inverse
from metagrad.base.typing import Array
from metagrad.ops.operands import shape_of
from metagrad.ops.out import store

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "as_tensor", "asarray", "empty", "empty_permuted", "eye", "from_dlpack", "from_numpy", "frombuffer", "full", "ones",
    "scalar_tensor", "tensor", "zeros",
]  # fmt: skip


def finished(array: Array, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A leaf around a new array, in a dtype and on a device."""
    if dtype is not None:
        array = array.astype(dtypes.of(dtype).dtype, copy=False)
    if device is not None:
        array = move(array, Device(device))
    elif isinstance(array, np.ndarray):  # one on a GPU stays there
        array = move(array, get_default_device())
    out = wrap(array)
    if requires_grad:
        out.requires_grad = True
    return out


def factory(function: Callable[..., Array]) -> Callable[..., Tensor]:
    """A function that makes tensors, of one that makes arrays: it also takes ``out``, ``device``, ``requires_grad``.

    ``layout`` and ``pin_memory`` are accepted: metagrad has one layout, and no memory to pin. With ``out``, its dtype is
    the default.
    """

    @functools.wraps(function)
    def made(
        *args: Any,
        out: Any = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        pin_memory: bool = False,
        requires_grad: bool = False,
        **kwargs: Any,
    ) -> Tensor:
        if layout is not None:
            check_layout(layout)
        if out is None:
            return finished(function(*args, dtype=dtype, **kwargs), None, device, requires_grad)
        if dtype is not None and dtypes.of(dtype) != out.dtype:
            raise RuntimeError(f"dtype {dtypes.of(dtype)} does not match dtype of out parameter ({out.dtype})")
        return store(wrap(function(*args, dtype=out.dtype, **kwargs)), out)

    added = [p for p in inspect.signature(made, follow_wrapped=False).parameters.values() if p.kind is p.KEYWORD_ONLY]
    own = inspect.signature(function)
    both = {p.name: p for p in [*own.parameters.values(), *added]}  # dtype is declared by either
    made.__signature__ = own.replace(parameters=sorted(both.values(), key=lambda p: p.kind))  # type: ignore[attr-defined]
    return made


# ------------------------------------------------ from data


def _survey(data: Any, found: set[Any]) -> tuple[int, ...]:
    """The shape of nested lists, checked: rows of different lengths are an error. ``found``: the kinds of their items."""
    if isinstance(data, (list, tuple)):
        inner = [_survey(d, found) for d in data]
        for i, shape in enumerate(inner):
            if shape != inner[0]:
                raise ValueError(
                    f"expected nested lists of equal lengths, got an item of shape {inner[0]} at position 0 and one of "
                    f"shape {shape} at position {i}: pad them first (metagrad.nn.utils.rnn.pad_sequence)"
                )
        return (len(data), *(inner[0] if inner else ()))
    kind = data.__class__
    if kind is float or kind is int or kind is bool:
        found.add(kind)
        return ()
    data = unwrap(data)
    found.add(getattr(data, "dtype", kind))
    return tuple(np.shape(data))


def _plain(data: Any) -> Any:
    """Nested lists with tensors replaced by their numbers."""
    if isinstance(data, Variable):
        return data.array
    return [_plain(d) for d in data] if isinstance(data, (list, tuple)) else data


def to_array(data: Any, dtype: Any = None) -> Array:
    """Data as an array, in the dtype PyTorch would infer: Python ints are int64, floats the default dtype."""
    if isinstance(data, Variable):
        array = data.array
    elif isinstance(data, np.ndarray) or (hasattr(data, "__array_function__") and not isinstance(data, np.generic)):
        array = data
    elif hasattr(data, "__array__") and not isinstance(data, np.generic):
        array = np.asarray(data)
    else:
        if isinstance(data, (range, memoryview, bytes, bytearray)):
            data = list(data)
        kinds: set[Any] = set()
        _survey(data, kinds)
        array = np.asarray(_plain(data))
        if dtype is None and array.dtype.kind in "biufc":
            array = array.astype(_inferred(kinds, array).dtype, copy=False)
        elif dtype is not None and array.dtype.kind in "iuO":
            _check_range(array, dtypes.of(dtype))
    if array.dtype == object or array.dtype.kind in "USMmV":
        raise (RuntimeError if array.dtype == object else TypeError)(
            f"cannot make a tensor of {type(data).__name__} with elements of type {array.dtype}: numbers are needed"
        )
    return array.astype(dtypes.of(dtype or array.dtype).dtype, copy=False)


_python_numbers: dict[Any, Callable[[], dtypes.dtype]] = {
    bool: lambda: dtypes.bool_,
    int: lambda: dtypes.int64,
    float: lambda: dtypes.get_default_dtype(),
    complex: lambda: dtypes.get_default_dtype().to_complex(),
}


def _inferred(kinds: set[Any], array: Array) -> dtypes.dtype:
    """The dtype of items of these kinds: arrays and tensors have their own, Python's numbers the default of their type."""
    if array.dtype == np.uint64 and int in kinds:
        raise ValueError("an integer does not fit in int64: give a dtype, metagrad.uint64 or a floating-point one")
    own = [_python_numbers[k]() if k in _python_numbers else dtypes.of(k) for k in kinds]
    return functools.reduce(dtypes.promote_types, own) if own else dtypes.get_default_dtype()


def _check_range(array: Array, kind: dtypes.dtype) -> None:
    """Raise if an integer does not fit in an integer dtype; negative ones wrap around in an unsigned one."""
    if kind.category == 1 and array.size:
        limits = np.iinfo(kind.dtype)
        if array.max() > limits.max or array.min() < (limits.min or -int(limits.max) - 1):
            raise RuntimeError(
                f"value cannot be converted to type {kind} without overflow: {array.max()} or {array.min()}"
            )


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
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
    array = to_array(data, dtype)
    return finished(
        array.copy() if isinstance(data, (Variable, np.ndarray)) or array.base is not None else array,
        None,
        device,
        requires_grad,
    )


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Any:
    """``data`` as a tensor, sharing memory where possible: a tensor of this dtype is returned as it is."""
    if isinstance(data, Variable):
        return data.to(dtype=dtype, device=device)  # type: ignore[attr-defined]
    return finished(to_array(data, dtype), None, device)


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Any:
    """``obj`` as a tensor. copy: True always copies, False raises where that cannot be avoided, None avoids it if it can.

    requires_grad: that of ``obj`` if None; False detaches.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0])
    >>> metagrad.asarray(x) is x, metagrad.asarray(x, copy=True) is x
    (True, False)
    """
    found = as_tensor(obj, dtype, device)
    shared = np.may_share_memory(unwrap(found), unwrap(obj)) if hasattr(unwrap(obj), "__array_function__") else False
    if copy is False and not shared:
        raise ValueError(
            f"asarray(copy=False): memory cannot be shared with {type(obj).__name__} of another dtype or device"
        )
    if copy and shared:
        found = found.clone()
    if requires_grad:
        return found.requires_grad_()
    return found.detach() if requires_grad is False and found.requires_grad else found


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares memory with a NumPy array.

    >>> import metagrad
    >>> a = np.zeros(2)
    >>> metagrad.from_numpy(a)[0] = 1
    >>> a
    array([1., 0.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError("arrays with negative strides are not supported: copy() the array first")
    return wrap(ndarray)


def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor that shares memory with another library's, through the DLPack protocol."""
    return wrap(np.from_dlpack(ext_tensor))


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A vector that shares memory with bytes, from ``offset`` on: ``count`` numbers, or as many as there are.

    >>> import metagrad
    >>> metagrad.frombuffer(bytearray([1, 0, 2, 0]), dtype=metagrad.int16)
    tensor([1, 2], dtype=metagrad.int16)
    """
    kind, length = dtypes.of(dtype), memoryview(buffer).nbytes
    rest = length - offset
    if not length or not count or not 0 <= offset < length:
        raise ValueError(f"frombuffer: {length} bytes, count {count} and offset {offset} leave nothing to read")
    if (count < 0 and rest % kind.itemsize) or count * kind.itemsize > rest:
        raise ValueError(
            f"frombuffer: {rest} bytes after offset {offset} are not {'whole' if count < 0 else count} numbers of "
            f"{kind.itemsize} bytes ({kind})"
        )
    out = wrap(np.frombuffer(buffer, kind.dtype, count, offset))
    out.requires_grad = requires_grad
    return out


# ------------------------------------------------ from nothing


def kind_or_default(dtype: Any) -> dtypes.dtype:
    """A dtype, or the default one."""
    return dtypes.get_default_dtype() if dtype is None else dtypes.of(dtype)


def extents(size: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    """A shape given as ``f(2, 3)``, ``f((2, 3))`` or ``f(size=(2, 3))``, checked."""
    unknown = set(named) - {"size", "names", "memory_format"}
    if unknown:
        raise TypeError(f"unexpected keyword argument {sorted(unknown)[0]!r}")
    if not size and "size" not in named:
        raise TypeError("missing 1 required argument: size")
    shape = shape_of((named["size"],) if "size" in named else size)
    if min((*shape, 0)) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def fitting(value: Any, kind: dtypes.dtype) -> Any:
    """A number as one of this dtype; raises if it does not fit. Negative integers wrap around in an unsigned dtype."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, complex) and kind.category < 3:
        raise RuntimeError(f"value cannot be converted to type {kind}: it is complex, {value}")
    if kind.category != 1:
        return value
    if not math.isfinite(value):
        raise RuntimeError(f"value cannot be converted to type {kind} without overflow: {value}")
    number = np.asarray(int(value))
    _check_range(number, kind)
    return number.astype(kind.dtype)[()]


@factory
def zeros(*size: Any, dtype: Any = None, **named: Any) -> Array:
    """Zeros, in the default dtype unless told otherwise.

    >>> import metagrad
    >>> metagrad.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return np.zeros(extents(size, named), kind_or_default(dtype).dtype)


@factory
def ones(*size: Any, dtype: Any = None, **named: Any) -> Array:
    """Ones, in the default dtype unless told otherwise."""
    return np.ones(extents(size, named), kind_or_default(dtype).dtype)


@factory
def empty(*size: Any, dtype: Any = None, memory_format: Any = contiguous_format, **named: Any) -> Array:
    """Memory as it was found: to be filled before it is read."""
    shape = extents(size, named)
    return _permuted(shape, memory_format.order_of(len(shape)), kind_or_default(dtype))


@factory
def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None) -> Array:
    """Unfilled memory in which ``physical_layout`` lists the dimensions from the widest steps to the narrowest.

    >>> import metagrad
    >>> metagrad.empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """
    shape, order = extents((size,), {}), shape_of((physical_layout,))
    if sorted(order) != list(range(len(shape))):
        raise RuntimeError(f"physical_layout must name each of the {len(shape)} dimensions once, got {order}")
    return _permuted(shape, order, kind_or_default(dtype))


def _permuted(shape: tuple[int, ...], order: tuple[int, ...], kind: dtypes.dtype) -> Array:
    return np.empty([shape[d] for d in order], kind.dtype).transpose(inverse(order))


@factory
def full(size: Any, fill_value: Any, *, dtype: Any = None, **named: Any) -> Array:
    """One number everywhere; its own dtype unless told otherwise."""
    value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    kind = dtypes.of_scalar(value) if dtype is None else dtypes.of(dtype)
    return np.full(extents((size,), named), fitting(value, kind), kind.dtype)


@factory
def eye(n: int, m: int | None = None, *, dtype: Any = None) -> Array:
    """The n × m matrix with ones on the diagonal, zeros elsewhere."""
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"eye: the numbers of rows and columns must not be negative, got {n} and {m}")
    return np.eye(n, m, dtype=kind_or_default(dtype).dtype)


@factory
def scalar_tensor(s: Any, *, dtype: Any = None) -> Array:
    """A 0-d tensor in the default dtype."""
    kind = kind_or_default(dtype)
    return np.asarray(fitting(s, kind), kind.dtype)
