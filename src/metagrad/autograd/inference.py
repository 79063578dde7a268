"""Tensors made in inference mode: nobody counts the writes to them, so nothing of the graph may rest on them.

Each has an ``Untracked`` counter in the place of the list that counts writes. Recording an op that saves such a tensor
reads the counter, and a write in place changes it: there, and only there, the error is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from metagrad.autograd.mode import mode


def in_this_mode(tensor: Any) -> Any:
    """A new tensor, which nobody counts the writes to if it was made in inference mode."""
    if mode.inference:
        tensor._counter = Untracked()
    return tensor


class Untracked(list[int]):
    """The counter of a tensor that was made in inference mode: reading it while recording raises, and so does counting."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__([0])

    def __getitem__(self, index: object) -> int:  # type: ignore[override]
        if mode.grad and not mode.inference:  # also where it is written to: reading comes first
            raise RuntimeError(
                "Inference tensors cannot be saved for backward. Inference tensors do not track version counter: nobody "
                "counts the writes, so Inplace update to inference tensor outside InferenceMode is not allowed. clone() it first"
            )
        return 0

    def __iter__(self) -> Iterator[int]:
        """Asking for the count itself is an error in every mode."""
        raise RuntimeError("Inference tensors do not track version counter.")

    def __setitem__(self, index: object, value: object) -> None:
        if not mode.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed: clone() it for an ordinary tensor"
            )
