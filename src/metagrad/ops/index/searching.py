"""Positions in sorted sequences, and membership: searchsorted, bucketize, isin."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from metagrad.autograd.emulation import widened
from metagrad.autograd.variable import Variable, wrap
from metagrad.base.device import move, of_array
from metagrad.base.dtypes import bool_, scalar_name
from metagrad.base.typing import Array, Operand
from metagrad.base.warning import warn_once
from metagrad.kernels.counting import are_among
from metagrad.kernels.libraries import is_outside
from metagrad.kernels.searching import positions
from metagrad.ops.arguments import takes_exact_out
from metagrad.ops.dtype_checks import refuse, unsupported
from metagrad.ops.operands import result_type, tensor_in, tensor_of
from metagrad.ops.reduce.extrema import ordered

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = ["bucketize", "isin", "searchsorted"]


@takes_exact_out
def searchsorted(
    sorted_sequence: Tensor,
    values: Operand,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """How many elements of an ascending sequence are smaller than each value: where it would have to be put in.

    sorted_sequence (*, N), values (*, M), result (*, M); or sorted_sequence (N), values of any shape or a number.
    right, or side="right": how many are smaller or equal. sorter: the order of a sequence that is not sorted, from
    ``argsort``. Raises RuntimeError if the shapes do not match, or if ``side`` and ``right`` contradict each other.

    >>> import metagrad
    >>> metagrad.searchsorted(metagrad.tensor([1, 3, 5]), metagrad.tensor([0, 3, 6]))
    tensor([0, 1, 3])
    """
    kind = result_type(ordered(sorted_sequence, "searchsorted"), tensor_of(values))
    if kind.is_complex:
        raise unsupported("searchsorted_out_cpu", kind)
    edges, wanted = (widened(tensor_in(x, kind).array) for x in (sorted_sequence, tensor_of(values)))
    wanted = wanted if wanted.ndim else move(wanted, of_array(edges))
    refuse("searchsorted", sorted_sequence, "b")
    for what, array in (("input value", wanted), ("boundary", edges)):
        if not array.flags.c_contiguous:
            warn_once(f"searchsorted(): {what} tensor is non-contiguous, and is copied first: contiguous() spares that")
    if side not in (None, "left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    if not edges.ndim:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if edges.ndim > 1 and not wanted.ndim:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim({edges.ndim}) and input value's dim(0) numel(1)"
        )
    if edges.ndim > 1 and tuple(edges.shape[:-1]) != tuple(wanted.shape[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(edges.shape)} and input value tensor "
            f"{list(wanted.shape)}"
        )
    if edges.ndim > 1 and wanted.ndim != edges.ndim:
        raise RuntimeError(
            f"searchsorted(): with a sequence of shape {tuple(edges.shape)}, the values cannot have shape {tuple(wanted.shape)}"
        )
    if sorter is not None:
        edges = np.take_along_axis(edges, _checked_sorter(edges, sorter), -1)
    found = _positions(edges, wanted, right or side == "right")
    if edges.shape[-1] and wanted.dtype.kind == "f":  # nan is after everything, nan itself as well
        found = np.where(wanted != wanted, edges.shape[-1], found)
    return wrap(found.astype(np.int32 if out_int32 else np.int64, copy=False))


def _positions(edges: Array, wanted: Array, right: bool) -> Array:
    if isinstance(edges, np.ndarray) and isinstance(wanted, np.ndarray):
        return positions(edges, wanted, right)
    which: Literal["left", "right"] = "right" if right else "left"
    if edges.ndim == 1:
        return np.searchsorted(edges, wanted, which)
    lists = math.prod(edges.shape[:-1])
    rows, queries = edges.reshape(lists, edges.shape[-1]), wanted.reshape(lists, wanted.shape[-1])
    each = [np.searchsorted(row, query, which) for row, query in zip(rows, queries, strict=True)]
    return np.stack(each).reshape(wanted.shape) if each else np.zeros(wanted.shape, np.int64, like=wanted)


def _checked_sorter(edges: Array, sorter: Tensor) -> Array:
    order = sorter.array
    if tuple(order.shape) != tuple(edges.shape):
        raise RuntimeError(
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
            f"{list(edges.shape)} and got sorter tensor {list(order.shape)}"
        )
    if order.dtype != np.int64:
        raise RuntimeError(
            f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {scalar_name(order.dtype)}"
        )
    if is_outside(order, 0, edges.shape[-1]):
        raise RuntimeError(f"searchsorted(): sorter index out of range: it goes from {order.min()} to {order.max()}")
    return order


@takes_exact_out
def bucketize(
    input: Operand, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Tensor | None = None
) -> Tensor:
    """The number of the bucket between ascending boundaries that each element, or a number, falls into.

    Element x is in bucket i if boundaries[i − 1] < x ≤ boundaries[i]; with ``right``, boundaries[i − 1] ≤ x <
    boundaries[i]. Raises RuntimeError unless the boundaries are a vector.

    >>> import metagrad
    >>> metagrad.bucketize(metagrad.tensor([0, 3, 4]), metagrad.tensor([1, 3, 5]))
    tensor([0, 1, 2])
    """
    if boundaries.array.ndim != 1:
        raise RuntimeError(f"bucketize: boundaries tensor must be 1 dimension, but got dim({boundaries.array.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@takes_exact_out
def isin(
    elements: Operand,
    test_elements: Operand,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """Whether each element is among ``test_elements``; with ``invert``, whether it is not. One of them may be a number.

    Raises TypeError for two numbers, or for anything that is neither a tensor nor a number.

    >>> import metagrad
    >>> metagrad.isin(metagrad.tensor([1, 2, 3]), metagrad.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    for x in (elements, test_elements):
        if not isinstance(x, (Variable, bool, int, float)):
            raise TypeError(f"isin() expects tensors or numbers, got {type(x).__name__}")
    if not isinstance(elements, Variable) and not isinstance(test_elements, Variable):
        raise TypeError("isin() expects elements or test_elements to be a tensor, got two numbers")
    kind = result_type(elements, test_elements)
    if any(v is True or v is False or getattr(v, "dtype", None) is bool_ for v in (elements, test_elements)):
        raise RuntimeError("Unsupported input type encountered for isin(): Bool: convert the tensors with .int()")
    x, tests = (tensor_in(v, kind) for v in (elements, test_elements))
    ordered(x, "isin")
    there = of_array(elements.array if isinstance(elements, Variable) else tests.array)
    among, numbers = move(x.array, there), move(tests.array, there)
    if isinstance(among, np.ndarray) and not assume_unique:
        found = are_among(among, numbers)
        return wrap(np.invert(found) if invert else found)
    return wrap(np.isin(among, numbers, assume_unique=assume_unique, invert=invert))
