"""Events added up by name, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from metagrad.profiler.recording import Event, Shapes


class EventAverage:
    """All calls of one name. Times are in microseconds; ``self`` times leave out what was spent in events inside."""

    def __init__(self, key: str, input_shapes: Shapes | None = None) -> None:
        self.key, self.input_shapes = key, input_shapes
        self.count, self.cpu_time_total, self.self_cpu_time_total, self.cpu_memory_usage = 0, 0.0, 0.0, 0

    @property
    def cpu_time(self) -> float:
        """The time of one call on average."""
        return self.cpu_time_total / self.count

    def add(self, event: Event | EventAverage) -> None:
        """Count one more call, or several."""
        self.count += event.count
        self.cpu_time_total += event.cpu_time_total
        self.self_cpu_time_total += event.self_cpu_time_total
        self.cpu_memory_usage += event.cpu_memory_usage


def total_average(events: Iterable[Event | EventAverage]) -> EventAverage:
    """All events added up as one, under the name "Total"."""
    total = EventAverage("Total")
    for event in events:
        total.add(event)
    return total


class Events(list[Event]):
    """The events of a profile, one by one."""

    total_average = total_average

    def key_averages(self, group_by_input_shapes: bool = False, **_: Any) -> EventAverages:
        """Events added up by name, or by name and the shapes of the inputs."""
        return EventAverages(self, group_by_input_shapes)

    def table(self, **options: Any) -> str:
        """``key_averages().table()``."""
        return self.key_averages().table(**options)


class EventAverages:
    """What ``profile.key_averages()`` returns: a sequence of averages, with a table."""

    def __init__(self, events: Iterable[Event], by_shape: bool = False) -> None:
        found: dict[tuple[str, Shapes | None], EventAverage] = {}
        for event in events:
            key = (event.name, event.shapes if by_shape else None)
            if key not in found:
                found[key] = EventAverage(*key)
            found[key].add(event)
        self._rows = list(found.values())

    total_average = total_average

    def __iter__(self) -> Iterator[EventAverage]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> EventAverage:
        return self._rows[index]

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all of it, in microseconds."""
        return sum(row.self_cpu_time_total for row in self._rows)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        header: str | None = None,
        max_name_column_width: int = 55,
    ) -> str:
        """Text: a line for each name, the greatest ``sort_by`` first (``cpu_time_total``, ``count``, ``cpu_memory_usage`` …)."""
        rows = list(self._rows)
        if sort_by is not None:
            if rows and not hasattr(rows[0], sort_by):
                known = "cpu_time, cpu_time_total, self_cpu_time_total, cpu_memory_usage, count"
                raise ValueError(f"cannot sort by {sort_by!r}: expected one of {known}")
            rows.sort(key=lambda row: getattr(row, sort_by), reverse=True)
        total = self.self_cpu_time_total or 1.0
        titles = ["Name", "Self CPU %", "Self CPU", "CPU total", "CPU time avg", "CPU Mem", "# of Calls"]
        lines = [titles]
        for row in rows[: row_limit if row_limit >= 0 else None]:
            name = row.key if len(row.key) <= max_name_column_width else row.key[: max_name_column_width - 3] + "..."
            shapes = f" {list(map(list, row.input_shapes))}" if row.input_shapes is not None else ""
            lines.append(
                [
                    name + shapes, f"{100 * row.self_cpu_time_total / total:.2f}%", _time(row.self_cpu_time_total),
                    _time(row.cpu_time_total), _time(row.cpu_time), memory(row.cpu_memory_usage), str(row.count),
                ]
            )  # fmt: skip
        widths = [max(len(line[i]) for line in lines) for i in range(len(titles))]
        rule = "  ".join("-" * w for w in widths)
        text = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in lines]
        head = [] if header is None else [header]
        return "\n".join([*head, rule, text[0], rule, *text[1:], rule, f"Self CPU time total: {_time(total)}", ""])


def _time(microseconds: float) -> str:
    for limit, unit, size in ((1e6, "s", 1e6), (1e3, "ms", 1e3)):
        if microseconds >= limit:
            return f"{microseconds / size:.3f}{unit}"
    return f"{microseconds:.3f}us"


def memory(count: float) -> str:
    """A number of bytes as people read it.

    >>> memory(1536)
    '1.50 KB'
    """
    for power, unit in ((3, "GB"), (2, "MB"), (1, "KB")):
        if count >= 1024**power:
            return f"{count / 1024**power:.2f} {unit}"
    return f"{count:.0f} B"
