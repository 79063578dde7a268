"""The memory that tensors lie in, as programs see it that look beneath tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.base import dtypes
from metagrad.base.device import CPU, address, move, of_array
from metagrad.base.device import device as Device
from metagrad.base.dtypes import get_default_dtype
from metagrad.base.naming import public
from metagrad.base.typing import Array, DeviceLike, Number
from metagrad.ops.create.conversion import type_names
from metagrad.tensors.sharing import is_shared, shared


class UntypedStorage:
    """A block of memory as bytes: ``tensor.untyped_storage()``. Views of one tensor have one storage.

    >>> import metagrad
    >>> x = metagrad.zeros(2, 3)
    >>> x.untyped_storage().nbytes(), x[1].untyped_storage().data_ptr() == x.data_ptr()
    (24, True)
    """

    memory: Array

    def __init__(self, source: Array | Sequence[int] | int = 0, *, device: DeviceLike | None = None) -> None:
        """Of so many bytes, not set; of a sequence's numbers, one a byte; or of the memory of an array."""
        self.memory = _memory(source, np.dtype(np.uint8), device)

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The bytes of a file, read as they are used; only with ``shared`` is what is written into them written into the file."""
        kind = np.dtype(np.uint8) if cls is UntypedStorage else _default(cls).dtype
        memory = np.memmap(filename, kind, "r+" if shared else "c", shape=(nbytes,) if nbytes else None)
        return cls(memory.view(np.ndarray))

    @classmethod
    def from_buffer(
        cls,
        buffer: bytes | bytearray | memoryview,
        byte_order: str | None = None,
        count: int = -1,
        offset: int = 0,
        *,
        dtype: dtypes.dtype | None = None,
    ) -> UntypedStorage:
        """A copy of ``count`` numbers of a dtype that stand in a buffer from ``offset`` on, as bytes; -1: of all."""
        if dtype is None:
            raise RuntimeError("argument 'dtype' cannot be None: of which kind are the numbers in the buffer?")
        return cls(_numbers_in(buffer, byte_order, count, offset, dtype).view(np.uint8))

    @property
    def device(self) -> Device:
        """Where the memory is."""
        return of_array(self.memory)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of elements, as the shape of a vector."""
        return (len(self),)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.memory, dtype, copy=copy)

    def seen_as(self, dtype: dtypes.dtype | None) -> Array:
        """The memory as numbers of a dtype, as which a tensor is made of it."""
        return self.memory if dtype is None else self.memory.view(dtype.dtype)

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + self.nbytes()

    def nbytes(self) -> int:
        """The number of bytes."""
        return int(self.memory.nbytes)

    def size(self) -> int:
        """The number of elements: of bytes, in an untyped storage."""
        return int(self.memory.size)

    __len__ = size

    def element_size(self) -> int:
        """Bytes an element takes."""
        return int(self.memory.itemsize)

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return 0 if self.device.type == "meta" else address(self.memory)

    _cdata = property(data_ptr)  # which memory it is

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        self._check_numbers()
        return self.memory.tolist()

    def _check_numbers(self) -> None:
        if self.device.type == "meta":
            raise NotImplementedError("Not available for 'meta' device type: there are no numbers in such a storage")

    def resize_(self, size: int) -> UntypedStorage:
        """Another number of elements: those that fit are kept, more are not set.

        Raises RuntimeError for the memory of a tensor: the tensor would not see the new one.
        """
        if size != len(self):
            if self.memory.base is not None:
                raise RuntimeError(
                    "the memory of a tensor cannot be resized beneath it: call the tensor's own resize_()"
                )
            kept, self.memory = self.memory[:size], np.empty(size, self.memory.dtype, like=self.memory)
            self.memory[: len(kept)] = kept
        return self

    def clone(self) -> UntypedStorage:
        """A copy."""
        return self._of(self.memory.copy())

    def cpu(self) -> UntypedStorage:
        """The same bytes in the CPU's memory: the storage itself if it is there."""
        return self if self.device.type == "cpu" else self._of(move(self.memory, CPU))

    def new(self) -> UntypedStorage:
        """An empty storage."""
        return type(self)()

    def is_shared(self) -> bool:
        """Whether forked processes have the memory in common: see ``Tensor.share_memory_``."""
        return is_shared(self.memory)

    def is_pinned(self) -> bool:
        """False: metagrad does not pin memory."""
        return False

    def resizable(self) -> bool:
        """Whether ``resize_`` may be asked."""
        return True

    def get_device(self) -> int:
        """The number of the GPU; -1 on the CPU."""
        return -1 if self.device.index is None else self.device.index

    def to(self, *, device: Device | str | int) -> UntypedStorage:
        """The same numbers on a device; the storage itself if they are there."""
        return self if Device(device) == self.device else self._of(move(self.memory, Device(device)))

    def byteswap(self, dtype: dtypes.dtype) -> None:
        """Turn the bytes of each number of a dtype around, of complex ones those of each part."""
        part = dtype.dtype if dtype.dtype.kind != "c" else np.dtype(f"f{dtype.itemsize // 2}")
        self.memory.view(part).byteswap(inplace=True)

    def type(self) -> str:
        """The name of its class."""
        return public("storage.UntypedStorage")

    def share_memory_(self) -> UntypedStorage:
        """This storage's numbers in memory that forked processes have in common: of a tensor, call the tensor's own method."""
        self.memory = shared(self.memory)
        return self

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is a GPU's."""
        return self.device.type == "cuda"

    is_sparse = is_hpu = False
    filename = None  # of the file it was mapped from, where that is known
    _kinds: Any = int
    _name = "storage.UntypedStorage"

    def copy_(self, source: UntypedStorage) -> UntypedStorage:
        """Take the bytes of another storage of as many bytes."""
        if not isinstance(source, UntypedStorage):
            raise TypeError(f"copy_(): argument 'src' must be a storage, not {type(source).__name__}")
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        if self.device.type != "meta":
            self.memory.view(np.uint8)[...] = move(source.memory, self.device).view(np.uint8)
        return self

    def fill_(self, value: Number) -> UntypedStorage:
        """Set every element to one number."""
        if not isinstance(value, self._kinds):
            raise RuntimeError(
                f"fill_ expects {'int' if self._kinds is int else 'a number'}, but got {type(value).__name__}"
            )
        if self.device.type != "meta":
            self.memory[...] = value
        return self

    def __getitem__(self, index: int | slice) -> UntypedStorage | Number:
        self._check(index, TypeError)
        return self._of(self.memory[index]) if isinstance(index, slice) else self.memory[index].item()

    def __setitem__(self, index: int | slice, value: Number) -> None:
        self._check(index, RuntimeError)
        if self._kinds is int and not isinstance(value, int):
            raise RuntimeError(f"can only set storage content with a int types, but got {type(value).__name__} instead")
        self.memory[index] = value

    def _check(self, index: object, refusal: Callable[[str], Exception]) -> None:
        self._check_numbers()
        if isinstance(index, slice):
            if index.step not in (None, 1):
                raise RuntimeError(f"Trying to slice with a step of {index.step}, but only a step of 1 is supported")
        elif not isinstance(index, int):
            raise refusal(f"can't index a {public(self._name)} with {type(index).__name__}")
        elif not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")

    @classmethod
    def _of(cls, memory: Array) -> UntypedStorage:
        return cls(memory)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, UntypedStorage)
            and self.data_ptr() == other.data_ptr()
            and self.nbytes() == other.nbytes()
        )

    def __hash__(self) -> int:
        return hash((self.data_ptr(), self.nbytes()))

    def __repr__(self) -> str:
        values = [] if self.device.type == "meta" else self.tolist()
        lines = "".join(f" {value}\n" for value in values) or (" ...\n" if len(self) else " \n")
        return f"{lines}[{public(self._name)}({self._about()}) of size {len(self)}]"

    def _about(self) -> str:
        return f"device={self.device}"


