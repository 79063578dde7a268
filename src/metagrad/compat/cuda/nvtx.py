"""Marks for NVIDIA's profiler, which metagrad does not make: ``metagrad.profiler.record_function`` marks a range for its own."""

import contextlib
from collections.abc import Iterator

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]


def range_push(msg: str) -> int:
    """Nothing; -1, for there is no profiler."""
    return -1


def range_pop() -> int:
    """Nothing; -1, for there is no profiler."""
    return -1


range_start = range_push


def range_end(range_id: int) -> None:
    """Nothing."""


def mark(msg: str) -> None:
    """Nothing."""


@contextlib.contextmanager
def range(msg: str, *args: object, **kwargs: object) -> Iterator[None]:
    """Nothing, as a context and a decorator."""
    yield
