"""Names for the types that annotations use everywhere. Imported for annotations; what it imports itself is for annotations, too."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from metagrad.base import dtypes
    from metagrad.base.device import device
    from metagrad.tensors.tensor import Tensor

Array: TypeAlias = (
    Any  # a NumPy array, or one that answers NumPy's protocols, such as CuPy's; in a backward also a tensor
)
Number: TypeAlias = bool | int | float | complex
Dims: TypeAlias = int | Sequence[int] | None  # one dimension, several, or all of them
Operand: TypeAlias = "Tensor | bool | int | float | complex"
DTypeLike: TypeAlias = "dtypes.dtype | None"  # None: the default, or the dtype of what is there
DeviceLike: TypeAlias = "device | str | int | None"
Sizes: TypeAlias = int | Sequence[int]  # one extent of a shape, as in f(2, 3), or the whole of it, as in f((2, 3))
Index: TypeAlias = "int | slice | EllipsisType | Tensor | Array | Sequence[Index] | None"  # what stands in x[…]
