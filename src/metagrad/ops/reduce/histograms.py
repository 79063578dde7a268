"""Counting: how often each integer occurs, and how many numbers or points fall between edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metagrad.autograd.function import quiet
from metagrad.autograd.variable import Variable, wrap
from metagrad.base import dtypes, results
from metagrad.base.typing import Array
from metagrad.kernels import counting
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import asks_for_tensors, takes_exact_out, takes_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.fitting import fitting
from metagrad.ops.reduce.extrema import ordered

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["bincount", "histc", "histogram", "histogramdd"]


@asks_for_tensors
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, … occurs in a vector of non-negative integers, or the sum of the weights there.

    The result has max + 1 elements, or ``minlength`` if that is more; int64 without weights, float32 for weights of
    float32, else float64.

    Raises RuntimeError if input is not such a vector, minlength is negative, or weights have another shape.

    >>> import metagrad
    >>> metagrad.bincount(metagrad.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    a = input.array
    refuse("bincount", input, "bfcV")
    low, high = counting.extent(a) if a.size else (0, -1)
    if a.ndim != 1 or low < 0:
        raise RuntimeError(
            f"bincount only supports 1-d non-negative integral inputs, got shape {tuple(a.shape)} of {input.dtype}"
        )
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}")
    if weights is None:
        return wrap(counting.counts(a, high, minlength))
    if tuple(weights.array.shape) != tuple(a.shape):
        raise RuntimeError(
            f"weights should be 1-d and have the same length as input, {a.size}: got {tuple(weights.array.shape)}"
        )
    if not a.size:
        return wrap(np.zeros(minlength, np.int64, like=a))
    kind = np.float32 if weights.array.dtype == np.float32 else np.float64
    return wrap(np.bincount(a, weights.array, minlength).astype(kind))


@quiet
def _ends(x: Array) -> tuple[float, float]:
    return float(x.min()), float(x.max())


@takes_exact_out
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None) -> Tensor:
    """How many elements fall into each of ``bins`` bins of one width from ``min`` to ``max``, both included.

    min = max: the bins go from the smallest element to the largest. Elements outside and nan are not counted.

    Raises RuntimeError if input is not floating-point, bins is not positive, max < min, or the range is not finite.

    >>> import metagrad
    >>> metagrad.histc(metagrad.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    x = ordered(input, "histc", "bciu").array.reshape(-1)
    bins = int(bins)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if max < min:
        raise RuntimeError(f"histc: max must be larger than min, got min={min}, max={max}")
    for bound in (min, max):
        fitting(bound, input.dtype)
    low, high = float(min), float(max)
    if low == high and x.size:
        low, high = _ends(x)
    if low == high:
        low, high = low - 1, high + 1
    if not np.isfinite([low, high]).all():
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    is_finite = np.isfinite(x.dtype.type(high - low) * x.dtype.type(bins))
    counted = counting.cells(x, low, high, bins) if is_finite else None
    if counted is not None:
        return wrap(counted.astype(x.dtype))
    inside = x[(x >= low) & (x <= high)]
    if not is_finite:  # beyond the dtype's range on the way
        inside = inside.astype(np.float64)
    scalar = inside.dtype.type
    cell = ((inside - scalar(low)) * scalar(bins) / scalar(high - low)).astype(np.int64)
    return wrap(np.bincount(np.minimum(cell, bins - 1), minlength=bins).astype(x.dtype))


@takes_exact_out
def histogram(
    input: Tensor,
    bins: Tensor | int = 100,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> results.histogram:
    """How many elements fall between neighbouring edges, the last edge included: (hist, bin_edges).

    bins: the edges, an ascending vector; or the number of bins of one width in ``range`` (from the smallest element to the
    largest, if None). weight: what each element counts for. density: such that the integral over the bins is 1.

    Raises RuntimeError if input is not floating-point, weight has another shape, or bins or range do not make edges.

    >>> import metagrad
    >>> metagrad.histogram(metagrad.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 3.0)).hist
    tensor([2., 1.])
    """
    points = ordered(input, "histogram", "bciu").reshape(-1, 1)
    if weight is not None and tuple(weight.shape) != tuple(input.shape):
        raise RuntimeError(
            f"histogram: weight should have the shape of the input, {tuple(input.shape)}, got {tuple(weight.shape)}"
        )
    flat = None if weight is None else weight.reshape(-1)
    hist, edges = histogramdd(points, [bins], range=range, weight=flat, density=density)
    return results.histogram((hist, edges[0]))


@takes_out
@quiet
def histogramdd(
    input: Tensor,
    bins: int | Sequence[Tensor | int],
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: tuple[Tensor, ...] | None = None,
) -> results.histogramdd:
    """How many points fall into each cell of a grid: (hist, bin_edges), bin_edges with a vector for each dimension.

    input (*, D), points in D dimensions; weight (*). bins: in each dimension, edges or a number of bins; or one number.
    range: lowest and highest edge of each dimension, one after the other.

    Raises RuntimeError if input is not floating-point or has fewer than 2 dimensions, if weight has another shape, or
    if bins or range do not fit the dimensions.

    >>> import metagrad
    >>> metagrad.histogramdd(metagrad.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [2., 0.]])
    """
    x = ordered(input, "histogramdd", "bciu").array
    if x.ndim < 2:
        raise RuntimeError(f"histogramdd: input should have at least 2 dimensions, got shape {tuple(x.shape)}")
    x, count = x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), x.shape[-1]
    given = [bins] * count if isinstance(bins, int) else list(bins)
    if len(given) != count:
        raise RuntimeError(
            f"histogramdd: The size of bins must be equal to the innermost dimension of the input, {count}, got {len(given)}"
        )
    if range is not None and len(range) != 2 * count:
        raise RuntimeError(f"histogramdd: range should have {2 * count} elements, got {len(range)}")
    if weight is not None and tuple(weight.shape) != tuple(input.shape[:-1]):
        raise RuntimeError(
            f"histogramdd: weight should have the shape of the input but for its last dimension, "
            f"{tuple(input.shape[:-1])}, got {tuple(weight.shape)}"
        )
    if weight is not None and weight.dtype != input.dtype:
        raise RuntimeError(
            f"torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but "
            f"got input({dtypes.cpp_name(input.dtype)}), and weight({dtypes.cpp_name(weight.dtype)})"
        )
    edges = [_edges(x[:, d], b, None if range is None else range[2 * d : 2 * d + 2], d) for d, b in enumerate(given)]
    sizes = tuple(len(e) - 1 for e in edges)
    even = count == 1 and weight is None and not isinstance(given[0], Variable)
    hist = counting.between(x, edges[0]) if even else None
    if hist is None:
        cell, inside = _cells(x, edges)
        counted = None if weight is None else weight.array.reshape(-1)[inside]
        hist = np.bincount(cell[inside], counted, minlength=int(np.prod(sizes)))
    hist = hist.reshape(sizes).astype(x.dtype)
    if density:
        hist = hist / hist.sum()
        for d, e in enumerate(edges):
            hist = hist / np.diff(e).reshape((-1,) + (1,) * (count - 1 - d))
    return results.histogramdd((wrap(hist), tuple(wrap(e) for e in edges)))


def _cells(x: Array, edges: list[Array]) -> tuple[Array, Array]:
    """The number of the cell that each point is in, counted row by row, and whether it is inside of the grid at all."""
    cell, inside = np.zeros(len(x), np.int64, like=x), filled(len(x), True, bool, x)
    for d, e in enumerate(edges):
        inside &= (x[:, d] >= e[0]) & (x[:, d] <= e[-1])
        bin = np.clip(np.searchsorted(e, x[:, d], side="right") - 1, 0, len(e) - 2)
        cell = cell * (len(e) - 1) + bin
    return cell, inside


def _edges(x: Array, bins: Tensor | int, range: Sequence[float] | None, d: int) -> Array:
    """The edges in one dimension: as given, or so many bins of one width."""
    if isinstance(bins, Variable):
        edges = bins.array
        if edges.ndim != 1:
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have one dimension, but got {edges.ndim} dimensions in the "
                f"bins tensor for dimension {d}"
            )
        if edges.dtype != x.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{dtypes.cpp_name(x.dtype)} and bins for dimension {d} with dtype {dtypes.cpp_name(edges.dtype)}"
            )
    count = bins.array.size - 1 if isinstance(bins, Variable) else bins
    if count <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {count} for dimension {d}")
    if isinstance(bins, Variable):
        return bins.array.copy()
    low, high = (float(r) for r in range) if range is not None else (0.0, 1.0)
    if range is None and x.size:
        low, high = float(x.min()), float(x.max())
    if not np.isfinite([low, high]).all():
        raise RuntimeError(f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError(f"histogramdd: min should not exceed max, got min {low} max {high} for dimension {d}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = low + (high - low) * (np.arange(count + 1, like=x) / count)
    edges[-1:] = high
    return edges.astype(x.dtype)
