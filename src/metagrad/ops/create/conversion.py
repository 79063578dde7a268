"""Tensors in other dtypes, on other devices, and as NumPy arrays and Python numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from metagrad.autograd.devices import Move
from metagrad.autograd.mode import mode
from metagrad.autograd.variable import Variable
from metagrad.autograd.views import ViewFunction, conjugated, negated
from metagrad.base import dtypes
from metagrad.base.channels_last import suggested
from metagrad.base.device import CPU, move, of_array
from metagrad.base.device import device as Device
from metagrad.base.layouts import contiguous_format, memory_format, preserve_format
from metagrad.base.naming import public
from metagrad.base.typing import Array, DeviceLike, DTypeLike
from metagrad.base.warning import warn_once
from metagrad.kernels.libraries import is_on_gpu
from metagrad.ops.arguments import asks_for_a_tensor, asks_for_tensors
from metagrad.ops.operands import as_tensor, cast_to
from metagrad.ops.shape.copying import clone, contiguous

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["real"]


def target_of(args: tuple[Any, ...], dtype: DTypeLike, device: DeviceLike) -> tuple[Any, Any]:
    """What ``to`` was asked for: a device, then a dtype, or one of them, or another tensor; then up to two flags.

    Raises TypeError for arguments in another order, and for what is given twice.

    >>> import metagrad
    >>> target_of((metagrad.zeros(2, dtype=metagrad.int8),), None, None)
    (metagrad.int8, device(type='cpu'))
    """
    rest = list(args)
    twice = False
    if rest and isinstance(rest[0], Variable):
        twice = dtype is not None or device is not None
        like = rest.pop(0)
        dtype, device = like.dtype, of_array(like.array)
    else:
        if rest and (rest[0] is None or isinstance(rest[0], (str, Device)) or rest[0].__class__ is int):
            twice = device is not None
            device = rest.pop(0) if device is None else device
        if rest and not isinstance(rest[0], (bool, str, Device, Variable)) and rest[0].__class__ is not int:
            twice = twice or dtype is not None
            dtype = rest.pop(0) if dtype is None else dtype
    if twice or len(rest) > 2 or not all(isinstance(flag, bool) for flag in rest):
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({', '.join(type(a).__name__ for a in args)}): expected a "
            "device, then a dtype, or one of them, or a tensor, each once"
        )
    return None if dtype is None else dtypes.of(dtype), None if device is None else Device(device)


def to(
    input: Tensor,
    *args: Tensor | DTypeLike | DeviceLike | bool,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: memory_format | None = None,
) -> Tensor:
    """The tensor in another dtype or on another device; itself, if nothing changes and no copy is asked for.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).to(metagrad.float32)
    tensor([1., 2.])
    """
    kind, where = target_of(args, dtype, device)
    if len(args) > 2 and isinstance(args[-2], bool):  # both flags in their places
        copy = bool(args[-1])
    out = input
    if where is not None and where.type != of_array(input.array).type:
        out = Move.apply(out, to=where)
    if kind is not None:
        if input.array.dtype.kind == "c" and kind.category < 3 and kind is not dtypes.bool_:
            warn_once(
                "Casting complex values to real discards the imaginary part: use x.real if that is meant",
                UserWarning,
            )
        out = cast_to(out, kind)
    if memory_format not in (None, preserve_format) and out is not input:
        out = contiguous(out, memory_format)
    elif memory_format not in (None, preserve_format, suggested(input.array) or contiguous_format):
        return clone(input, memory_format=memory_format)
    return clone(out, memory_format=memory_format or preserve_format) if copy and out is input else out


type_names = {
    "FloatTensor": "float32",
    "DoubleTensor": "float64",
    "HalfTensor": "float16",
    "BFloat16Tensor": "bfloat16",
    "LongTensor": "int64",
    "IntTensor": "int32",
    "ShortTensor": "int16",
    "CharTensor": "int8",
    "ByteTensor": "uint8",
    "BoolTensor": "bool",
    "ComplexFloatTensor": "complex64",
    "ComplexDoubleTensor": "complex128",
}
_names_of_types = {kind: name for name, kind in type_names.items()}


@overload
def type_(input: Tensor, dtype: None = None, non_blocking: bool = False) -> str: ...
@overload
def type_(input: Tensor, dtype: dtypes.dtype | type | str, non_blocking: bool = False) -> Tensor: ...
def type_(input: Tensor, dtype: object = None, non_blocking: bool = False) -> Tensor | str:
    """The tensor in another dtype, given as such or as ``FloatTensor`` or its name; without one, the name of its own.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).type(), metagrad.tensor([1, 2]).type("metagrad.FloatTensor")
    ('metagrad.LongTensor', tensor([1., 2.]))
    """
    if dtype is None:
        where = "cuda." if is_on_gpu(input.array) else ""
        return public(where + _names_of_types.get(input.dtype.name, input.dtype.name + "Tensor"))
    on_gpu = ".cuda." in dtype if isinstance(dtype, str) else getattr(dtype, "is_cuda", None)
    if on_gpu is not None and on_gpu != is_on_gpu(input.array):
        input = to(input, "cuda" if on_gpu else "cpu")
    if isinstance(dtype, str):
        if dtype.rpartition(".")[2] not in type_names:
            raise ValueError(f"invalid type: {dtype!r}")
        dtype = type_names.get(dtype.rpartition(".")[2], dtype)
    return cast_to(input, dtypes.of(getattr(dtype, "dtype", dtype)))


@asks_for_tensors
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of another, and on its device.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).type_as(metagrad.zeros(1))
    tensor([1., 2.])
    """
    return cast_to(input, other.dtype) if is_on_gpu(input.array) == is_on_gpu(other.array) else to(input, other)


