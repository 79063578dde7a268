"""The steps of all parameters, done together: small ones as if they were one, the chunks of large ones on all threads at once.

A model has many parameters of a few hundred numbers, for which the calls of a formula cost more than its arithmetic. Those with
the same settings are copied into one array, as is what is remembered of them; the formula runs once; and all but the gradients
are copied back. Each element's result is the same as if its parameter had been stepped by itself.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from metagrad.kernels import tuning
from metagrad.kernels.chunks import map_chunks, threads_worth
from metagrad.kernels.compiled.choice import use_compiled
from metagrad.optim.blocks import in_blocks_by_part
from metagrad.optim.optimizer import Optimizer
from metagrad.tensors.tensor import Tensor

Loop = tuple[Callable[..., None], Sequence[float]]
Pairs = Sequence[tuple[Tensor, Tensor]]  # parameters, each with its gradient


class Together(Optimizer):
    """The base of optimizers whose steps are tasks. A subclass has ``tasks`` in the place of ``update``."""

    is_short: ClassVar[bool] = False  # whether a formula has two or three passes: worth threads for larger arrays only

    def tasks(self, pairs: Pairs, group: dict[str, Any]) -> Iterator[Task]:
        """The steps of a group's parameters, with all that is remembered at hand; steps that are recorded are done already."""
        raise NotImplementedError

    def update(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """One parameter's step."""
        run(list(self.tasks([(param, grad)], group)), self.is_short)

    def update_group(self, pairs: Pairs, group: dict[str, Any]) -> None:
        """The steps of a group's parameters at once; of one after the other for a subclass that writes ``update`` after all."""
        if type(self).update is Together.update and len({id(p) for p, _ in pairs}) == len(pairs):
            run(list(self.tasks(pairs, group)), self.is_short)
        else:
            super().update_group(pairs, group)


class Task(NamedTuple):
    """``formula(*arrays, *settings)`` for a parameter, the first of the arrays, and its gradient, the second one.

    The formula works element by element, in place. Tasks with the very same tuple of settings may be done as one.
    find_loop: ``find_loop(arrays, *settings)`` gives a compiled loop that does the same and its numbers, if there is one;
    it is called as ``loop(*arrays, numbers)``.
    """

    arrays: tuple[Any, ...]
    formula: Callable[..., None]
    settings: tuple[Any, ...]
    find_loop: Callable[..., Loop | None] | None = None


def run(tasks: Sequence[Task], short: bool = False) -> None:
    """All the tasks; ``short``: their formulas have two or three passes, which are worth threads for larger arrays only.

    >>> def halve(p, g, by):
    ...     p *= by
    >>> arrays = [np.ones(3), np.ones((2, 1))]
    >>> settings = (0.5,)
    >>> run([Task((a, a), halve, settings) for a in arrays])
    >>> [a.tolist() for a in arrays]
    [[0.5, 0.5, 0.5], [[0.5], [0.5]]]
    """
    if not _are_apart(tasks):
        for task in tasks:
            _run_apart([task], short)
    else:
        _run_apart(tasks, short)


def _are_apart(tasks: Sequence[Task]) -> bool:
    """Whether no two parameters can share memory: each is its own, or a view of what no other is a view of."""
    if len(tasks) < 2:
        return True
    owners = {
        id(p) if p.__class__ is not np.ndarray or p.base is None else id(p.base) for p, *_ in [t.arrays for t in tasks]
    }
    return len(owners) == len(tasks)


def _run_apart(tasks: Sequence[Task], short: bool) -> None:
    small: defaultdict[tuple[int, str], list[Task]] = defaultdict(list)
    large: list[Task] = []
    for task in tasks:
        p = task.arrays[0]
        if not _are_in_order(task.arrays) or p.dtype.char not in "fd":
            in_blocks_by_part(task.formula, task.arrays, task.settings)
        elif p.size < tuning.OPTIMIZER_LOOP_WORTH:
            small[id(task.settings), p.dtype.char].append(task)
        else:
            large.append(task)
    for some in small.values():
        if len(some) < tuning.OPTIMIZER_MANY:
            for task in some:
                task.formula(*task.arrays, *task.settings)
        else:
            one = _as_one(some)
            _on_threads([one], short)
            _give_back(some, one)
    _on_threads(large, short)


def _are_in_order(arrays: Sequence[Any]) -> bool:
    """Whether all arrays are NumPy's, with one element after the other."""
    for a in arrays:
        if a is not None and (a.__class__ is not np.ndarray or not a.flags.c_contiguous):
            return False
    return True


def _as_one(tasks: Sequence[Task]) -> Task:
    """Tasks that share their settings as one, on copies of their arrays."""
    columns = zip(*[task.arrays for task in tasks], strict=True)
    whole = [None if some[0] is None else np.concatenate([a.reshape(-1) for a in some]) for some in columns]
    return tasks[0]._replace(arrays=tuple(whole))


def _give_back(tasks: Sequence[Task], one: Task) -> None:
    """What came of ``one`` to the arrays of the tasks, but for the gradients."""
    ends = list(itertools.accumulate([task.arrays[0].size for task in tasks]))
    places = [slice(start, end) for start, end in itertools.pairwise([0, *ends])]
    for number, source in enumerate(one.arrays):
        if source is not None and number != 1:
            for task, place in zip(tasks, places, strict=True):
                task.arrays[number].reshape(-1)[...] = source[place]


def _on_threads(tasks: Sequence[Task], short: bool) -> None:
    """Tasks whose arrays are in order, in shares of about one size, which the threads take."""
    if not tasks:
        return
    calls, size = [_call(task) for task in tasks], sum([task.arrays[0].size for task in tasks])
    has_loop = any(call.is_loop for call in calls)
    least = tuning.OPTIMIZER_SHORT_WORTH_THREADS if short else 2 * tuning.OPTIMIZER_CHUNK
    threads = threads_worth(size, tuning.OPTIMIZER_LOOP_WORTH_THREADS if has_loop else least)
    count = threads if has_loop else threads * max(1, -(-size // (threads * tuning.OPTIMIZER_CHUNK)))
    if count > 1:
        map_chunks(_do, _shares(calls, -(-size // count)), threads)
    else:
        _do(calls)


class _Call(NamedTuple):
    """``function(*arrays, *last)`` of arrays with one dimension."""

    function: Callable[..., None]
    arrays: list[Any]
    last: tuple[Any, ...]
    is_loop: bool


def _call(task: Task) -> _Call:
    """The task by its compiled loop, where that serves, or by its formula."""
    flat = [None if a is None else a.reshape(-1) for a in task.arrays]
    given = [a for a in flat if a is not None]
    p = given[0]
    if task.find_loop and use_compiled(p, tuning.OPTIMIZER_LOOP_WORTH) and all(a.dtype == p.dtype for a in given):
        loop = task.find_loop(task.arrays, *task.settings)
        if loop is not None:
            return _Call(loop[0], given, (np.array(loop[1], p.dtype),), True)
    return _Call(task.formula, flat, task.settings, False)


def _shares(calls: Sequence[_Call], size: int) -> list[list[_Call]]:
    """The calls, cut so that they can be dealt out in lists of so many elements; the last list may have fewer."""
    shares: list[list[_Call]] = [[]]
    left = size
    for call in calls:
        start, end = 0, call.arrays[0].size
        while start < end:
            if not left:
                shares.append([])
                left = size
            stop = min(end, start + left)
            shares[-1].append(call._replace(arrays=[None if a is None else a[start:stop] for a in call.arrays]))
            left -= stop - start
            start = stop
    return shares


def _do(calls: Sequence[_Call]) -> None:
    for function, arrays, last, _ in calls:
        function(*arrays, *last)
