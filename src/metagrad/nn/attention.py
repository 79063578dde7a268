"""Which kernel ``scaled_dot_product_attention`` is to use: there is one, which is blocked, so a choice changes nothing."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["SDPBackend", "sdpa_kernel"]
__path__: list[str] = []  # PyTorch has files below this one: ``compat/module_paths.py`` says where they are


class SDPBackend(enum.IntEnum):
    """The names of PyTorch's kernels."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: SDPBackend | Sequence[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """Accept a kernel, or several, for the calls inside. Raises AssertionError for what is no SDPBackend.

    >>> with sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
    ...     pass
    """
    for backend in backends if isinstance(backends, (list, tuple)) else [backends]:
        if not isinstance(backend, SDPBackend):
            raise AssertionError(f"sdpa_kernel: expected an SDPBackend or a list of them, got {backends!r}")
    yield
