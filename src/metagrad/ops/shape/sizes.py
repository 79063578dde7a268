"""What tensors are like, and sums that give one a size it was broadcast from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metagrad.base.device import of_array
from metagrad.ops.operands import shape_of
from metagrad.ops.reduce.reduction import sum as total
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["get_device", "is_same_size", "is_signed"]


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """Sums that undo a broadcast: ``input`` as it would come from a tensor of this size, added up over the repetitions.

    >>> import metagrad
    >>> metagrad.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    if not size:
        raise TypeError('sum_to_size() missing 1 required positional argument: "size"')
    wanted, shape = shape_of(size), tuple(input.shape)
    new = len(shape) - len(wanted)
    if new < 0 or any(n not in (1, m) for n, m in zip(wanted, shape[new:], strict=True)):
        raise RuntimeError(f"size {list(wanted)} is not expandable to size {list(shape)}")
    if not wanted:
        return total(input)
    repeated = [d for d, m in enumerate(shape) if d < new or (wanted[d - new] == 1 and m != 1)]
    return reshape(total(input, repeated, keepdim=True) if repeated else input, wanted)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape."""
    return tuple(input.shape) == tuple(other.shape)


def is_signed(input: Tensor) -> bool:
    """Whether the tensor's dtype holds negative numbers."""
    return input.dtype.is_signed


def get_device(input: Tensor) -> int:
    """The number of the GPU a tensor is on; −1 on the CPU."""
    where = of_array(input.array)
    return -1 if where.type == "cpu" else where.index or 0
