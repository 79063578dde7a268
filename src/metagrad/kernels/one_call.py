"""A ufunc of large arrays that broadcast: parts of the result on all threads, some by compiled loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from metagrad.base.layouts import inverse
from metagrad.base.result_order import order_by
from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks
from metagrad.kernels.compiled import broadcasting as compiled
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.kernels.threads import get_num_threads

_Loop = Callable[..., None]
_WITH_A_ROW: dict[np.ufunc, _Loop] = {
    np.add: compiled.add_row, np.subtract: compiled.subtract_row, np.multiply: compiled.multiply_row,
    np.divide: compiled.divide_by_row,
}  # fmt: skip
_WITH_A_COLUMN: dict[np.ufunc, _Loop] = {
    np.add: compiled.add_column, np.subtract: compiled.subtract_column, np.multiply: compiled.multiply_column,
    np.divide: compiled.divide_by_column,
}  # fmt: skip
_OF_TWO: dict[np.ufunc, _Loop] = {np.maximum: compiled.maximum, np.minimum: compiled.minimum}
_EITHER_WAY = (np.add, np.multiply)  # the operands may be swapped


def in_parts(ufunc: np.ufunc, inputs: Sequence[Array], memory: Array | None = None) -> Array | None:
    """``ufunc(*inputs)`` of floats of one dtype, in ``memory`` if given; None for other inputs.

    >>> in_parts(np.add, [np.ones((2, 1)), np.ones(2)]).tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    kind = inputs[0].dtype if inputs[0].__class__ is np.ndarray else None
    if kind is None or kind.kind != "f" or not all(a.__class__ is np.ndarray and a.dtype == kind for a in inputs):
        return None
    y = _memory_like(inputs) if memory is None else memory
    arrays, out = _flattened(inputs, y)
    run, arrays = _loop_for(ufunc, arrays, out) or (_of_numpy(ufunc), arrays)
    axis, chunks = _chunks(out)
    with np.errstate(all="ignore"):
        map_chunks(lambda s: run(*[_part(a, s, axis, out.ndim) for a in arrays], _part(out, s, axis, out.ndim)), chunks)
    return y


def _memory_like(inputs: Sequence[Array]) -> Array:
    """Memory for a result, in the order in memory that PyTorch gives it."""
    shape = np.broadcast_shapes(*[a.shape for a in inputs])
    if all(a.flags.c_contiguous for a in inputs if a.shape == shape):
        return np.empty(shape, inputs[0].dtype)
    order = order_by(shape, inputs)
    return np.empty([shape[d] for d in order], inputs[0].dtype).transpose(inverse(order))


def _flattened(inputs: Sequence[Array], y: Array) -> tuple[list[Array], Array]:
    """Arrays in order in memory as vectors, or matrices whose rows are as long as the smaller arrays; others as they are."""
    small = [a for a in inputs if a.shape != y.shape and a.size > 1]
    lengths = {a.size for a in small}
    repeated = all(a.shape == y.shape[y.ndim - a.ndim :] for a in small) and len(lengths) <= 1
    if not repeated or not all(a.flags.c_contiguous for a in (*inputs, y)):
        return list(inputs), y
    rows = (-1, *lengths)
    ones = [a.reshape(()) if a.size == 1 != y.size else a.reshape(rows if a.shape == y.shape else -1) for a in inputs]
    return ones, y.reshape(rows)


def _of_numpy(ufunc: np.ufunc) -> Callable[..., None]:
    def run(*arrays: Array) -> None:
        ufunc(*arrays[:-1], out=arrays[-1])

    return run


def _loop_for(ufunc: np.ufunc, arrays: list[Array], out: Array) -> tuple[_Loop, list[Array]] | None:
    """A compiled loop for these arrays, and the arrays in its order."""
    if len(arrays) != 2 or not use_compiled(out) or not all(a.flags.carray for a in (*arrays, out)):
        return None
    if arrays[0].shape != out.shape and ufunc in _EITHER_WAY:
        arrays = arrays[::-1]
    x, other = arrays
    loops = {
        out.shape: _OF_TWO if out.ndim == 1 else {},
        out.shape[1:]: _WITH_A_ROW if out.ndim == 2 else {},
        (len(out), 1): _WITH_A_COLUMN if out.ndim == 2 else {},
    }
    loop = loops.get(other.shape, {}).get(ufunc) if x.shape == out.shape else None
    return (loop, arrays) if loop else None


def _chunks(y: Array) -> tuple[int, list[slice]]:
    """The dimension to cut, that whose steps in memory are the longest among those long enough, and chunks of it."""
    threads = get_num_threads()
    fit = [d for d in range(y.ndim) if y.shape[d] >= threads] or [int(np.argmax(y.shape))]
    axis = max(fit, key=lambda d: abs(y.strides[d]))
    unit = max(1, y.size // max(1, y.shape[axis]))
    length = max(1, tuning.POINTWISE_CHUNK_READ_ONCE // unit)
    return axis, even_chunks(y.shape[axis], length, threads, unit * tuning.POINTWISE_COST)


def _part(a: Array, chunk: slice, axis: int, dims: int) -> Array:
    """What belongs to a chunk of the result along one of its dimensions."""
    d = axis - (dims - a.ndim)
    return a[(slice(None),) * d + (chunk,)] if d >= 0 and a.shape[d] > 1 else a
