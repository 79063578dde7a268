"""Watching ops as they run: where the first nan of a gradient came from, and a table of what was done.

Both use the engine's observers, lists of functions that are called after each forward and each backward, and that
cost one test of an empty list while nobody watches.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import numpy as np

from metagrad.autograd import custom, engine, function
from metagrad.autograd.function import Function
from metagrad.base.warning import warn


def _first_nan(results: Any) -> int | None:
    """The number of the first gradient that contains nan."""
    for i, given in enumerate(results):
        a: Any = getattr(given, "array", given)
        if hasattr(a, "dtype") and a.dtype.kind in "fcV" and bool(np.isnan(a).any()):
            return i
    return None


_differentiate = engine.differentiate


class _Anomaly:
    """Whether anomalies are looked for: notes where each op was applied, and looks at each gradient."""

    on = False
    check_nan = True

    def switch(self, on: bool, check_nan: bool) -> None:
        """Begin or stop watching."""
        if on and not self.on:
            function.observers.append(self.after_forward)
            engine.observers.append(self.after_backward)
            custom.observers.append(self.note)
            engine.differentiate = self.differentiate
        elif self.on and not on:
            function.observers.remove(self.after_forward)
            engine.observers.remove(self.after_backward)
            custom.observers.remove(self.note)
            engine.differentiate = _differentiate
        self.on, self.check_nan = on, check_nan

    def after_forward(self, node: Function, inputs: list[Any], result: Any, params: dict[str, Any]) -> None:
        """Note the line of the program."""
        self.note(node)

    def note(self, node: Function) -> None:
        """Note the line of the program for a node."""
        import traceback  # here, for it is slow to import and seldom needed

        node.metadata["traceback_"] = traceback.format_stack()[:-3]

    def differentiate(self, node: Function, grads: Any, create_graph: bool) -> tuple[Any, ...]:
        """The engine's, and word of the line of the program where it raises."""
        try:
            return _differentiate(node, grads, create_graph)
        except Exception as error:
            if "_told" not in vars(error):  # by the pass within this one that it comes from
                vars(error)["_told"] = True
                self.tell(node)
            raise

    def after_backward(self, node: Function, results: tuple[Any, ...]) -> None:
        """Raise if the gradient of an input contains nan."""
        i = _first_nan(results) if self.check_nan else None
        if i is not None:
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")

    def tell(self, node: Function) -> None:
        """Warn that the backward of a node raised, with the line of the program that made it."""
        where = "".join(node.metadata.get("traceback_", ()))
        if where:
            warn(
                f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{where}",
            )
        else:
            warn(
                f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during forward "
                "pass for more information.",
            )


_anomaly = _Anomaly()


class set_detect_anomaly:
    """Anomaly detection switched on or off at once; as a context manager, put back on exit. See ``detect_anomaly``.

    >>> with set_detect_anomaly(True):
    ...     is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"set_anomaly_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        self._before = _anomaly.on, _anomaly.check_nan
        _anomaly.switch(mode, check_nan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        _anomaly.switch(*self._before)


class detect_anomaly(set_detect_anomaly):
    """While active, the first op whose gradient contains nan raises RuntimeError, and a warning shows where it was applied.

    check_nan: whether nan raises; the places are noted in any case (``grad_fn.metadata``). Slows everything down: for
    debugging only.

    >>> import metagrad, warnings
    >>> x = metagrad.tensor(0.0, requires_grad=True)
    >>> warnings.simplefilter("ignore")
    >>> with metagrad.autograd.detect_anomaly():
    ...     (x / x).sqrt().backward()
    Traceback (most recent call last):
    ...
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._before, self.check_nan = (_anomaly.on, _anomaly.check_nan), check_nan
        warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
        )

    def __enter__(self) -> Self:
        self._before = _anomaly.on, _anomaly.check_nan
        _anomaly.switch(True, self.check_nan)
        return self


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Anomaly detection on or off, from here on.

    >>> set_anomaly_enabled(False)
    """
    _anomaly.switch(enabled, check_nan)


def is_anomaly_enabled() -> bool:
    """Whether anomalies are looked for.

    >>> is_anomaly_enabled()
    False
    """
    return _anomaly.on


def is_anomaly_check_nan_enabled() -> bool:
    """Whether, where anomalies are looked for, nan raises.

    >>> is_anomaly_check_nan_enabled()
    True
    """
    return _anomaly.check_nan


class _Row:
    """What ``debug_mode`` knows of one op; the times are in milliseconds."""

    def __init__(self, op: str, inputs: str, output: str, forward: float) -> None:
        self.op, self.inputs, self.output, self.forward = op, inputs, output, forward
        self.backward: float | None = None


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

    def __init__(self, show: bool = True) -> None:
        self.show = show
        self.rows: list[_Row] = []

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
