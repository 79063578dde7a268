"""The profiler: where the time goes, op by op.

===============  ==================================================================
``recording.py``  the clock around every op and every gradient, while it is on
``averages.py``   events added up by name, and their table
``profile.py``    ``profile``, ``schedule``, traces for Chrome
===============  ==================================================================
"""

from metagrad.profiler.averages import EventAverages
from metagrad.profiler.profile import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    tensorboard_trace_handler,
)
from metagrad.profiler.recording import record_function

__all__ = [
    "EventAverages", "ProfilerAction", "ProfilerActivity", "profile", "record_function", "schedule",
    "tensorboard_trace_handler",
]  # fmt: skip
