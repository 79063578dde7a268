"""Chunks of arrays on threads: the scheduler of all kernels.

Work on a large array is cut into chunks (``cut``), and each thread takes the next chunk when it is done with one (``share_out``;
``map_chunks`` where the chunks have results). A thread that wakes late thus finds less to do, where with equal shares all would
wait for it. Which thread takes which chunk changes no result: where a sum depends on its order, chunks have sums of their own,
which are added in the order of the chunks.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

import numpy as np

from metagrad.base.layouts import place_of
from metagrad.base.typing import Array, Number
from metagrad.kernels import tuning
from metagrad.kernels.compiled import formulas
from metagrad.kernels.compiled.compiler import available
from metagrad.kernels.compiled.entries import Work, work_of
from metagrad.kernels.compiled.several import Group, work_of_several
from metagrad.kernels.threads import get_num_threads, perform, run_in_turn, run_on_threads, run_together

C = TypeVar("C")  # a chunk: a slice, or several, or whatever tells the work what to do
R = TypeVar("R")


def threads_worth(cost: float, least: float) -> int:
    """How many threads some work is worth: all, if its cost reaches the threshold, or one."""
    return get_num_threads() if cost >= least else 1


def cut(size: int, length: int) -> list[slice]:
    """Slices of ``length`` elements, the last one maybe shorter, that cover ``size`` elements.

    >>> cut(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    return [slice(start, min(start + length, size)) for start in range(0, size, length)]


def split(size: int, count: int) -> list[slice]:
    """So many slices of about one length, without empty ones, that cover ``size`` elements.

    >>> split(5, 2)
    [slice(0, 2, None), slice(2, 5, None)]
    """
    edges = [size * i // count for i in range(count + 1)]
    return [slice(a, b) for a, b in itertools.pairwise(edges) if a < b]


def even_chunks(size: int, length: int, threads: int, cost: float = 0.0) -> list[slice]:
    """Slices that cover ``size`` elements: as many for each thread, all of about one length, which is at most ``length``.

    cost: the nanoseconds that an element takes, if known. The first slice, which this thread takes, is then longer by what is
    done until another thread has woken: so that all are done at about the same time.

    >>> even_chunks(9, 4, 2), even_chunks(0, 4, 2)
    ([slice(0, 2, None), slice(2, 4, None), slice(4, 6, None), slice(6, 9, None)], [])
    >>> [chunk.stop - chunk.start for chunk in even_chunks(10**6, 10**6, 2, cost=1000.0)] > [500_000, 500_000]
    True
    """
    if threads > 1 and 0 < size * cost <= 2 * head_start():  # done before another thread would be of help
        return [slice(0, size)]
    early = min(int(head_start() / cost), size // (2 * threads)) if cost and threads > 1 else 0
    count = threads * max(1, -(-size // (threads * length)))
    edges = [early + (size - early) * i // count for i in range(1, count + 1)]
    return [slice(a, b) for a, b in zip((0, *edges), edges, strict=False) if a < b]


def head_start() -> float:
    """Nanoseconds that this thread works before another one begins."""
    return tuning.HEAD_START_BESIDE_HELPERS if available() else tuning.HEAD_START


def deal(chunks: Sequence[C], threads: int) -> list[list[C]]:
    """Chunks as equal runs, one for each thread, without empty ones: for sums whose order must be the same every time.

    >>> deal("abcde", 2)
    [['a', 'b'], ['c', 'd', 'e']]
    """
    return [list(chunks[share]) for share in split(len(chunks), threads)]


def share_out(
    work: Callable[[Iterator[C]], None], chunks: Sequence[C], threads: int | None = None, blas: bool = False
) -> None:
    """``work(some of the chunks)`` on so many threads, all by default; each takes the next chunk when done with one.

    ``work`` gets an iterator, so that it may set up memory of its own before the first chunk. blas: it calls BLAS, which is
    held to one thread meanwhile.

    >>> found = [0] * 10
    >>> def squares(share):
    ...     for i in share:
    ...         found[i] = i * i
    >>> share_out(squares, range(10))
    >>> found
    [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]
    """
    taken = iter(chunks)  # next() on it is atomic
    jobs = [functools.partial(work, taken)] * min(threads or get_num_threads(), len(chunks))
    if not blas:
        run_on_threads(jobs)
    elif len(jobs) > 1:
        run_together(jobs)
    else:
        run_in_turn(jobs)


def map_chunks(work: Callable[[C], R], chunks: Sequence[C], threads: int | None = None, blas: bool = False) -> list[R]:
    """``work(chunk)`` for all chunks, shared out in the same way: the results, in the order of the chunks.

    >>> map_chunks(lambda chunk: chunk.stop - chunk.start, cut(5, 2))
    [2, 2, 1]
    """
    if len(chunks) == 1 and not blas:
        return [work(chunks[0])]
    results: list[R | None] = [None] * len(chunks)

    def some(indices: Iterator[int]) -> None:
        for i in indices:
            results[i] = work(chunks[i])

    share_out(some, range(len(chunks)), threads, blas)
    return cast("list[R]", results)


def spread(
    loop: Callable[..., None],
    parts: Sequence[Array],
    whole: Sequence[Array] = (),
    numbers: Sequence[float] = (),
    elements: int | None = None,
) -> None:
    """``loop(*parts, *whole, *numbers)``, a compiled loop, on all threads; parts: what is cut, along its first dimension.
    The first of them, whose elements say how many parts are worth it, is as large as any.

    All arrays are contiguous; the numbers are ints, or floats of the first array's dtype. Threads begin at once and share
    small chunks, without the interpreter (``compiled/sharing.py``). elements: how many are worked on, without it those of
    the first array.
    """
    size = parts[0].size if elements is None else elements
    perform_parts(work_of(loop, parts, whole, numbers), len(parts[0]), size, parts[-1])


def spread_several(loop: Callable[..., None], groups: Sequence[Group], numbers: Sequence[float], kind: str) -> None:
    """``loop(*arrays, *numbers)``, a compiled loop, for each group of arrays on all threads, all of them at once.

    Few parts, so that a thread has about the same elements at every call, and some of them still in its cache.

    kind: the letter of their dtype.
    """
    work, elements = work_of_several(loop, groups, numbers, kind)
    threads = threads_worth(elements, tuning.SEVERAL_WORTH_THREADS)
    perform(work, elements, tuning.SEVERAL_PARTS * threads if threads > 1 else 1)


def perform_formula(
    program: formulas.Program, arrays: Sequence[Array], numbers: Sequence[Number], width: int = 0
) -> None:
    """A formula's loop over contiguous arrays on all threads; width: the length of a row, where there are rows or columns.

    Of a row or a column with gaps, as ``x[:, 0]`` is one, it reads a copy.
    """
    if width:
        arrays = [
            a if form == formulas.ELEMENTS or a.flags.c_contiguous else np.ascontiguousarray(a)
            for a, form in zip(arrays, program.forms, strict=True)
        ]
    size = arrays[-1].size
    perform_parts(formulas.work_of(program, arrays, numbers, width), size // width if width else size, size, arrays[-1])


def perform_parts(work: Work, rows: int, elements: int, target: Array) -> None:
    """Compiled work on rows of so many elements together, on all threads if it is worth them.

    Parts begin where a line of the cache does: to write across two lines takes twice as long. target: what is written.
    """
    parts = max(1, min(rows, elements // tuning.SPREAD_LEAST, tuning.SPREAD_PARTS * get_num_threads()))
    itemsize, size = target.itemsize, target.size
    unit = tuning.ALIGNMENT // itemsize
    if rows != size or size < parts * unit * unit:
        perform(work, rows, parts)
    else:
        perform(work, rows, parts, unit, -place_of(target) % tuning.ALIGNMENT // itemsize % unit)


def rows_joined(rows: int, length: int) -> int:
    """How many short rows to take as one, what is repeated over rows being written out as often: a loop over few numbers is slow.

    >>> rows_joined(1000, 32), rows_joined(1000, 10_000)
    (8, 1)
    """
    times, enough = 1, tuning.LONG_ROW_OF_LOOPS if available() else tuning.LONG_ROW
    while length * times < enough and rows and rows % (2 * times) == 0:
        times *= 2
    return times


class Cuts:
    """How arrays of one shape are cut into chunks: into rows as long as the smaller array that is repeated over them.

    columns: whether there are arrays with one element for each row, as for each channel of images.
    """

    def __init__(self, shape: tuple[int, ...], unit: int, columns: bool) -> None:
        self.shape, self.unit, self.columns = shape, unit, columns

    @classmethod
    def of(cls, shape: tuple[int, ...], values: Sequence[object]) -> Cuts | None:
        """The cuts that serve all of these values, or None if there are none, as for strided memory."""
        unit, beside = 1, math.prod(shape)
        for x in values:
            if not isinstance(x, np.ndarray) or (x.size == 1 and x.ndim <= len(shape)):
                continue
            if x.shape == shape:
                if not x.flags.c_contiguous:
                    return None
            elif _is_repeated(x.shape, shape) and unit in (1, x.size):
                unit = x.size
            else:
                beside = min(beside, _elements_beside(x.shape, shape))
        columns = beside < math.prod(shape)
        if columns:
            unit = beside if unit == 1 else unit
            if not tuning.POINTWISE_ROW <= unit <= beside:
                return None
        return cls(shape, unit, columns) if unit <= tuning.POINTWISE_CHUNK else None

    def column(self, x: Array) -> Array | None:
        """A smaller array as a column with a row for each of those that are cut; None for one that is repeated over them."""
        if not self.columns or _is_repeated(x.shape, self.shape):
            return None
        d = next(d for d in range(len(self.shape)) if math.prod(self.shape[d:]) == self.unit)
        own = (1,) * (len(self.shape) - x.ndim) + x.shape
        return np.broadcast_to(x.reshape(own[:d]), self.shape[:d]).reshape(-1, 1)

    def of_whole(self, x: object) -> bool:
        """Whether x is one of the arrays that are cut."""
        return isinstance(x, np.ndarray) and x.shape == self.shape

    def in_rows(self, x: Array) -> Array:
        """An array that is cut, as rows."""
        return x.reshape(-1) if self.unit == 1 else x.reshape(-1, self.unit)


def _elements_beside(own: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """How many elements that follow each other in a shape stand beside one element of an array; 0 if it does not broadcast."""
    own = (1,) * (len(shape) - len(own)) + own
    if len(own) > len(shape) or any(n not in (1, whole) for n, whole in zip(own, shape, strict=True)):
        return 0
    return math.prod(shape[max(d for d, n in enumerate(own) if n != 1) + 1 :])


def _is_repeated(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether an array is a row of the last dimensions of a shape, with dimensions of extent 1 before it or without."""
    if len(own) > len(shape):  # what it makes of the other has more dimensions
        return False
    while own and own[0] == 1:
        own = own[1:]
    return own == shape[len(shape) - len(own) :]