def cpu(input: Tensor, memory_format: memory_format | None = None) -> Tensor:
    """The tensor in the CPU's memory.

    >>> import metagrad
    >>> metagrad.tensor([1, 2]).cpu().device
    device(type='cpu')
    """
    return to(input, "cpu", memory_format=memory_format)


def cuda(input: Tensor, device: DeviceLike = None, non_blocking: bool = False) -> Tensor:
    """The tensor in a GPU's memory, the one in use if none is named; raises, saying what is missing, where there is none.

    ``non_blocking`` changes nothing: the copy is done when this returns.

    Raises RuntimeError without CuPy or without a GPU, and for a device that is not one.

    >>> import metagrad
    >>> x = metagrad.zeros(2)
    >>> x = x.cuda() if metagrad.cuda.is_available() else x
    """
    place = Device("cuda" if device is None else device)
    if place.type != "cuda":
        raise RuntimeError(f"Invalid device, must be cuda device, got {str(place)!r}: use .to({str(place)!r})")
    return to(input, place)


def item(input: Tensor) -> Any:
    """The only element, as a Python number.

    Raises RuntimeError unless there is exactly one.

    >>> import metagrad
    >>> metagrad.tensor([2.5]).item()
    2.5
    """
    if input.array.size != 1:
        raise RuntimeError(f"a Tensor with {input.array.size} elements cannot be converted to Scalar")
    return input.array.item()


def tolist(input: Tensor) -> Any:
    """Nested lists of Python numbers.

    >>> import metagrad
    >>> metagrad.tensor([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    return input.array.tolist()


def numpy(input: Tensor, *, force: bool = False) -> np.ndarray[Any, Any]:
    """The NumPy array underneath, sharing memory.

    Raises RuntimeError if the tensor requires grad, or is conjugated or negated, unless it is taken as it is by ``force``.

    >>> import metagrad
    >>> x = metagrad.zeros(2)
    >>> x.numpy()[0] = 1
    >>> x
    tensor([1., 0.])
    """
    if not force and mode.grad and input.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if (conjugated or negated) and not force:
        for marks, what, name in ((conjugated, "conjugate", "conj"), (negated, "negative", "neg")):
            if id(input) in marks:
                raise RuntimeError(
                    f"Can't call numpy() on Tensor that has {what} bit set. Use tensor.resolve_{name}().numpy() instead."
                )
    if of_array(input.array) != CPU and not force:
        raise TypeError(
            f"can't convert {of_array(input.array)} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
            "memory first."
        )
    return np.asarray(move(input.array, CPU))


def converter(kind: dtypes.dtype) -> Callable[..., Tensor]:
    """The method that converts to one dtype.

    >>> import metagrad
    >>> metagrad.tensor([0.5, 2.9]).long()
    tensor([0, 2])
    """

    def convert(input: Tensor, memory_format: memory_format | None = None) -> Tensor:
        out = cast_to(input, kind)
        return out if memory_format in (None, preserve_format) else contiguous(out, memory_format)

    convert.__doc__ = f"The tensor as {kind.name}; itself if it is already."
    return convert


class Real(ViewFunction):
    """y = Re x, the same memory;   ∂L/∂x = ∂L/∂y."""

    def forward(self, x: Array) -> Array:
        return x.real

    def backward(self, grad: Array) -> Array:
        return grad


@asks_for_a_tensor
def real(input: Tensor) -> Tensor:
    """The real part of each element.

    >>> import metagrad
    >>> metagrad.real(metagrad.tensor([1 + 2j]))
    tensor([1.])
    """
    return Real.apply(input) if input.array.dtype.kind == "c" else as_tensor(input)
