"""``profile``: records events inside a ``with`` block, all of them or on a schedule of steps."""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from metagrad.profiler import recording
from metagrad.profiler.averages import EventAverage, EventAverages, Events, total_average


class ProfilerActivity(enum.Enum):
    """What to record: ops on the CPU. The others are accepted, and there is nothing of them to see."""

    CPU = 0
    CUDA = 2
    XPU = 1


class ProfilerAction(enum.Enum):
    """What is done in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """Which steps to record: after ``skip_first`` steps, in each cycle wait, warm up, then record ``active`` steps.

    Raises AssertionError if ``active`` is below 1, or another number negative.

    >>> [schedule(wait=1, warmup=1, active=2, repeat=1)(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if active < 1 or min(wait, warmup, repeat, skip_first) < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments: active must be at least 1, and no other negative, got {wait=}, {warmup=}, "
            f"{active=}, {repeat=}, {skip_first=}"
        )

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        if step >= 0 and skip_first_wait:
            step += wait
        cycle, position = divmod(step, wait + warmup + active)
        if step < 0 or (repeat and cycle >= repeat) or position < wait:
            return ProfilerAction.NONE
        if position < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if position == wait + warmup + active - 1 else ProfilerAction.RECORD

    return action


def _always(step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


class profile:
    """Records what ops were called, how long they took and what memory their results have.

    With a ``schedule``, call ``step()`` at the end of each training step; ``on_trace_ready(profiler)`` is called after
    each recorded cycle, and at the end.

    >>> import metagrad
    >>> with profile() as p:
    ...     y = metagrad.ones(3).exp()
    >>> [row.key for row in p.key_averages()]
    ['Exp']
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        **ignored: object,
    ) -> None:
        self.schedule, self.on_trace_ready = schedule or _always, on_trace_ready
        self.step_num = 0
        self._events: list[recording.Event] = []
        self._recording = False
        self._step: recording.Event | None = None
        self._ready = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, with step 0."""
        self._turn()

    def stop(self) -> None:
        """End; what was recorded and not yet handed over is ready."""
        self._end_step()
        if self._recording:
            recording.stop(self._events)
            self._recording = False
            self._hand_over()

    def step(self) -> None:
        """One training step is over."""
        self._end_step()
        done = self.schedule(self.step_num)
        self.step_num += 1
        if done is ProfilerAction.RECORD_AND_SAVE:
            recording.stop(self._events)
            self._recording = False
            self._hand_over()
        self._turn()

    def _end_step(self) -> None:
        if self._step is not None:
            recording.end(self._step)
            self._step = None

    def _turn(self) -> None:
        """Do what the schedule says about this step."""
        wanted = self.schedule(self.step_num) in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if wanted and not self._recording:
            if self._ready:
                self._events, self._ready = [], False
            recording.start(self._events)
        elif self._recording and not wanted:
            recording.stop(self._events)
        self._recording = wanted
        if wanted and self.schedule is not _always:
            self._step = recording.begin(f"ProfilerStep#{self.step_num}")

    def _hand_over(self) -> None:
        self._ready = True
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def events(self) -> Events:
        """All events, in the order they ended."""
        return Events(self._events)

    @property
    def function_events(self) -> Events:
        """The same, by the name that ``autograd.profiler.profile`` has for it."""
        return self.events()

    def table(self, **options: Any) -> str:
        """The table of ``key_averages()``, with its options."""
        return self.key_averages().table(**options)

    def total_average(self) -> EventAverage:
        """All events added up as one, under the name "Total"."""
        return total_average(self._events)

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all that was recorded, in microseconds."""
        return self.key_averages().self_cpu_time_total

    def key_averages(self, group_by_input_shape: bool = False, group_by_stack_n: int = 0) -> EventAverages:
        """Events added up by name, or by name and the shapes of the inputs."""
        return EventAverages(self._events, group_by_input_shape)

    def export_chrome_trace(self, path: str | os.PathLike[str]) -> None:
        """Write a file that chrome://tracing and Perfetto show as a time line."""
        process = os.getpid()
        trace = [
            {
                "ph": "X", "cat": "cpu_op", "name": e.name, "pid": process, "tid": e.thread, "ts": e.began * 1e6,
                "dur": (e.ended - e.began) * 1e6, "args": {"Input Dims": e.shapes, "bytes": e.memory},
            }
            for e in self._events
        ]  # fmt: skip
        Path(path).write_text(json.dumps({"traceEvents": trace, "displayTimeUnit": "ms"}), encoding="utf-8")


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """For ``on_trace_ready``: writes each trace into a folder, which it makes, under a name that tells the worker and the step.

    >>> import metagrad
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with profile(on_trace_ready=tensorboard_trace_handler(folder, "worker")):
    ...         y = metagrad.ones(3).exp()
    ...     os.listdir(folder)
    ['worker.0.pt.trace.json']
    """

    def handler(p: profile) -> None:
        folder = Path(dir_name)
        folder.mkdir(parents=True, exist_ok=True)
        p.export_chrome_trace(folder / f"{worker_name or os.getpid()}.{p.step_num}.pt.trace.json")

    return handler
