"""Collectives as ops of the graph."""

from __future__ import annotations

from typing import Any

from metagrad.autograd.function import Function
from metagrad.autograd.variable import wrap
from metagrad.distributed import collectives
from metagrad.distributed.reduction import ReduceOp
from metagrad.tensors.tensor import Tensor


class AllReduce(Function):
    """y = Σᵣ xᵣ on every rank r.   ∂L/∂xᵣ = Σₛ ∂Lₛ/∂y, where Lₛ is the loss of rank s: the sum is its own transpose."""

    def forward(self, x: Any, group: Any = None) -> Any:
        """The sum over the ranks."""
        self.group = group
        y = wrap(x.copy())
        collectives.all_reduce(y, ReduceOp.SUM, group)
        return y.array

    def backward(self, grad: Any) -> Any:
        """The sum of the ranks' gradients: every rank makes this call when its backward pass comes here."""
        return AllReduce.on(grad, group=self.group)


def all_reduce(tensor: Tensor, op: ReduceOp = ReduceOp.SUM, group: Any = None) -> Tensor:
    """The sum of all ranks' tensors, as a new tensor; its gradient is the sum of all ranks' gradients.

    Raises ValueError for another op than the sum. All ranks must also make the backward pass.
    """
    if op is not ReduceOp.SUM:
        raise ValueError(f"gradients flow through sums only, got {op}")
    return AllReduce.apply(tensor, group=group)
