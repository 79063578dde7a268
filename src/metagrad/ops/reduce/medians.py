"""Elements by their rank or by how often they occur: median, kthvalue, mode. They are found by sorting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.node_names import named
from metagrad.base import results
from metagrad.base.typing import Array
from metagrad.kernels import sorting
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import dimension, takes_exact_out, takes_out, takes_out_by
from metagrad.ops.dtype_checks import refuse
from metagrad.ops.reduce.extrema import SharedOfAll, chosen_along, nonempty, ordered

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["kthvalue", "median", "mode", "nanmedian"]


@takes_out
def median(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | tuple[Tensor, ...] | None = None
) -> Any:
    """The element in the middle, the lower of two; with ``dim``, (values, indices) along it. nan if there is a nan.

    The gradient goes to the element chosen; without ``dim``, it is shared by all that equal it.

    Raises RuntimeError for complex tensors, and IndexError if there is nothing along ``dim``.

    >>> import metagrad
    >>> metagrad.median(metagrad.tensor([4.0, 1.0, 3.0, 2.0]))
    tensor(2.)
    """
    if dim is not None:
        dimension(dim, input.ndim)
    refuse("median", input, "b")
    if dim is None:
        return _median_of_all(ordered(input, "median"), _index_of_median)
    return chosen_along(results.median, ordered(input, "median"), dim, keepdim, _index_of_median)


def _median_of_all(input: Tensor, index: Callable[[Array, int], Array]) -> Tensor:
    def choose(x: Array, axis: tuple[int, ...]) -> Array:
        if x.size:
            return np.take_along_axis(x, index(x, 0), 0)
        nothing = np.nan if x.dtype.kind in "fV" else np.iinfo(x.dtype).min
        return filled((1,), nothing, x.dtype, x)

    found = SharedOfAll.apply(input.reshape(-1), axis=(0,), keepdim=False, choose=choose)
    return named(found, "Median" if index is _index_of_median else "Nanmedian")


def _index_of_median(x: Array, axis: int) -> Array:
    """The index of the lower median, or of the first nan."""
    nan = np.isnan(x)
    middle = sorting.ranked(x, axis, (x.shape[axis] - 1) // 2)
    if x.__class__ is np.ndarray and not nan.any():
        return middle
    return np.where(np.any(nan, axis=axis, keepdims=True), np.argmax(nan, axis=axis, keepdims=True), middle)


@takes_out
def nanmedian(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | tuple[Tensor, ...] | None = None
) -> Any:
    """``median`` of what is not nan; nan if there is nothing else.

    Raises RuntimeError for complex tensors, and IndexError if there is nothing along ``dim``.

    >>> import metagrad
    >>> metagrad.nanmedian(metagrad.tensor([4.0, float("nan"), 3.0, 2.0]))
    tensor(3.)
    """
    refuse("nanmedian", input, "b")
    if dim is None:
        return _median_of_all(ordered(input, "nanmedian"), _index_of_nanmedian)
    return chosen_along(results.nanmedian, ordered(input, "nanmedian"), dim, keepdim, _index_of_nanmedian)


def _index_of_nanmedian(x: Array, axis: int) -> Array:
    """The index of the lower median of what is not nan."""
    count = np.sum(~np.isnan(x), axis=axis, keepdims=True)
    return _ranked(x, np.maximum(count - 1, 0) // 2, axis)


@takes_out_by(apart=True)
@guarding(results=(1,))
def kthvalue(
    input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: tuple[Tensor, ...] | None = None
) -> results.kthvalue:
    """The k-th smallest element along ``dim``, counted from 1: (values, indices). nan is larger than any number.

    Raises RuntimeError for complex tensors, and if k is not between 1 and the extent.

    >>> import metagrad
    >>> metagrad.kthvalue(metagrad.tensor([4.0, 1.0, 3.0]), 2).values
    tensor(3.)
    """
    refuse("kthvalue", input, "b")
    axis = nonempty(ordered(input, "kthvalue"), dimension(dim, input.array.ndim))
    n = input.array.shape[axis[0]] if axis else 1
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}, of size {n}: k={k}")

    def index(x: Array, axis: int) -> Array:
        return sorting.ranked(x, axis, k - 1)

    return chosen_along(results.kthvalue, input, dim, keepdim, index)


def _ranked(x: Array, ranks: Array, axis: int) -> Array:
    """The index along ``axis`` of the element with a rank, one for each line; nan ranks last."""
    if x.__class__ is np.ndarray and ranks.size and ranks.min() == ranks.max():  # as without nan
        return sorting.ranked(x, axis, int(ranks.min()))
    return np.take_along_axis(sorting.ascending(x, axis), ranks, axis)


@takes_exact_out
@guarding(results=(1,))
def mode(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: tuple[Tensor, ...] | None = None) -> results.mode:
    """The most frequent element along ``dim``, the smallest of several, and its last index: (values, indices).

    Raises RuntimeError for complex tensors, and IndexError if there is nothing along ``dim``.

    >>> import metagrad
    >>> metagrad.mode(metagrad.tensor([2, 1, 2, 3])).values
    tensor(2)
    """
    return chosen_along(results.mode, ordered(input, "mode"), dim, keepdim, sorting.most_frequent)
