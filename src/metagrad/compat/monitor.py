"""``monitor``: events that a program reports to whoever listens, and numbers added up over spans of time.

Source: PyTorch's module of the same name.
"""

from __future__ import annotations

import datetime
import enum
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = [
    "Aggregation", "Event", "EventHandlerHandle", "Stat", "TensorboardEventHandler", "log_event", "register_event_handler",
    "unregister_event_handler",
]  # fmt: skip

STAT_EVENT = "torch.monitor.Stat"  # the name of the events that a Stat reports
data_value_t: TypeAlias = str | int | float | bool


class Aggregation(enum.Enum):
    """What a ``Stat`` makes of the numbers of a span of time."""

    NONE = 0
    VALUE = 1
    MEAN = 2
    COUNT = 3
    SUM = 4
    MAX = 5
    MIN = 6


VALUE, MEAN, COUNT, SUM, MAX, MIN = list(Aggregation)[1:]

_MAKE: dict[Aggregation, Callable[[list[float]], float]] = {
    VALUE: lambda values: values[-1],
    MEAN: lambda values: sum(values) / len(values),
    COUNT: lambda values: float(len(values)),
    SUM: sum,
    MAX: max,
    MIN: min,
}


@dataclass
class Event:
    """Something that happened: its name, when, and what there is to say of it, strings and numbers by name."""

    name: str
    timestamp: datetime.datetime
    data: dict[str, data_value_t]


class EventHandlerHandle:
    """What ``unregister_event_handler`` takes."""

    def __init__(self, handler: Callable[[Event], Any]) -> None:
        self.handler = handler


_handles: list[EventHandlerHandle] = []


def register_event_handler(callback: Callable[[Event], Any]) -> EventHandlerHandle:
    """Call ``callback(event)`` for every event from here on.

    >>> heard = []
    >>> handle = register_event_handler(lambda event: heard.append(event.name))
    >>> log_event(Event("epoch", datetime.datetime(2020, 1, 1), {"loss": 0.5}))
    >>> unregister_event_handler(handle)
    >>> heard
    ['epoch']
    """
    _handles.append(EventHandlerHandle(callback))
    return _handles[-1]


def unregister_event_handler(handler: EventHandlerHandle) -> None:
    """Call it no more."""
    if handler in _handles:
        _handles.remove(handler)


def log_event(event: Event) -> None:
    """Tell all who listen."""
    if not isinstance(event, Event):
        raise TypeError(f"log_event expects an Event, got {type(event).__name__}")
    for handle in list(_handles):
        handle.handler(event)


@dataclass
class Stat:
    """Numbers of a span of time: ``get()`` has what was made of the last one that is over, and an event reports it.

    aggregations: what to make of them. window_size: how long a span is. max_samples: after so many numbers it is over as well.

    >>> stat = Stat("loss", [Aggregation.SUM, Aggregation.COUNT], datetime.timedelta(hours=1), max_samples=2)
    >>> stat.add(2.0)
    >>> stat.count, stat.get()[Aggregation.SUM]
    (1, 0.0)
    >>> stat.add(3.0)
    >>> stat.count, stat.get()[Aggregation.SUM]
    (0, 5.0)
    """

    name: str
    aggregations: Sequence[Aggregation]
    window_size: datetime.timedelta
    max_samples: int | None = None
    _values: list[float] = field(default_factory=list, repr=False)
    _found: dict[Aggregation, float] = field(default_factory=dict, repr=False)
    _began: float = field(default_factory=time.monotonic, repr=False)

    def add(self, v: float) -> None:
        """Another number, in this span or as the first of a new one."""
        self._end_if_over()
        self._values.append(float(v))
        if self.max_samples is not None and len(self._values) >= self.max_samples:
            self._end()

    @property
    def count(self) -> int:
        """How many numbers this span has so far."""
        self._end_if_over()
        return len(self._values)

    def get(self) -> dict[Aggregation, float]:
        """What was made of the last span that is over; zeros before the first."""
        self._end_if_over()
        return {kind: self._found.get(kind, 0.0) for kind in self.aggregations}

    def _end_if_over(self) -> None:
        if time.monotonic() - self._began >= self.window_size.total_seconds():
            self._end()

    def _end(self) -> None:
        if self._values:
            self._found = {kind: _MAKE[kind](self._values) for kind in self.aggregations if kind in _MAKE}
            said: dict[str, data_value_t] = {f"{self.name}.{kind.name.lower()}": v for kind, v in self._found.items()}
            log_event(Event(STAT_EVENT, datetime.datetime.now(datetime.UTC), said))
        self._values, self._began = [], time.monotonic()


class TensorboardEventHandler:
    """Writes what a ``Stat`` reports as scalars: give it a summary writer, and register it."""

    def __init__(self, writer: Any) -> None:
        self.writer = writer

    def __call__(self, event: Event) -> None:
        """Write one event's numbers, of a Stat's alone."""
        if event.name == STAT_EVENT:
            for name, value in event.data.items():
                self.writer.add_scalar(name, value, walltime=event.timestamp.timestamp())
