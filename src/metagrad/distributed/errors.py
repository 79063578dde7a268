"""What can go wrong between ranks."""

from __future__ import annotations

from collections.abc import Sequence


class DistError(RuntimeError):
    """Something went wrong between the ranks of a program."""


class DistBackendError(DistError):
    """A collective failed."""


class DistNetworkError(DistError):
    """The ranks could not find each other."""


class CollectiveMismatch(DistBackendError):
    """The ranks of a group did not make the same call: other functions, shapes or dtypes, or another order."""


class CollectiveTimeout(DistBackendError):
    """A rank did not arrive in time; the message says which."""


class RankFailed(DistBackendError):
    """Another rank has raised an error, or has ended, so what this one waits for will never happen."""


def mismatch(calls: Sequence[str], names: Sequence[int]) -> str:
    """The message for ranks that made different calls."""
    said: dict[str, list[int]] = {}
    for name, call in zip(names, calls, strict=True):
        said.setdefault(call, []).append(name)
    each = "; ".join(f"rank {', '.join(map(str, who))} called {call}" for call, who in said.items())
    return f"the ranks of a group must make the same calls in the same order, but {each}"
