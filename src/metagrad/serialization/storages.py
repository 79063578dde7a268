"""How PyTorch's files describe a tensor: a stretch of a storage, with an offset, a size and strides counted in elements."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from metagrad.base.device import CPU, move

Array = Any

# The class PyTorch names for the storage of each number type.
STORAGES = {
    "FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "BFloat16Storage": "bf16", "LongStorage": "i8",
    "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "b1",
    "ComplexFloatStorage": "c8", "ComplexDoubleStorage": "c16",
}  # fmt: skip
NAMES = {code: name for name, code in STORAGES.items()}
# Number types without a storage class of their own are stretches of bytes, with the dtype said beside them.
UNTYPED = {"u2": "uint16", "u4": "uint32", "u8": "uint64"}


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
