"""The steps of all parameters, done together: small ones as if they were one, the chunks of large ones on all threads at once.

A model has many parameters of a few hundred numbers, for which the calls of a formula cost more than its arithmetic. Those with
the same settings are copied into one array, as is what is remembered of them; the formula runs once; and all but the gradients
are copied back. Where there is a compiled loop for the formula, it goes through the parameters instead (``by_loop.py``). Each
element's result is the same as if its parameter had been stepped by itself.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from metagrad.autograd.views import mirrors
from metagrad.autograd.writing import reflect
from metagrad.kernels import tuning
from metagrad.kernels.chunks import cut, even_chunks, map_chunks, threads_worth
from metagrad.kernels.libraries import is_on_gpu
from metagrad.optim.blocks import in_blocks_by_part
from metagrad.optim.by_blas import are_for_blas
from metagrad.optim.by_loop import Arrays, Loop, loop_for, run_by_loop
from metagrad.optim.optimizer import Optimizer
from metagrad.tensors.tensor import Tensor

Pairs = Sequence[tuple[Tensor, Tensor]]  # parameters, each with its gradient


class Together(Optimizer):
    """The base of optimizers whose steps are tasks. A subclass has ``tasks`` in the place of ``update``."""

    is_short: ClassVar[bool] = False  # whether a formula has two or three passes: worth threads for larger arrays only

    def tasks(self, pairs: Pairs, group: dict[str, Any]) -> list[Task]:
        """The steps of a group's parameters, with all that is remembered at hand; steps that are recorded are done already."""
        raise NotImplementedError

    def update(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """One parameter's step."""
        run(self.tasks([(param, grad)], group), self.is_short)

    def update_group(self, pairs: Pairs, group: dict[str, Any]) -> None:
        """The steps of a group's parameters at once; of one after the other for a subclass that writes ``update`` after all."""
        if type(self).update is Together.update and len({id(p) for p, _ in pairs}) == len(pairs):
            run(self.tasks(pairs, group), self.is_short)
        else:
            super().update_group(pairs, group)
        if mirrors:
            for param, _ in pairs:
                for written in (param, *self.state.get(param, {}).values()):
                    if isinstance(written, Tensor):
                        reflect(written)


class Task(NamedTuple):
    """``formula(*arrays, *settings)`` for several parameters: the first of their arrays, followed by their gradients.

    The formula works element by element, in place. find_loop: ``find_loop(arrays, *settings)`` gives a compiled loop that does
    the same and its numbers, if there is one; it is called as ``loop(*arrays, *numbers)``, without arrays that are None.
    by_blas: the same as the formula, in fewer passes, for arrays that ``are_for_blas``.
    """

    arrays: list[Arrays]
    formula: Callable[..., None]
    settings: tuple[Any, ...]
    find_loop: Callable[..., Loop | None] | None = None
    by_blas: Callable[..., None] | None = None


def run(tasks: Sequence[Task], short: bool = False) -> None:
    """All the tasks; ``short``: their formulas have two or three passes, which are worth threads for larger arrays only.

    >>> def halve(p, g, by):
    ...     p *= by
    >>> arrays = [np.ones(3), np.ones((2, 1))]
    >>> run([Task([(a, a) for a in arrays], halve, (0.5,))])
    >>> [a.tolist() for a in arrays]
    [[0.5, 0.5, 0.5], [[0.5], [0.5]]]
    """
    if not _are_apart([arrays[0] for task in tasks for arrays in task.arrays]):
        for task in tasks:
            for arrays in task.arrays:
                run([task._replace(arrays=[arrays])], short)
        return
    calls: list[_Call] = []
    copies: list[_Copies] = []
    for task in tasks:
        if task.arrays:
            loop = loop_for(task.find_loop, task.arrays, task.settings) if task.find_loop else None
            rows = _rows(task, copies, tuning.OPTIMIZER_MANY_BY_LOOP if loop else tuning.OPTIMIZER_MANY)
            rows = run_by_loop(loop, rows) if loop else rows
            calls += [_Call(_function_for(task, arrays), arrays, task.settings) for arrays in rows]
    if calls:
        _on_threads(calls, short)
    for some in copies:
        _copy_back(some)


def _function_for(task: Task, arrays: Arrays) -> Callable[..., None]:
    """What is called with a parameter's arrays, or with parts of them."""
    return task.by_blas if task.by_blas is not None and are_for_blas(arrays) else task.formula


def _are_apart(params: Sequence[Any]) -> bool:
    """Whether no two parameters can share memory: each is its own, or a view of what no other is a view of."""
    try:
        owners = {id(p if p.base is None else p.base) for p in params}
    except AttributeError:  # an array of another library, which has no bases
        owners = {id(p if (base := getattr(p, "base", None)) is None else base) for p in params}
    return len(owners) == len(params)


def _rows(task: Task, copies: list[_Copies], many: int) -> list[Arrays]:
    """The arrays that are left of a task, each of one dimension, when those that are unusual are done.

    So many small ones or more are one row of copies; ``copies`` says so.
    """
    small: defaultdict[str, list[Arrays]] = defaultdict(list)
    rows: list[Arrays] = []
    single: list[Arrays] = []
    for arrays in _not_on_gpu(task):
        first = arrays[0]
        if first.size < tuning.OPTIMIZER_SMALL and first.__class__ is np.ndarray:
            small[first.dtype.char].append(arrays)
        else:
            single.append(arrays)
    for kind, some in small.items():
        if len(some) < many or kind not in "fd":
            single += some
        else:
            columns = [*zip(*some, strict=True)]
            row = [None if column[0] is None else np.concatenate(column, None) for column in columns]
            rows.append(row)
            copies.append(_Copies(columns, row))
    for arrays in single:
        flat = _flat(arrays)
        if flat is None:
            in_blocks_by_part(task.formula, tuple(arrays), task.settings)
        else:
            rows.append(flat)
    return rows


def _not_on_gpu(task: Task) -> Sequence[Arrays]:
    """The arrays of a task that are left when a GPU's are done together."""
    if task.arrays and task.arrays[0][0].__class__ is np.ndarray:
        return task.arrays
    there = [arrays for arrays in task.arrays if is_on_gpu(arrays[0])]
    if not there:
        return task.arrays
    from metagrad.kernels.fused_many import in_place_in_many

    here = [arrays for arrays in task.arrays if not is_on_gpu(arrays[0])]
    return [*here, *in_place_in_many(task.formula, there, task.settings)]


def _flat(arrays: Arrays) -> list[Any] | None:
    """The arrays with one dimension; None unless all are NumPy's, one element after the other, the first one float32 or float64."""
    flat: list[Any] = []
    for a in arrays:
        if a is None:
            flat.append(a)
        elif a.__class__ is np.ndarray and a.flags.c_contiguous:
            flat.append(a if a.ndim == 1 else a.reshape(-1))
        else:
            return None
    return flat if flat[0].dtype.char in "fd" else None


class _Copies(NamedTuple):
    """Small arrays, those of all parameters, then those of all gradients and so on, and what each column was joined to."""

    columns: list[tuple[Any, ...]]
    row: list[Any]


def _copy_back(copies: _Copies) -> None:
    """Give the small arrays the values of the long ones; all but the gradients."""
    ends = list(itertools.accumulate([a.size for a in copies.columns[0]]))
    places = [slice(start, end) for start, end in itertools.pairwise([0, *ends])]
    for number, (column, source) in enumerate(zip(copies.columns, copies.row, strict=True)):
        if source is not None and number != 1:
            for part, place in zip(column, places, strict=True):
                part[...] = source[place] if part.ndim == 1 else source[place].reshape(part.shape)


class _Call(NamedTuple):
    """``function(*arrays, *last)`` of arrays with one dimension."""

    function: Callable[..., None]
    arrays: Arrays
    last: tuple[Any, ...]


def _on_threads(calls: Sequence[_Call], short: bool) -> None:
    """The calls, in shares of about one size, which the threads take."""
    size = sum([call.arrays[0].size for call in calls])
    if size <= tuning.OPTIMIZER_CHUNK_ALONE:
        _do(calls)
        return
    threads = threads_worth(size, tuning.OPTIMIZER_SHORT_WORTH_THREADS if short else 2 * tuning.OPTIMIZER_CHUNK)
    if threads == 1:
        _do(_cut(calls, cut(size, tuning.OPTIMIZER_CHUNK_ALONE)))
        return
    cost = tuning.OPTIMIZER_SHORT_COST if short else tuning.OPTIMIZER_COST
    chunks = even_chunks(size, tuning.OPTIMIZER_CHUNK, threads, cost)
    map_chunks(_do, [[*_cut(calls, [chunk])] for chunk in chunks], threads)


def _cut(calls: Sequence[_Call], chunks: Sequence[slice]) -> Iterator[_Call]:
    """The calls cut where chunks of all their elements, one call's after the other's, begin and end."""
    start = 0
    for function, arrays, last in calls:
        end = start + arrays[0].size
        for chunk in chunks:
            low, high = max(chunk.start, start) - start, min(chunk.stop, end) - start
            if low < high:
                whole = low == 0 and high == end - start
                yield _Call(function, arrays if whole else [None if a is None else a[low:high] for a in arrays], last)
        start = end


def _do(calls: Iterable[_Call]) -> None:
    for function, arrays, last in calls:
        function(*arrays, *last)
