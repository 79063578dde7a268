"""Tensors that share memory with what is there: arrays, other libraries' tensors, bytes."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.inference import in_this_mode
from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.base import dtypes
from metagrad.base.device import device as Device
from metagrad.base.device import move, require_cupy
from metagrad.base.dtypes import scalar_name
from metagrad.base.typing import Array, DeviceLike, DTypeLike
from metagrad.base.warning import warn_once
from metagrad.ops.create.from_data import as_tensor, check_strides

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["asarray", "from_dlpack", "from_numpy", "frombuffer"]

_CUDA = 2  # DLPack's number for such devices


def asarray(
    obj: object,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    copy: bool | None = None,
    requires_grad: bool | None = None,
) -> Tensor:
    """``obj`` as a tensor. copy: True always copies, False raises where that cannot be avoided, None avoids it if it can.

    requires_grad: that of ``obj`` if None; False detaches. Raises ValueError for copy=False where memory cannot be
    shared.

    >>> import metagrad
    >>> x = metagrad.tensor([1.0])
    >>> metagrad.asarray(x) is x, metagrad.asarray(x, copy=True) is x
    (True, False)
    """
    if isinstance(obj, (bytes, bytearray, memoryview)):
        obj = _numbers_in(obj, dtype)
    found = as_tensor(obj, dtype, device)
    made, given = unwrap(found), unwrap(obj)
    together = hasattr(given, "__array_function__") and isinstance(made, np.ndarray) == isinstance(given, np.ndarray)
    shared = together and np.may_share_memory(made, given)
    if copy is False and not shared:
        what = "arbitrary sequence into a tensor."
        if hasattr(obj, "dtype"):
            what = f"tensor with dtype '{scalar_name(obj.dtype)}' into dtype '{scalar_name(found.dtype)}'."
        raise ValueError(f"can't alias {what}")
    if copy and shared:
        found = found.clone()
    if requires_grad:
        return found.requires_grad_()
    return found.detach() if requires_grad is False and found.requires_grad else found


def _numbers_in(buffer: bytes | bytearray | memoryview, dtype: DTypeLike) -> Tensor:
    """What bytes hold, as numbers: in the same memory, unless that must not be written to."""
    found = frombuffer(buffer, dtype=dtypes.get_default_dtype() if dtype is None else dtype)
    return found if found.array.flags.writeable else found.clone()


def from_numpy(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares memory with a NumPy array.

    Raises TypeError for anything else, or a dtype that tensors do not have, ValueError for negative strides.

    >>> import metagrad
    >>> a = np.zeros(2)
    >>> metagrad.from_numpy(a)[0] = 1
    >>> a
    array([1., 0.])
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.of(ndarray.dtype)
    if not ndarray.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order: use astype() before")
    if not ndarray.flags.writeable:
        warn_once(
            "The given NumPy array is not writable: in-place operations on this tensor will raise; copy() the array before",
            UserWarning,
        )
    if any(s % ndarray.itemsize for s in ndarray.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory."
        )
    check_strides(ndarray)
    return in_this_mode(wrap(ndarray))


def from_dlpack(ext_tensor: Any, *, device: DeviceLike = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares memory with another library's, through the DLPack protocol. copy: True for memory of its own.

    device: where it is moved, if it is not there.

    A GPU's memory stays there: what that library does on its stream is done before what is done here.

    Raises TypeError for what has no such protocol and is no capsule of it, BufferError for memory that NumPy cannot read.

    >>> import metagrad
    >>> metagrad.from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        try:
            array = _writable(np.from_dlpack(_Capsule(ext_tensor)))
        except ValueError:
            raise RuntimeError(
                "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have "
                "already constructed a tensor from it once."
            ) from None
        return _placed(array, device, copy)
    if isinstance(ext_tensor, Variable) and ext_tensor.array.dtype.kind == "V":  # NumPy's protocol has no bfloat16
        if ext_tensor.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return _placed(ext_tensor.array, device, copy)
    on_gpu = hasattr(ext_tensor, "__dlpack_device__") and int(ext_tensor.__dlpack_device__()[0]) == _CUDA
    array = (require_cupy("cuda") if on_gpu else np).from_dlpack(ext_tensor)  # they ask for it on their current stream
    return _placed(array, device, copy)


def _placed(array: Array, device: DeviceLike, copy: bool | None) -> Tensor:
    moved = array if device is None else move(array, Device(device))
    if moved is not array and copy is False:
        raise ValueError(f"from_dlpack: memory cannot be shared with the device {device}")
    return in_this_mode(wrap(moved.copy() if copy and moved is array else moved))


def _writable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same memory, writable: the older kind of capsule does not say whether it is, and NumPy then takes it that it is not."""
    if not array.size:
        return array
    reach = sum((n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True)) + array.itemsize
    memory = (ctypes.c_char * reach).from_address(array.ctypes.data)
    memory.owner = array  # which keeps it
    return np.ndarray(array.shape, array.dtype, memory, 0, array.strides)


class _Capsule:
    """What an older program has of another library's tensor: the capsule that ``__dlpack__`` returns. It can be read once."""

    def __init__(self, capsule: Any) -> None:
        if type(capsule).__name__ != "PyCapsule":
            raise TypeError(
                f"from_dlpack: expected a tensor of some library, or a capsule, got {type(capsule).__name__}"
            )
        self._capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # of the CPU: NumPy reads no other memory


def frombuffer(
    buffer: Any, *, dtype: DTypeLike, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A vector that shares memory with bytes, from ``offset`` on: ``count`` numbers, or as many as there are.

    Raises ValueError unless there are bytes enough, and whole numbers of them.

    >>> import metagrad
    >>> metagrad.frombuffer(bytearray([1, 0, 2, 0]), dtype=metagrad.int16)
    tensor([1, 2], dtype=metagrad.int16)
    """
    kind = dtypes.of(dtype)
    try:
        length = memoryview(buffer).nbytes
    except TypeError as error:
        raise ValueError(f"object does not implement Python buffer protocol: {error}") from None
    rest, size = length - offset, kind.itemsize
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0 and rest % size:
        raise ValueError(
            f"buffer length ({rest} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})"
        )
    if count * size > rest:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than actual "
            f"buffer length ({length} bytes)"
        )
    if memoryview(buffer).readonly:
        warn_once(
            "The given buffer is not writable: in-place operations on this tensor will raise; bytearray() makes a copy"
        )
    out = in_this_mode(wrap(np.frombuffer(buffer, kind.dtype, count, offset)))
    out.requires_grad = requires_grad
    return out
