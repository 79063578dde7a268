"""Variances and standard deviations, in one pass over deviations from the mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import Function
from metagrad.autograd.variable import as_array
from metagrad.base.layouts import in_order
from metagrad.base.typing import Array, Dims
from metagrad.base.warning import warn
from metagrad.kernels import reductions
from metagrad.ops.arguments import axes, takes_out
from metagrad.ops.operands import in_single
from metagrad.ops.reduce.reduction import kept

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["std", "var"]

_ROUNDING = {c: 16 * float(np.finfo(c).eps) ** 2 for c in "fdFD"}  # of the variance, for each element and squared mean


class Var(Function):
    """y = Σ (x − x̄)² / (n − c),   ∂L/∂x = ∂L/∂y · 2 (x − x̄) / (n − c), c the correction."""

    def forward(self, x: Array, axis: tuple[int, ...], correction: float, keepdim: bool) -> Array:
        self.save(x)
        return self.measure(x, axis, correction, keepdim)[0]

    def measure(self, x: Array, axis: tuple[int, ...], correction: float, keepdim: bool) -> tuple[Array, Array]:
        """The variance, and the mean, which keeps its dimensions."""
        self.axis = axis
        n = math.prod([x.shape[d] for d in axis])
        self.freedom = n - correction
        self.count = x.real.dtype.type(n)
        mean = reductions.sum(x, axis, True) / self.count
        squares = reductions.dropped(reductions.sum_of_deviations(x, axis, mean), axis, keepdim)
        return in_order(squares / x.real.dtype.type(max(0.0, self.freedom))), mean

    def backward(self, grad: Array) -> Array:
        (x,) = self.saved
        return self.spread(grad, x)

    def spread(self, grad: Array, x: Array) -> Array:
        """The gradient of x, given that of its variance."""
        d = x - np.sum(x, axis=self.axis, keepdims=True) / self.count
        return grad.reshape(kept(tuple(x.shape), self.axis)) * d * (2 / self.freedom if self.freedom else np.inf)


@takes_out
@in_single
def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Variance Σ (x − x̄)² / (n − c) over all elements or over ``dim``; c = 1 unless ``correction`` or ``unbiased`` say.

    Raises RuntimeError if the dtype is not floating-point or complex.

    >>> import metagrad
    >>> metagrad.var(metagrad.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return _measured(Var, input, dim, unbiased, keepdim, correction)


class Std(Var):
    """y = √(Σ (x − x̄)² / (n − c)),   ∂L/∂x = ∂L/∂y · (x − x̄) / (n − c) / y, and 0 where y = 0."""

    def forward(self, x: Array, axis: tuple[int, ...], correction: float, keepdim: bool) -> Array:
        wide, (y, mean) = x, self.measure(x, axis, correction, keepdim)
        if x.dtype.char in "fF" and not np.all((y > 1e-28) & (y < 1e37)):
            # squares of small or large deviations leave float32's range, while the root of their sum does not
            wide = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
            y, mean = self.measure(wide, axis, correction, keepdim)
        squares = as_array(y).reshape(mean.shape)
        close = squares <= (mean * np.conj(mean)).real * (_ROUNDING[mean.dtype.char] * self.count)
        if close.any():  # elements that are equal, or nearly: of their distances to one of them the mean is not rounded
            first = wide[tuple([slice(0, 1) if d in axis else slice(None) for d in range(x.ndim)])]
            y, _ = self.measure(wide - np.where(close, first, 0), axis, correction, keepdim)
        self.count = x.real.dtype.type(self.count)
        y = np.sqrt(as_array(y)).astype(x.real.dtype, copy=False)
        self.save(x, y)
        return y

    def backward(self, grad: Array) -> Array:
        x, y = self.saved
        zero = y == 0
        return self.spread(np.where(zero, 0, grad / (2 * np.where(zero, 1, y))), x)


@takes_out
@in_single
def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Standard deviation √(Σ (x − x̄)² / (n − c)), the square root of ``var``; its derivative where it is 0 is 0.

    Raises RuntimeError if the dtype is not floating-point or complex.

    >>> import metagrad
    >>> metagrad.std(metagrad.tensor([1.0, 2.0, 3.0])), metagrad.std(metagrad.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(1.))
    """
    return _measured(Std, input, dim, unbiased, keepdim, correction)


def _measured(
    op: type[Var], input: Tensor, dim: Dims, unbiased: bool | None, keepdim: bool, correction: float | None
) -> Tensor:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is not None and unbiased is not None:
        raise TypeError(
            f"{op.__name__.lower()}() received an invalid combination of arguments: unbiased and correction"
        )
    c = correction if correction is not None else (1 if unbiased is None else int(unbiased))
    if input.array.dtype.kind not in "fcV":
        raise RuntimeError(f"std and var only support floating point and complex dtypes, got {input.dtype}")
    axis = axes(dim, input.array.ndim)
    if math.prod([input.array.shape[d] for d in axis]) <= c:
        warn(
            f"{op.__name__.lower()}(): degrees of freedom is <= 0: there are not more elements than the correction, {c}, "
            "takes away, and the result is nan or inf; correction=0 divides by their number",
            UserWarning,
        )
    return op.apply(input, axis=axis, correction=c, keepdim=keepdim)
