"""Functions that are constant between jumps: floor, ceil, round, sign. Their derivative is 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from metagrad.base.typing import Array
from metagrad.ops.operands import as_tensor
from metagrad.ops.out import takes_out
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["ceil", "fix", "floor", "frac", "round", "trunc"]


class Step(Pointwise):
    """A function that is constant between jumps, such as floor;   ∂L/∂x = 0."""

    def forward(self, x: Array, ufunc: Callable[[Array], Array]) -> Array:
        return ufunc(x)

    def backward(self, grad: Array) -> Array:
        return np.zeros_like(grad)


def _step(input: Tensor, ufunc: Callable[[Array], Array]) -> Tensor:
    if input.array.dtype.kind in "iub":
        return as_tensor(input).clone()
    return Step.apply(input, ufunc=ufunc)


@takes_out
def floor(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest integer not above x, as a float."""
    return _step(input, np.floor)


@takes_out
def ceil(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest integer not below x, as a float."""
    return _step(input, np.ceil)


@takes_out
def trunc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x without its fraction, as a float."""
    return _step(input, np.trunc)


@takes_out
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """x rounded to the nearest multiple of 10⁻ᵈ, d = ``decimals``; halves go to the even neighbour."""
    if decimals:
        return _step(input, lambda x: np.round(x, decimals))
    return _step(input, np.rint)


@takes_out
def frac(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The fraction of x, with its sign: x − trunc(x)."""
    return as_tensor(input) - trunc(input)


fix = trunc
