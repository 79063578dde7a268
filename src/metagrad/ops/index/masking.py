"""Elements where a mask is True, or that are not 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.node_names import known_as
from metagrad.autograd.transforms import check_extent
from metagrad.autograd.variable import Variable, unwrap, wrap
from metagrad.base import dtypes
from metagrad.base.layouts import in_order
from metagrad.base.typing import Operand
from metagrad.kernels import masks
from metagrad.kernels.copying import joined
from metagrad.ops.arguments import asks_for_tensors, takes_out_by
from metagrad.ops.fitting import number_for
from metagrad.ops.index.indexing import Put, getitem
from metagrad.ops.index.scattering import check_same_dtype
from metagrad.ops.operands import converted, result_type, tensor_of
from metagrad.ops.pointwise.selection import where
from metagrad.ops.shape.broadcasting import broadcast_shapes, expand
from metagrad.ops.shape.copying import contiguous
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor


__all__ = ["argwhere", "masked_fill", "masked_scatter", "masked_select", "nonzero"]


@asks_for_tensors
@guarding("mask")
def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """``value`` where the bool mask holds, ``input`` elsewhere; the mask broadcasts.

    Raises RuntimeError unless the mask is bool and the value one number that the dtype can hold.

    >>> import metagrad
    >>> metagrad.tensor([1.0, 2.0]).masked_fill(metagrad.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    mask = tensor_of(mask)
    if mask.array.dtype.kind != "b":
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {dtypes.cpp_name(mask.dtype)}: use mask.bool()"
        )
    if value.__class__ is float and input.array.dtype.char in "fd" and (-1e38 < value < 1e38 or math.isinf(value)):
        return where(contiguous(mask), value, contiguous(input))  # nothing to check or convert: the usual case
    value = unwrap(value) if not isinstance(value, Variable) else value
    if isinstance(value, Variable) and value.array.ndim:
        raise RuntimeError(
            f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {value.array.ndim} dimension(s)."
        )
    if result_type(value).is_complex and input.dtype.category in (1, 2):
        value = value.item() if isinstance(value, Variable) else value
        if value.imag:
            raise RuntimeError(
                f"masked_fill: value cannot be converted to type {dtypes.cpp_name(input.dtype)} without overflow: it is complex"
            )
    number = converted(number_for(input, value), input.dtype)
    return where(contiguous(mask), number, contiguous(input))


@takes_out_by(exactly=True, apart=True, words="masked_select(): self and result must have the same scalar type")
@known_as("MaskedSelect")
@guarding("input", "mask")
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements where the bool mask holds, in order, in one dimension.

    Raises RuntimeError unless the mask is bool.

    >>> import metagrad
    >>> x = metagrad.tensor([3, 1, 2])
    >>> metagrad.masked_select(x, x > 1)
    tensor([3, 2])
    """
    mask = tensor_of(mask)
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(f"masked_select: expected BoolTensor for mask, got {mask.dtype}")
    shape = broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    return getitem(input.expand(shape), mask.expand(shape))


@takes_out_by(
    exactly=True, words="nonzero: Expected out tensor to have scalar type {wanted} but got scalar type{given}"
)
def nonzero(input: Tensor, *, as_tuple: bool = False, out: Tensor | None = None) -> Any:
    """The indices of the elements that are not zero: (count, ndim), or a tuple of ndim vectors.

    >>> import metagrad
    >>> metagrad.nonzero(metagrad.tensor([0, 5, 7]))
    tensor([[1],
            [2]])
    """
    check_extent("nonzero", input)
    if input.array.ndim == 0 and not as_tuple:
        return wrap(np.zeros((int(input.array != 0), 0), np.int64, like=input.array))
    x = input.array.reshape(input.array.shape or (1,))
    found = masks.nonzero(x) if isinstance(x, np.ndarray) else np.nonzero(x)
    if as_tuple:
        return tuple([wrap(in_order(i)) for i in found])
    return wrap(
        found[0].reshape(1, -1).T if len(found) == 1 else joined([i[None] for i in found], 0).T
    )  # each dimension's in order in memory


def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero: (count, ndim).

    >>> import metagrad
    >>> metagrad.argwhere(metagrad.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return nonzero(input)


@asks_for_tensors
@known_as("MaskedScatter")
@guarding("mask")
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy with the elements where the bool mask holds replaced, in order, by the elements of ``source``.

    Raises RuntimeError unless the mask is bool, the dtypes are the same and source has elements enough.

    >>> import metagrad
    >>> metagrad.masked_scatter(metagrad.zeros(3), metagrad.tensor([True, False, True]), metagrad.tensor([5.0, 6.0]))
    tensor([5., 0., 6.])
    """
    if mask.dtype is not dtypes.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {dtypes.cpp_name(mask.dtype)}: use mask.bool()"
        )
    check_same_dtype("masked_scatter", input, source)
    shape = broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    chosen = np.broadcast_to(unwrap(mask), shape)
    count = int(chosen.sum())
    if count > source.array.size:
        raise RuntimeError(f"Number of elements of source < number of ones in mask: {source.array.size} < {count}")
    return Put.apply(expand(input, shape), reshape(source, source.array.size)[:count], index=in_order(chosen))
