"""A copy of a tensor with a part replaced, filled or added to: the parts that views and vectors of indices name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guarding
from metagrad.autograd.function import Function
from metagrad.autograd.node_names import known_as, named
from metagrad.autograd.transforms import lies_in
from metagrad.autograd.variable import Variable
from metagrad.autograd.views import Step, walk
from metagrad.base import dtypes
from metagrad.base.result_order import laid_out_by
from metagrad.base.typing import Array, Number, Operand
from metagrad.kernels.copying import copied
from metagrad.kernels.gathering import is_outside
from metagrad.kernels.libraries import filled
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_exact_out, takes_out
from metagrad.ops.dtype_checks import need_indices
from metagrad.ops.fitting import number_for
from metagrad.ops.index.gathering import in_one_dimension, in_shape
from metagrad.ops.index.indexing import Put, PutAdd, Slice, getitem
from metagrad.ops.operands import as_tensor, converted, need_room
from metagrad.ops.pointwise.arithmetic import mul
from metagrad.ops.shape.diagonals import Diagonal, diagonal
from metagrad.ops.shape.strided import as_strided, extent, located, positions
from metagrad.ops.shape.views import reshape

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

__all__ = [
    "as_strided_scatter", "diagonal_scatter", "index_add", "index_copy", "index_fill", "put", "select_scatter",
    "slice_scatter",
]  # fmt: skip


# ------------------------------------------------ the part that a view shows


class Embedded(Function):
    """y = x with the view at the end of ``path`` replaced by v;   ∂L/∂x = ∂L/∂y with zeros there,   ∂L/∂v = ∂L/∂y there."""

    def forward(self, x: Array, v: Array, path: tuple[Step, ...]) -> Array:
        self.path = path
        y = copied(x, x.dtype)
        walk(path, y)[...] = v
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        return Embedded.on(grad, 0.0, path=self.path) if self.needs[0] else None, walk(self.path, grad)


def _check_part(src: Tensor, view: Tensor) -> None:
    if tuple(src.shape) != tuple(view.shape):
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src.shape)}, slice size = {list(view.shape)}"
        )


def _embedded(input: Tensor, src: Tensor, view: Tensor, step: Step) -> Tensor:
    _check_part(src, view)
    if input.dtype is dtypes.bfloat16:  # or the result would be of the wider dtype of the two
        src = src.to(input.dtype)
    return Embedded.apply(input, src, path=(step,))


@takes_out
@known_as("SelectScatter")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int, *, out: Tensor | None = None) -> Tensor:
    """A copy with ``copy.select(dim, index)`` replaced by ``src``.

    Raises RuntimeError unless src has the shape of that slice.

    >>> import metagrad
    >>> metagrad.select_scatter(metagrad.zeros(2, 2), metagrad.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    view = input.select(dim, index)
    d = dimension(dim, input.array.ndim)
    return _embedded(input, src, view, (Slice, {"index": (*[slice(None)] * d, int(index))}))


@takes_exact_out
@known_as("SliceScatter")
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy with the slices ``start:end:step`` of dimension ``dim`` replaced by ``src``.

    Raises RuntimeError unless src has the shape of those slices.

    >>> import metagrad
    >>> metagrad.slice_scatter(metagrad.zeros(4), metagrad.ones(2), start=1, end=3)
    tensor([0., 1., 1., 0.])
    """
    if step <= 0:
        raise RuntimeError(f"slice step must be positive, got {step}")
    index = (*[slice(None)] * dimension(dim, input.array.ndim), slice(start, end, step))
    return _embedded(input, src, getitem(input, index), (Slice, {"index": index}))


@asks_for_tensors
@known_as("DiagonalScatter")
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy with the diagonal of two dimensions replaced by ``src``, the shape of which is that of ``diagonal``.

    Raises RuntimeError for any other shape.

    >>> import metagrad
    >>> metagrad.diagonal_scatter(metagrad.zeros(2, 2), metagrad.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    ndim = input.array.ndim
    view = diagonal(input, offset, dim1, dim2)
    at = {"offset": offset, "dim1": dimension(dim1, ndim), "dim2": dimension(dim2, ndim)}
    return _embedded(input, src, view, (Diagonal, at))


@asks_for_tensors
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A copy with ``copy.as_strided(size, stride, storage_offset)`` replaced by ``src``.

    Raises RuntimeError unless src has the shape ``size``.

    >>> import metagrad
    >>> metagrad.as_strided_scatter(metagrad.zeros(2, 2), metagrad.ones(2), (2,), (3,))
    tensor([[1., 0.],
            [0., 1.]])
    """
    _check_part(src, as_strided(input, size, stride, storage_offset))
    x = input.array
    home = located(x)[1]
    there = tuple(size), tuple(stride), home[2] if storage_offset is None else int(storage_offset)
    element = filled(max(extent(*home), extent(*there)), -1, np.int64, x)
    element[positions(*home, x).reshape(-1)] = np.arange(x.size, like=x)
    index = element[positions(*there, x)]
    shown = index >= 0  # other positions in memory are none of this tensor's
    return reshape(Put.apply(reshape(input, x.size), src[as_tensor(shown)], index=index[shown]), tuple(x.shape))


# ------------------------------------------------ the slices that a vector of indices names


def vector(name: str, input: Tensor, dim: int, index: Tensor, negative: bool = False) -> tuple[int, Array]:
    """The dimension, counted from the front, and the indices, checked.

    Raises IndexError for an index out of bounds, or of two or more dimensions, and RuntimeError for one of no integers.

    >>> import metagrad
    >>> vector("index_fill", metagrad.zeros(2, 3), -1, metagrad.tensor([2, 0]))
    (1, array([2, 0]))
    """
    axis, i = dimension(dim, input.array.ndim), index.array
    if i.ndim > 1:
        raise IndexError(
            f"{name}_(): Index is supposed to be a vector, but got dim: {i.ndim} with type: {dtypes.scalar_name(i.dtype)} and "
            f"size: {list(i.shape)}"
        )
    need_indices(name, index)
    n = input.array.shape[axis] if input.array.ndim else 1
    if is_outside(i, n, -n if negative else 0):
        kind = RuntimeError if name == "index_add" and input.array.ndim > 1 else IndexError  # PyTorch's kinds
        raise kind(
            f"{name}(): indices go from {i.min()} to {i.max()}, out of bounds for dimension {axis} with size {n}"
        )
    return axis, i.reshape(-1)


def _long(name: str, index: Tensor, kind: type[Exception] = RuntimeError) -> None:
    if index.dtype is not dtypes.int64:
        said = f"Expected a long tensor for index, but got {dtypes.scalar_name(index.dtype)}"
        raise kind(f"{name}_(): {'Expected dtype int64 for index.' if name == 'index_fill' else said} Use index.long()")


def check_same_dtype(name: str, input: Tensor, source: Tensor) -> None:
    """Raise RuntimeError unless two tensors have the same dtype.

    >>> import metagrad
    >>> check_same_dtype("put", metagrad.zeros(2), metagrad.ones(3))
    """
    if source.dtype != input.dtype:
        own, other = dtypes.scalar_name(input.dtype), dtypes.scalar_name(source.dtype)
        raise RuntimeError(
            f"{name}_(): self ({own}) and source ({other}) must have the same scalar type"
            if name in ("index_add", "index_reduce")
            else f"masked_scatter: expected self and source to have same dtypes but got{own} and {other}"
            if name == "masked_scatter"
            else f"{name}_(): self and source expected to have the same dtype, "
            f"but got self.dtype = {own} and source.dtype = {other}"
        )


def in_slices(axis: int, rows: Array) -> tuple[Any, ...]:
    """The index of the slices ``rows`` of a dimension.

    >>> np.arange(6).reshape(2, 3)[in_slices(1, np.array([2, 0]))]
    array([[2, 0],
           [5, 3]])
    """
    return (*[slice(None)] * axis, rows)


@takes_out
@guarding("index")
def index_fill(input: Tensor, dim: int, index: Tensor, value: Operand, *, out: Tensor | None = None) -> Tensor:
    """A copy with one number in the slices of ``dim`` that a vector of integers names.

    Raises IndexError unless the index is int64 and within bounds, RuntimeError unless ``value`` is one number.

    >>> import metagrad
    >>> metagrad.index_fill(metagrad.tensor([1, 2, 3]), 0, metagrad.tensor([0, 2]), 9)
    tensor([9, 2, 9])
    """
    _long("index_fill", index, IndexError)
    if index.array.ndim > 1:
        raise RuntimeError(f"index_fill(): Index has to be a vector/scalar, got shape {tuple(index.shape)}")
    if isinstance(value, Variable) and value.array.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.array.ndim} dimension(s)."
        )
    if isinstance(value, complex) and not input.dtype.is_complex:
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported: use .real")
    axis, rows = vector("index_fill", input, dim, index, negative=True)
    wide = in_one_dimension(input)
    rows = np.unique(
        rows % max(wide.array.shape[axis], 1)
    )  # a slice named twice takes the value once, for its gradient
    number = converted(number_for(input, value), input.dtype)
    filled = in_shape(Put.apply(wide, number, index=in_slices(axis, rows)), tuple(input.shape))
    lies_in(filled, laid_out_by(filled.array, input.array))
    return named(filled, "IndexFill")


