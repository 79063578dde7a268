"""x[index] and x[index] = v, with ints, slices, None, Ellipsis, and int and bool tensors, as in NumPy and PyTorch.

An index of ints, slices, None and Ellipsis only selects a *view*: writing through it reaches the tensor, and its
gradient is put back into zeros. An index with tensors or lists *gathers a copy*: an element may be taken several
times, so its gradient adds up.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from metagrad.autograd.composites import guard, guarding
from metagrad.autograd.errors import misindexed
from metagrad.autograd.function import Function
from metagrad.autograd.transforms import check_own, check_room, lies_in
from metagrad.autograd.variable import Variable, recording, unwrap
from metagrad.autograd.views import ViewFunction, is_followed, unrecorded_view
from metagrad.autograd.writing import Overwrite, bump, check_history, check_writable, write
from metagrad.base.layouts import contiguous_format
from metagrad.base.result_order import laid_out_by, laid_out_by_indexed
from metagrad.base.typing import Array, Index, Operand
from metagrad.kernels.copying import copied_in_order
from metagrad.kernels.libraries import beside, is_writable, repeats_elements, repeats_opened
from metagrad.ops.argument_types import NotATensor
from metagrad.ops.arguments import asks_for_tensors, dimension, takes_exact_out
from metagrad.ops.fitting import fitting, overflow
from metagrad.ops.index.at import add_at, add_to_zeros, mask_of, put_at, taken
from metagrad.ops.index.forms import as_slices, checked, in_stages, plain
from metagrad.ops.index.misfits import check_source, misplaced, unassignable, unlike_mask, warn_of_repeats
from metagrad.ops.operands import cast_to, converted
from metagrad.ops.overlap import check_overlap
from metagrad.ops.pointwise.destination import destination

if TYPE_CHECKING:
    from metagrad.tensors.tensor import Tensor

newaxis = None  # x[newaxis] says that x[None] adds a dimension

__all__ = ["index_put", "index_put_", "narrow", "narrow_copy", "newaxis", "select"]


class Slice(ViewFunction):
    """y = x[index], a view;   ∂L/∂x is zeros with ∂L/∂y at the index."""

    def forward(self, x: Array, index: Index) -> Array:
        self.index, self.shape_in = index, x.shape
        y = x[index]
        return (
            y if isinstance(y, np.ndarray) or hasattr(y, "__array_function__") and y.ndim else x[*as_slices(index, x)]
        )

    def backward(self, grad: Array) -> Array:
        return Embed.on(grad, shape=self.shape_in, index=self.index)


class Embed(Function):
    """y is zeros of a given shape with x at the index: the transpose of ``Slice``;   ∂L/∂x = ∂L/∂y[index]."""

    def forward(self, x: Array, shape: tuple[int, ...], index: Array | tuple[Array, ...]) -> Array:
        self.index = index
        y = np.zeros(shape, x.dtype, like=x)
        put_at(y, index, x)
        return y

    def backward(self, grad: Array) -> Array:
        return Slice.on(grad, index=self.index)


class Gather(Function):
    """y = x[index], a copy;   ∂L/∂x adds up the ∂L/∂y of every position an element was taken to.

    distinct: no element is taken twice, so that the gradient can be stored rather than added, which is much faster.
    as_x: the result lies in memory in the order of x, not in the usual one.
    """

    def forward(self, x: Array, index: Array | tuple[Array, ...], distinct: bool = False, as_x: bool = False) -> Array:
        self.index, self.shape_in, self.distinct = index, x.shape, distinct
        y = taken(x, index)
        return laid_out_by_indexed(y, x, index) if as_x else y

    def backward(self, grad: Array) -> Array:
        distinct = self.distinct or mask_of(self.index) is not None
        return (Embed if distinct else AddAt).on(grad, shape=self.shape_in, index=self.index)


class AddAt(Function):
    """y is zeros of a given shape with x added at the index, repeated indices several times; the transpose of ``Gather``."""

    def forward(self, x: Array, shape: tuple[int, ...], index: Array | tuple[Array, ...]) -> Array:
        self.index = index
        y = np.zeros(shape, x.dtype, like=x)
        add_to_zeros(y, index, x)
        return y

    def backward(self, grad: Array) -> Array:
        return Gather.on(grad, index=self.index)


class Put(Function):
    """y = x with y[index] = v;   ∂L/∂x is ∂L/∂y with zeros at the index,   ∂L/∂v = ∂L/∂y[index]."""

    def forward(self, x: Array, v: Array, index: Array | tuple[Array, ...]) -> Array:
        self.index = index
        y = _copied_or_given(self, x, v, index)
        put_at(y, index, v)
        return y

    def backward(self, grad: Array) -> tuple[Array | None, ...]:
        for_x = Put.on(grad, 0.0, index=self.index) if self.needs[0] else None
        return for_x, Gather.on(grad, index=self.index) if self.needs[1] else None


class PutAdd(Function):
    """y = x with v added at the index, repeated indices several times;   ∂L/∂x = ∂L/∂y,   ∂L/∂v = ∂L/∂y[index]."""

    def forward(self, x: Array, v: Array, index: Array | tuple[Array, ...]) -> Array:
        self.index = index
        y = _copied_or_given(self, x, v, index)
        add_at(y, index, v)
        return y

    def backward(self, grad: Array) -> tuple[Array, Array | None]:
        return grad, Gather.on(grad, index=self.index) if self.needs[1] else None


def _copied_or_given(node: Function, x: Array, v: Array, index: Array | tuple[Array, ...]) -> Array:
    """A copy of x; x itself where the result may be made in it, and neither the values nor the index lie there."""
    y = destination(node, (x, v))
    parts = index if isinstance(index, tuple) else (index,)
    if y is None or any(isinstance(i, np.ndarray) and np.may_share_memory(i, y) for i in parts):
        return copied_in_order(x)
    return y


def getitem(input: Tensor, index: Index) -> Tensor:
    """``input[index]``: a view for ints, slices, None and Ellipsis; a copy for tensors and lists of ints or bools.

    Raises IndexError for too many indices, or for what is no index.

    >>> import metagrad
    >>> x = metagrad.arange(6).reshape(2, 3)
    >>> x[1], x[:, 0], x[x > 3]
    (tensor([3, 4, 5]), tensor([0, 3]), tensor([4, 5]))
    """
    if index.__class__ is int and input.array.ndim:  # by far the most frequent
        if is_followed(input):
            return Slice.apply(input, index=index)
        try:
            return unrecorded_view(input, input.array[index, ...], Slice, {"index": index})
        except IndexError as error:
            raise misindexed(error) from None
    given = index
    index, basic = checked(input, index)
    if basic:
        return Slice.apply(input, index=index)
    first, rest = in_stages(index, input.array.ndim)
    try:
        y = Gather.apply(input if first is None else Slice.apply(input, index=first), index=rest, as_x=True)
    except IndexError as error:
        raise unlike_mask(index, input.array.shape) or error from None
    if y._grad_fn is not None:
        guard(y._grad_fn, given)
    return y


def setitem(input: Tensor, index: Index, value: Any) -> None:
    """``input[index] = value``, differentiable in both unless recording is off.

    Raises IndexError for what is no index, RuntimeError for a value that does not broadcast to the part.

    >>> import metagrad
    >>> x = metagrad.zeros(2, 3)
    >>> x[:, 1] = metagrad.tensor([5.0, 6.0])
    >>> x
    tensor([[0., 5., 0.],
            [0., 6., 0.]])
    """
    given = index
    index, basic = checked(input, index)
    if not basic and isinstance(value, Variable) and value.array.dtype is not input.array.dtype:
        check_source(input, index, value)  # type: ignore[arg-type]
    source = value_for(input, value)
    if basic and isinstance(source, Variable) and source._counter is input._counter:
        check_overlap(Slice.apply(input, index=index), (source,))
    if not basic or not recording(input, source):
        if not is_writable(input.array) and repeats_elements(input.array):
            return _set_repeated(input, index, basic, source)
        check_writable(input)
    check_own(input)
    if not recording(input, source):
        first, rest = (None, index) if basic else in_stages(index, input.array.ndim)
        if isinstance(source, Variable) and source.array.size == 1:
            source = source.reshape(())  # type: ignore[attr-defined]  # for one element NumPy takes 0-d arrays only
        target = input.array if first is None else input.array[as_slices(first, input.array)]
        values = unwrap(source)
        if values.__class__ is not target.__class__:
            check_room(target, values)
        try:
            put_at(target, rest, values)
        except (ValueError, TypeError, IndexError) as error:
            raise _misplaced(target, rest, source, basic, error) from None
        bump(input)
        return
    if isinstance(source, Variable):
        source = source.to(input.dtype)  # type: ignore[attr-defined]
    if basic:
        region = Slice.apply(input, index=index)
        extra = source.array.ndim - region.array.ndim if isinstance(source, Variable) else 0
        if extra > 0 and any(n != 1 for n in source.shape[:extra]):
            raise misplaced(source.shape, region.shape, basic)
        if extra > 0:
            source = source.reshape(tuple(source.shape)[extra:])
        write(region, Overwrite.apply(region, source))
    else:
        first, index = in_stages(index, input.array.ndim)
        target = input if first is None else Slice.apply(input, index=first)
        try:
            y = Put.apply(target, source, index=index)
            guard(y._grad_fn, given)
            write(target, y)
        except (ValueError, TypeError, IndexError) as error:
            raise _misplaced(target.array, index, source, basic, error) from None


def _set_repeated(input: Tensor, index: Any, basic: bool, source: Any) -> None:
    """``input[index] = source`` where elements of the input share a place in memory: those of the part may not, if it is a view."""
    check_history(input)
    if basic:
        part = Slice.apply(input, index=index)
        check_writable(part)
        return setitem(part, ..., source)
    if recording(input, source):
        check_writable(input)
    warn_of_repeats("index_put_")
    with repeats_opened(input.array):
        setitem(input, index, source)


def _misplaced(target: Array, index: Any, source: Any, basic: bool, error: Exception) -> Exception:
    """What to raise where a value could not be stored."""
    if isinstance(error, IndexError):
        return unlike_mask(index, target.shape) or misindexed(error)
    if isinstance(error, TypeError):
        return RuntimeError(f"setitem: {error}")
    return misplaced(np.shape(unwrap(source)), target[index].shape, basic)


@asks_for_tensors
@guarding("indices")
def index_put(input: Tensor, indices: tuple[Any, ...], values: Operand, accumulate: bool = False) -> Tensor:
    """A copy of ``input`` with ``copy[indices] = values``; accumulate: ``+=``.

    Raises RuntimeError if the dtypes differ, but for one number where a mask says where it goes.

    >>> import metagrad
    >>> metagrad.index_put(metagrad.zeros(2, 2), (metagrad.tensor([0, 1]), metagrad.tensor([1, 0])), metagrad.tensor(5.0))
    tensor([[0., 5.],
            [5., 0.]])
    """
    if not isinstance(values, Variable):
        raise NotATensor(f"index_put(): argument 'values' (position 2) must be Tensor, not {type(values).__name__}")
    index = beside(plain(tuple(indices))[0], input.array)
    check_source(input, None if accumulate else index, values)
    written = (PutAdd if accumulate else Put).apply(input, cast_to(values, input.dtype), index=index)
    lies_in(written, laid_out_by(written.array, input.array))
    return written


def index_put_(input: Tensor, indices: tuple[Any, ...], values: Operand, accumulate: bool = False) -> Tensor:
    """``input[indices] = values`` in place; with ``accumulate``, ``+=`` where repeated indices count each time.

    >>> import metagrad
    >>> metagrad.zeros(3).index_put_((metagrad.tensor([0, 0]),), metagrad.tensor([1.0, 2.0]), accumulate=True)
    tensor([3., 0., 0.])
    """
    if not accumulate and repeats_elements(input.array) and not recording(input, values):
        index_put(input, indices, values)  # for what it refuses: a copy of the whole, written back, could undo itself
        setitem(input, tuple(indices), values)
        return input
    check_writable(input)
    return write(input, index_put(input, indices, values, accumulate))


@asks_for_tensors
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The slice at ``index`` of dimension ``dim``, without that dimension. A view.

    Raises IndexError for an index out of range.

    >>> import metagrad
    >>> metagrad.arange(6).reshape(2, 3).select(1, 0)
    tensor([0, 3])
    """
    if input.array.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d = dimension(dim, input.array.ndim)
    n = input.array.shape[d]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {d}"
        )
    return Slice.apply(input, index=(*[slice(None)] * d, operator.index(index)))


