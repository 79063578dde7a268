"""Where arrays live: the CPU (NumPy), or an NVIDIA GPU through CuPy, which answers NumPy's protocols.

The tests in ``tests/gpu`` run where there is a GPU. Where there is none, others prove that no op asks for what CuPy refuses: they
run every op on a strict stand-in array type, which also refuses to become a NumPy array.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from types import ModuleType

import numpy as np

from metagrad.base.typing import Array, DeviceLike

# the kinds of devices; of those behind "meta" programs may ask, and no tensor can be there
_NAMES = ("cpu", "cuda", "meta", "mps", "xpu", "xla", "mtia", "hpu", "ipu", "vulkan", "privateuseone")


class device:
    """Where tensors are: ``device("cpu")``, ``device("cuda")``, ``device("cuda:1")``, ``device("cuda", 1)``.

    >>> device("cuda:1").type, device("cuda:1").index
    ('cuda', 1)
    """

    __slots__ = ("index", "type")
    type: str
    index: int | None

    def __init__(self, type: device | str | int = "cpu", index: int | None = None) -> None:
        if type.__class__ is int:
            index, type = type, "cuda"
        if not isinstance(type, (str, device)):
            raise TypeError(f'expected a device such as "cpu", "cuda", "cuda:0" or "meta", got {type!r:.80}')
        name, colon, number = str(type).partition(":")
        if index is not None and (not isinstance(index, int) or index < 0 or number):
            raise _wrong_index(type, index)
        if name not in _NAMES or colon and (not number.isdigit() or number != str(int(number))):
            raise RuntimeError(_misunderstood(str(type)))
        self.type = name
        self.index = int(number) if number else index

    def __enter__(self) -> device:
        """``with device("cuda"):`` makes it the default of new tensors, until the end of the block."""
        _defaults.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _defaults.pop()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (")" if self.index is None else f", index={self.index})")


def _wrong_index(type: object, index: object) -> Exception:
    if not isinstance(index, int):
        return TypeError(f"device(): argument 'index' (position 2) must be int, not {index.__class__.__name__}")
    if index < 0:
        return RuntimeError(f"Device index must not be negative, got {index}")
    return RuntimeError(f"type (string) must not include an index because index was passed explicitly: {type}")


def _misunderstood(text: str) -> str:
    if not text:
        return "Device string must not be empty"
    name = text.partition(":")[0]
    if name in _NAMES:
        return f"Invalid device string: '{text}', a number comes after the colon"
    known = "cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, hpu, mtia"
    return f"Expected one of {known}, privateuseone device type at start of device string: {name}"


_device = device
CPU, META = device("cpu"), device("meta")
_defaults = [CPU]  # the default, then those of the `with` blocks we are in


def get_default_device() -> device:
    """Where new tensors are made unless a function is told otherwise: the CPU at first.

    >>> get_default_device()
    device(type='cpu')
    """
    return _defaults[-1]


def set_default_device(device: DeviceLike) -> None:
    """Make a device the default of new tensors; None: the CPU.

    >>> set_default_device("cpu")
    """
    _defaults[-1] = CPU if device is None else _device(device)


@functools.cache
def cupy() -> ModuleType | None:
    """The CuPy module, or None if it is not installed or finds no GPU.

    >>> array_library = cupy() or np
    """
    try:
        module = importlib.import_module("cupy")
        return module if module.cuda.runtime.getDeviceCount() > 0 else None
    except Exception:  # CuPy raises its own error types when a driver or library is missing
        return None


def require_cupy(wanted: object) -> ModuleType:
    """The CuPy module; raises, saying what is missing, if it cannot be used.

    >>> array_library = require_cupy("cuda") if cupy() else np
    """
    module = cupy()
    if module is None:
        try:
            importlib.import_module("cupy")
        except ImportError:
            missing = 'CuPy is not installed (pip install "metagrad[cuda12]", or "metagrad[cuda13]" for CUDA 13)'
        except Exception as error:
            missing = f"CuPy does not load: {error}"
        else:
            missing = "CuPy finds no CUDA-capable GPU or driver"
        raise NoGPUError(
            f"device {str(wanted)!r} cannot be used: {missing}. Torch not compiled with CUDA enabled: use device 'cpu'"
        )
    return module


def of_array(array: Array) -> device:
    """The device an array is on.

    >>> of_array(np.zeros(2))
    device(type='cpu')
    """
    where = getattr(array, "device", None)
    if isinstance(array, np.ndarray) or where == "cpu":  # the array API's name for it
        return CPU
    if where == "meta":
        return META
    return device("cuda", getattr(where, "id", 0))


def address(array: Array) -> int:
    """Where an array's first element lies, in the memory of its device.

    >>> a = np.zeros(2, np.float32)
    >>> address(a[1:]) - address(a)
    4
    """
    return int(array.__array_interface__["data"][0] if isinstance(array, np.ndarray) else array.data.ptr)


class NoGPUError(RuntimeError, AssertionError):
    """What is asked for needs a GPU, and none can be used: an AssertionError too, for PyTorch raises that."""


class OutOfMemoryError(RuntimeError, MemoryError):
    """A GPU has not as much memory left as was asked for."""


class NoMemoryError(RuntimeError, MemoryError):
    """The CPU has not as much memory as was asked for: a RuntimeError too, which PyTorch raises."""


def out_of_memory(error: MemoryError) -> MemoryError:
    """An error of the memory in PyTorch's words; of a GPU's with what is free.

    >>> out_of_memory(MemoryError("Unable to allocate 8 TiB"))
    NoMemoryError("DefaultCPUAllocator: can't allocate memory: Unable to allocate 8 TiB")
    """
    if isinstance(error, (NoMemoryError, OutOfMemoryError)):
        return error
    if not type(error).__module__.startswith("cupy"):
        size = getattr(error, "_total_size", None)
        asked = error if size is None else f"you tried to allocate {size} bytes. {error}"
        return NoMemoryError(f"DefaultCPUAllocator: can't allocate memory: {asked}")
    free, total = require_cupy("cuda").cuda.runtime.memGetInfo()
    return OutOfMemoryError(
        f"CUDA out of memory. {error} Of the GPU's {total:,} bytes {free:,} are free: use smaller batches, drop tensors that are "
        "no longer needed, or call metagrad.cuda.empty_cache() if other programs need what is kept for reuse"
    )


def move(array: Array, to: device) -> Array:
    """The array on a device: itself if it is there already.

    >>> a = np.zeros(2)
    >>> move(a, CPU) is a
    True
    """
    where = of_array(array)
    if to.type == "cpu" and where is not META:
        return array if where is CPU else array.get()  # CuPy's way back
    if to.type == "meta" or where is META:
        return _without_numbers(array, to)
    if to.type != "cuda":
        raise RuntimeError(f"device {str(to)!r} cannot be used: metagrad's tensors are on 'cpu', 'cuda' or 'meta'")
    return _on_gpu(to, lambda module: module.asarray(array))


def _on_gpu(where: device, make: Callable[[ModuleType], Array]) -> Array:
    """What is made with CuPy while that GPU is the one in use."""
    module = require_cupy(where)
    if where.index is not None and where.index >= (there := int(module.cuda.runtime.getDeviceCount())):
        raise RuntimeError(
            f"CUDA error: invalid device ordinal: {str(where)!r}, but there are {there} GPUs, counted from 0"
        )
    with module.cuda.Device(where.index):  # None: the one in use
        try:
            return make(module)
        except MemoryError as error:
            raise out_of_memory(error) from None


def repeated_on(gpu: device, one: np.ndarray, shape: tuple[int, ...]) -> Array:
    """An array on a GPU with one number everywhere, of the dtype of the 0-d array ``one``; only that number travels.

    >>> zeros = repeated_on(device("cuda"), np.zeros(()), (2, 3)) if cupy() else np.zeros((2, 3))
    """
    if one.dtype.kind == "V":  # bfloat16
        return move(np.full(shape, one), gpu)
    return _on_gpu(gpu, lambda module: module.full(shape, one.item(), one.dtype))


def _without_numbers(array: Array, to: device) -> Array:
    """The array's shape and dtype on the device ``meta``. There is no way back from there."""
    from metagrad.base.meta import MetaArray, made

    if to.type != "meta":
        raise NotImplementedError(
            "Cannot copy out of meta tensor; no data! Use to_empty() to give a module memory, and load its parameters"
        )
    return array if isinstance(array, MetaArray) else made(array.shape, array.dtype, array.strides)
