"""A noted formula (``fusion.py``) computed by NumPy on whole arrays, chunk by chunk on all threads, and kept for the next ones.

To note a formula takes 0.1 ms, as long as a pass over a million numbers. So the steps are kept as a plan, found again by the kinds
of the formula's arguments (``fused_loops.key_of``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import tuning
from metagrad.kernels.chunks import even_chunks, share_out
from metagrad.kernels.compiled.compiler import available
from metagrad.kernels.fused_loops import CONSTANT, GIVEN, MADE, MOST_PLANS, Reference, reference
from metagrad.kernels.fusion import Formula
from metagrad.kernels.threads import get_num_threads

_plans: dict[Any, Plan] = {}


def compute(formula: Formula, arrays: Mapping[int, Array], unit: int, repeated: Mapping[int, Array] = {}) -> None:
    """Fill the results among a formula's arrays, by number: contiguous, of one shape, cut into rows of ``unit`` elements;
    columns have one for each row.

    repeated: rows of so many elements that every chunk gets as they are, in the place of the values noted.
    """
    rows = {number: x if _is_column(x, unit) else x.reshape(-1, *[unit] * (unit > 1)) for number, x in arrays.items()}
    # Where nothing is read twice the cache is no help, and chunks are longer.
    length = tuning.POINTWISE_CHUNK if len(formula.steps) > 1 else tuning.POINTWISE_CHUNK_READ_ONCE
    cost = unit * len(formula.steps) * tuning.POINTWISE_COST
    chunks = even_chunks(len(next(iter(rows.values()))), max(1, length // unit), get_num_threads(), cost)
    longest, row = max(c.stop - c.start for c in chunks), () if unit == 1 else (unit,)

    def work(share: Iterable[slice]) -> None:
        buffers = [np.empty((longest, *row), dtype) for dtype in formula.buffers]
        for chunk in share:
            fitting = [b[: chunk.stop - chunk.start] for b in buffers]
            formula.compute({**repeated, **{n: x[chunk] for n, x in rows.items()}}, fitting)

    with np.errstate(all="ignore"):
        share_out(work, chunks)


def _is_column(x: Array, unit: int) -> bool:
    """Whether an array has one element for each row of more."""
    return x.ndim == 2 and x.shape[1] == 1 < unit


class Plan(NamedTuple):
    """A formula and its arrays by the number of their values, those that are repeated, the dtypes of new ones, and what is made."""

    formula: Formula
    arrays: Mapping[int, Reference]
    repeated: Mapping[int, Reference]
    dtypes: Sequence[np.dtype[Any]]
    results: Sequence[Reference]
    attributes: Sequence[str]

    def compute(self, values: Sequence[Any], unit: int, memory: Callable[[np.dtype[Any]], Array]) -> list[Any] | None:
        """The results for these arguments, in new memory; None if that is an argument's that is read after it is written to."""
        known = (values, [memory(dtype) for dtype in self.dtypes])
        if self.formula.own and any(a is x for a in known[1] for x in values):
            return None
        arrays = {n: known[kind][at] for n, (kind, at) in self.arrays.items()}
        compute(self.formula, arrays, unit, {n: values[at].reshape(-1) for n, (_, at) in self.repeated.items()})
        return [at if kind == CONSTANT else known[kind][at] for kind, at in self.results]


def plan_of(key: Any) -> Plan | None:
    """The plan that was kept: where there are loops, as of a formula that they did not serve."""
    return None if key is None else _plans.get((available(), key))


def keep_plan(
    key: Any,
    formula: Formula,
    arrays: Mapping[int, Array],
    repeated: Mapping[int, Array],
    values: Sequence[Any],
    made: Sequence[Array],
    results: Sequence[Any],
    attributes: Sequence[str],
) -> None:
    """Keep a formula of values that was computed on ``arrays`` and rows ``repeated``; ``made`` are the new ones among them."""
    if key is None:
        return
    computed = {step.result for step in formula.steps}  # memory that was given for a result may be one of the values
    read = {n: reference(x, ((MADE, made),) if n in computed else ((GIVEN, values),)) for n, x in arrays.items()}
    rows = {n: reference(x, ((GIVEN, values),)) for n, x in repeated.items()}
    found = [reference(x, ((MADE, made), (GIVEN, values))) for x in results]
    if any(kind == CONSTANT for kind, _ in (*read.values(), *rows.values())):
        return
    if any(kind == CONSTANT and isinstance(x, np.ndarray) for kind, x in found):
        return
    if len(_plans) >= MOST_PLANS:
        _plans.clear()
    formula.let_go((*arrays, *repeated))
    _plans[available(), key] = Plan(formula, read, rows, [a.dtype for a in made], found, attributes)
