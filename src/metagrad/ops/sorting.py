"""Ordering: sort, argsort, topk, unique. Where elements are equal the first comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.variable import Array, wrap
from metagrad.ops.common import accepts_axis, dimension
from metagrad.ops.extremum import Along, ValuesAndIndices

if TYPE_CHECKING:
    from metagrad.tensor import Tensor

__all__ = ["argsort", "sort", "topk", "unique"]


def _order(a: Array, axis: int, descending: bool) -> Array:
    if not descending:
        return np.argsort(a, axis=axis, kind="stable")
    backwards = np.flip(np.argsort(np.flip(a, axis), axis=axis, kind="stable"), axis)
    return a.shape[axis] - 1 - backwards  # sorting from the end keeps equal elements in their order


@accepts_axis
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort a dimension.

    >>> import metagrad
    >>> metagrad.argsort(metagrad.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    if not input.array.ndim:
        return wrap(np.zeros((), np.int64))
    return wrap(_order(input.array, dimension(dim, input.array.ndim), descending))


@accepts_axis
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """A dimension in order: (values, indices)."""
    if not input.array.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    axis = dimension(dim, input.array.ndim)
    order = _order(input.array, axis, descending)
    return ValuesAndIndices(Along.apply(input, order, axis=axis), wrap(order))


@accepts_axis
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) elements along a dimension, in order: (values, indices).

    >>> import metagrad
    >>> metagrad.topk(metagrad.tensor([1.0, 3.0, 2.0]), 2).indices
    tensor([1, 2])
    """
    axis = dimension(dim, input.array.ndim)
    n = input.array.shape[axis] if input.array.ndim else 1
    if not 0 <= k <= n:
        raise RuntimeError(f"selected index k out of range: k={k}, dimension {axis} has size {n}")
    if not input.array.ndim:
        return ValuesAndIndices(input.clone(), wrap(np.zeros((), np.int64)))
    order = _order(input.array, axis, largest)[(*[slice(None)] * axis, slice(0, k))]
    return ValuesAndIndices(Along.apply(input, order, axis=axis), wrap(order))


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in order; also each element's place among them, and how often each occurs, if asked for."""
    if dim is not None:
        dim = dimension(dim, input.array.ndim)
        shape = input.array.shape
        if not input.array.size and 0 in (*shape[:dim], *shape[dim + 1 :]):
            raise RuntimeError(f"unique: slices along dim {dim} of a tensor of shape {tuple(shape)} have no elements")
    found = np.unique(input.array, return_inverse=True, return_counts=True, axis=dim)
    values, inverse, counts = (wrap(np.asarray(a)) for a in found)
    if dim is None:
        inverse = inverse.reshape(tuple(input.shape))
    extras = [inverse] * return_inverse + [counts] * return_counts
    return (values, *extras) if extras else values
