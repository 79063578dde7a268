"""``torch._C.DispatchKey``: PyTorch's names for the ways to an op's implementations; metagrad has one way, the op itself.

Libraries name keys where they register ops: sets of them are kept, and the keys of autocast are heeded.
"""

from __future__ import annotations

import contextlib
from enum import Enum
from typing import Any

from metagrad.compat.amp import autocast

__all__ = ["DispatchKey", "DispatchKeySet", "without_keys"]

_BACKENDS = ["CPU", "CUDA", "XPU", "MPS", "Meta"]
_NAMES = [
    "Undefined", "Dense", "Python", "Functionalize", "Conjugate", "Negative", "ZeroTensor", "BackendSelect",
    "ADInplaceOrView", "Autograd", "CompositeImplicitAutograd", "CompositeExplicitAutograd", "FuncTorchBatched",
    *_BACKENDS, *(f"{family}{backend}" for family in ("Autograd", "Autocast") for backend in _BACKENDS),
]  # fmt: skip
DispatchKey = Enum("DispatchKey", _NAMES)  # type: ignore[misc]


class DispatchKeySet:
    """A set of keys.

    >>> both = DispatchKeySet(DispatchKey["CPU"]) | DispatchKeySet(DispatchKey["CUDA"])
    >>> both.has(DispatchKey["CPU"]), (both - DispatchKeySet(DispatchKey["CPU"])).has(DispatchKey["CPU"])
    (True, False)
    """

    def __init__(self, *keys: Any) -> None:
        self.keys = frozenset(keys)

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self.keys | other.keys)

    def __and__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self.keys & other.keys)

    def __sub__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self.keys - other.keys)

    def has(self, key: Any) -> bool:
        """Whether a key is among them."""
        return key in self.keys


def without_keys(keys: DispatchKeySet) -> contextlib.AbstractContextManager[Any]:
    """Ops without these ways: without autocast, where its key on the CPU is among them."""
    return autocast("cpu", enabled=False) if keys.has(DispatchKey["AutocastCPU"]) else contextlib.nullcontext()
