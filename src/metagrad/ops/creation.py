"""Tensors from numbers, from arrays, and from nothing."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad import dtypes
from metagrad.autograd.variable import Array, Variable, unwrap, wrap
from metagrad.device import device as Device
from metagrad.device import move
from metagrad.ops.choice import Where
from metagrad.ops.common import shape_of

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "eye", "from_dlpack", "from_numpy", "full", "full_like",
    "linspace", "ones", "ones_like", "scalar_tensor", "tensor", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def finished(array: Array, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A leaf around a new array, in a dtype and on a device."""
    if dtype is not None:
        array = array.astype(dtypes.of(dtype).dtype, copy=False)
    if device is not None:
        array = move(array, Device(device))
    out = wrap(array)
    if requires_grad:
        out.requires_grad = True
    return out


def _depth(data: Any) -> tuple[int, ...]:
    """The shape of nested lists, checked: rows of different lengths are an error."""
    if isinstance(data, (list, tuple)):
        inner = [_depth(d) for d in data]
        for i, shape in enumerate(inner):
            if shape != inner[0]:
                raise ValueError(
                    f"expected nested lists of equal lengths, got an item of shape {inner[0]} at position 0 and one of "
                    f"shape {shape} at position {i}: pad them first (metagrad.nn.utils.rnn.pad_sequence)"
                )
        return (len(data), *(inner[0] if inner else ()))
    return tuple(np.shape(unwrap(data)))


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
        _depth(data)
        array = np.asarray(_plain(data))
        if dtype is None and not isinstance(data, np.generic):
            array = _inferred(array, data)
    if array.dtype == object or array.dtype.kind in "USMmV":
        raise (RuntimeError if array.dtype == object else TypeError)(
            f"cannot make a tensor of {type(data).__name__} with elements of type {array.dtype}: numbers are needed"
        )
    return array.astype(dtypes.of(dtype or array.dtype).dtype, copy=False)


def _inferred(array: Array, data: Any) -> Array:
    if array.size == 0 and not _holds_arrays(data):
        return array.astype(dtypes.get_default_dtype().dtype)
    if array.dtype.kind == "f" and not _holds_arrays(data):
        return array.astype(dtypes.get_default_dtype().dtype)
    if array.dtype.kind == "c" and not _holds_arrays(data):
        return array.astype(dtypes.get_default_dtype().to_complex().dtype)
    return array


def _holds_arrays(data: Any) -> bool:
    """Whether nested lists contain arrays or tensors, which have a dtype of their own."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (Variable, np.ndarray, np.generic))


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


asarray = as_tensor


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


def _float(dtype: Any) -> Any:
    return dtypes.get_default_dtype() if dtype is None else dtypes.of(dtype)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any) -> Tensor:
    """Zeros, in the default dtype unless told otherwise.

    >>> import metagrad
    >>> metagrad.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return finished(np.zeros(_size(size, options), _float(dtype).dtype), None, device, requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any) -> Tensor:
    """Ones, in the default dtype unless told otherwise."""
    return finished(np.ones(_size(size, options), _float(dtype).dtype), None, device, requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any) -> Tensor:
    """Memory as it was found: to be filled before it is read."""
    return finished(np.empty(_size(size, options), _float(dtype).dtype), None, device, requires_grad)


