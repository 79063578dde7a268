"""Where NumPy and CuPy differ: all of it is here, so that an op need not know on which of them its arrays are.

CuPy answers NumPy's protocols, and ``np.exp(x)`` of an array on a GPU is an array there. But it lacks some of what NumPy has
(CuPy 14): methods of ufuncs but for sums and products, ``at`` for some ufuncs and dtypes and for several index arrays, flags
that say whether an array may be written to. What it lacks is made of what it has. (Numbers of the CPU beside tensors of a GPU
are moved where gradients can follow: ``autograd/devices.py``.)
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from metagrad.base.device import cupy, move, of_array
from metagrad.base.typing import Array, Index

# The dtypes for which CuPy has ufunc.at, that is, an addition or a maximum that no other thread of the GPU interrupts. It has
# maximum and minimum of float32 and float64 too, but computes them in float32, and of nan and a number either may come.
_WHOLE = "int32 int64 uint32 uint64".split()
_ATOMIC = {
    "add": [*_WHOLE, "float16", "float32", "float64"],
    "maximum": _WHOLE,
    "minimum": _WHOLE,
}


def is_on_gpu(x: Array) -> bool:
    """Whether this is an array of CuPy's.

    >>> is_on_gpu(np.zeros(2)), is_on_gpu(2.0)
    (False, False)
    """
    known = _KINDS.get(x.__class__)
    if known is None:
        is_array = hasattr(x, "__array_function__") and isinstance(getattr(x, "dtype", None), np.dtype)  # no tensor
        known = is_array and not isinstance(x, np.ndarray) and of_array(x).type == "cuda"
        _KINDS[x.__class__] = known
    return known


_KINDS: dict[type, bool] = {}  # whether arrays of a class are a GPU's


def is_writable(x: Array) -> bool:
    """Whether an array may be written to; CuPy's may always.

    >>> is_writable(np.broadcast_to(1.0, (2,)))
    False
    """
    return bool(getattr(getattr(x, "flags", None), "writeable", True))


def repeated(x: Array, shape: tuple[int, ...]) -> Array:
    """``np.broadcast_to(x, shape)``, in a fifth of the time where the array lies in order; the shape must fit.

    >>> repeated(np.arange(2), (2, 2)).tolist()
    [[0, 1], [0, 1]]
    """
    if x.__class__ is not np.ndarray or not x.size or not x.flags.c_contiguous or x.dtype.kind not in "biufc":
        return np.broadcast_to(x, shape)
    new = len(shape) - x.ndim
    steps = [s if n == m else 0 for s, n, m in zip(x.strides, x.shape, shape[new:], strict=True)]
    view: Array = np.ndarray(shape, x.dtype, x, 0, (*(0,) * new, *steps))
    view.flags.writeable = False
    return view


MAKES_KERNELS = os.environ.get("METAGRAD_GPU_FUSION") != "0"


def makes_kernels(x: Array) -> bool:
    """Whether kernels of our own serve an array: float32 or float64, on the GPU in use; METAGRAD_GPU_FUSION=0 wants none.

    >>> makes_kernels(np.zeros(2))
    False
    """
    if not MAKES_KERNELS or not is_on_gpu(x) or x.dtype.char not in "fd":
        return False
    module: Any = cupy()
    return hasattr(module, "RawKernel") and x.device.id == module.cuda.Device().id


def is_recording() -> bool:
    """Whether a GPU's current stream records what it is given, to do it later and again (``metagrad.cuda.graph``).

    >>> is_recording()
    False
    """
    module = cupy()
    return module is not None and bool(module.cuda.get_current_stream().is_capturing())


@functools.cache
def gpu_rows() -> ModuleType:
    """``kernels/gpu_rows.py``, which is imported where there is a GPU."""
    return importlib.import_module("metagrad.kernels.gpu_rows")


@functools.cache
def gpu_windows() -> ModuleType:
    """``kernels/gpu_windows.py``, likewise."""
    return importlib.import_module("metagrad.kernels.gpu_windows")


def filled(shape: int | tuple[int, ...], value: Any, dtype: Any, like: Array) -> Array:
    """``np.full(shape, value, dtype)`` on the device of an array; NumPy's own ``like=`` passes a parameter on that CuPy refuses.

    >>> filled(2, 1, bool, np.zeros(1))
    array([ True,  True])
    """
    if isinstance(like, np.ndarray):
        return np.full(shape, value, dtype)
    y = np.empty(shape, dtype, like=like)
    y[...] = value
    return y


def whole_on_gpu(x: Array, dtype: np.dtype[Any]) -> Array:
    """Numbers of a GPU with a fraction as int64, where they are to be unsigned: it would make 0 of −1 where the CPU makes 255."""
    return x.astype(np.int64) if x.dtype.kind == "f" and dtype.kind == "u" and dtype.itemsize < 8 else x


def repeats_elements(x: Array) -> bool:
    """Whether elements share their place in memory with their neighbours, as after ``expand``.

    >>> repeats_elements(np.broadcast_to(1.0, (2,))), repeats_elements(np.broadcast_to(1.0, (1,)))
    (True, False)
    """
    return any(s == 0 and n > 1 for n, s in zip(x.shape, x.strides, strict=True))


def made_writable(x: Array) -> bool:
    """Whether a view that NumPy holds read-only may be written to, and from now on is: no element repeats, the memory allows it.

    >>> column = np.broadcast_to(np.zeros((2, 1)), (2, 3))[:, 0]
    >>> column.flags.writeable, made_writable(column), column.flags.writeable
    (False, True, True)
    """
    if repeats_elements(x) or not _lies_in_writable(x):
        return False
    x.flags.writeable = True
    return True


def _lies_in_writable(x: Array) -> bool:
    """Whether an array is a view of one that may be written to."""
    owner = getattr(x, "base", None)
    while isinstance(getattr(owner, "base", None), np.ndarray):
        owner = owner.base  # type: ignore[union-attr]
    return isinstance(owner, np.ndarray) and owner.flags.writeable


@contextlib.contextmanager
def repeats_opened(x: Array) -> Iterator[None]:
    """While it lasts, elements that share a place in memory may be written to: the last one written there stays.

    >>> row = np.broadcast_to(np.zeros((2, 1)), (2, 3))
    >>> with repeats_opened(row):
    ...     row[0] = 5
    >>> row.tolist(), row.flags.writeable
    ([[5.0, 5.0, 5.0], [0.0, 0.0, 0.0]], False)
    """
    opens = not is_writable(x) and repeats_elements(x) and _lies_in_writable(x)
    if opens:
        x.flags.writeable = True
    try:
        yield
    finally:
        if opens:
            x.flags.writeable = False


def beside(index: Index, x: Array) -> Index:
    """An index for x: NumPy's arrays in it are moved to x's GPU, as PyTorch takes indices of the CPU for tensors of a GPU.

    >>> beside((slice(None), np.array([1])), np.zeros((2, 2)))
    (slice(None, None, None), array([1]))
    """
    if isinstance(x, np.ndarray) or not is_on_gpu(x):
        return index
    if isinstance(index, tuple):
        return tuple([beside(part, x) for part in index])
    return move(index, of_array(x)) if isinstance(index, np.ndarray) else index


_LOOKS = os.environ.get("METAGRAD_GPU_CHECKS") == "1"


def looks_at(x: Array) -> bool:
    """Whether an op reads values of x to refuse wrong ones: on a GPU only with METAGRAD_GPU_CHECKS=1 in the environment.

    To look at a value is to wait until the GPU has done all it was told. Where nobody looks, an index out of range wraps around.

    >>> looks_at(np.zeros(2))
    True
    """
    return _LOOKS or not is_on_gpu(x)


def is_outside(index: Array, low: int, count: int) -> bool:
    """Whether an index is below ``low``, or ``count`` and more; not looked at on a GPU (``looks_at``).

    >>> is_outside(np.array([0, 3]), 0, 3), is_outside(np.array([-1]), -3, 3)
    (True, False)
    """
    if not index.size or not looks_at(index):
        return False
    if (
        low == 0 and index.dtype.kind == "i" and isinstance(index, np.ndarray)
    ):  # read as unsigned, negative numbers are large
        return bool(index.view(f"u{index.dtype.itemsize}").max() >= count)
    return bool(index.min() < low or index.max() >= count)


# ------------------------------------------------ methods of ufuncs


def largest(x: Array, axis: tuple[int, ...] | int) -> Array:
    """The largest x, with extent 1 in ``axis``.

    >>> largest(np.array([[1.0, 3.0], [5.0, 2.0]]), 1)
    array([[3.],
           [5.]])
    """
    return x.max(axis=axis, keepdims=True) if is_on_gpu(x) else np.maximum.reduce(x, axis=axis, keepdims=True)


def smallest(x: Array, axis: tuple[int, ...] | int) -> Array:
    """The smallest x, with extent 1 in ``axis``.

    >>> smallest(np.array([[1.0, 3.0], [5.0, 2.0]]), 1)
    array([[1.],
           [2.]])
    """
    return x.min(axis=axis, keepdims=True) if is_on_gpu(x) else np.minimum.reduce(x, axis=axis, keepdims=True)


def accumulate(ufunc: np.ufunc, x: Array, axis: int) -> Array:
    """``ufunc.accumulate``: along ``axis`` what the ufunc makes of the first i elements. The ufunc must be associative.

    On a GPU by doubling (Hillis and Steele 1986): when each element has taken in the d − 1 before it, it takes in those of the
    element d places before.

    >>> accumulate(np.maximum, np.array([1, 3, 2]), 0)
    array([1, 3, 3])
    """
    if not is_on_gpu(x):
        return ufunc.accumulate(x, axis=axis, dtype=x.dtype)  # NumPy adds small integers up as larger ones
    y, reach, before = x, 1, (slice(None),) * axis
    while reach < x.shape[axis]:
        joined = ufunc(y[(*before, slice(reach, None))], y[(*before, slice(None, -reach))])
        y = np.concatenate([y[(*before, slice(None, reach))], joined], axis=axis)
        reach *= 2
    return y if reach > 1 else x.copy()


def xor(x: Array, axis: tuple[int, ...], keepdims: bool) -> Array:
    """``np.bitwise_xor.reduce``, on a GPU by halves.

    >>> xor(np.array([1, 2, 4]), (0,), False)
    np.int64(7)
    """
    if not is_on_gpu(x):
        combine: Callable[..., Array] = np.bitwise_xor.reduce
        return combine(x, axis=axis, keepdims=keepdims)
    kept = [d for d in range(x.ndim) if d not in axis]
    y = np.transpose(x, (*kept, *axis)).reshape((*[x.shape[d] for d in kept], -1))
    while y.shape[-1] > 1:
        half = y.shape[-1] // 2
        y = np.concatenate([np.bitwise_xor(y[..., :half], y[..., half : 2 * half]), y[..., 2 * half :]], axis=-1)
    shape = [1 if d in axis else n for d, n in enumerate(x.shape)]
    return y.reshape([n for d, n in enumerate(shape) if keepdims or d not in axis])


def at(ufunc: np.ufunc, y: Array, index: Array | tuple[Array, ...], x: Array) -> None:
    """``ufunc.at``: y[index] = ufunc(y[index], x) in place, for an index that is named several times as often. y lies in order.

    >>> y = np.zeros(3)
    >>> at(np.add, y, np.array([0, 2, 2]), np.array([1.0, 2.0, 3.0]))
    >>> y
    array([1., 0., 5.])
    """
    if not is_on_gpu(y):
        ufunc.at(y, index, x)
        return
    is_atomic = y.dtype.name in _ATOMIC.get(ufunc.__name__, ())
    if is_atomic and not isinstance(index, tuple):
        ufunc.at(y, index, x)
        return
    places = np.arange(y.size, like=y).reshape(y.shape)[index]
    if not places.size:
        return
    values = np.broadcast_to(np.asarray(x, y.dtype, like=y) if not hasattr(x, "astype") else x, places.shape)
    flat, places, values = y.reshape(-1), places.reshape(-1), values.astype(y.dtype, copy=False).reshape(-1)
    if is_atomic:
        ufunc.at(flat, places, values)
    else:
        _at_in_order(ufunc, flat, places, values)


def _at_in_order(ufunc: np.ufunc, y: Array, places: Array, values: Array) -> None:
    """``at`` of vectors: sorted by place, the values of one place are side by side, and joined by doubling."""
    order = np.argsort(places, kind="stable")
    places, values = places[order], values[order]
    reach = 1
    while reach < len(values):
        joined = np.where(places[reach:] == places[:-reach], ufunc(values[reach:], values[:-reach]), values[reach:])
        values = np.concatenate([values[:reach], joined])
        reach *= 2
    is_last = np.concatenate([places[1:] != places[:-1], np.ones_like(places[:1], bool)])
    longer = np.concatenate([y, y[:1]])  # its last element takes what is no whole sum
    joined = np.where(is_last, ufunc(y[places], values), np.zeros((), y.dtype, like=y))
    longer[np.where(is_last, places, y.size)] = joined.astype(y.dtype, copy=False)
    y[...] = longer[:-1]
