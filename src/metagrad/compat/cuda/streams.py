"""Streams and events of a GPU, through CuPy."""

from __future__ import annotations

import contextlib
from typing import Any

from metagrad.base.device import device as Device
from metagrad.base.device import require_cupy


class Event:
    """A mark in the GPU's work; ``elapsed_time`` between two is in milliseconds."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        self._event = require_cupy("cuda").cuda.Event(blocking, not enable_timing, interprocess)

    def record(self, stream: Any = None) -> None:
        """Put the mark behind the work given so far."""
        self._event.record(getattr(stream, "_stream", stream))

    def synchronize(self) -> None:
        """Wait until the work before the mark is done."""
        self._event.synchronize()

    def wait(self, stream: Any = None) -> None:
        """Let a stream, the current one if none is named, wait for the work before the mark."""
        (current_stream() if stream is None else stream).wait_event(self)

    def query(self) -> bool:
        """Whether the work before the mark is done."""
        return bool(self._event.done)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this mark to another."""
        return float(require_cupy("cuda").cuda.get_elapsed_time(self._event, end_event._event))


class Stream:
    """A queue of work for the GPU; inside ``with`` it is the one that work goes to. ``of``: CuPy's stream that this is."""

    def __init__(self, device: Any = None, priority: int = 0, *, of: Any = None) -> None:
        self._stream = require_cupy("cuda").cuda.Stream(non_blocking=True) if of is None else of

    @property
    def cuda_stream(self) -> int:
        """Its address, as CUDA's functions and other libraries know it."""
        return int(self._stream.ptr)

    def synchronize(self) -> None:
        """Wait until all work in the queue is done."""
        self._stream.synchronize()

    def query(self) -> bool:
        """Whether all work in the queue is done."""
        return bool(self._stream.done)

    def record_event(self, event: Event | None = None) -> Event:
        """Put a mark, a new one if none is given, behind the work given so far."""
        found = Event() if event is None else event
        found.record(self)
        return found

    def wait_event(self, event: Event) -> None:
        """Let the work given from now on wait for a mark."""
        self._stream.wait_event(event._event)

    def wait_stream(self, stream: Stream) -> None:
        """Let the work given from now on wait for what another stream has been given."""
        self.wait_event(stream.record_event())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.cuda_stream == other.cuda_stream

    def __hash__(self) -> int:
        return hash(self.cuda_stream)

    def __enter__(self) -> Stream:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._stream.__exit__(*error)


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to now."""
    return Stream(of=require_cupy("cuda").cuda.get_current_stream())


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to unless another was chosen."""
    return Stream(of=require_cupy("cuda").cuda.Stream.null)


def set_stream(stream: Any) -> None:
    """Give work to this stream from now on; without one (None), nothing changes."""
    if stream is not None:
        stream._stream.use()


class StreamContext(contextlib.AbstractContextManager[Any]):
    """``with stream(s):`` gives work to a stream; with None nothing changes."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> Stream | None:
        return None if self.stream is None else self.stream.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self.stream is not None:
            self.stream.__exit__(*error)


stream = StreamContext


class device(contextlib.AbstractContextManager[Any]):
    """``with metagrad.cuda.device(1):`` uses that GPU; None or a negative number changes nothing."""

    def __init__(self, device: Any) -> None:
        index = device if device is None or isinstance(device, int) else Device(device).index
        self._device = None if index is None or index < 0 else require_cupy("cuda").cuda.Device(index)

    def __enter__(self) -> None:
        if self._device is not None:
            self._device.__enter__()

    def __exit__(self, *error: Any) -> None:
        if self._device is not None:
            self._device.__exit__(*error)


class device_of(device):
    """``with metagrad.cuda.device_of(x):`` uses the GPU that a tensor is on; that of a tensor of the CPU changes nothing."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else None)