def _size(size: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    shape = shape_of((named["size"],) if "size" in named else size)
    unknown = set(named) - {"size", "layout", "pin_memory", "memory_format", "out"}
    if unknown:
        raise TypeError(f"unexpected keyword argument {sorted(unknown)[0]!r}")
    if builtins.any(n < 0 for n in shape):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return shape


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """One number everywhere; its own dtype unless told otherwise."""
    kind = (
        dtypes.of_scalar(unwrap(fill_value).item() if isinstance(fill_value, Variable) else fill_value)
        if dtype is None
        else dtypes.of(dtype)
    )
    return finished(np.full(_size((size,), options), unwrap(fill_value), kind.dtype), None, device, requires_grad)


def _like(function: Any, input: Tensor, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    array = function(input.array, dtype=None if dtype is None else dtypes.of(dtype).dtype)
    return finished(array, None, device, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Zeros with the shape and dtype of another tensor."""
    return _like(np.zeros_like, input, dtype, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Ones with the shape and dtype of another tensor."""
    return _like(np.ones_like, input, dtype, device, requires_grad)


def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Unfilled memory with the shape and dtype of another tensor."""
    return _like(np.empty_like, input, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """One number everywhere, with the shape and dtype of another tensor."""
    return _like(lambda a, dtype: np.full_like(a, unwrap(fill_value), dtype=dtype), input, dtype, device, requires_grad)


def new_zeros(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Zeros of any shape with this tensor's dtype and device."""
    return new_full(input, _size(size, options), 0, dtype=dtype, device=device, requires_grad=requires_grad)


def new_ones(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Ones of any shape with this tensor's dtype and device."""
    return new_full(input, _size(size, options), 1, dtype=dtype, device=device, requires_grad=requires_grad)


def new_empty(
    input: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """Unfilled memory of any shape with this tensor's dtype and device."""
    kind = input.dtype if dtype is None else dtypes.of(dtype)
    return finished(np.empty(_size(size, options), kind.dtype, like=input.array), None, device, requires_grad)


def new_full(
    input: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """One number everywhere, in any shape, with this tensor's dtype and device."""
    kind = input.dtype if dtype is None else dtypes.of(dtype)
    array = np.full(_size((size,), options), unwrap(fill_value), kind.dtype, like=input.array)
    return finished(array, None, device, requires_grad)


def new_tensor(
    input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """``tensor(data)`` with this tensor's dtype and device."""
    return tensor(data, dtype=input.dtype if dtype is None else dtype, device=device, requires_grad=requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """The numbers from ``start`` to ``end`` (excluded) in steps of ``step``; ``arange(n)`` counts from 0.

    int64 if all three are integers, else the default dtype.

    >>> import metagrad
    >>> metagrad.arange(1, 2, 0.5)
    tensor([1.0000, 1.5000])
    """
    if end is None:
        start, end = 0, start
    start, end, step = (unwrap(v).item() if isinstance(v, (Variable, np.generic)) else v for v in (start, end, step))
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    whole = builtins.all(isinstance(v, int) for v in (start, end, step))
    kind = dtypes.of(dtype) if dtype is not None else dtypes.int64 if whole else dtypes.get_default_dtype()
    count = math.ceil((end - start) / step)
    array = np.arange(count) * step + start  # each from its index, so that rounding does not pile up
    return finished(array.astype(kind.dtype), None, device, requires_grad)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    """``steps`` numbers evenly spaced from ``start`` to ``end``, both included.

    >>> import metagrad
    >>> metagrad.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if steps < 0:
        raise RuntimeError(f"number of steps must be non-negative, got {steps}")
    return finished(
        np.linspace(unwrap(start), unwrap(end), steps, dtype=_float(dtype).dtype), None, device, requires_grad
    )


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, **options: Any
) -> Tensor:
    """The n × m matrix with ones on the diagonal, zeros elsewhere."""
    if n < 0 or (m is not None and m < 0):
        raise RuntimeError(f"eye: the numbers of rows and columns must not be negative, got {n} and {m}")
    return finished(np.eye(n, m, dtype=_float(dtype).dtype), None, device, requires_grad)


def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor in the default dtype."""
    return finished(np.asarray(unwrap(s), _float(dtype).dtype), None, device, requires_grad)


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle of matrices, zeros above ``diagonal``.

    >>> import metagrad
    >>> metagrad.tril(metagrad.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _triangle(np.tril, input, diagonal)


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle of matrices, zeros below ``diagonal``."""
    return _triangle(np.triu, input, diagonal)


def _triangle(function: Any, input: Tensor, diagonal: int) -> Tensor:
    if input.array.ndim < 2:
        raise RuntimeError(f"{function.__name__}: input tensor must have at least 2 dimensions, got {input.array.ndim}")
    return Where.apply(function(np.ones(input.array.shape[-2:], bool, like=input.array), diagonal), input, False)
