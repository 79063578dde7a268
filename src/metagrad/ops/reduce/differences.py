"""Differences of neighbours, and what is made of them: derivatives and integrals of sampled functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metagrad.autograd.composites import repeatable
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import named
from metagrad.autograd.variable import Variable
from metagrad.base import dtypes
from metagrad.base.channels_last import laid_out_as
from metagrad.base.typing import Array, Dims, Number, Operand
from metagrad.kernels import differences
from metagrad.kernels.copying import joined
from metagrad.kernels.one_call import in_parts
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_out
from metagrad.ops.index.indexing import getitem
from metagrad.ops.operands import as_tensor
from metagrad.ops.pointwise.arithmetic import sub
from metagrad.ops.pointwise.chunked import is_large
from metagrad.ops.pointwise.comparison import logical_xor
from metagrad.ops.reduce.cumulative import cumsum
from metagrad.ops.reduce.reduction import sum as total
from metagrad.ops.shape.joining import cat
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["cumulative_trapezoid", "diff", "gradient", "trapezoid", "trapz"]


class Diff(Function):
    """yᵢ = xᵢ₊₁ − xᵢ along a dimension of two elements or more;   ∂L/∂xᵢ = ∂L/∂yᵢ₋₁ − ∂L/∂yᵢ, without what there is not."""

    def forward(self, x: Array, axis: int) -> Array:
        self.axis = axis
        if differences.fits(x):
            return differences.differences(x, axis)
        before = (slice(None),) * axis
        later, earlier = x[(*before, slice(1, None))], x[(*before, slice(None, -1))]
        y = in_parts(np.subtract, [later, earlier]) if is_large(x) else None
        return laid_out_as(later - earlier if y is None else y, x)

    def backward(self, grad: Array) -> Array:
        if differences.fits(grad):
            return differences.gradient(grad, self.axis)
        before = (slice(None),) * self.axis
        first, last = (slice(None, 1), slice(None, -1)), (slice(-1, None), slice(1, None))
        (a, b), (c, d) = ([grad[(*before, s)] for s in pair] for pair in (first, last))
        inner = in_parts(np.subtract, [b, d]) if is_large(grad) else None
        parts = [-a, b - d if inner is None else inner, c]
        return joined(parts, self.axis) if isinstance(grad, np.ndarray) else np.concatenate(parts, self.axis)


def _cut(x: Tensor, axis: int, start: int | None, stop: int | None) -> Tensor:
    return getitem(x, (*[slice(None)] * axis, slice(start, stop)))


@takes_out
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """y_i = x_{i+1} − x_i along ``dim``, n times over; of bools, whether they differ. prepend, append: joined on first.

    Raises RuntimeError if n is negative, or the tensors have no dimensions or not the same number of them.

    >>> import metagrad
    >>> metagrad.diff(metagrad.tensor([1, 4, 9, 16]), n=2)
    tensor([2, 2])
    """
    ndim = input.array.ndim
    if not ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional, got a tensor without dimensions")
    if n < 0:
        raise RuntimeError(f"diff: order must be non-negative but got {n}")
    axis = dimension(dim, ndim)
    given = [x for x in (prepend, input, append) if x is not None]
    if any(x.array.ndim != ndim for x in given):
        raise RuntimeError(f"diff expects prepend or append to be the same dimension as input, {ndim}")
    for x in given:
        for d in range(ndim):
            if d != axis and x.array.shape[d] != input.array.shape[d]:
                raise RuntimeError(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the differencing "
                    f"dimension; input.size({d}) = {input.array.shape[d]}, but got tensor.size({d}) = {x.array.shape[d]}"
                )
    if not n:
        return input.clone()
    x = cat(given, axis) if len(given) > 1 else input
    for _ in range(min(n, x.array.shape[axis])):
        if x.dtype is dtypes.bool_ or x.array.shape[axis] < 2:
            step = logical_xor if x.dtype is dtypes.bool_ else sub
            x = step(_cut(x, axis, 1, None), _cut(x, axis, None, -1))
        else:
            x = named(Diff.apply(x, axis=axis), "Sub")
    return x.clone() if x is input else x


# ------------------------------------------------ derivatives


@asks_for_tensors
def gradient(
    input: Tensor, *, spacing: Operand | Sequence[Operand] | None = 1, dim: Dims = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Estimates of the derivatives of a sampled function, one tensor for each dimension of ``dim`` (all, if None).

    Inside, from both neighbours: at steps h₁ to the left and h₂ to the right, the derivative there of the parabola
    through the three points; at the edges from two points, or from three (``edge_order=2``). spacing: the step, the step
    in each dimension, or the coordinates in each dimension, as vectors.

    Raises RuntimeError if a dimension is named twice or is too short, or if spacing or edge_order do not fit.

    >>> import metagrad
    >>> metagrad.gradient(metagrad.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    if input.array.dtype == np.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    given = range(input.array.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    dims = [dimension(d, input.array.ndim) for d in given]
    if len(set(dims)) != len(dims):
        raise RuntimeError(
            f"gradient: dim {next(d for d in dims if dims.count(d) > 1)} appears multiple times in the list of dims"
        )
    if isinstance(spacing, Variable):
        if spacing.array.ndim:
            raise TypeError("gradient: spacing must be a number or a sequence of numbers or of tensors, got one tensor")
        spacing = spacing.array.item()
    spacing = 1 if spacing is None else spacing
    steps: list[Operand] = list(spacing) if isinstance(spacing, (list, tuple)) else [cast(Number, spacing)] * len(dims)
    if len(steps) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar or a list of length equal to 'self.dim() = "
            f"{input.array.ndim}' or of the given dimensions, {len(dims)}, but got a list of length {len(steps)}"
        )
    if edge_order not in (1, 2):
        raise RuntimeError(f"torch.gradient only supports edge_order=1 and edge_order=2. Got {edge_order}")
    for d in dims:
        if input.array.ndim and input.array.shape[d] <= edge_order:
            raise RuntimeError(
                f"torch.gradient expected each dimension size to be at least edge_order+1 = {edge_order + 1}, but dimension "
                f"{d} has {input.array.shape[d]}"
            )
    return tuple(_derivative(input, d, step, edge_order) for d, step in zip(dims, steps, strict=True))


def _derivative(x: Tensor, axis: int, spacing: Operand, edge_order: int) -> Tensor:
    rise = sub(_cut(x, axis, 1, None), _cut(x, axis, None, -1))
    run: Any = spacing
    share: Any = 0.5
    if isinstance(spacing, Variable):
        run = _along(diff(as_tensor(spacing)), axis, x)
        if run.array.shape[axis] != rise.array.shape[axis]:
            raise RuntimeError(
                f"gradient: expected {rise.array.shape[axis] + 1} coordinates for dimension {axis}, "
                f"got {spacing.array.shape[0]}"
            )
        before, after = _cut(run, axis, None, -1), _cut(run, axis, 1, None)
        share = before / (before + after)  # the slope on the side of the shorter step counts for more
    slope = repeatable(rise / run)
    left, right = _cut(slope, axis, None, -1), _cut(slope, axis, 1, None)
    if isinstance(spacing, Variable):
        inner = left + share * (right - left)
    else:
        inner = repeatable(sub(_cut(x, axis, 2, None), _cut(x, axis, None, -2)) / (2 * spacing))
    first, last = _cut(slope, axis, None, 1), _cut(slope, axis, -1, None)
    if edge_order == 2:
        bend = right - left
        low, high = (
            (share, 1 - share)
            if isinstance(share, float)
            else (_cut(share, axis, None, 1), 1 - _cut(share, axis, -1, None))
        )
        first = first - repeatable(low * _cut(bend, axis, None, 1))
        last = last + repeatable(high * _cut(bend, axis, -1, None))
    return cat([first, inner, last], axis)


def _along(vector: Tensor, axis: int, x: Tensor) -> Tensor:
    """A vector as a tensor that broadcasts with x, its elements along ``axis``."""
    return reshape(vector, (1,) * axis + (-1,) + (1,) * (x.array.ndim - 1 - axis))


# ------------------------------------------------ integrals


def _areas(name: str, y: Tensor, x: Tensor | None, dx: Operand | None, dim: int) -> tuple[Tensor, int]:
    """The areas of the trapezoids between neighbours."""
    if x is not None and not isinstance(x, Variable):
        raise TypeError(f"{name}(): x must be a tensor of coordinates, got {type(x).__name__}: give a step as dx=")
    if x is not None and dx is not None:
        raise TypeError(f"{name}() takes the coordinates x or the step dx, not both")
    if y.dtype is dtypes.bool_ or (x is not None and x.dtype is dtypes.bool_):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{name}: received a bool input for {which}, but bool is not supported: use .float()")
    if not y.array.ndim:
        raise IndexError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
    axis = dimension(dim, y.array.ndim)
    if x is None:
        run: Operand = 1.0 if dx is None else dx
    else:
        samples = x.array.shape[0 if x.array.ndim == 1 else axis - y.array.ndim] if x.array.ndim else 0
        if x.array.ndim == 1 and samples != y.array.shape[axis]:
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point: got {samples} for {y.array.shape[axis]}"
            )
        run = _along(diff(as_tensor(x)), axis, y) if x.array.ndim == 1 else diff(as_tensor(x), dim=axis - y.array.ndim)
    return repeatable(repeatable((_cut(y, axis, 1, None) + _cut(y, axis, None, -1)) * run) / 2), axis


@asks_for_tensors
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Operand | None = None, dim: int = -1) -> Tensor:
    """The integral of a sampled function along ``dim`` by the trapezoidal rule, Σ (x_{i+1} − x_i) (y_i + y_{i+1}) / 2.

    x: the coordinates, a vector or of a shape that broadcasts with y; or dx: the step, 1 if neither is given.

    Raises TypeError if x is no tensor or dx is given too, RuntimeError for bools or if x has another length, IndexError
    if y has no dimensions.

    >>> import metagrad
    >>> metagrad.trapezoid(metagrad.tensor([1.0, 3.0, 5.0]), dx=0.5)
    tensor(3.)
    """
    if x is None and y.array.ndim and y.array.shape[dimension(dim, y.array.ndim)] > 1 and y.dtype is not dtypes.bool_:
        axis = dimension(dim, y.array.ndim)
        ends = y.select(axis, 0) + y.select(axis, -1)
        return repeatable((total(y, axis) - repeatable(ends * 0.5)) * (1.0 if dx is None else dx))
    areas, axis = _areas("trapezoid", y, x, dx, dim)
    return total(areas, axis)


trapz = trapezoid


@asks_for_tensors
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Operand | None = None, dim: int = -1) -> Tensor:
    """``trapezoid`` up to each sample but the first.

    Raises what ``trapezoid`` raises.

    >>> import metagrad
    >>> metagrad.cumulative_trapezoid(metagrad.tensor([1.0, 3.0, 5.0]))
    tensor([2., 6.])
    """
    areas, axis = _areas("cumulative_trapezoid", y, x, dx, dim)
    return cumsum(areas, axis)
