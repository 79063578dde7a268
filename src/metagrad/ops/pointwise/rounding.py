"""Functions that are constant between jumps: floor, ceil, round, trunc; and frac. The derivative of the first is 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from metagrad.base.typing import Array
from metagrad.ops.arguments import floats, takes_same_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.operands import as_tensor, in_single
from metagrad.ops.pointwise.chunked import Pointwise

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["ceil", "fix", "floor", "frac", "round", "trunc"]


class Step(Pointwise):
    """A function that is constant between jumps, such as floor;   ∂L/∂x = 0."""

    def forward(self, x: Array, ufunc: Callable[[Array], Array]) -> Array:
        self.made_by = ufunc
        return ufunc(x)

    def backward(self, grad: Array) -> Array:
        return np.zeros_like(grad)


class Floor(Step):
    """y = ⌊x⌋."""


class Ceil(Step):
    """y = ⌈x⌉."""


class Round(Step):
    """y = the nearest integer, or multiple of a power of ten."""


class Trunc(Step):
    """y = x without its fraction."""


class Frac(Pointwise):
    """y = x − trunc(x),   ∂L/∂x = ∂L/∂y."""

    def forward(self, x: Array) -> Array:
        return x - np.trunc(x)

    def backward(self, grad: Array) -> Array:
        return grad


@takes_same_out
def floor(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The largest integer ⌊x⌋ not above x, in the dtype of x.

    >>> import metagrad
    >>> metagrad.floor(metagrad.tensor([1.5, -1.5]))
    tensor([ 1., -2.])
    """
    return _step(Floor, input, np.floor)


@takes_same_out
def ceil(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smallest integer ⌈x⌉ not below x, in the dtype of x.

    >>> import metagrad
    >>> metagrad.ceil(metagrad.tensor([1.5, -1.5]))
    tensor([ 2., -1.])
    """
    return _step(Ceil, input, np.ceil)


@takes_same_out
def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """x rounded to the nearest multiple of 10⁻ᵈ, d = ``decimals``; halves go to the even neighbour.

    Raises NotImplementedError for bools and complex numbers, and with decimals for integers.

    >>> import metagrad
    >>> metagrad.round(metagrad.tensor([0.5, 1.5, 2.5]))
    tensor([0., 2., 2.])
    >>> metagrad.round(metagrad.tensor([3.14159]), decimals=2)
    tensor([3.1400])
    """
    if decimals:
        return _to_decimals(floats("round", input, "biu"), decimals)
    return _step(Round, input, np.rint)


@in_single
def _to_decimals(x: Tensor, decimals: int) -> Tensor:
    return _step(Round, x, lambda numbers: np.round(numbers, decimals))


@takes_same_out
def trunc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """x without its fraction, rounded towards 0, in the dtype of x.

    >>> import metagrad
    >>> metagrad.trunc(metagrad.tensor([1.5, -1.5]))
    tensor([ 1., -1.])
    """
    return _step(Trunc, input, np.trunc)


fix = trunc


@takes_same_out
def frac(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The fraction of x, with its sign: x − trunc(x).

    >>> import metagrad
    >>> metagrad.frac(metagrad.tensor([1.25, -1.25]))
    tensor([ 0.2500, -0.2500])
    """
    return Frac.apply(floats("frac", input))


def _step(op: type[Step], input: Tensor, ufunc: Callable[[Array], Array]) -> Tensor:
    if input.array.dtype.kind in "iubc":
        if input.is_complex():
            raise NotImplementedError(f"{ufunc.__name__} is not supported for complex inputs: take .real and .imag")
        refuse(ufunc.__name__, input, "b")
        return as_tensor(input).clone()
    return op.apply(input, ufunc=ufunc)
