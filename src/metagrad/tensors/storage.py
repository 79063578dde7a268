"""The memory that tensors lie in, as programs see it that look beneath tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from metagrad.base import dtypes
from metagrad.base.device import device as Device
from metagrad.base.device import of_array
from metagrad.base.dtypes import get_default_dtype
from metagrad.base.typing import Array, Number


class UntypedStorage:
    """A block of memory as bytes: ``tensor.untyped_storage()``. Views of one tensor have one storage.

    >>> import metagrad
    >>> x = metagrad.zeros(2, 3)
    >>> x.untyped_storage().nbytes(), x[1].untyped_storage().data_ptr() == x.data_ptr()
    (24, True)
    """

    def __init__(self, memory: Array) -> None:
        self.memory = memory

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The bytes of a file, read as they are used; only with ``shared`` is what is written into them written into the file."""
        kind = np.dtype(np.uint8) if cls is UntypedStorage else get_default_dtype().dtype
        memory = np.memmap(filename, kind, "r+" if shared else "c", shape=(nbytes,) if nbytes else None)
        return cls(memory.view(np.ndarray))

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

    def clone(self) -> UntypedStorage:
        """A copy."""
        return type(self)(self.memory.copy())

    def copy_(self, source: UntypedStorage) -> UntypedStorage:
        """Take the values of another storage."""
        self.memory[...] = source.memory
        return self

    def fill_(self, value: Number) -> UntypedStorage:
        """Set every element to one number."""
        self.memory[...] = value
        return self

    def __getitem__(self, index: int | slice) -> UntypedStorage | Number:
        found = self.memory[index]
        return type(self)(found) if isinstance(index, slice) else found.item()

    def __setitem__(self, index: int | slice, value: Number) -> None:
        self.memory[index] = value

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, UntypedStorage)
            and self.data_ptr() == other.data_ptr()
            and self.nbytes() == other.nbytes()
        )

    def __hash__(self) -> int:
        return hash((self.data_ptr(), self.nbytes()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size()} elements of {self.memory.dtype}, device={self.device})"


class TypedStorage(UntypedStorage):
    """A block of memory as numbers of one dtype: ``tensor.storage()``."""

    @property
    def dtype(self) -> dtypes.dtype:
        """The dtype of its elements."""
        return dtypes.of(self.memory.dtype)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self.memory.view(np.uint8))
