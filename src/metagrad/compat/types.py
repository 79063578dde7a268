"""Names for what PyTorch's functions take, for annotations: ``Device``, ``Number``, ``_size`` and their like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from metagrad.base.device import device
from metagrad.base.dtypes import dtype as _dtype  # noqa: F401 (programs import it from here)
from metagrad.base.layouts import layout as _layout  # noqa: F401
from metagrad.base.size import Size
from metagrad.tensors.tensor import Tensor

__all__ = ["Device", "FileLike", "IntLikeType", "Number", "Storage", "Tensor"]

_int, _float, _bool, _complex = int, float, bool, complex
_device: TypeAlias = device
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]

Number: TypeAlias = int | float | bool
IntLikeType: TypeAlias = int
Device: TypeAlias = device | str | int | None
FileLike: TypeAlias = object
Storage: TypeAlias = object