class TypedStorage(UntypedStorage):
    """A block of memory as numbers of one dtype: ``tensor.storage()``, or new, of so many numbers or of those of a sequence.

    >>> TypedStorage([1, 2], dtype=dtypes.int16).tolist(), TypedStorage(3).nbytes()
    ([1, 2], 12)
    """

    def __init__(
        self,
        source: Array | Sequence[Number] | int = 0,
        *,
        wrap_storage: UntypedStorage | None = None,
        dtype: dtypes.dtype | None = None,
        device: DeviceLike | None = None,
    ) -> None:
        """``wrap_storage`` shows memory that is there as numbers of ``dtype``, which otherwise is the default one."""
        if wrap_storage is not None:
            check_wrapped("TypedStorage.__init__", source, wrap_storage, dtype, device)
            source = wrap_storage.memory.view(dtype.dtype)  # type: ignore[union-attr]
        self.memory = _memory(source, (dtype or get_default_dtype()).dtype, device)

    @classmethod
    def from_buffer(
        cls,
        buffer: bytes | bytearray | memoryview,
        byte_order: str | None = None,
        count: int = -1,
        offset: int = 0,
        *,
        dtype: dtypes.dtype | None = None,
    ) -> TypedStorage:
        """A copy of ``count`` numbers that stand in a buffer from ``offset`` on, "native", "little" or "big" end first."""
        return cls(_numbers_in(buffer, byte_order, count, offset, dtype or _default(cls)))

    @property
    def dtype(self) -> dtypes.dtype:
        """The dtype of its elements."""
        return dtypes.of(self.memory.dtype)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self.memory.view(np.uint8))

    _untyped_storage = property(untyped)

    def seen_as(self, dtype: dtypes.dtype | None) -> Array:
        """The memory, as a tensor is made of it: of this dtype and no other."""
        if dtype is not None and dtype is not self.dtype:
            names = dtypes.scalar_name(dtype), dtypes.scalar_name(self.dtype)
            raise RuntimeError(f"Expected a Storage of type {names[0]} or an UntypedStorage, but got {names[1]}")
        return self.memory

    def __getitem__(self, index: int | slice) -> UntypedStorage | Number:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__: use untyped()")
        return super().__getitem__(index)

    def pickle_storage_type(self) -> str:
        """The name of the older class for storages of this dtype.

        >>> TypedStorage(2, dtype=dtypes.int16).pickle_storage_type()
        'ShortStorage'
        """
        return _dtype_to_storage_type_map()[self.dtype]

    def type(self) -> str:
        """That name with the package's before it."""
        return public(self.pickle_storage_type())

    _kinds = Number
    _name = "storage.TypedStorage"

    def _about(self) -> str:
        return f"dtype={self.dtype}, device={self.device}"


