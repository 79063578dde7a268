"""The clock around every op and every gradient.

While recording is on, ``Function.apply`` and the engine's ``differentiate`` are replaced by ones that look at the clock
before and after. So there is no cost when it is off, not even that of asking whether it is on.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, TypeAlias

from metagrad.autograd import engine as _engine
from metagrad.autograd import function
from metagrad.autograd.node_names import aten_name
from metagrad.autograd.variable import Variable
from metagrad.base import naming
from metagrad.base.typing import Array

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


Shapes: TypeAlias = tuple[tuple[int, ...], ...]  # of the inputs


class Event:
    """One call: its name, when it began and ended (seconds), what of that was spent in events inside it, and memory."""

    __slots__ = ("began", "ended", "inside", "memory", "name", "shapes", "thread")

    def __init__(self, name: str, shapes: Shapes | None = None) -> None:
        self.name, self.shapes, self.thread = name, shapes, threading.get_ident()
        self.inside, self.memory, self.ended = 0.0, 0, 0.0
        self.began = time.perf_counter()

    @property
    def key(self) -> str:
        """The name, as sums of events have it."""
        return self.name

    @property
    def count(self) -> int:
        """One call."""
        return 1

    @property
    def input_shapes(self) -> list[list[int]]:
        """The inputs' shapes, where they were recorded."""
        return [list(shape) for shape in self.shapes or ()]

    @property
    def cpu_time_total(self) -> float:
        """How long the call took, in microseconds."""
        return (self.ended - self.began) * 1e6

    @property
    def self_cpu_time_total(self) -> float:
        """The same without what was spent in events inside."""
        return self.cpu_time_total - self.inside * 1e6

    @property
    def cpu_memory_usage(self) -> int:
        """Bytes that the call took."""
        return self.memory


class _Open(threading.local):
    """The events that have begun and not ended in this thread, outermost first."""

    def __init__(self) -> None:
        self.events: list[Event] = []


_open = _Open()
_sinks: list[list[Event]] = []  # where events go: the innermost profiler's list last


def begin(name: str, shapes: Shapes | None = None) -> Event:
    """An event that starts now, inside of those that have begun in this thread.

    >>> event = begin("loading")
    >>> end(event)
    >>> event.ended >= event.began
    True
    """
    event = Event(name, shapes)
    _open.events.append(event)
    return event


def end(event: Event, memory: int = 0) -> None:
    """The event is over; ``memory`` is what it allocated, in bytes.

    >>> event = begin("loading")
    >>> end(event, memory=64)
    >>> event.memory
    64
    """
    event.ended = time.perf_counter()
    event.memory = memory
    _open.events.remove(event)
    if _open.events:
        _open.events[-1].inside += event.ended - event.began
    for sink in _sinks:
        sink.append(event)


def _fresh_bytes(result: object) -> int:
    """The bytes of the results' arrays, where they own their memory."""
    arrays: list[Array] = [getattr(r, "array", r) for r in (result if isinstance(result, tuple) else (result,))]
    return sum(a.nbytes for a in arrays if getattr(a, "base", 0) is None)


engine: Any = _engine
_apply: Any = function.Function.__dict__["apply"]
_differentiate = engine.differentiate


def _timed_apply(cls: type[function.Function], /, *inputs: object, **params: object) -> Tensor:
    name = aten_name(cls.__name__) if naming.package == "torch" else cls.__name__
    event = begin(name, tuple(tuple(x.shape) for x in inputs if isinstance(x, Variable)))
    result = None
    try:
        result = _apply.__func__(cls, *inputs, **params)
    finally:
        end(event, _fresh_bytes(result))
    return result


def _timed_differentiate(node: function.Function, grads: Array, create_graph: bool) -> Array:
    name = node.name() if naming.package == "torch" else f"{node.op_name}Backward"
    event = begin(name, (tuple(node.shape),) if hasattr(node, "shape") else ())
    results = ()
    try:
        results = _differentiate(node, grads, create_graph)
    finally:
        end(event, _fresh_bytes(results))
    return results


def _watched(node: function.Function, grads: tuple[Any, ...]) -> None:
    """Nothing: but while somebody watches, the backward pass goes through ``differentiate`` at every node."""


def start(sink: list[Event]) -> None:
    """Put every event from here on into this list, too.

    >>> events = []
    >>> start(events)
    >>> end(begin("loading"))
    >>> stop(events)
    >>> [event.name for event in events]
    ['loading']
    """
    if not _sinks:
        function.Function.apply = classmethod(_timed_apply)  # type: ignore[assignment, method-assign]
        engine.differentiate = _timed_differentiate
        engine.observers.append(_watched)
    _sinks.append(sink)


def stop(sink: list[Event]) -> None:
    """Put no more events into this list.

    >>> events = []
    >>> start(events)
    >>> stop(events)
    >>> end(begin("loading"))
    >>> events
    []
    """
    _sinks[:] = [s for s in _sinks if s is not sink]
    if not _sinks:
        function.Function.apply = _apply  # type: ignore[method-assign]
        engine.differentiate = _differentiate
        engine.observers.remove(_watched)


class record_function(contextlib.ContextDecorator):
    """Names a part of a program: it is an event of its own while a profiler records, and nothing otherwise.

    >>> with record_function("reading"):
    ...     data = [1, 2, 3]
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self._events: list[Event | None] = []

    def __enter__(self) -> record_function:
        self._events.append(begin(self.name) if _sinks else None)
        return self

    def __exit__(self, *_: object) -> None:
        event = self._events.pop()
        if event is not None:
            end(event)
