"""Tensors made in inference mode: nobody counts the writes to them, so nothing of the graph may rest on them.

Each has an ``Untracked`` counter in the place of the list that counts writes. Recording an op that saves such a tensor
reads the counter, and a write in place changes it: there, and only there, the error is found.
"""

from __future__ import annotations

from metagrad.autograd.mode import mode


class Untracked(list[int]):
    """The counter of a tensor that was made in inference mode: reading it while recording raises, and so does counting."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__([0])

    def __getitem__(self, index: object) -> int:  # type: ignore[override]
        if mode.grad and not mode.inference:
            raise RuntimeError(
                "a tensor made in inference mode can be neither saved for backward nor written to in place outside it, for "
                "nobody counts the writes to it: clone() it for an ordinary tensor"
            )
        return 0

    def __setitem__(self, index: object, value: object) -> None:
        if not mode.inference:
            raise RuntimeError(
                "a tensor made in inference mode cannot be written to in place outside it: clone() it for an ordinary tensor"
            )