def _default(cls: type) -> dtypes.dtype:
    """The dtype that a class of storages is of, or else the default one."""
    own = getattr(cls, "dtype", None)
    return own if isinstance(own, dtypes.dtype) else get_default_dtype()


def _dtype_to_storage_type_map() -> dict[dtypes.dtype, str]:
    """The names of the older classes, by dtype."""
    return {dtypes.of(kind): name.replace("Tensor", "Storage") for name, kind in type_names.items()}


def check_wrapped(maker: str, source: Any, wrapped: object, dtype: Any, device: DeviceLike | None = None) -> None:
    """Raise unless ``wrap_storage`` is a storage of bytes and stands alone with a dtype."""
    error: type[Exception] = RuntimeError
    if not isinstance(source, int) or source != 0:
        wrong = "No positional arguments should be given when using 'wrap_storage'"
    elif dtype is None:
        wrong = "Argument 'dtype' must be specified"
    elif not isinstance(dtype, dtypes.dtype):
        wrong, error = f"Argument 'dtype' must be {public('dtype')}, not {type(dtype)}", TypeError
    elif device is not None:
        wrong = "Argument 'device' should not be specified when 'wrap_storage' is given"
    elif not isinstance(wrapped, UntypedStorage) or isinstance(wrapped, TypedStorage):
        wrong, error = f"Argument 'wrap_storage' must be UntypedStorage, but got {type(wrapped)}", TypeError
    else:
        return
    raise error(f"{maker} received an invalid combination of arguments. {wrong}")


def _conversion(name: str, dtype: dtypes.dtype) -> Callable[[UntypedStorage], TypedStorage]:
    def convert(storage: UntypedStorage) -> TypedStorage:
        own = isinstance(storage, TypedStorage) and storage.dtype is dtype
        return storage if own else TypedStorage(storage.memory.astype(dtype.dtype))  # type: ignore[return-value]

    convert.__name__, convert.__qualname__ = name, f"UntypedStorage.{name}"
    convert.__doc__ = f"These numbers as {dtype}; the storage itself, if they are."
    return convert


for _name, _dtype in {
    "double": dtypes.float64, "float": dtypes.float32, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64, "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
    "bool": dtypes.bool_, "complex_double": dtypes.complex128, "complex_float": dtypes.complex64,
}.items():  # fmt: skip
    setattr(UntypedStorage, _name, _conversion(_name, _dtype))


def _numbers_in(
    buffer: bytes | bytearray | memoryview, byte_order: str | None, count: int, offset: int, dtype: dtypes.dtype
) -> Array:
    width, size = dtype.itemsize, len(buffer)
    if byte_order is None and width > 1:
        raise RuntimeError(f'numbers of {width} bytes need byte_order="native", "little" or "big"')
    if byte_order not in (None, "native", "little", "big"):
        raise ValueError(f'invalid byte_order: it is "native", "little" or "big", got {byte_order!r}')
    if not 0 <= offset <= size:
        raise ValueError(f"offset must be non-negative and no greater than buffer length ({size}), got {offset}")
    if count < 0 and (size - offset) % width:
        raise ValueError(f"buffer size ({size}) must be a multiple of element size ({width})")
    if count * width > size - offset:
        raise ValueError(
            f"buffer has only {(size - offset) // width} elements after offset {offset}, got count={count}"
        )
    numbers = np.frombuffer(buffer, np.uint8)[offset:][: None if count < 0 else count * width].view(dtype.dtype)
    return numbers.copy() if byte_order in (None, "native", sys.byteorder) else numbers.byteswap()


def _memory(source: Any, kind: np.dtype[Any], device: DeviceLike | None) -> Array:
    """An array itself; new memory for a number of elements, or for the elements of a sequence."""
    if hasattr(source, "strides"):
        return source
    if not isinstance(source, (int, Sequence)) or isinstance(source, (str, bytes)):
        raise TypeError(f"expected a number of elements or a sequence of numbers, got {type(source).__name__}")
    if isinstance(source, int):
        host = np.empty(source, kind)
    else:
        host = np.array(source).astype(kind) if len(source) else np.empty(0, kind)
    return move(host, Device(device or CPU))
