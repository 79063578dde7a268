"""How PyTorch's files describe a tensor: a stretch of a storage, with an offset, a size and strides counted in elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.device import CPU, move
from metagrad.base.device import device as Device
from metagrad.base.typing import Array
from metagrad.serialization.errors import CheckpointError
from metagrad.serialization.number_types import is_widened, native, stored, widen
from metagrad.tensors.storage import TypedStorage
from metagrad.tensors.tensor import Tensor


class Place(NamedTuple):
    """Where in which memory a tensor's elements are."""

    memory: Array  # one-dimensional and contiguous
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def place_of(array: Array) -> Place:
    """The array as a stretch of the memory it is a view of; a copy of its own where that memory is of another kind."""
    array = move(array, CPU)
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    itemsize = array.itemsize
    fits = (
        root.dtype == array.dtype
        and (root.flags.c_contiguous or root.flags.f_contiguous)
        and all(step >= 0 and step % itemsize == 0 for step in array.strides)
        and root.dtype.isnative
    )
    if not fits or not array.size:
        array = root = np.array(array.astype(array.dtype.newbyteorder("="), copy=False), order="C")
    memory = root.ravel(order="K")
    offset = (
        (array.__array_interface__["data"][0] - root.__array_interface__["data"][0]) // itemsize if array.size else 0
    )
    return Place(memory, offset, tuple(array.shape), tuple(step // itemsize for step in array.strides))


class StoredNumbers(TypedStorage):
    """A storage of a file.

    The older format says what a file's tensors are before it gives the numbers. So what is computed from the numbers, the
    widening of narrow ones, is put off until they are here.
    """

    def __init__(self, name: str, count: int) -> None:
        super().__init__(np.empty(count, stored(name)))
        self.name = name
        self.location = Device("cpu")  # where the tensors are to be
        self.is_read = False
        self._waiting: list[Callable[[], None]] = []
        self._as: dict[str, Array] = {}

    def clone(self) -> TypedStorage:
        """A copy."""
        return TypedStorage(self.memory.copy())

    def when_read(self, act: Callable[[], None]) -> None:
        """Call ``act()`` as soon as the numbers are here: now, or from ``finish``."""
        if self.is_read:
            act()
        else:
            self._waiting.append(act)

    def finish(self, swap: bool) -> None:
        """The memory has the file's bytes now. swap: it was written by a machine of the other byte order."""
        if swap:
            self.memory.byteswap(inplace=True)
        if self.name == "bool":  # NumPy counts on bytes 0 and 1
            np.not_equal(self.memory.view(np.uint8), 0, out=self.memory)
        self.is_read = True
        for act in self._waiting:
            act()
        self._waiting.clear()

    def widens(self, name: str) -> bool:
        """Whether ``numbers(name)`` is going to take memory."""
        return is_widened(name) and name not in self._as

    def numbers(self, name: str) -> Array:
        """The memory as numbers of a dtype; widened ones are a copy, which all tensors of this storage share."""
        if name in self._as:
            return self._as[name]
        if name != self.name and self.name != "uint8":
            raise CheckpointError(f"damaged: a storage of {self.name} used as one of {name}")
        if self.memory.nbytes % stored(name).itemsize:
            raise CheckpointError(f"damaged: a storage of {self.memory.nbytes} bytes holds no {name}")
        bits = self.memory.view(stored(name))
        if not is_widened(name):
            return native(bits, name)
        wide = self._as[name] = np.empty(len(bits), np.float32)
        self.when_read(lambda: widen(bits, name, wide))
        return wide

    def tensor(
        self,
        name: str,
        offset: int,
        size: tuple[int, ...],
        stride: tuple[int, ...],
        conjugate: bool = False,
        negative: bool = False,
    ) -> Tensor:
        """The tensor with this place in the storage. conjugate, negative: its values are those of the memory, changed so."""
        array = _view(self.numbers(name), offset, size, stride)
        if conjugate or negative:  # PyTorch notes both and leaves the memory as it is; here a tensor has its values
            memory, array = array, np.empty(size, array.dtype)
            self.when_read(lambda: _changed(memory, conjugate, negative, array))
        tensor = wrap(array)
        if self.location != CPU:
            self.when_read(lambda: setattr(tensor, "array", move(array, self.location)))
        return tensor


def _changed(memory: Array, conjugate: bool, negative: bool, out: Array) -> None:
    if conjugate:
        np.conjugate(memory, out=out)
    if negative:
        np.negative(out if conjugate else memory, out=out)


def _view(numbers: Array, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> Array:
    """The elements from ``offset`` on, ``stride`` apart. Raises CheckpointError where that leaves the memory."""
    counts = (offset, *size, *stride)
    if len(size) != len(stride) or len(size) > 64 or not all(type(n) is int and 0 <= n < 2**62 for n in counts):
        raise CheckpointError(f"damaged: a tensor of size {size}, strides {stride} and offset {offset!r}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size:
        return np.empty(size, numbers.dtype)
    if last >= len(numbers):
        raise CheckpointError(f"damaged: a tensor reaches to element {last} of a storage of {len(numbers)}")
    steps = tuple(step * numbers.itemsize for step in stride)
    return np.ndarray(size, numbers.dtype, numbers, offset * numbers.itemsize, steps)
