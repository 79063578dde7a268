"""``torch.utils.benchmark``: how long a statement takes, measured so that two figures may be compared.

>>> import metagrad
>>> timer = Timer("x + x", globals={"x": metagrad.zeros(10)}, label="adding")
>>> timer.timeit(5).median > 0
True
"""

from __future__ import annotations

import contextlib
import statistics
import timeit
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from metagrad.kernels.threads import get_num_threads, set_num_threads

__all__ = ["Compare", "Measurement", "TaskSpec", "Timer", "select_unit"]

_UNITS = [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)]


def select_unit(t: float) -> tuple[str, float]:
    """The unit that a time is best told in, and how many seconds it has.

    >>> select_unit(0.0025)
    ('ms', 0.001)
    """
    return next(((name, size) for name, size in reversed(_UNITS) if t >= size), _UNITS[0])


@dataclass(frozen=True)
class TaskSpec:
    """What was measured, and what it is called in tables."""

    stmt: str
    setup: str = "pass"
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, and below it the statement's own name."""
        return (self.label or self.stmt) + (f": {self.sub_label}" if self.sub_label else "")


@dataclass
class Measurement:
    """Times of a statement: ``raw_times`` in seconds, each of ``number_per_run`` runs; ``times`` of one run."""

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = field(default=None)

    @property
    def times(self) -> list[float]:
        """Seconds of one run."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def median(self) -> float:
        """The median of the times."""
        return statistics.median(self.times)

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return statistics.fmean(self.times)

    @property
    def iqr(self) -> float:
        """How far the middle half of the times reaches."""
        if len(self.raw_times) < 2:
            return 0.0
        first, _, third = statistics.quantiles(self.times, n=4, method="inclusive")
        return third - first

    def __getattr__(self, name: str) -> Any:
        if name in ("stmt", "setup", "label", "sub_label", "description", "env", "num_threads", "title"):
            return getattr(self.task_spec, name)
        raise AttributeError(name)

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Those of the same statement as one."""
        groups: dict[TaskSpec, list[Measurement]] = {}
        for m in measurements:
            groups.setdefault(m.task_spec, []).append(m)
        return [Measurement(1, [t for m in group for t in m.times], spec) for spec, group in groups.items()]

    def __repr__(self) -> str:
        unit, size = select_unit(self.median)
        runs = f"{len(self.raw_times)} measurement{'s' if len(self.raw_times) > 1 else ''}, {self.number_per_run} runs each"
        spread = f"\n  IQR: {self.iqr / size:.3g} {unit}" if len(self.raw_times) > 1 else ""
        return f"<Measurement of {self.title}>\n  Median: {self.median / size:.4g} {unit}{spread}\n  {runs}"


class Timer:
    """Times a statement: warmed up, on ``num_threads`` threads, long enough for the clock."""

    def __init__(
        self,
        stmt: str | Callable[[], Any] = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timeit.default_timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Any = "python",
    ) -> None:
        if language not in ("python", "py") and str(language) != "Language.PYTHON":
            raise ValueError(f"only statements in Python can be timed, got language={language!r}")
        names = dict(globals or {})
        if global_setup:
            exec(global_setup, names)
        self._timer = timeit.Timer(stmt, setup, timer, names)
        text = stmt if isinstance(stmt, str) else getattr(stmt, "__name__", repr(stmt))
        self._task_spec = TaskSpec(text, setup, label, sub_label, description, env, num_threads)

    @contextlib.contextmanager
    def _on_its_threads(self) -> Iterator[None]:
        before = get_num_threads()
        set_num_threads(self._task_spec.num_threads)
        try:
            yield
        finally:
            set_num_threads(before)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One measurement of ``number`` runs, after a warm-up."""
        with self._on_its_threads():
            self._timer.timeit(max(number // 100, 2))
            return Measurement(number, [self._timer.timeit(number)], self._task_spec)

    def _runs_for(self, seconds: float) -> int:
        """How many runs take at least so long."""
        number = 1
        while (taken := self._timer.timeit(number)) < seconds:
            number = max(number * 2, int(number * min(seconds / max(taken, 1e-9), 10)))
        return number

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Measurements of as many runs as make the clock's cost small, for at least ``min_run_time`` seconds in all."""
        with self._on_its_threads():
            number, times = self._runs_for(min_run_time / 1000), list[float]()
            while sum(times) < min_run_time:
                times.append(self._timer.timeit(number))
                if callback is not None:
                    callback(number, times[-1])
            return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0, callback: Any = None
    ) -> Measurement:
        """Measurements until their middle half is narrower than ``threshold`` times the median, or ``max_run_time`` is over."""
        with self._on_its_threads():
            number, times = self._runs_for(min_run_time / 10), list[float]()
            while sum(times) < max_run_time:
                times.append(self._timer.timeit(number))
                found = Measurement(number, times, self._task_spec)
                if len(times) > 4 and sum(times) > min_run_time and found.iqr < threshold * found.median:
                    break
            return Measurement(number, times, self._task_spec)


class Compare:
    """A table of measurements: a row for each statement, a column for each description."""

    def __init__(self, results: Sequence[Measurement]) -> None:
        self._results = list(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """More of them."""
        self._results += results

    def trim_significant_figures(self) -> None:
        """Nothing to do: the table has four figures."""

    def colorize(self, rowwise: bool = False) -> None:
        """Nothing to do: the table has no colours."""

    highlight_warnings = trim_significant_figures

    def __str__(self) -> str:
        merged = Measurement.merge(self._results)
        unit, size = select_unit(min((m.median for m in merged), default=1.0))
        columns = list(dict.fromkeys(m.description or "" for m in merged))
        rows: dict[tuple[str, int], dict[str, str]] = {}
        for m in merged:
            name = m.title + (f" [{m.env}]" if m.env else "")
            rows.setdefault((name, m.num_threads), {})[m.description or ""] = f"{m.median / size:.4g}"
        width = max([len(name) for name, _ in rows], default=0)
        widths = [max(len(c), 10) for c in columns]
        lines = [" " * (width + 12) + "  ".join(f"{c:>{w}}" for c, w in zip(columns, widths, strict=True))]
        for (name, threads), cells in rows.items():
            figures = "  ".join(f"{cells.get(c, ''):>{w}}" for c, w in zip(columns, widths, strict=True))
            lines.append(f"{name:<{width}}  {threads} threads {figures}")
        return "\n".join([*lines, "", f"Times are in {unit}."])

    def print(self) -> None:
        """Print it."""
        print(self)