@takes_exact_out
@guarding("index")
@guarding("source", needed_by="source")
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy with slice ``index[i]`` of ``dim`` replaced by slice i of ``source``.

    Raises RuntimeError if dtypes differ, IndexError if shapes do not match or an index is out of bounds.

    >>> import metagrad
    >>> metagrad.index_copy(metagrad.zeros(3), 0, metagrad.tensor([2, 0]), metagrad.tensor([5.0, 6.0]))
    tensor([6., 0., 5.])
    """
    axis, rows = vector("index_copy", input, dim, index)
    _long("index_copy", index)
    check_same_dtype("index_copy", input, source)
    check_source("index_copy", IndexError, input, axis, rows, source)
    copied = Put.apply(in_one_dimension(input), in_one_dimension(source), index=in_slices(axis, rows))
    return named(in_shape(copied, tuple(input.shape)), "IndexCopy")


@takes_exact_out
@guarding("index", "source", needed_by="source")
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """A copy with alpha times slice i of ``source`` added to slice ``index[i]`` of ``dim``, as often as it is named.

    Raises RuntimeError if dtypes or shapes do not match, or if the index is not of integers within bounds.

    >>> import metagrad
    >>> metagrad.index_add(metagrad.zeros(3), 0, metagrad.tensor([2, 2]), metagrad.tensor([5.0, 6.0]))
    tensor([ 0.,  0., 11.])
    """
    need_indices("index_add", index)
    axis = dimension(dim, input.array.ndim)
    if source.array.ndim > axis and index.array.size != source.array.shape[axis]:
        raise RuntimeError(
            f"index_add(): Number of indices ({index.array.size}) should be equal to source.size(dim): "
            f"({source.array.shape[axis]}), for dim: {axis}"
        )
    axis, rows = vector("index_add", input, dim, index)
    check_same_dtype("index_add", input, source)
    check_source("index_add", RuntimeError, input, axis, rows, source)
    need_room(alpha, input.dtype)
    added = source if alpha == 1 else mul(source, converted(alpha, input.dtype))
    summed = PutAdd.apply(in_one_dimension(input), in_one_dimension(added), index=in_slices(axis, rows))
    return named(in_shape(summed, tuple(input.shape)), "IndexAdd")


def check_source(name: str, kind: type[Exception], input: Tensor, axis: int, rows: Array, source: Tensor) -> None:
    """Raise unless ``source`` has the shape of ``input`` but for as many slices as there are indices.

    >>> import metagrad
    >>> check_source("index_add", RuntimeError, metagrad.zeros(3, 2), 0, np.array([2, 0]), metagrad.ones(2, 2))
    """
    shape, given = tuple(input.shape), tuple(source.shape)
    if name == "index_copy" and len(shape) < 2 and (given or (1,)) == (rows.size,):
        return  # without dimensions, as a vector of one element
    expected = (*shape[:axis], rows.size, *shape[axis + 1 :]) if shape else ()
    if name == "index_copy" and shape and given != expected:
        raise _uncopyable(shape, given, axis, rows.size)
    if given != expected or (not shape and rows.size != 1):
        raise kind(
            f"{name}(): source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(shape)} source.shape = {list(given)}: for {rows.size} indices it must be {list(expected)}"
        )


def _uncopyable(shape: tuple[int, ...], given: tuple[int, ...], axis: int, count: int) -> Exception:
    """What to raise for a source that index_copy cannot take its slices from."""
    if not given:
        return IndexError(f"index_copy_(): When source is scalar, index should have one element (got {count})")
    if len(given) != len(shape):
        return IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality "
            f"({len(given)}), destination dimensionality ({len(shape)})"
        )
    there, here = (" ".join(map(str, (*n[:axis], *n[axis + 1 :]))) for n in (shape, given))
    if there != here:
        return RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{there} at dimension {axis} and source slice shape: {here} at dimension {axis}."
        )
    return IndexError(f"index_copy_(): Number of indices ({count}) should be equal to source.size(dim) ({given[axis]})")


# ------------------------------------------------ elements by their number


@asks_for_tensors
@guarding("index")
@guarding("source", needed_by="source")
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy with element ``index[i]``, counted in order over all dimensions, replaced by ``source[i]``; accumulate: added.

    Raises IndexError for an index out of range, or for another number of source's elements, RuntimeError if dtypes
    differ.

    >>> import metagrad
    >>> metagrad.put(metagrad.zeros(2, 2), metagrad.tensor([1, 2]), metagrad.tensor([5.0, 6.0]))
    tensor([[0., 5.],
            [6., 0.]])
    """
    _long("put", index)
    check_same_dtype("put", input, source)
    count, i = input.array.size, index.array
    if i.size != source.array.size:
        raise IndexError(
            f"put(): expected source and index to have the same number of elements, got {source.array.size} and {i.size}"
        )
    if is_outside(i, count, -count):
        raise IndexError(
            f"put(): indices go from {i.min()} to {i.max()}, out of range for a tensor of {count} elements"
        )
    op = PutAdd if accumulate else Put
    written = op.apply(reshape(input, count), reshape(source, i.size), index=i.reshape(-1))
    written = reshape(written, tuple(input.shape))
    lies_in(written, laid_out_by(written.array, input.array))
    return named(written, "Put")
