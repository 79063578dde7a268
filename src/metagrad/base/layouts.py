"""How a tensor's elements lie in memory, and where: the constants programs name it by. metagrad's tensors are always strided."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np

from metagrad.base.naming import public
from metagrad.base.typing import Array


class layout:
    """A kind of storage. metagrad has one: ``metagrad.strided``, all elements in one block of memory."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return public(self.name)

    def __reduce__(self) -> str:
        return self.name


class memory_format:
    """An order of dimensions in memory; ``order``: from the one with the widest steps to the one with the narrowest."""

    def __init__(self, name: str, order: tuple[int, ...] = ()) -> None:
        self.name, self.order = name, order

    def __repr__(self) -> str:
        return public(self.name)

    def __reduce__(self) -> str:
        return self.name

    def order_of(self, ndim: int) -> tuple[int, ...]:
        """The order of the dimensions of a tensor; raises if this format is for another number of them."""
        if self.order and len(self.order) != ndim:
            raise RuntimeError(
                f"required rank {len(self.order)} tensor to use {self.name} format, got {ndim} dimensions"
            )
        return self.order or tuple(range(ndim))


strided = layout("strided")
# others that programs ask for by name, and that no tensor has
sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc, jagged = (
    layout(name) for name in ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged")
)
contiguous_format = memory_format("contiguous_format")
legacy_contiguous_format = contiguous_format
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last", (0, 2, 3, 1))
channels_last_3d = memory_format("channels_last_3d", (0, 2, 3, 4, 1))


def inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes another.

    >>> inverse((2, 0, 1))
    (1, 2, 0)
    """
    return tuple(sorted(range(len(order)), key=order.__getitem__))


def in_order(x: Array) -> Array:
    """An array whose elements lie in order in memory: itself, or a copy. One on another device stays as it is.

    >>> in_order(np.zeros((2, 3)).T).strides
    (16, 8)
    """
    return x.copy() if isinstance(x, np.ndarray) and not x.flags.c_contiguous else x


def order_of(x: Array) -> tuple[int, ...]:
    """The dimensions of an array, from the one with the widest steps to the one with the narrowest.

    >>> order_of(np.zeros((2, 3)).T)
    (1, 0)
    """
    return tuple(sorted(range(x.ndim), key=lambda d: -x.strides[d]))


def has_no_gaps(x: Array) -> bool:
    """Whether elements lie one after the other in memory, in some order of the dimensions, none of them twice.

    >>> has_no_gaps(np.zeros((2, 3)).T), has_no_gaps(np.zeros((2, 4))[:, ::2])
    (True, False)
    """
    return bool(x.transpose(order_of(x)).flags.c_contiguous)


def made_as_it_lies(x: Array, make: Callable[[tuple[int, ...]], Array]) -> Array:
    """What is made of a shape, the first elements for those of x that come first in memory.

    >>> made_as_it_lies(np.zeros((2, 3)).T, lambda shape: np.arange(6).reshape(shape))
    array([[0, 3],
           [1, 4],
           [2, 5]])
    """
    if x.flags.c_contiguous or not has_no_gaps(x):
        return make(tuple(x.shape))
    order = order_of(x)
    return make(tuple(x.shape[d] for d in order)).transpose(inverse(order))


class NotStrided(NotImplementedError, ValueError):
    """A layout was asked for that metagrad has not; PyTorch raises the one or the other of the two kinds."""


def check_layout(wanted: layout | None, function: str = "this function") -> None:
    """Raise unless this is the layout that metagrad has.

    NotImplementedError otherwise.

    >>> check_layout(strided)
    """
    if wanted not in (None, strided):
        raise NotStrided(
            f"{function} is implemented for strided tensors only, got: {wanted}: metagrad's tensors are dense"
        )


# ------------------------------------------------ the place of an array, which compiled loops ask for at every call

_HEAD = object.__basicsize__  # of each Python object; an array's first field after it is the place of its first element
_number_at = ctypes.c_ssize_t.from_address


def _as_told(array: Array) -> int:
    return array.__array_interface__["data"][0]


def _as_read(array: Array) -> int:
    return _number_at(id(array) + _HEAD).value


def _is_read_rightly() -> bool:
    """Whether objects are laid out here as in CPython: then arrays are as NumPy's C interface says."""
    samples = np.ones(3), np.ones((2, 3))[1:, 1:], np.empty(0), np.array(1.0)
    return hasattr(ctypes, "pythonapi") and all(_as_read(a) == _as_told(a) for a in samples)


place_of = _as_read if _is_read_rightly() else _as_told
place_of.__doc__ = """The address of a NumPy array's first element; NumPy takes eight times as long to tell it.

That it is such an array is not checked.

>>> x = np.zeros(4, np.float32)
>>> place_of(x[1:]) - place_of(x)
4
"""


def places_of(x: Array, outer: int) -> Array:
    """The addresses, int64, where the parts begin that an array's first dimensions number.

    >>> x = np.zeros((2, 3, 5), np.float32)
    >>> (places_of(x, 2) - place_of(x)).tolist()
    [0, 20, 40, 60, 80, 100]
    """
    places = np.array(place_of(x), np.int64)
    for n, step in zip(x.shape[:outer], x.strides[:outer], strict=True):
        places = places[..., None] + np.arange(n, dtype=np.int64) * step
    return places.reshape(-1)
