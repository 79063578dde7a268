"""Copies of large arrays, in another dtype, order or shape or not, and arrays filled with a number: on all threads."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.base import result_order
from metagrad.base.layouts import has_no_gaps, place_of, places_of
from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, even_chunks, map_chunks, perform_formula, split, spread
from metagrad.kernels.compiled.choice import are_there_loops
from metagrad.kernels.compiled.expressions import HALVES, converts_halves
from metagrad.kernels.compiled.formulas import ELEMENTS, EXACT, Program, cast
from metagrad.kernels.libraries import whole_on_gpu
from metagrad.kernels.threads import get_num_threads

_AS_VIEW: dict[str, Any] = {"copy": False} if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else {}
_HALVES = {np.dtype(np.float16), np.dtype(np.float32)}
_KINDS = frozenset("fdlq?i")  # dtypes that are converted into each other as C does it
_BITS = {size: np.empty(1, f"u{size}") for size in (1, 2, 4, 8)}


def copied(x: Array, dtype: np.dtype[Any]) -> Array:
    """A copy in the order in memory of the original, without its gaps and repeated elements."""
    if x.__class__ is not np.ndarray:
        return result_order.copied(whole_on_gpu(x, dtype), dtype)
    if x.size < tuning.POINTWISE_LARGE or min(x.strides, default=0) < 0:
        return converted(x, dtype) if converts(x, dtype) else result_order.copied(x, dtype)
    y = result_order.memory_by(x, dtype)
    assign(y, x)
    return y


def converts(x: Any, dtype: np.dtype[Any]) -> bool:
    """Whether x is some halves, or float32 numbers that are to be such, in order in memory."""
    return (
        x.__class__ is np.ndarray
        and x.itemsize + dtype.itemsize == 6
        and {x.dtype, dtype} == _HALVES
        and x.size >= tuning.HALVES_WORTH
        and x.flags.c_contiguous
    )


def converted(x: Array, dtype: np.dtype[Any]) -> Array:
    """x as numbers of the other dtype, where it ``converts``, on this thread.

    >>> converted(np.array([1.0, 1e-8, 70000.0], np.float32), np.dtype(np.float16)).tolist()
    [1.0, 0.0, inf]
    """
    from metagrad.kernels.halves import BY_BITS

    y = np.empty(x.shape, dtype)
    BY_BITS[x.dtype](y.reshape(-1), x.reshape(-1))
    return y


def as_type(x: Array, dtype: np.dtype[Any]) -> Array:
    """``x.astype(dtype)``; halves by their bits, and of one number that is repeated this number alone."""
    if x.__class__ is np.ndarray and x.ndim and x.size and not any(x.strides):
        return np.broadcast_to(x[(0,) * x.ndim].astype(dtype), x.shape)
    return copied(x, dtype) if converts(x, dtype) else x.astype(dtype)


def copied_in_order(x: Array) -> Array:
    """A copy whose elements lie in order in memory."""
    if x.__class__ is not np.ndarray or x.size < tuning.POINTWISE_LARGE:
        return x.copy()
    y = np.empty(x.shape, x.dtype)
    assign(y, x)
    return y


def reshaped(x: Array, shape: tuple[int, ...]) -> Array:
    """``x.reshape(shape)``: a view if the strides allow it."""
    if x.__class__ is not np.ndarray or x.flags.c_contiguous or x.size < tuning.POINTWISE_LARGE or not _AS_VIEW:
        return x.reshape(shape)
    try:
        return x.reshape(shape, **_AS_VIEW)
    except ValueError:
        return copied_in_order(x).reshape(shape)


def laid_out_like(x: Array, template: Array) -> Array:
    """An array in the same order in memory as another of its shape, if that one has no gaps: itself, or a copy.

    >>> laid_out_like(np.zeros((2, 3)), np.zeros((3, 2)).T).strides
    (8, 16)
    """
    if x.strides == template.strides or not isinstance(x, np.ndarray) or not isinstance(template, np.ndarray):
        return x
    if not has_no_gaps(template):
        return x if x.flags.c_contiguous else copied_in_order(x)
    copy = np.empty_like(template, x.dtype)
    if copy.strides == x.strides:
        return x
    assign(copy, x)
    return copy


def joined(arrays: Sequence[Array], axis: int) -> Array:
    """``np.concatenate(arrays, axis)`` of arrays of one dtype."""
    first = arrays[0]
    if sum(a.size for a in arrays) < tuning.POINTWISE_LARGE or not all(
        a.__class__ is np.ndarray and a.ndim == first.ndim and a.dtype == first.dtype for a in arrays
    ):
        return np.concatenate(arrays, axis)
    y = np.empty([sum(a.shape[d] for a in arrays) if d == axis else n for d, n in enumerate(first.shape)], first.dtype)
    ends = [0, *itertools.accumulate(a.shape[axis] for a in arrays)]
    before = (slice(None),) * axis
    if y.size // len(arrays) >= tuning.POINTWISE_LARGE:
        if _joined_by_rows(y, arrays, axis):
            return y
        for a, (start, end) in zip(arrays, itertools.pairwise(ends), strict=True):
            assign(y[(*before, slice(start, end))], a)
        return y

    def join(some: slice) -> None:
        np.concatenate(arrays[some], axis, out=y[(*before, slice(ends[some.start], ends[some.stop]))])

    map_chunks(join, split(len(arrays), 2 * get_num_threads()))
    return y


def _joined_by_rows(y: Array, arrays: Sequence[Array], axis: int) -> bool:
    """Whether y has been filled from front to back with the rows of arrays of one shape, in order in memory from ``axis`` on."""
    first, count = arrays[0], math.prod(arrays[0].shape[axis:]) * y.itemsize
    fit = all(a.shape == first.shape and a[(0,) * axis].flags.c_contiguous for a in arrays)
    if not fit or not axis or count < tuning.ROW_BYTES or not are_there_loops():
        return False
    from metagrad.kernels.compiled.copies import copy_rows

    rows = np.stack([places_of(a, axis) for a in arrays], axis=1).reshape(-1)
    spread(copy_rows, [place_of(y) + count * np.arange(len(rows)), rows], (), [count], elements=y.size)
    return True


def rolled(x: Array, shifts: Sequence[int], axes: Sequence[int]) -> Array:
    """``np.roll(x, shifts, axes)``: of each dimension, what falls off one end comes in at the other.

    >>> rolled(np.arange(4), (1,), (0,)).tolist()
    [3, 0, 1, 2]
    """
    if x.__class__ is not np.ndarray or x.size < tuning.POINTWISE_LARGE:
        return np.roll(x, tuple(shifts), tuple(axes))
    by = [0] * x.ndim
    for shift, d in zip(shifts, axes, strict=True):
        by[d] = (by[d] + shift) % x.shape[d]
    ends = [
        [(slice(None, n - s), slice(s, None)), (slice(n - s, None), slice(None, s))]
        for n, s in zip(x.shape, by, strict=True)
    ]
    y = np.empty(x.shape, x.dtype)
    if x.flags.c_contiguous and [d for d, s in enumerate(by) if s] == [x.ndim - 1]:
        line, n, s = x.reshape(-1), x.shape[-1], by[-1]
        if 2 * s <= n:  # in one line; the start of a row comes from before, or its end from behind
            assign(y.reshape(-1)[s:], line[:-s])
        else:
            assign(y.reshape(-1)[: s - n], line[n - s :])
        of, to = ends[-1][2 * s <= n]
        y[..., to] = x[..., of]
        return y
    for pairs in itertools.product(*[end if s else [(slice(None),) * 2] for end, s in zip(ends, by, strict=True)]):
        assign(y[tuple([to for _, to in pairs])], x[tuple([of for of, _ in pairs])])
    return y


def flipped(x: Array, axes: Sequence[int], y: Array) -> Array:
    """``np.flip(x, axes)``, written to y.

    >>> flipped(np.arange(3), (0,), np.empty(3)).tolist()
    [2.0, 1.0, 0.0]
    """
    assign(y, np.flip(x, tuple(axes)))
    return y


def assign(y: Array, x: Array | Number) -> None:
    """``y[...] = x``."""
    is_array = isinstance(x, np.ndarray) and x.ndim > 0
    if is_array and x.size and not any(x.strides) and x.dtype == y.dtype:  # type: ignore[union-attr]
        x, is_array = x[(0,) * x.ndim], False  # type: ignore[union-attr, index]
    if _is_large(y) and (_by_loop(y, x) if is_array else _filled(y, x)):
        return
    if not (_in_chunks(y, x) if is_array else _filled_in_chunks(y, x)):
        y[...] = x


def _in_chunks(y: Array, x: Array) -> bool:
    """Whether y has been filled with x, which broadcasts to it, by all threads."""
    large = y.__class__ is x.__class__ is np.ndarray and y.size >= tuning.POINTWISE_LARGE and x.ndim <= y.ndim
    if not large or np.may_share_memory(x, y) or x.dtype.kind == "c" != y.dtype.kind:
        return False
    x = np.broadcast_to(x, y.shape)
    if _by_blocks(y, x):
        return True
    axis, chunks = chunks_of(y)
    before = (slice(None),) * axis

    strips = _strips(y, x)

    by_bits = None
    if {x.dtype, y.dtype} == _HALVES:
        from metagrad.kernels.halves import BY_BITS

        by_bits = BY_BITS[x.dtype]

    def work(chunk: slice) -> None:
        to, of = y[(*before, chunk)], x[(*before, chunk)]
        if by_bits and to.flags.c_contiguous and of.flags.c_contiguous:
            by_bits(to.reshape(-1), of.reshape(-1))
            return
        for strip in strips if axis < y.ndim - 1 else [slice(None)]:
            np.copyto(to[..., strip], of[..., strip], casting="unsafe")

    map_chunks(work, chunks)
    return True


def _filled_in_chunks(y: Array, x: Array | Number) -> bool:
    """Whether y has been filled with a number by all threads."""
    if y.__class__ is not np.ndarray or y.size < tuning.POINTWISE_LARGE:
        return False
    axis, chunks = chunks_of(y, y.itemsize / 3)  # to write takes a third of the time of reading and writing
    before = (slice(None),) * axis

    def work(chunk: slice) -> None:
        y[(*before, chunk)] = x

    map_chunks(work, chunks)
    return True


def _strips(y: Array, x: Array) -> list[slice]:
    """Slices of the last dimension to copy one after the other. Where it lies side by side in y, but far apart in x, the cache is
    to hold the lines of x until they are read to their end; lines a power of 2 apart share few places in it.
    """
    n, step = x.shape[-1], abs(x.strides[-1])
    if y.strides[-1] != y.itemsize or step < tuning.STRIP_STEP or min(map(abs, x.strides)) >= step:
        return [slice(None)]
    return cut(n, tuning.STRIP_OF_POWERS if step % tuning.STRIP_OF_POWERS_STEP == 0 else tuning.STRIP)


def _by_blocks(y: Array, x: Array) -> bool:
    """Whether y has been filled with x, of its shape, block by block: what lies side by side in y does in x, or backwards."""
    size = min(y.itemsize, 8)  # a complex number is two
    if x.dtype != y.dtype or size not in _BITS or not (x.flags.aligned and y.flags.aligned) or not are_there_loops():
        return False
    forwards = tuple([slice(None, None, -1 if s < 0 else 1) for s in y.strides])
    y, x = y[forwards], x[forwards]
    steps = sorted(zip(y.strides, y.shape, x.strides, strict=True), reverse=True)
    dims: list[tuple[int, int, int]] = []  # their steps in y, extents, and steps in x
    for t, n, s in [*[d for d in steps if d[1] > 1], (size, y.itemsize // size, size)]:
        if dims and dims[-1][0] == t * n and dims[-1][2] == s * n:
            dims[-1] = t, dims[-1][1] * n, s
        elif n > 1:
            dims.append((t, n, s))
    t, width, s = dims[-1]
    if t != size or abs(s) != size or width * size < tuning.BLOCK_ROW_BYTES:
        return False
    from metagrad.kernels.compiled.copies import copy_blocks

    places, dims = [place_of(y), place_of(x)], [(0, 1, 0)] * (2 - len(dims)) + dims
    for d, (t, n, s) in enumerate(dims[:-1]):
        if s < 0:  # memory is read ahead
            places = [places[0] + (n - 1) * t, places[1] + (n - 1) * s]
            dims[d] = -t, n, -s
    to, shape, of = np.array(dims).T.copy()
    width = min(width, tuning.BLOCK_WIDTH)
    height = max(1, tuning.BLOCK // width)
    blocks = math.prod(n for _, n, _ in dims[:-2]) * -(-dims[-2][1] // height) * -(-dims[-1][1] // width)
    whole = [shape, to // size, of // size, _BITS[size]]
    spread(copy_blocks, [np.arange(blocks)], whole, [*places, height, width], elements=y.size)
    return True


def full(shape: Sequence[int], value: Number, dtype: np.dtype[Any]) -> Array:
    """``np.full(shape, value, dtype)``.

    >>> full((2,), 0.5, np.dtype("f")).tolist()
    [0.5, 0.5]
    """
    y = np.empty(shape, dtype)
    if y.size < tuning.POINTWISE_LARGE:
        np.copyto(y, value, casting="unsafe")
    else:
        assign(y, value)
    return y


def zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """``np.zeros(shape, dtype)``: of the system's own zeros where a block is so large that the allocator does not keep it.

    >>> zeros((2,), np.dtype("f")).tolist()
    [0.0, 0.0]
    """
    size = math.prod(shape)
    if size < tuning.POINTWISE_LARGE or size * dtype.itemsize > tuning.LARGEST_KEPT_BLOCK:
        return np.zeros(shape, dtype)
    return full(shape, 0, dtype)


def filled_like(x: Array, value: Number, **options: Any) -> Array:
    """``np.full_like(x, value, **options)`` for large arrays.

    >>> filled_like(np.zeros(2), 1, dtype=int).tolist()
    [1, 1]
    """
    y = np.empty_like(x, **options)
    assign(y, value)
    return y


def chunks_of(y: Array, itemsize: float = 4) -> tuple[int, list[slice]]:
    """The dimension to cut, that whose steps in memory are the longest among those long enough, and chunks of it.

    itemsize: of the widest elements that are read or written.
    """
    threads, cost = get_num_threads(), tuning.POINTWISE_COST_READ_ONCE * itemsize / 4
    if y.ndim == 1:
        return 0, even_chunks(y.size, tuning.POINTWISE_CHUNK_READ_ONCE, threads, cost)
    fit = [d for d in range(y.ndim) if y.shape[d] >= threads] or [int(np.argmax(y.shape))]
    axis = max(fit, key=lambda d: abs(y.strides[d]))
    unit = max(1, y.size // max(1, y.shape[axis]))
    length = max(1, tuning.POINTWISE_CHUNK_READ_ONCE // unit)
    return axis, even_chunks(y.shape[axis], length, threads, unit * cost)


def _is_large(x: object) -> bool:
    return (
        type(x) is np.ndarray
        and x.size >= tuning.POINTWISE_LARGE
        and (x.flags.c_contiguous or x.T.flags.c_contiguous)
        and x.flags.aligned
        and are_there_loops()
    )


def _by_loop(y: Array, x: Array) -> bool:
    if y.shape != x.shape or not _is_large(x):
        return False
    in_order = x.flags.c_contiguous and y.flags.c_contiguous  # whatever the strides of dimensions of extent 1
    if not in_order and y.strides != tuple([s // x.itemsize * y.itemsize for s in x.strides]):
        return False
    found = _conversion(x.dtype, y.dtype)
    if found is None:
        return False
    arrays = [a.view(np.uint16) if a.dtype.char in HALVES else a for a in (x, y)]
    perform_formula(found, [a if a.flags.c_contiguous else a.T for a in arrays], [])
    return True


@functools.cache
def _conversion(of: np.dtype[Any], to: np.dtype[Any]) -> Program | None:
    """The loop that copies from one dtype to another; None where there is none."""
    kinds = of.char, to.char
    if not (of.isnative and to.isnative):
        return None
    if of == to and (of.char in _KINDS or of.char in HALVES):
        text = "x0"
    elif of.char in HALVES and to.char == "f" and converts_halves():
        text = f"{HALVES[of.char][1]}(x0)"
    elif of.char == "f" and to.char in HALVES and converts_halves():
        text = f"{HALVES[to.char][0]}(x0)"
    elif of.char in _KINDS and to.char in _KINDS:
        text = cast("x0", of, to.char)
    else:
        return None
    letters = tuple(["H" if kind in HALVES else kind for kind in kinds])
    return Program((ELEMENTS, ELEMENTS), letters, 0, (f"v = {text}",), ((1, "v"),))


def _filled(y: Array, x: Array | Number) -> bool:
    """Whether y has been filled with a number."""
    number = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
    if y.dtype.char not in "fdlq" or not isinstance(number, (bool, int, float)):
        return False
    if y.dtype.kind == "i" and (isinstance(number, float) or not -EXACT < number < EXACT):
        return False
    program = Program((ELEMENTS,), (y.dtype.char,), 1, (f"v = {cast('n0', float, y.dtype.char)}",), ((0, "v"),))
    try:
        perform_formula(program, [y if y.flags.c_contiguous else y.T], [float(number)])
    except OverflowError:
        return False
    return True
