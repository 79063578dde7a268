"""The steps of all parameters, done together: small ones as if they were one, the chunks of large ones on all threads at once.

A model has many parameters of a few hundred numbers, for which the calls of a formula cost more than its arithmetic. Those with
the same settings are copied into one array, as is what is remembered of them; the formula runs once; and all but the gradients
are copied back. Each element's result is the same as if its parameter had been stepped by itself.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, map_chunks, threads_worth
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.optim.blocks import in_blocks_by_part
from metagrad.optim.optimizer import Optimizer
from metagrad.tensors.tensor import Tensor

Loop = tuple[Callable[..., None], Sequence[float]]
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


class Task(NamedTuple):
    """``formula(*arrays, *settings)`` for several parameters: the first of their arrays, followed by their gradients.

    The formula works element by element, in place. find_loop: ``find_loop(arrays, *settings)`` gives a compiled loop that does
    the same and its numbers, if there is one; it is called as ``loop(*arrays, numbers)``.
    """

    arrays: list[tuple[Any, ...]]
    formula: Callable[..., None]
    settings: tuple[Any, ...]
    find_loop: Callable[..., Loop | None] | None = None


def run(tasks: Sequence[Task], short: bool = False) -> None:
    """All the tasks; ``short``: their formulas have two or three passes, which are worth threads for larger arrays only.

    >>> def halve(p, g, by):
    ...     p *= by
    >>> arrays = [np.ones(3), np.ones((2, 1))]
    >>> run([Task([(a, a) for a in arrays], halve, (0.5,))])
    >>> [a.tolist() for a in arrays]
    [[0.5, 0.5, 0.5], [[0.5], [0.5]]]
    """
    if _are_apart([arrays[0] for task in tasks for arrays in task.arrays]):
        _on_threads([call for task in tasks for call in _large_ones(task, short)], short)
    else:
        for task in tasks:
            for arrays in task.arrays:
                run([task._replace(arrays=[arrays])], short)


def _are_apart(params: Sequence[Any]) -> bool:
    """Whether no two parameters can share memory: each is its own, or a view of what no other is a view of."""
    return len({id(p) if (owner := getattr(p, "base", None)) is None else id(owner) for p in params}) == len(params)


def _large_ones(task: Task, short: bool) -> list[_Call]:
    """What is left of a task, when the small parameters, and those with unusual arrays, are done."""
    small: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    large: list[_Call] = []
    for arrays in task.arrays:
        if not _is_ordinary(arrays):
            in_blocks_by_part(task.formula, arrays, task.settings)
        elif arrays[0].size < tuning.OPTIMIZER_LOOP_WORTH:
            small[arrays[0].dtype.char].append(arrays)
        else:
            large.append(_call(task, arrays))
    for some in small.values():
        if len(some) < tuning.OPTIMIZER_MANY:
            for arrays in some:
                task.formula(*arrays, *task.settings)
        else:
            _run_as_one(task, some, short)
    return large


def _is_ordinary(arrays: Sequence[Any]) -> bool:
    """Whether all arrays are NumPy's, with one element after the other, and the first one's are float32 or float64."""
    for a in arrays:
        if a is not None and (a.__class__ is not np.ndarray or not a.flags.c_contiguous):
            return False
    return arrays[0].dtype.char in "fd"


def _run_as_one(task: Task, several: Sequence[tuple[Any, ...]], short: bool) -> None:
    """The task on copies of several parameters' arrays, as if they were one's; all but the gradients are copied back."""
    columns = [
        None if some[0] is None else [a if a.ndim == 1 else a.reshape(-1) for a in some]
        for some in zip(*several, strict=True)
    ]
    whole = tuple([None if column is None else np.concatenate(column) for column in columns])
    _on_threads([_call(task, whole)], short)
    ends = list(itertools.accumulate([arrays[0].size for arrays in several]))
    places = [slice(start, end) for start, end in itertools.pairwise([0, *ends])]
    for number, (column, source) in enumerate(zip(columns, whole, strict=True)):
        if column is not None and source is not None and number != 1:
            for part, place in zip(column, places, strict=True):
                part[...] = source[place]


def _on_threads(calls: Sequence[_Call], short: bool) -> None:
    """The calls, in shares of about one size, which the threads take."""
    if not calls:
        return
    size, has_loop = sum([call.arrays[0].size for call in calls]), any(call.is_loop for call in calls)
    least = tuning.OPTIMIZER_SHORT_WORTH_THREADS if short else 2 * tuning.OPTIMIZER_CHUNK
    threads = threads_worth(size, tuning.OPTIMIZER_LOOP_WORTH_THREADS if has_loop else least)
    cost = tuning.OPTIMIZER_LOOP_COST if has_loop else tuning.OPTIMIZER_SHORT_COST if short else tuning.OPTIMIZER_COST
    chunks = even_chunks(size, size if has_loop else tuning.OPTIMIZER_CHUNK, threads, cost)
    if len(chunks) > 1:
        map_chunks(_do, _shares(calls, chunks), threads)
    else:
        _do(calls)


class _Call(NamedTuple):
    """``function(*arrays, *last)`` of arrays with one dimension."""

    function: Callable[..., None]
    arrays: list[Any]
    last: tuple[Any, ...]
    is_loop: bool


def _call(task: Task, arrays: tuple[Any, ...]) -> _Call:
    """The task for one parameter by its compiled loop, where that serves, or by its formula."""
    flat = [None if a is None else a.reshape(-1) for a in arrays]
    given = [a for a in flat if a is not None]
    p = given[0]
    if task.find_loop and use_compiled(p, tuning.OPTIMIZER_LOOP_WORTH) and all(a.dtype == p.dtype for a in given):
        loop = task.find_loop(arrays, *task.settings)
        if loop is not None:
            return _Call(loop[0], given, (np.array(loop[1], p.dtype),), True)
    return _Call(task.formula, flat, task.settings, False)


def _shares(calls: Sequence[_Call], chunks: Sequence[slice]) -> list[list[_Call]]:
    """The calls cut into chunks of all their elements, one call's after the other's."""
    shares: list[list[_Call]] = [[] for _ in chunks]
    start = 0
    for call in calls:
        end = start + call.arrays[0].size
        for share, chunk in zip(shares, chunks, strict=True):
            part = slice(max(chunk.start, start) - start, min(chunk.stop, end) - start)
            if part.start < part.stop:
                share.append(call._replace(arrays=[None if a is None else a[part] for a in call.arrays]))
        start = end
    return shares


def _do(calls: Sequence[_Call]) -> None:
    for function, arrays, last, _ in calls:
        function(*arrays, *last)
