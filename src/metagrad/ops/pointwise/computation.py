"""A large pointwise op's formula, noted with samples of its arrays and computed on the whole of them (``chunked.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metagrad.base.typing import Array
from metagrad.kernels import chunked_formula, fused_loops
from metagrad.kernels.chunks import Cuts
from metagrad.kernels.fusion import Formula, NotPointwise, Tape


class Computation:
    """A formula noted with samples of whole arrays, then computed on all of them."""

    def __init__(self, cuts: Cuts, values: Sequence[object], half: np.dtype[Any] | None = None) -> None:
        self.cuts, self.half = cuts, half  # half: the dtype in whose place samples are of float32
        self.tape = Tape([x for x in values if isinstance(x, np.ndarray)])
        self.arrays: dict[int, Array] = {}  # whole inputs and results by number
        self.own: list[int] = []  # those of the results that have memory of their own
        self.made: list[Array] = []  # the results among them
        self.columns: dict[int, Array] = {}  # those of the inputs that are columns, by number, as given
        self.flattened: list[tuple[Array, Array]] = []  # smaller arrays in one dimension, as chunks need them; as given

    def sample(self, x: Array) -> Array:
        """What stands for x while the formula is noted: a sample of an array that is cut, a smaller one flattened, or x."""
        if not self.cuts.of_whole(x):
            if not isinstance(x, np.ndarray) or x.ndim <= (x.size > 1 and not self.cuts.columns):
                return x
            for number, known in self.columns.items():
                if known is x:
                    return self.tape.values[number]
            column = self.cuts.column(x) if x.size > 1 else None
            if column is not None:
                self.columns[len(self.tape.values)], self.arrays[len(self.tape.values)] = x, column
                return self.tape.sample(column[:2])
            flat = x.reshape(() if x.size == 1 else -1)
            self.flattened.append((flat, x))
            self.tape.repeated.append(flat)
            return flat
        for number, known in self.arrays.items():
            if known is x:
                return self.tape.values[number]
        self.arrays[len(self.tape.values)] = x
        few = self.cuts.in_rows(x)[:2]
        return self.tape.sample(few if self.half is None or x.dtype != self.half else few.astype(np.float32))

    def whole(self, value: Array, memory: Array | None = None) -> Array:
        """What a value of the noted formula stands for; a result gets memory, to be filled by ``run``."""
        number = self.tape.number(value)
        if number is None:
            for flat, given in self.flattened:
                if value is flat:
                    return given
            if isinstance(value, np.ndarray) and value.size > 1 and not any(value is x for x in self.tape.repeated):
                raise NotPointwise("an array made inside")
            return value
        if number in self.columns:
            return self.columns[number]
        if number not in self.arrays:
            dtype = self.half if self.half is not None and value.dtype == np.float32 else value.dtype
            fits = memory is not None and memory.dtype == dtype and memory.shape == self.cuts.shape
            self.arrays[number] = memory if fits else np.empty(self.cuts.shape, dtype)
            if not fits:
                self.own.append(number)
            self.made.append(self.arrays[number])
        return self.arrays[number]

    def run(self, key: Any, values: Sequence[object], results: Sequence[object], attributes: Sequence[str]) -> None:
        """Compute the results on all chunks, on all threads; keep the plan for these values if there is a key."""
        formula = Formula(self.tape, set(self.arrays), self.own)
        if not formula.steps:
            return
        computed = fused_loops.compute(formula, self.arrays, self.cuts.unit)
        if computed is not None:
            if key is not None:
                given = {id(flat): x for flat, x in self.flattened}
                program, arrays, numbers = computed
                arrays = [given.get(id(a), a) for a in arrays]
                fused_loops.keep_plan(key, (program, arrays, numbers), values, self.made, results, attributes)
            return
        if self.half is not None:
            raise NotPointwise("halves, and no loop")
        rows = {n: self._given(v) for n, v in enumerate(formula.values) if v.__class__ is np.ndarray and v.ndim}
        chunked_formula.compute(formula, self.arrays, self.cuts.unit)
        chunked_formula.keep_plan(key, formula, self.arrays, rows, values, self.made, results, attributes)

    def _given(self, flat: Array) -> Array:
        """The array as it was given that was flattened to one row."""
        return next((x for known, x in self.flattened if known is flat), flat)
