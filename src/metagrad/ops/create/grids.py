"""Every point of a grid: coordinates, products and combinations of vectors."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.base.typing import Operand
from metagrad.base.warning import warn_once
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.index.indexing import Gather
from metagrad.ops.operands import as_tensor
from metagrad.ops.shape.broadcasting import expand
from metagrad.ops.shape.joining import stack
from metagrad.ops.shape.permuting import transpose
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["cartesian_prod", "combinations", "meshgrid"]


@asks_for_tensors
def meshgrid(*tensors: Operand | Sequence[Operand], indexing: str | None = None) -> tuple[Tensor, ...]:
    """The coordinates of a grid: of vectors of n₁, n₂, … numbers, as many tensors of shape (n₁, n₂, …). Views.

    indexing: "ij" as above; "xy" swaps the first two dimensions, as for plotting: (n₂, n₁, …). Raises RuntimeError for
    no tensors, for matrices, or if the dtypes differ.

    >>> import metagrad
    >>> metagrad.meshgrid(metagrad.tensor([1, 2]), metagrad.tensor([3, 4]), indexing="xy")[0]
    tensor([[1, 2],
            [1, 2]])
    """
    if indexing is None:
        warn_once(
            "meshgrid: pass the indexing argument: it is 'ij' if it is left out, where NumPy's is 'xy'",
            UserWarning,
        )
        indexing = "ij"
    listed = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    for i, x in enumerate(listed):
        if isinstance(x, (int, float, complex)):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    given = [as_tensor(x) for x in listed]
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in given:
        if x.array.ndim > 1:
            raise RuntimeError(
                f"meshgrid: Expected 0D or 1D tensor in the tensor list but got one of shape {tuple(x.shape)}"
            )
        if x.dtype != given[0].dtype:
            raise RuntimeError(
                f"meshgrid expects all tensors to have the same dtype, got {given[0].dtype} and {x.dtype}"
            )
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    shape = tuple(x.array.size for x in given)
    count = len(shape)
    stood = [
        reshape(x, (1,) * d + (n,) + (1,) * (count - d - 1)) for d, (x, n) in enumerate(zip(given, shape, strict=True))
    ]
    grids = [expand(x, shape) for x in stood]
    return tuple(transpose(g, 0, 1) if indexing == "xy" and count > 1 else g for g in grids)


@asks_for_tensors
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """Every choice of one element from each vector, one a row: (n₁ · n₂ · …, number of vectors).

    Raises RuntimeError unless all are vectors.

    >>> import metagrad
    >>> metagrad.cartesian_prod(metagrad.tensor([1, 2]), metagrad.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    for x in tensors:
        if x.array.ndim != 1:
            raise RuntimeError(f"cartesian_prod: expect a 1D vector, but got shape {list(x.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(g, g.array.size) for g in meshgrid(*tensors, indexing="ij")], dim=1)


@asks_for_tensors
@guarding("input")
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Every choice of ``r`` elements of a vector, in its order, one a row; with_replacement: the same one several times.

    Raises RuntimeError unless it is a vector and r is not negative.

    >>> import metagrad
    >>> metagrad.combinations(metagrad.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.array.ndim != 1:
        raise RuntimeError(f"combinations: expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"combinations: expect a non-negative number, but got {r}")
    if r == 0:
        return input.detach()[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.array.size), r)), np.int64, like=input.array)
    return Gather.apply(input, index=rows.reshape(-1, r))
