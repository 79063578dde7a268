"""Watching ops as they run: where the first nan came from, and a table of what was done.

Both use the engine's observers, lists of functions that are called after each forward and each backward, and that
cost one test of an empty list while nobody watches.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np

from metagrad.autograd import engine, function
from metagrad.autograd.function import Function


class AnomalyError(RuntimeError):
    """An op produced nan."""


def _first_nan(arrays: Any) -> Any:
    for given in arrays if isinstance(arrays, (tuple, list)) else (arrays,):
        a: Any = getattr(given, "array", given)
        if hasattr(a, "dtype") and a.dtype.kind in "fcV" and bool(np.isnan(a).any()):
            return a
    return None


class detect_anomaly:
    """While active, the first op whose result or gradient contains nan raises, and is named.

    For a gradient, the message also shows the line of the forward pass that applied the op. Slows everything down:
    for debugging only.

    >>> import metagrad
    >>> x = metagrad.tensor(0.0, requires_grad=True)
    >>> with metagrad.autograd.detect_anomaly():
    ...     y = (x / x) * 2
    Traceback (most recent call last):
    ...
    metagrad.autograd.observe.AnomalyError: Div returned nan (result of shape (), from inputs of shapes (), ())
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> Self:
        function.observers.append(self._after_forward)
        engine.observers.append(self._after_backward)
        return self

    def __exit__(self, *_: object) -> None:
        function.observers.remove(self._after_forward)
        engine.observers.remove(self._after_backward)

    def _after_forward(self, node: Function, inputs: list[Any], result: Any, params: dict[str, Any]) -> None:
        import traceback  # here, for it is slow to import and seldom needed

        node.applied_at = "".join(traceback.format_stack(limit=8)[:-2])  # type: ignore[attr-defined]
        if self.check_nan and _first_nan(result) is not None and _first_nan(inputs) is None:
            shapes = ", ".join(str(tuple(np.shape(a))) for a in inputs)
            shape = tuple(_first_nan(result).shape)
            raise AnomalyError(f"{node.op_name} returned nan (result of shape {shape}, from inputs of shapes {shapes})")

    def _after_backward(self, node: Function, results: tuple[Any, ...]) -> None:
        if self.check_nan and _first_nan(results) is not None:
            i = next(i for i, g in enumerate(results) if _first_nan(g) is not None)
            where = getattr(node, "applied_at", "")
            raise AnomalyError(
                f"the backward of {node.op_name} returned nan in the gradient of its input {i}"
                + (f"; the op was applied here:\n{where}" if where else "")
            )


class set_detect_anomaly:
    """Anomaly detection switched on or off at once; as a context manager, put back on exit."""

    _active: detect_anomaly | None = None

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = set_detect_anomaly._active
        self._switch(detect_anomaly(check_nan) if mode else None)

    @staticmethod
    def _switch(wanted: detect_anomaly | None) -> None:
        if set_detect_anomaly._active is not None:
            set_detect_anomaly._active.__exit__()
        set_detect_anomaly._active = None if wanted is None else wanted.__enter__()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._switch(self._before)


def is_anomaly_enabled() -> bool:
    """Whether ``set_detect_anomaly(True)`` is in force."""
    return set_detect_anomaly._active is not None


@dataclass
class _Row:
    """What ``debug_mode`` knows of one op."""

    op: str
    inputs: str
    output: str
    forward: float
    backward: float | None = None


@dataclass
class debug_mode:
    """Records every op applied inside: shapes and times in milliseconds. Prints a table at the end.

    The time of an op is what has passed since the op before it, so it includes the Python code between them.

    >>> import metagrad
    >>> x = metagrad.ones(2, 3, requires_grad=True)
    >>> with metagrad.debug_mode(show=False) as ops:
    ...     (x * 2).sum().backward()
    >>> [(row.op, row.inputs, row.output) for row in ops.rows]
    [('Mul', '(2, 3), 2', '(2, 3)'), ('Sum', '(2, 3)', '()')]
    """

    show: bool = True
    rows: list[_Row] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._of_node: dict[int, tuple[Function, _Row]] = {}
        function.observers.append(self._after_forward)
        engine.observers.append(self._after_backward)
        self._last = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        function.observers.remove(self._after_forward)
        engine.observers.remove(self._after_backward)
        self._of_node.clear()
        if self.show:
            print(self.table())

    def _elapsed(self) -> float:
        now = time.perf_counter()
        elapsed, self._last = (now - self._last) * 1e3, now
        return elapsed

    def _after_forward(self, node: Function, inputs: list[Any], result: Any, params: dict[str, Any]) -> None:
        elapsed = self._elapsed()
        results = result if isinstance(result, tuple) else (result,)
        row = _Row(node.op_name, ", ".join(map(_shape, inputs)), ", ".join(map(_shape, results)), elapsed)
        self.rows.append(row)
        self._of_node[id(node)] = node, row  # the node too: an id may be given again once its node has died
        self._last = time.perf_counter()

    def _after_backward(self, node: Function, results: tuple[Any, ...]) -> None:
        elapsed = self._elapsed()
        found = self._of_node.get(id(node))
        if found is not None:
            found[1].backward = elapsed

    def table(self) -> str:
        """The ops in order, with shapes and times in milliseconds, and the totals by kind."""
        rows = [("op", "inputs", "output", "forward ms", "backward ms")]
        for r in self.rows:
            rows.append(
                (r.op, r.inputs, r.output, f"{r.forward:.3f}", "" if r.backward is None else f"{r.backward:.3f}")
            )
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * w for w in widths))
        totals: dict[str, list[float]] = {}
        for r in self.rows:
            total = totals.setdefault(r.op, [0, 0.0, 0.0])
            total[0], total[1], total[2] = total[0] + 1, total[1] + r.forward, total[2] + (r.backward or 0.0)
        lines += ["", "by kind, most time first:"]
        for op, (count, ahead, back) in sorted(totals.items(), key=lambda item: -item[1][1] - item[1][2]):
            lines.append(f"  {op:16} {count:6.0f} calls  {ahead:10.3f} ms forward  {back:10.3f} ms backward")
        return "\n".join(lines)


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if hasattr(value, "shape") else str(value)
