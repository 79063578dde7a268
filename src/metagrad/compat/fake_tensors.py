"""``torch._subclasses`` and ``fx.experimental`` for libraries that ask whether a program is being traced: none is."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

__all__ = ["FakeTensor", "FakeTensorMode", "get_proxy_mode", "is_fake", "unset_fake_temporarily"]


class FakeTensor:
    """The class of tensors that stand for others while a program is traced. There are none."""


unset_fake_temporarily = nullcontext  # where there is no mode, none is left for a while


class FakeTensorMode:
    """Not here. Raises NotImplementedError that says what is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError("FakeTensorMode: programs are not traced; tensors of no data are on device('meta')")


def is_fake(x: object) -> bool:
    """Whether x is a fake tensor: False.

    >>> is_fake(1.0)
    False
    """
    return False


def get_proxy_mode() -> None:
    """The mode in which operations are noted down: None."""
