"""The memory that tensors lie in, as programs see it that look beneath tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metagrad.base import dtypes
from metagrad.base.device import CPU, move, of_array
from metagrad.base.device import device as Device
from metagrad.base.dtypes import get_default_dtype
from metagrad.base.naming import public
from metagrad.base.typing import Array, DeviceLike, Number
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
        kind = np.dtype(np.uint8) if cls is UntypedStorage else get_default_dtype().dtype
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
        return 0 if self.device.type == "meta" else int(self.memory.__array_interface__["data"][0])

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self.memory.tolist()

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

    def share_memory_(self) -> UntypedStorage:
        """This storage's numbers in memory that forked processes have in common: of a tensor, call the tensor's own method."""
        self.memory = shared(self.memory)
        return self

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is a GPU's."""
        return self.device.type == "cuda"

    is_sparse = False
    _name = "storage.UntypedStorage"

    def copy_(self, source: UntypedStorage) -> UntypedStorage:
        """Take the values of another storage."""
        self.memory[...] = source.memory
        return self

    def fill_(self, value: Number) -> UntypedStorage:
        """Set every element to one number."""
        self.memory[...] = value
        return self

    def __getitem__(self, index: int | slice) -> UntypedStorage | Number:
        if isinstance(index, slice):
            return self._of(self.memory[index])
        self._check(index)
        return self.memory[index].item()

    def __setitem__(self, index: int | slice, value: Number) -> None:
        if not isinstance(index, slice):
            self._check(index)
        self.memory[index] = value

    def _check(self, index: int) -> None:
        if not -len(self) <= index < len(self):
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
        lines = "".join(f" {value}\n" for value in self.tolist()) or " \n"
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
        """``wrap_storage`` shows memory that is there as numbers of ``dtype``; without a dtype it is the default one."""
        if wrap_storage is not None:
            source = wrap_storage.memory.view(np.uint8)
            source = source.view((dtype or get_default_dtype()).dtype)
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
        return cls(_numbers_in(buffer, byte_order, count, offset, dtype or get_default_dtype()))

    @property
    def dtype(self) -> dtypes.dtype:
        """The dtype of its elements."""
        return dtypes.of(self.memory.dtype)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self.memory.view(np.uint8))

    def __getitem__(self, index: int | slice) -> UntypedStorage | Number:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__: use untyped()")
        return super().__getitem__(index)

    def to(self, dtype: dtypes.dtype) -> TypedStorage:
        """A storage of these numbers in another dtype; itself, if that is its own."""
        return self if dtype is self.dtype else TypedStorage(self.memory.astype(dtype.dtype))

    _name = "storage.TypedStorage"

    def _about(self) -> str:
        return f"dtype={self.dtype}, device={self.device}"


def _conversion(name: str, dtype: dtypes.dtype) -> Callable[[TypedStorage], TypedStorage]:
    def convert(storage: TypedStorage) -> TypedStorage:
        return storage.to(dtype)

    convert.__name__, convert.__qualname__ = name, f"TypedStorage.{name}"
    convert.__doc__ = f"These numbers as {dtype}."
    return convert


for _name, _dtype in {
    "double": dtypes.float64, "float": dtypes.float32, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64, "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
    "bool": dtypes.bool_, "complex_double": dtypes.complex128, "complex_float": dtypes.complex64,
}.items():  # fmt: skip
    setattr(TypedStorage, _name, _conversion(_name, _dtype))


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