@asks_for_tensors
def narrow(input: Tensor, dim: int, start: Tensor | int, length: int) -> Tensor:
    """``length`` slices of dimension ``dim``, from ``start`` on. A view.

    Raises RuntimeError if that reaches beyond the dimension, IndexError if it starts there.

    >>> import metagrad
    >>> metagrad.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    if input.array.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Variable) and (start.array.ndim or start.array.dtype.kind not in "iu"):
        raise RuntimeError(f"start must be an 0-dim integral Tensor. Got {start.dtype} of shape {tuple(start.shape)}")
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative. Got {length}")
    d = dimension(dim, input.array.ndim)
    n, first = input.array.shape[d], operator.index(start)
    if not -n <= first <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {first})")
    first = first + n if first < 0 else first
    if length > n - first:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return Slice.apply(input, index=(*[slice(None)] * d, slice(first, first + length)))


@takes_exact_out
def narrow_copy(input: Tensor, dim: int, start: Tensor | int, length: int, *, out: Tensor | None = None) -> Tensor:
    """``narrow`` that copies.

    >>> import metagrad
    >>> metagrad.narrow_copy(metagrad.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    return narrow(input, dim, start, length).clone(memory_format=contiguous_format)


def value_for(input: Tensor, value: Any) -> Any:
    """A value to be stored in ``input``: a number that NumPy will not widen for, or a tensor on the input's device.

    Raises RuntimeError for a complex number where the tensor is real, and TypeError for a list, an array or None.

    >>> import metagrad
    >>> value_for(metagrad.zeros(2, dtype=metagrad.int8), 3).dtype
    dtype('int8')
    """
    if isinstance(value, (bool, int, float, complex, np.generic)):
        if isinstance(value, (complex, np.complexfloating)) and value.imag and input.array.dtype.kind not in "cb":
            raise overflow(input.dtype, "it is complex, use .real")
        fitted = fitting(value, input.dtype, rounds=True)
        return fitted if input.array.dtype.kind in "iu" else converted(fitted, input.dtype)
    if not isinstance(value, Variable):
        raise unassignable(input, value)
    source: Any = value
    if source.array.dtype.kind == "c" and input.array.dtype.kind != "c":
        source = source.to(input.dtype)  # the real part, as in PyTorch
    return source.to(input.device)
