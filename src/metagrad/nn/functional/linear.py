"""Linear functions of one input, or of two at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagrad.autograd.composites import guarding
from metagrad.ops.arguments import asks_for_tensors
from metagrad.ops.linalg.contraction import einsum
from metagrad.ops.operands import need_one_dtype

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["bilinear"]


@asks_for_tensors
@guarding("weight")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_o = x₁ᵀ W_o x₂ + b_o: input1 (*, I), input2 (*, J), weight (O, I, J), bias (O), result (*, O).

    Raises RuntimeError for shapes that do not belong together.

    >>> import metagrad
    >>> metagrad.nn.functional.bilinear(metagrad.ones(1, 2), metagrad.ones(1, 3), metagrad.ones(4, 2, 3))
    tensor([[6., 6., 6., 6.]])
    """
    need_one_dtype("bilinear", input1, input2, weight, bias)
    if input1.array.ndim != input2.array.ndim or tuple(input1.shape[:-1]) != tuple(input2.shape[:-1]):
        raise RuntimeError(
            f"bilinear(): input batch dimensions do not match: got {list(input1.shape)} and {list(input2.shape)}"
        )
    if (input1.array.shape[-1], input2.array.shape[-1]) != tuple(weight.array.shape[1:]):
        i = int(input1.array.shape[-1] == weight.array.shape[1])
        raise RuntimeError(
            f"bilinear(): input{i + 1} size does not match weight size: got {(input1, input2)[i].array.shape[-1]} but expected "
            f"{weight.array.shape[i + 1]}"
        )
    found = einsum("...i,oij,...j->...o", input1, weight, input2)
    return found if bias is None else found + bias
