"""NVIDIA's library of neural functions, which metagrad does not use. Programs may set its switches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

enabled = benchmark = deterministic = allow_tf32 = False


def is_available() -> bool:
    """False."""
    return False


def version() -> None:
    """None: there is no version of it here."""


def is_acceptable(tensor: object) -> bool:
    """False: no tensor is given to it."""
    return False


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str | None = None,
) -> dict[str, bool]:
    """Set the switches that are given; returns what they all were."""
    wanted = {"enabled": _enabled, "benchmark": _benchmark, "deterministic": _deterministic, "allow_tf32": _allow_tf32}
    before = {name: globals()[name] for name in wanted}
    globals().update({name: value for name, value in wanted.items() if value is not None})
    return before


@contextlib.contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> Iterator[None]:
    """The switches set so inside ``with``, and as before after it."""
    before = set_flags(enabled, benchmark, benchmark_limit, deterministic, allow_tf32)
    try:
        yield
    finally:
        globals().update(before)
