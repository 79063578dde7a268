"""Arrays from and to other libraries through DLPack, without a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.ops.create.shared import from_dlpack

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> object:
    """A capsule over the tensor's memory, which other libraries read once.

    >>> import metagrad
    >>> type(to_dlpack(metagrad.zeros(2))).__name__
    'PyCapsule'
    """
    return tensor.__dlpack__()
