"""What registering a hook returns, by the path programs import it from."""

from __future__ import annotations

from typing import TypeVar

from metagrad.autograd.hooks import RemovableHandle

__all__ = ["RemovableHandle", "unserializable_hook"]

F = TypeVar("F")


def unserializable_hook(f: F) -> F:
    """Mark a hook as one that no pickle is meant to have."""
    f.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return f
