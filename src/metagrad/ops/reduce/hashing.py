"""A number that tells whether two tensors differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.variable import wrap
from metagrad.base.typing import Dims
from metagrad.kernels.libraries import xor
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.reduce.extrema import nonempty, ordered

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["hash_tensor"]


@takes_exact_out
def hash_tensor(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, mode: int = 0, out: Tensor | None = None
) -> Tensor:
    """The bits of all elements over ``dim`` combined by exclusive or (mode 0, the only one there is), as uint64.

    Floats count as float64, integers and bools as int64, so that the hash does not depend on the width.

    Raises RuntimeError for another mode or for complex tensors, and RuntimeError or IndexError if there is nothing to
    combine.

    >>> import metagrad
    >>> metagrad.hash_tensor(metagrad.tensor([1, 2, 4]))
    tensor(7, dtype=metagrad.uint64)
    """
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}: only 0 is defined")
    x = ordered(input, "hash_tensor").array
    bits = x.astype(np.float64 if x.dtype.kind in "fV" else np.int64, "C").view(np.uint64)
    return wrap(xor(bits.reshape(x.shape), nonempty(input, dim), keepdim))
