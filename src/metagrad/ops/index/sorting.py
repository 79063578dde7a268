"""Ordering: sort, argsort, topk, unique. Where elements are equal the first comes first; nan is larger than any number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.node_names import named
from metagrad.autograd.transforms import check_extent, lies_in
from metagrad.autograd.variable import wrap
from metagrad.base import results
from metagrad.base.result_order import laid_out_by
from metagrad.base.typing import Array
from metagrad.kernels import sorting, tuning
from metagrad.kernels.chunks import cut, map_chunks
from metagrad.kernels.distinct import distinct
from metagrad.kernels.libraries import filled
from metagrad.kernels.masks import nonzero, selected
from metagrad.kernels.picking import taken
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_exact_out, takes_out
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.reduce.extrema import Along, ordered

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["argsort", "msort", "sort", "topk", "unique", "unique_consecutive"]


@takes_exact_out
@guarding(results=(1,))
def sort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = False, *, out: Tensor | None = None
) -> results.sort:
    """A dimension in order: (values, indices). Equal elements stay in their order whether ``stable`` asks for it or not.

    >>> import metagrad
    >>> metagrad.sort(metagrad.tensor([3.0, 1.0, 2.0])).values
    tensor([1., 2., 3.])
    """
    axis = dimension(dim, ordered(input, "sort").array.ndim)
    if not input.array.ndim:
        return results.sort((input.clone(), _first(input)))
    order = laid_out_by((sorting.descending if descending else sorting.ascending)(input.array, axis), input.array)
    values = named(Along.apply(input, order, axis=axis), "Sort")
    lies_in(values, laid_out_by(values.array, input.array))
    return results.sort((values, wrap(order)))


@takes_exact_out
def argsort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The indices that sort a dimension.

    >>> import metagrad
    >>> metagrad.argsort(metagrad.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    return sort(input, dim, descending, stable).indices


@takes_exact_out
def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first dimension in order.

    >>> import metagrad
    >>> metagrad.msort(metagrad.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    return sort(input, 0).values


@takes_out
@guarding(results=(1,))
def topk(
    input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Tensor | None = None
) -> results.topk:
    """The k largest (or smallest) elements along a dimension, in order: (values, indices).

    input (*, n, *): both (*, k, *), indices int64. Raises RuntimeError unless 0 ≤ k ≤ n.

    >>> import metagrad
    >>> metagrad.topk(metagrad.tensor([1.0, 3.0, 2.0]), 2).indices
    tensor([1, 2])
    """
    axis = dimension(dim, ordered(input, "topk", "bc").array.ndim)
    n = input.array.shape[axis] if input.array.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"selected index k out of range: k={k}, dimension {axis} has size {n}")
    if not input.array.ndim:
        return results.topk((input.clone(), _first(input)))
    order = sorting.extreme(input.array, axis, k, largest)
    return results.topk((named(Along.apply(input, order, axis=axis), "Topk"), wrap(order)))


def _first(input: Tensor) -> Tensor:
    return wrap(np.zeros((), np.int64, like=input.array))


@asks_for_tensors
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in order; also each element's index among them, and how often each occurs, if asked for.

    dim: different slices of this dimension, in lexicographic order. Every nan is different from every other. Raises
    RuntimeError if the slices have no elements.

    >>> import metagrad
    >>> metagrad.unique(metagrad.tensor([3, 1, 3]), return_inverse=True, return_counts=True)
    (tensor([1, 3]), tensor([1, 0, 1]), tensor([1, 2]))
    """
    check_extent("unique", input)
    rows = _rows(input, dim)
    if dim is None and (found := distinct(rows[:, 0], return_inverse)):
        return _unique(input, dim, *found[:2], found[2] if return_counts else None)
    if dim is None:
        order = sorting.ascending(rows[:, 0], 0)
    else:
        order = np.lexsort(rows.T[::-1])
    new = _begin(rows[order])
    starts, inverse = nonzero(new)[0], None
    if return_inverse:
        inverse = np.empty_like(order)
        inverse[order] = np.cumsum(new) - 1
    values = _at(input, dim, order[starts])
    return _unique(input, dim, values, inverse, _lengths(starts, new) if return_counts else None)


@asks_for_tensors
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Each run of equal neighbours once; also the run each element is in, and how long each is, if asked for.

    dim: runs of equal slices of this dimension. Raises RuntimeError if the slices have no elements.

    >>> import metagrad
    >>> metagrad.unique_consecutive(metagrad.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    check_extent("unique_consecutive", input)
    new = _begin(_rows(input, dim))
    values = selected(input.array.reshape(-1), new) if dim is None else None
    starts = nonzero(new)[0] if values is None or return_counts else None
    inverse = np.cumsum(new) - 1 if return_inverse else None
    values = _at(input, dim, starts) if values is None else values
    return _unique(input, dim, values, inverse, _lengths(starts, new) if return_counts else None)


def _rows(input: Tensor, dim: int | None) -> Array:
    """What is compared, as the rows of a matrix: elements, or the slices of a dimension."""
    refuse("unique", input, "c")
    a = input.array
    if dim is None:
        return a.reshape(-1, 1)
    if not a.ndim:
        raise IndexError(f"unique: dim is {dim}, but the tensor has no dimensions")
    axis = dimension(dim, a.ndim)
    a = np.moveaxis(a, axis, 0)
    if 0 in a.shape[1:]:
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied: "
            f"slices along dim {dim} of shape {tuple(input.shape)} have no elements"
        )
    return a.reshape(len(a), math.prod(a.shape[1:]))


def _begin(rows: Array) -> Array:
    """Whether a run of equal rows begins at each row."""
    if rows.shape[1] > 1:
        different = np.any(rows[1:] != rows[:-1], axis=1)
        return np.concatenate([filled(min(1, len(rows)), True, bool, rows), different])
    x, new = rows[:, 0], filled(len(rows), True, bool, rows)

    def work(s: slice) -> None:
        later = slice(s.start + 1, s.stop + 1)
        new[later] = x[later] != x[s]

    if len(x) > 1:
        map_chunks(work, cut(len(x) - 1, tuning.SEARCH_CHUNK))
    return new


def _lengths(starts: Array, new: Array) -> Array:
    """How long each run is, by where they start."""
    end = filled(min(1, len(new)), len(new), starts.dtype, starts)
    return np.concatenate([starts[1:], end]) - starts


def _at(input: Tensor, dim: int | None, indices: Array) -> Array:
    """The elements, or slices of ``dim``, at these indices."""
    if dim is not None:
        return np.moveaxis(
            np.take(np.moveaxis(input.array, dim, 0), indices, axis=0), 0, dim
        )  # in memory slice by slice
    flat = input.array.reshape(-1)
    found = taken(flat, indices)
    return np.take(flat, indices) if found is None else found


def _unique(input: Tensor, dim: int | None, values: Array, inverse: Array | None, counts: Array | None) -> Any:
    """The different elements, or slices of ``dim``, with what else was asked for."""
    extras = []
    if inverse is not None:
        extras.append(wrap(inverse.reshape(input.array.shape) if dim is None else inverse))
    if counts is not None:
        extras.append(wrap(counts))
    return (wrap(values), *extras) if extras else wrap(values)
